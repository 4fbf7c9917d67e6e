"""A lock for the few files that are read, changed and written again: the Markdown of specs.

Evidence needs none. The lock is on the workspace folder itself, so that no lock file is left behind or committed, and
the operating system takes it from a process that is killed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Wait until no other process is inside for the same folder, then be the only one.

    Read what you are going to change *inside*. It is no protection where there are no such locks (Windows, some network
    file systems): there the last writer wins, and ``contract record --check`` says what its regions lack. Not to be
    entered twice by one process. Raises OSError where ``root`` cannot be opened.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(root, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
