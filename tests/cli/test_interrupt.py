"""Control-C during a validation: what had finished is kept, and no process is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

ENDLESS = '''
    """A check that never ends, and says which processes run it."""
    import os, pathlib, time
    from falsifiable import Verdict, falsifier

    @falsifier("shop.endless")
    def endless() -> Verdict:
        """Sleeps."""
        note = pathlib.Path("{note}")
        note.with_suffix(".new").write_text(f"{{os.getpid()}} {{os.getppid()}}")
        note.with_suffix(".new").rename(note)
        time.sleep(600)
        return Verdict.of(True, examined=1)
'''


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for up to a minute; whether it came true."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


@pytest.mark.bad_input(106)
def test_an_interrupted_validation_ends_130_and_leaves_no_process_behind(shop):
    assert shop.contract("validate").returncode == 0
    note = shop.root / "running"
    shop.plugin(ENDLESS.format(note=note))
    shop.add_falsifier("FALSIFY-SHOP-009", "shop.endless")
    running = subprocess.Popen(
        [sys.executable, "-m", "falsifiable", "validate"],
        cwd=shop.root, env={**os.environ, **shop.environment}, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # Whoever runs the tests in the background has told them to ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert wait_until(note.exists), "the check was never started"
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert said.splitlines()[-1] == "contract: interrupted; what had finished is kept"
    worker, server = map(int, note.read_text().split())
    assert wait_until(lambda: not is_alive(worker)), "the worker went on sleeping"
    assert wait_until(lambda: not is_alive(server)), "the fork server went on waiting"
    kept = json.loads(shop.contract("status", "--format", "json").stdout)[0]["falsifiers"]
    assert [one["local"]["status"] for one in kept] == [*["PARTIAL"] * 3, "PROPOSED"]
