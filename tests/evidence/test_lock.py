"""The lock: one process at a time, and none that is killed keeps it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falsifiable.evidence import exclusive

HOLDER = """
import sys, time
from pathlib import Path
from falsifiable.evidence import exclusive
with exclusive(Path(sys.argv[1])):
    print("inside", flush=True)
    time.sleep(600)
"""

COUNTER = """
import sys
from pathlib import Path
from falsifiable.evidence import exclusive
root = Path(sys.argv[1])
for _ in range(50):
    with exclusive(root):
        (root / "count").write_text(str(int((root / "count").read_text()) + 1))
"""

WAITER = COUNTER.replace("range(50)", "range(1)").replace("    with", "    print('asking', flush=True)\n    with")


def test_counting_together_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    counters = [subprocess.Popen([sys.executable, "-c", COUNTER, tmp_path]) for _ in range(4)]
    assert [one.wait(60) for one in counters] == [0] * 4
    assert (tmp_path / "count").read_text() == "200"
    assert [one.name for one in tmp_path.iterdir()] == ["count"], "no lock file is left behind"


def test_a_killed_process_keeps_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        (tmp_path / "count").write_text("0")
        waiting = subprocess.Popen([sys.executable, "-c", WAITER, tmp_path], stdout=subprocess.PIPE, text=True)
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "asking\n"
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        assert (tmp_path / "count").read_text() == "0"
        os.kill(holder.pid, signal.SIGKILL)
        assert waiting.wait(60) == 0
    finally:
        holder.kill()
        holder.communicate()
        waiting.communicate()
    assert (tmp_path / "count").read_text() == "1"


def is_held(root: Path) -> bool:
    """Whether somebody is inside: asked without waiting."""
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def test_who_leaves_with_an_error_leaves_the_lock(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        assert is_held(tmp_path)
        assert not is_held(tmp_path.parent), "the lock is on this folder alone"
    with pytest.raises(KeyboardInterrupt), exclusive(tmp_path):
        raise KeyboardInterrupt
    assert not is_held(tmp_path)
