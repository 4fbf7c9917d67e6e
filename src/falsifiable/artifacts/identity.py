"""What an artifact is known by: the digest of its files, or that of a mutant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from falsifiable.artifacts.sources.files import folder_digest

_MARK = "mutant:"


def digest_of_files(bound_to: Path, file_digests: Mapping[str, str]) -> str:
    """The digest of an artifact that consists of these files: of the only file itself, or of the folder."""
    if len(file_digests) == 1 and not bound_to.is_dir():
        return next(iter(file_digests.values()))
    return folder_digest(file_digests)


def mutant_digest(base: str, mutation: str) -> str:
    """``mutant:<base>+<mutation>``; a mutant of a mutant lists its mutations in order.

    It is no sha256, so that a verdict on a mutant can be neither cached nor recorded as evidence.
    """
    return f"{base if is_mutant(base) else _MARK + base}+{mutation}"


def is_mutant(digest: str) -> bool:
    """Whether a digest is that of a mutant."""
    return digest.startswith(_MARK)
