"""The bytes of a file that may be anything: only a regular one of bounded size is read, and nothing is waited for."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class NotRegularError(OSError):
    """A folder, a pipe or a device, where a file was expected."""


class TooLargeError(Exception):
    """A file of ``size`` bytes, which are more than are read."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


def read_regular(path: Path, most_bytes: int) -> bytes:
    """The bytes of a regular file with at most ``most_bytes``. Raises NotRegularError, TooLargeError and OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotRegularError
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > most_bytes:
            raise TooLargeError(status.st_size)
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:  # it grew meanwhile
        raise TooLargeError(len(data))
    return data
