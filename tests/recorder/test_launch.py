"""How a run was launched is what its processes say, not what they were told."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from falsifiable.artifacts import open_run
from falsifiable.recorder import RunRecorder, library_version

ROOT = Path(__file__).parents[2]


def recorder(folder: Path) -> RunRecorder:
    return RunRecorder(
        folder, command=[], seed=0, device="cpu", dtype="float32", data="d", steps=1, repository=folder.parent
    )


def test_a_run_of_one_process_needs_no_call(tmp_path: Path) -> None:
    with recorder(tmp_path / "run"):
        pass
    assert open_run(tmp_path / "run").field("launch") == {
        "world_size": {"requested": 1, "actual": 1},
        "ranks": [
            {"rank": 0, "world_size": 1, "python": platform.python_version(), "torch": library_version("torch"),
             "transformers": library_version("transformers"), "all_reduce": 1.0},
        ],
    }  # fmt: skip


def test_processes_that_never_joined_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with recorder(tmp_path / "run"):
        pass
    run = open_run(tmp_path / "run")
    assert run.field("launch") == {"world_size": {"requested": 4, "actual": None}, "ranks": []}

    with recorder(tmp_path / "run") as alone:
        alone.observe_launch()
    assert open_run(tmp_path / "run").field("launch.world_size") == {"requested": 4, "actual": 1}


def test_every_process_that_joined_is_named_and_one_of_them_writes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    subprocess.run(
        [sys.executable, "-m", "tests.recorder.joined_ranks", str(tmp_path), "3"], cwd=ROOT, timeout=300, check=True
    )
    run = open_run(tmp_path / "run")
    assert run.field("launch.world_size") == {"requested": 3, "actual": 3}
    ranks = run.field("launch.ranks")
    assert [(one["rank"], one["world_size"], one["all_reduce"]) for one in ranks] == [
        (0, 3, 3.0), (1, 3, 3.0), (2, 3, 3.0),
    ]  # fmt: skip
    assert {one["torch"] for one in ranks} == {library_version("torch")}
    assert run.series("loss") == [(0, 0.0)]
    assert run.field("end_reason") == "completed"
