"""Importing somebody's ledger: each class of defects on a rebuilt case, and all of them on the real one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.race.errors import MalformedRow
from falsifiable.race.importing.ledger_import import ImportReport, ImportRules, import_ledger
from tests.race.foreign_ledgers import HONEST, queue_row, sample_rows, written

NAME = "IGLA-HYBRID-FP32-WSD-E0005-seed200"
OTHER = "IGLA-HYBRID-FP32-BS8-E0006-seed201"
LEDGERS = Path(__file__).parents[2].parent / "shared" / "data" / "ledgers"


def mock(target: float, seed: int, steps: int = 1000, every: int = 100) -> list[float]:
    """What the mock trainer of the corrupted ledger logged: a recurrence towards its target, and no training."""
    value, logged = 3.5, []
    for step in range(1, steps + 1):
        value = target + (value - target) * (1 - 0.0015) + 0.0015 * 0.005 * abs(math.sin(seed))
        if step % every == 0:
            logged.append(value)
    return logged


def report(folder: Path, queue: list[dict[str, Any]], samples: list[dict[str, Any]]) -> ImportReport:
    return import_ledger(*written(folder, queue, samples))


def test_an_honest_ledger_has_no_defect_and_keeps_its_curves(tmp_path: Path) -> None:
    found = report(tmp_path, [queue_row(NAME)], sample_rows(NAME, HONEST))

    assert found.found == ()
    assert [curve.values for curve in found.survivors] == [HONEST]


QUEUE_CASES: dict[str, tuple[list[dict[str, Any]], int, str]] = {
    "duplicate-exp-id": (
        [queue_row(NAME), queue_row("IGLA-HYBRID-FP32-BS8-E0005-seed201")],
        1,
        "E0005 stands for 2 runs",
    ),
    "reassigned-id": (
        [queue_row(NAME), queue_row("IGLA-HYBRID-FP32-WSD-E0005-seed201")],
        1,
        "1 with several seeds, 0 with",
    ),
    "duplicate-name": ([queue_row(NAME), queue_row(NAME)], 2, ""),
    "malformed-name": ([queue_row("IGLA-RNN-FP32-WSD-E0005-seed200")], 1, "UnknownModelType 1"),
    "seed-conflict": ([queue_row(NAME, seed="43")], 1, ""),
    "forbidden-seed": ([queue_row("IGLA-HYBRID-FP32-WSD-E0005-seed43")], 1, "1 of them done"),
    "step-mismatch": ([queue_row(NAME, steps_budget="200000", final_step="81000")], 1, "1 done early or late"),
    "best-instead-of-final": ([queue_row(NAME, final_bpb="2.98")], 1, "1 one that is neither"[2:]),
    "silent-run": ([queue_row(OTHER, status="failed", last_error="trainer produced zero steps")], 1, "1 say that"),
    "declared-mock": ([queue_row(NAME, prune_reason="mock-trainer-contamination: no values")], 1, ""),
}


@pytest.mark.parametrize("name", QUEUE_CASES)
def test_a_defect_of_the_queue_is_counted_and_located(tmp_path: Path, name: str) -> None:
    queue, count, more = QUEUE_CASES[name]
    found = report(tmp_path, queue, sample_rows(NAME, HONEST)).defect(name)

    assert (found.count, found.first[0].path.name) == (count, "queue.jsonl")
    assert more in found.more


@pytest.mark.parametrize(
    ("value", "more"), [("0.0003", "1 below 0.1"), ("7.28", "1 above 7"), ("", "1 without a value")]
)
def test_done_with_a_value_no_model_has(tmp_path: Path, value: str, more: str) -> None:
    queue = [queue_row(NAME, final_bpb=value), queue_row(OTHER)]
    found = report(tmp_path, queue, sample_rows(OTHER, HONEST)).defect("implausible-done")

    assert (found.count, found.first[0].line) == (1, 1)
    assert more in found.more
    assert found.more.endswith("1 between")


ZEROS = (0.0003, 0.0001, 0.0, 0.0, 0.0, 0.0, 0.0, 7.2781, 1.6935, 1.7399, 1.5492)
SAMPLE_CASES: dict[str, tuple[tuple[float | None, ...], int]] = {
    "below-floor": (ZEROS, 7),
    "above-ceiling": (ZEROS, 1),
    "jump": (ZEROS, 1),
    "not-finite": ((*HONEST, None), 1),
    "constant-curve": ((0.7213,) * 6, 1),
    "nothing-learned": ((3.0, 3.1, 2.9, 3.2, 3.3, 3.0), 1),
    "computed-curve": (tuple(mock(1.85, 43)), 1),
    "repeated-value": ((5.0, 5.0, 4.0, 4.0, 3.0, 3.0), 3),
    "too-short": (HONEST[:4], 1),
    "held-for-review": ((3.2, 2.9, 2.4, 2.3, 1.9, 1.7), 1),
}


@pytest.mark.parametrize("name", SAMPLE_CASES)
def test_a_defect_of_the_samples_is_counted_and_located(tmp_path: Path, name: str) -> None:
    values, count = SAMPLE_CASES[name]
    whole = report(tmp_path, [queue_row(NAME)], sample_rows(NAME, values))
    found = whole.defect(name)

    assert (found.count, found.first[0].path.name) == (count, "samples.jsonl")
    assert bool(whole.survivors) is not found.voids
    assert found.voids is (name not in ("repeated-value", "held-for-review"))


def test_the_first_gate_pass_that_was_none_is_void_for_three_reasons(tmp_path: Path) -> None:
    """Zeros, a jump to more than a uniform guess, and then a final value that would have passed the gate."""
    whole = report(tmp_path, [queue_row(NAME, final_bpb="1.5492")], sample_rows(NAME, ZEROS))

    assert whole.survivors == ()
    assert {one.name for one in whole.found if one.voids} >= {"below-floor", "above-ceiling", "jump"}


def test_one_trajectory_under_two_names_and_steps_that_go_back(tmp_path: Path) -> None:
    twice = [*sample_rows(NAME, HONEST), *sample_rows(OTHER, HONEST, seed=201)]
    whole = report(tmp_path, [queue_row(NAME), queue_row(OTHER)], twice)
    assert (whole.defect("identical-trajectory").count, whole.survivors) == (1, ())
    assert f"{OTHER} is {NAME}" in str(whole.defect("identical-trajectory").first[0])

    back = report(tmp_path, [queue_row(NAME)], sample_rows(NAME, HONEST)[::-1])
    assert back.defect("unordered-steps").count == len(HONEST) - 1
    assert back.survivors == ()


def test_a_curve_that_nobody_claimed(tmp_path: Path) -> None:
    assert report(tmp_path, [queue_row(OTHER)], sample_rows(NAME, HONEST)).defect("orphan-curve").runs == {NAME}


def test_a_run_stopped_on_a_prediction_about_a_mock_would_have_passed(tmp_path: Path) -> None:
    """The estimator took the mean of the lowest three quarters of all values for the asymptote."""
    said = "predicted-misses-gate: bpb_inf=2.5118 > target+slack=1.8500+0.10"
    queue = [queue_row(NAME, status="pruned", prune_reason=said)]
    found = report(tmp_path, queue, sample_rows(NAME, mock(1.85, 43))).defect("prune-on-computed")

    assert found.count == 1
    assert "in 1 the formula's asymptote passes the gate" in found.more
    assert "said 2.5118, is 1.8542" in str(found.first[0])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"run": "x", "bpb": 2.0}, "names no step"),
        ({"run": "x", "step": 1.5, "bpb": 2}, "whole number"),
        ({"step": 1}, "run is"),
        ({"run": "x", "step": -10, "bpb": 2.0}, "training begins at 0"),
        ({"run": "x", "step": True, "bpb": 2.0}, "step is True"),
        ({"run": "x", "step": "inf", "bpb": 2.0}, "whole number"),
        ({"run": "x", "step": 1, "bpb": 2.0, "seed": [1]}, "seed is"),
        ({"run": "x", "step": 1, "bpb": "two"}, r"samples\.jsonl:1: .* bpb is 'two'"),
    ],
)
def test_a_row_that_cannot_be_understood_is_never_skipped(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedRow, match=said):
        report(tmp_path, [], [row])


@pytest.mark.parametrize("seed", [2**53 + 1, 2**64 + 1, 10**40 + 1])
def test_a_huge_seed_is_read_to_its_last_digit(tmp_path: Path, seed: int) -> None:
    """A float would take the seed beside it for the same one, and the right one for another."""
    name = f"IGLA-HYBRID-FP32-WSD-E0005-seed{seed}"
    for text in (seed, str(seed)):
        assert report(tmp_path, [queue_row(name, seed=text)], sample_rows(name, HONEST)).found == ()
    beside = report(tmp_path, [queue_row(name, seed=str(seed - 1))], sample_rows(name, HONEST))
    assert beside.defect("seed-conflict").count == 1


def test_a_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    queue, samples = written(tmp_path, [], [])
    samples.write_text('{"run": "x"}\n[1]\n')
    with pytest.raises(ArtifactError, match="line 2"):
        import_ledger(queue, samples)


@pytest.fixture(scope="module")
def real() -> ImportReport:
    """The real, badly corrupted ledger."""
    if not LEDGERS.is_dir():
        pytest.skip("the shared ledgers are not here")
    return import_ledger(LEDGERS / "race_queue.jsonl", LEDGERS / "race_samples.jsonl", ImportRules())


@pytest.mark.parametrize(
    ("name", "count", "more"),
    [
        ("duplicate-exp-id", 129, "of 467 ids; E0521 stands for 19 runs"),
        ("reassigned-id", 129, "115 with several seeds, 129 with several configurations"),
        ("duplicate-name", 0, ""),
        ("seed-conflict", 0, ""),
        ("forbidden-seed", 175, "30 of them done"),
        ("implausible-done", 270, "of 291 done: 226 below 0.1, 44 above 7, 0 without a value, 21 between"),
        ("step-mismatch", 1, "1 done early or late"),
        ("best-instead-of-final", 31, "27 state the best value"),
        ("silent-run", 229, "118 say that the trainer took no step"),
        ("declared-mock", 16, "105 other rows are tagged mock_simulation"),
        ("prune-on-computed", 26, "of 26 stopped on a prediction; in 26 the formula's asymptote passes"),
        ("computed-curve", 33, "453 points on their formulas; 33 of the runs are not tagged as mocks"),
        ("identical-trajectory", 27, "101 runs"),
        ("below-floor", 2922, "in 285 runs"),
        ("above-ceiling", 630, "in 51 runs; up to 47"),
        ("not-finite", 142, "in 142 runs"),
        ("unordered-steps", 0, ""),
        ("jump", 58, ""),
        ("constant-curve", 1, ""),
        ("nothing-learned", 195, "4 of them end exactly where they began"),
        ("orphan-curve", 5, ""),
        ("too-short", 372, ""),
        ("held-for-review", 12, ""),
    ],
)
def test_every_class_of_defects_in_the_real_ledger(real: ImportReport, name: str, count: int, more: str) -> None:
    found = real.defect(name)
    assert (found.count, more in found.more) == (count, True), found.more


def test_what_is_left_of_the_real_ledger(real: ImportReport) -> None:
    assert (real.queue_rows, real.sample_rows, real.runs) == (1875, 5283, 606)
    assert len(real.survivors) == 46
    assert sum(len(curve.steps) for curve in real.survivors) == 601
    assert all(curve.fault == "" for curve in real.survivors)
    assert len(real.held) == 1


def test_names_of_the_real_ledger_are_told_by_their_errors(real: ImportReport) -> None:
    more = real.defect("malformed-name").more
    assert "ForeignGrammar" in more
    assert "UnknownModelType" in more
    assert real.defect("malformed-name").count > 1800
