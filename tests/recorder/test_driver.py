"""What the driver lists is attributed to this process, or to nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from falsifiable.recorder.driver import memory_held

MEBIBYTE = 2**20
OURS = "{pid}"  # of the process that runs the test
ONE, TWO = "GPU-11111111-2222-3333-4444-555555555555", "GPU-99999999-2222-3333-4444-555555555555"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``nvidia-smi`` that prints the file which the test writes; no machine of ours has the real one."""
    program = tmp_path / "nvidia-smi"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = "--query-compute-apps=gpu_uuid,pid,used_memory" ] && cat {tmp_path}/listed\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "listed"


@pytest.mark.parametrize(
    ("listed", "gpus", "held"),
    [
        (f"{ONE}, {OURS}, 2048\n{ONE}, 4711, 512\n", {ONE}, 2048 * MEBIBYTE),
        (f"{ONE}, {OURS}, 2048\n{TWO}, {OURS}, 512\n", {ONE}, 2048 * MEBIBYTE),
        (f"{ONE}, {OURS}, 2048\n{TWO}, {OURS}, 512\n", {ONE, TWO}, 2560 * MEBIBYTE),
        (f"{ONE}, 4711, 2048\n{TWO}, 4712, 9\n", {ONE}, 2048 * MEBIBYTE),  # a container: the only one there is this one
        (f"{ONE}, 4711, 2048\n{ONE}, 4712, 512\n", {ONE}, None),
        (f"{ONE}, {OURS}, 2048\n", {ONE, TWO}, None),
        (f"{ONE}, {OURS}, [N/A]\n", {ONE}, None),
        ("No running processes found\n", {ONE}, None),
        ("", {ONE}, None),
    ],
)
def test_memory_is_this_processs_own(listed: str, gpus: set[str], held: int | None, driver: Path) -> None:
    driver.write_text(listed.replace(OURS, str(os.getpid())))
    assert memory_held(frozenset(gpus)) == held


def test_without_a_driver_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert memory_held(frozenset({ONE})) is None


def test_a_driver_that_does_not_answer_says_nothing(driver: Path) -> None:
    assert memory_held(frozenset({ONE})) is None
