"""Runs as processes: real ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from falsifiable.race.engines.processes import LOG_FILE, PROCESS_FILE, RunProcess, born, end_orphan

SLEEPS = "import time; print('here', flush=True); time.sleep(60)"
COUNTS = "import time\nfor n in range(10**6): print(n, flush=True); time.sleep(0.01)"
GRACEFUL = (
    "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))\n"
    "print('here', flush=True)\ntime.sleep(60)"
)
STUBBORN = GRACEFUL.replace("lambda *_: sys.exit('ended')", "signal.SIG_IGN")


def started(folder: Path, program: str) -> RunProcess:
    process = RunProcess([sys.executable, "-c", program], folder)
    until(lambda: bool(log_of(folder)))
    return process


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def log_of(folder: Path) -> str:
    return (folder / LOG_FILE).read_text()


def test_a_process_is_asked_to_end_and_says_so(tmp_path: Path) -> None:
    process = started(tmp_path, GRACEFUL)
    process.ask_to_end()
    until(lambda: process.code is not None)
    assert process.code == 1
    assert log_of(tmp_path) == "here\nended\n"


def test_a_stubborn_process_is_killed_after_its_grace_once(tmp_path: Path) -> None:
    process = started(tmp_path, STUBBORN)
    process.ask_to_end()
    assert not process.end_if_overdue(60)
    assert process.end_if_overdue(0)
    assert not process.end_if_overdue(0)
    until(lambda: process.code is not None)
    assert process.code == -9


def test_a_held_process_computes_nothing_and_goes_on(tmp_path: Path) -> None:
    process = started(tmp_path, COUNTS)
    process.hold()
    time.sleep(0.1)
    held_at = log_of(tmp_path)
    seconds = process.seconds
    time.sleep(0.2)
    assert process.is_held
    assert log_of(tmp_path) == held_at
    assert process.seconds == pytest.approx(seconds, abs=0.05)
    process.go_on()
    until(lambda: log_of(tmp_path) != held_at)
    process.clear()
    until(lambda: process.code is not None)


def test_a_held_process_can_be_asked_to_end(tmp_path: Path) -> None:
    process = started(tmp_path, GRACEFUL)
    process.hold()
    process.ask_to_end()
    until(lambda: process.code is not None)
    assert "ended" in log_of(tmp_path)


def test_what_a_process_left_behind_ends_with_it(tmp_path: Path) -> None:
    child = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]).pid, flush=True)"
    process = started(tmp_path, child)
    until(lambda: process.code is not None)
    left = int(log_of(tmp_path).split()[0])
    assert _lives(left)
    process.clear()
    until(lambda: not _lives(left))


def test_an_orphan_is_ended_by_its_folder(tmp_path: Path) -> None:
    process = started(tmp_path, SLEEPS)
    assert end_orphan(tmp_path) == process.pid
    until(lambda: process.code is not None)
    assert end_orphan(tmp_path) is None


def test_another_process_under_the_same_id_is_left_alone(tmp_path: Path) -> None:
    at = born(os.getpid())
    assert at is not None
    (tmp_path / PROCESS_FILE).write_text(json.dumps({"pid": os.getpid(), "born": at + 1}))
    assert end_orphan(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", '{"pid": "x", "born": 1}', '{"pid": 1}'])
def test_a_damaged_note_names_no_orphan(tmp_path: Path, content: str) -> None:
    (tmp_path / PROCESS_FILE).write_text(content)
    assert end_orphan(tmp_path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_held_process_dies_with_a_runner_that_is_killed(tmp_path: Path) -> None:
    runner = (
        "import os, sys\nfrom pathlib import Path\nfrom falsifiable.race.engines.processes import RunProcess\n"
        f"one = RunProcess([sys.executable, '-c', {SLEEPS!r}], Path({str(tmp_path)!r}))\n"
        "one.hold()\nprint(one.pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", runner], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    until(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
