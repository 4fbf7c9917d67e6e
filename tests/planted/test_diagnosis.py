"""Root causes planted in real runs, and the diagnosis that their records alone lead to."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from falsifiable.cli import run as contract
from falsifiable.cli.exit_codes import ExitCode
from tests.planted.loop import Plan, train

HEALTHY = Plan()
PLANTED = {
    "healthy": HEALTHY,
    "too few tokens": replace(HEALTHY, steps=20, corpus_bytes=2_000),
    "a learning rate that diverges": replace(HEALTHY, learning_rate=1e4),
    "a silent CPU fallback with a constant loss": replace(HEALTHY, device="cuda", stream_ends_after=0),
    "a stream that ends half way": replace(HEALTHY, stream_ends_after=50),
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every planted run, really trained."""
    folder = tmp_path_factory.mktemp("planted")
    return {name: train(plan, folder / str(number)) for number, (name, plan) in enumerate(PLANTED.items())}


@pytest.fixture
def diagnosed(capsys: pytest.CaptureFixture[str]) -> Any:
    """The exit code and the JSON of ``contract diagnose PATH``."""

    def call(path: Path, *options: str) -> tuple[int, dict[str, Any]]:
        code = contract(["diagnose", str(path), "--format", "json", *options])
        return code, json.loads(capsys.readouterr().out)

    return call


def evidence(diagnosis: dict[str, Any], cause: str) -> set[str]:
    return {one["check"] for one in diagnosis["causes"][cause]["evidence"]}


def test_a_healthy_run_shows_none_of_the_three(runs, diagnosed):
    code, diagnosis = diagnosed(runs["healthy"])
    assert (code, diagnosis["binds"]) == (ExitCode.HELD, None)
    assert not any(diagnosis["causes"][cause]["evidence"] for cause in diagnosis["causes"])
    assert all(diagnosis["causes"][cause]["judged"] for cause in diagnosis["causes"])


def test_too_few_tokens_are_data_starvation(runs, diagnosed):
    code, diagnosis = diagnosed(runs["too few tokens"])
    assert (code, diagnosis["binds"]) == (ExitCode.FALSIFIED, "data starvation")
    assert evidence(diagnosis, "data starvation") == {"run.data-budget"}
    (found,) = diagnosis["causes"]["data starvation"]["evidence"]
    assert "20 steps of 512 tokens are 10240 tokens for 2048 parameters, 5 per parameter" in found["found"]


def test_a_learning_rate_that_diverges_is_an_optimisation_defect(runs, diagnosed):
    code, diagnosis = diagnosed(runs["a learning rate that diverges"])
    assert (code, diagnosis["binds"]) == (ExitCode.FALSIFIED, "optimisation defect")
    assert "run.within-divergence-gates" in evidence(diagnosis, "optimisation defect")
    # It was cut short by its divergence, and its plan would have read enough.
    assert not evidence(diagnosis, "data starvation")
    assert not evidence(diagnosis, "infrastructure masking")


def test_a_silent_fallback_with_a_constant_loss_is_infrastructure_masking(runs, diagnosed):
    code, diagnosis = diagnosed(runs["a silent CPU fallback with a constant loss"])
    assert (code, diagnosis["binds"]) == (ExitCode.FALSIFIED, "infrastructure masking")
    seen = evidence(diagnosis, "infrastructure masking")
    assert {"run.as-requested", "run.device-left-traces", "run.loss-varies"} <= seen
    assert not evidence(diagnosis, "data starvation")


def test_nothing_is_read_off_a_curve_that_is_masked(runs, diagnosed):
    """The loss does not fall there either, and that is no evidence against the learning rate."""
    _, diagnosis = diagnosed(runs["a silent CPU fallback with a constant loss"])
    assert diagnosis["curve_is_masked"]
    assert not evidence(diagnosis, "optimisation defect")
    assert "run.loss-falls" in {one["check"] for one in diagnosis["set_aside"]}


def test_a_stream_that_ends_half_way_masks_the_rest(runs, diagnosed):
    _, diagnosis = diagnosed(runs["a stream that ends half way"])
    assert diagnosis["binds"] == "infrastructure masking"
    (found,) = (one for one in diagnosis["causes"]["infrastructure masking"]["evidence"])
    assert found["found"].startswith("metrics.jsonl: loss is 1.0 at 51 steps in a row from step 50")


def test_the_first_cause_in_the_order_of_evidence_binds(runs, diagnosed, tmp_path):
    """A run that is starved, diverges and fell back: more text first, for nothing else can be judged without it."""
    folder = shutil.copytree(runs["a learning rate that diverges"], tmp_path / "run")
    record = yaml.safe_load((folder / "run.yaml").read_text())
    record["device"]["requested"] = "cuda"
    (folder / "run.yaml").write_text(yaml.safe_dump(record))
    assert diagnosed(folder)[1]["binds"] == "optimisation defect"

    record["parameters"] *= 1_000
    (folder / "run.yaml").write_text(yaml.safe_dump(record))
    assert diagnosed(folder)[1]["binds"] == "data starvation"


def test_a_declared_budget_replaces_the_rule(runs, diagnosed):
    code, diagnosis = diagnosed(runs["healthy"], "--tokens-per-parameter", "1000")
    assert (code, diagnosis["binds"]) == (ExitCode.FALSIFIED, "data starvation")


def test_a_log_of_the_trainer_is_read_as_far_as_it_goes(diagnosed, tmp_path):
    """``trainer_state.json`` says nothing of batches and devices, and its losses run away."""
    losses = [9.1, 8.2, 7.9, 8.0, 21.5, 60.2]
    history = [{"step": 10 * at, "loss": loss, "learning_rate": 1.0} for at, loss in enumerate(losses)]
    state = {"global_step": 50, "max_steps": 50, "log_history": history}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    code, diagnosis = diagnosed(tmp_path / "trainer_state.json")
    assert (code, diagnosis["binds"]) == (ExitCode.FALSIFIED, "optimisation defect")
    (unknown,) = diagnosis["causes"]["data starvation"]["not_judged"]
    assert "let a recorder write them" in unknown["reason"]


def test_a_plain_log_is_read_by_its_pattern(diagnosed, tmp_path):
    pytest.importorskip("re2")
    log = tmp_path / "train.log"
    log.write_text("".join(f"step {step} loss 1.0\n" for step in range(30)))
    code, diagnosis = diagnosed(log, "--pattern", r"step (?P<step>\d+) loss (?P<loss>[0-9.]+)")
    assert (code, diagnosis["binds"]) == (ExitCode.FALSIFIED, "infrastructure masking")


def test_a_log_that_says_nothing_is_not_judged(capsys, tmp_path):
    (tmp_path / "trainer_state.json").write_text(json.dumps({"global_step": 1, "max_steps": 1, "log_history": []}))
    assert contract(["diagnose", str(tmp_path)]) == ExitCode.NOTHING_EXAMINED
    assert "nothing could be judged" in capsys.readouterr().out


def test_what_is_no_run_cannot_be_diagnosed(capsys, tmp_path):
    (tmp_path / "run.yaml").write_text("not: a run\n")
    assert contract(["diagnose", str(tmp_path)]) == ExitCode.COULD_NOT_RUN
    assert "run_record" in capsys.readouterr().err


def test_a_person_reads_what_binds_and_why(runs, capsys):
    contract(["diagnose", str(runs["too few tokens"])])
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.endswith("data starvation binds. Read more text, or train a smaller model, before anything is tuned.")
    assert "optimisation defect: not shown by 3 checks" in rest
