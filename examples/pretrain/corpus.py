"""The corpus: the source files of the installed Python standard library, split by module.

Real code that every machine with Python already has, so the reference run downloads nothing. A top-level package or
module lands in exactly one split, decided by a hash of its name: no file is ever in two splits, and the decision does
not depend on the order of a directory listing.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

NAME = "python-stdlib"
SOURCE = f"The Python {sys.version_info.major}.{sys.version_info.minor} standard library"
LICENSE = "PSF-2.0"

PRETRAIN, FINETUNE, VALIDATION = "pretrain", "finetune", "validation"
SPLITS = (PRETRAIN, FINETUNE, VALIDATION)

# Of 100 modules, about 50 are for pretraining, 40 for the fine-tune and 10 for validation.
_FIRST_FINETUNE_BUCKET, _FIRST_VALIDATION_BUCKET = 50, 90

# Folders that hold other people's packages, tests, or tables that a program generated: not code a person wrote.
_LEFT_OUT = frozenset(
    {
        "__pycache__",
        "_bundled",
        "dist-packages",
        "encodings",
        "idle_test",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
    }
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the corpus: its path relative to the standard library's folder, and its text."""

    path: str
    text: str
    sha256: str
    size_bytes: int

    @property
    def module(self) -> str:
        """The top-level package or module that the file belongs to (``json`` for ``json/decoder.py``)."""
        return PurePosixPath(self.path).parts[0].removesuffix(".py")


@dataclass(frozen=True, slots=True)
class Corpus:
    """The files of every split, each split sorted by path."""

    splits: Mapping[str, tuple[SourceFile, ...]]

    def split_digest(self, split: str) -> str:
        """sha256 over the sorted lines ``sha256  path`` of the split's files."""
        lines = sorted(f"{file.sha256}  {file.path}\n" for file in self.splits[split])
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def digest(self) -> str:
        """One sha256 over all splits: it changes when any file changes or moves to another split."""
        lines = (f"{self.split_digest(split)}  {split}\n" for split in SPLITS)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def standard_library() -> Path:
    """The folder of the running interpreter's standard library."""
    return Path(sysconfig.get_path("stdlib"))


def read_corpus(root: Path) -> Corpus:
    """Read and split every source file under ``root``.

    Raises:
        ValueError: a split came out empty, so ``root`` is no standard library.
    """
    splits: dict[str, list[SourceFile]] = {split: [] for split in SPLITS}
    for file in _source_files(root):
        splits[split_of(file.module)].append(file)
    for split, files in splits.items():
        if not files:
            raise ValueError(f"{root}: no Python source file for the {split} split; expected a standard library")
    return Corpus({split: tuple(files) for split, files in splits.items()})


def split_of(module: str) -> str:
    """The split of a top-level module, by a hash of its name that is the same on every machine."""
    bucket = int.from_bytes(hashlib.sha256(module.encode()).digest()[:8], "big") % 100
    if bucket < _FIRST_FINETUNE_BUCKET:
        return PRETRAIN
    return FINETUNE if bucket < _FIRST_VALIDATION_BUCKET else VALIDATION


def _source_files(root: Path) -> Iterator[SourceFile]:
    for path in sorted(_source_paths(root)):
        content = path.read_bytes()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if text.strip():
            digest = hashlib.sha256(content).hexdigest()
            yield SourceFile(path.relative_to(root).as_posix(), text, digest, len(content))


def _source_paths(root: Path) -> Iterator[Path]:
    for folder, inner_folders, names in os.walk(root):
        # Left out in place, so that os.walk does not enter site-packages, which may hold thousands of files.
        inner_folders[:] = [name for name in inner_folders if not _is_left_out(name)]
        for name in names:
            if name.endswith(".py") and not name.startswith("_sysconfigdata"):
                yield Path(folder, name)


def _is_left_out(folder: str) -> bool:
    return folder in _LEFT_OUT or folder.startswith("config-")
