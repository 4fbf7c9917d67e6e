"""What ``read_evidence`` says of a file that is not what its name says."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EvidenceProblem:
    """A file among the evidence that is not what its name says, and therefore counts for nothing."""

    path: Path
    message: str
    hint: str = "restore it from git (git checkout -- FILE), or delete it and record again"


def read_bounded(path: Path, most_bytes: int, what: str) -> bytes | EvidenceProblem:
    """The bytes of a file that may have at most ``most_bytes``; a larger one, ``what`` it should be, is not read.

    Neither is anything but a regular file: a named pipe would be waited for.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return EvidenceProblem(path, "cannot be read: not a regular file", "put the file in its place")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size > most_bytes:
                return EvidenceProblem(path, f"has {status.st_size} bytes; {what} has at most {most_bytes}")
            return file.read(most_bytes)
    except OSError as error:
        return EvidenceProblem(path, f"cannot be read: {error.strerror}", "make the file readable")
