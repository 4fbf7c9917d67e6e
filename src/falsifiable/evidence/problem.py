"""What ``read_evidence`` says of a file that is not what its name says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from falsifiable.contracts.regular_files import NotRegularError, TooLargeError, read_regular


@dataclass(frozen=True, slots=True)
class EvidenceProblem:
    """A file among the evidence that is not what its name says, and therefore counts for nothing."""

    path: Path
    message: str
    hint: str = "restore it from git (git checkout -- FILE), or delete it and record again"


def read_bounded(path: Path, most_bytes: int, what: str) -> bytes | EvidenceProblem:
    """The bytes of a file that may have at most ``most_bytes``; a larger one, ``what`` it should be, is not read.

    Neither is anything but a regular file.
    """
    try:
        return read_regular(path, most_bytes)
    except TooLargeError as error:
        return EvidenceProblem(path, f"has {error.size} bytes; {what} has at most {most_bytes}")
    except NotRegularError:
        return EvidenceProblem(path, "cannot be read: not a regular file", "put the file in its place")
    except OSError as error:
        return EvidenceProblem(path, f"cannot be read: {error.strerror}", "make the file readable")
