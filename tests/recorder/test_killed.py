"""A run that is killed leaves a record that can be read, does not claim to have completed, and lies about no step."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError, open_run
from falsifiable.recorder import RunRecorder
from tests.recorder.killed_training import LAST_STEP, STEPS_BETWEEN_SAVES

ROOT = Path(__file__).parents[2]


def trained_and_killed(folder: Path, seed: int, count: int) -> list[dict[str, Any]]:
    """What came of a training that ends by itself, and then of ``count`` that were killed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.recorder.killed_training", str(folder), str(seed), str(count)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=300, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def steps_and_losses(folder: Path) -> list[tuple[int, float]]:
    return open_run(folder).series("loss", "finetune")


@pytest.mark.parametrize("count", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_a_run_killed_at_a_random_moment_is_readable_up_to_it(count: int, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    whole, *others = trained_and_killed(tmp_path, 4, count)
    expected = steps_and_losses(Path(whole["folder"]))
    assert open_run(Path(whole["folder"])).field("end_reason") == "completed"
    assert [step for step, _ in expected] == list(range(LAST_STEP))
    killed = [one for one in others if one["by"] == -signal.SIGKILL]
    assert len(killed) == count
    for one in killed:
        run = open_run(Path(one["folder"]))
        assert run.has_record
        logged = steps_and_losses(Path(one["folder"]))
        if run.field("end_reason") != "interrupted":  # killed after the record was finished
            assert run.field("end_reason") == "completed"
            assert len(logged) == run.field("steps.planned") == LAST_STEP
        else:
            assert run.field("ended") is None
            assert not one["left"]
        assert [step for step, _ in logged] == list(range(len(logged)))
        assert logged[:LAST_STEP] == expected[: len(logged)]
        assert run.field("steps.done") <= len(logged)
        assert all(saved["step"] % STEPS_BETWEEN_SAVES == STEPS_BETWEEN_SAVES - 1 for saved in run.field("checkpoints"))


@pytest.fixture(scope="module")
def run_at_work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a run folder as it was after three steps were logged."""
    folder = tmp_path_factory.mktemp("work") / "run"
    run = RunRecorder(
        folder, command=[], seed=0, device="cpu", dtype="float32", data="d", steps=9, repository=folder.parent
    )
    with run:
        for step in range(3):
            run.log("finetune", step, loss=3.0 - step)
        return Path(shutil.copytree(folder, folder.with_name("as it was")))


@pytest.fixture
def recorded(run_at_work: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(run_at_work, tmp_path / "run"))


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 150))
def test_of_a_log_that_was_cut_the_whole_lines_are_kept_and_the_cut_is_told(
    cut: int, run_at_work: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No process that is killed has written half a line; a machine that loses power may."""
    folder = Path(shutil.copytree(run_at_work, tmp_path_factory.mktemp("cut") / "run"))
    content = (folder / "metrics.jsonl").read_bytes()[:cut]
    (folder / "metrics.jsonl").write_bytes(content)
    run = open_run(folder)
    assert len(run.rows) == content.count(b"\n") + content.endswith(b"}")
    assert run.torn == (content[-1:] not in (b"", b"\n", b"}"))


def test_a_killed_run_says_so(recorded: Path) -> None:
    run = open_run(recorded)
    assert (run.field("end_reason"), run.field("ended"), len(run.rows), run.torn) == ("interrupted", None, 3, False)


def test_a_record_without_a_log_is_a_run_that_logged_nothing(recorded: Path) -> None:
    (recorded / "metrics.jsonl").unlink()
    assert open_run(recorded).rows == ()


def test_a_log_without_a_record_is_no_run(recorded: Path) -> None:
    (recorded / "run.yaml").unlink()
    with pytest.raises(ArtifactError, match=r"run\.yaml"):
        open_run(recorded)


def test_a_half_written_record_beside_the_whole_one_is_passed_over(recorded: Path) -> None:
    (recorded / ".run.yaml.0123456789abcdef.tmp").write_text("run_record: 1\nrun_i")
    assert len(open_run(recorded).rows) == 3
