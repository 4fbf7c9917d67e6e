"""What the falsifiers of a training run decide on logs whose story is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from scipy import stats

from falsifiable import Criterion, Run
from falsifiable.samples import specimen
from falsifiers.convergence import plateau_not_the_schedule, stop_beyond_noise, within_divergence_gates
from falsifiers.data_budget import data_budget
from falsifiers.determinism import runs_agree
from falsifiers.logged_losses import loss_not_scripted, loss_varies
from falsifiers.substitution import device_left_traces
from falsifiers.throughput import confidence_interval, training
from falsifiers.training_run import ended_as_stated


@pytest.fixture
def run() -> Run:
    opened = specimen("run")
    assert isinstance(opened, Run)
    return opened


@pytest.fixture
def again() -> Run:
    opened = specimen("run", "again")
    assert isinstance(opened, Run)
    return opened


def logged(run: Run, steps: int, **columns: Callable[[int], float | None]) -> Run:
    """The run with a fine-tune of so many steps, of which each column is a function; None is not logged."""
    values = [{name: of(step) for name, of in columns.items()} for step in range(steps + 1)]
    rows = [{name: value for name, value in row.items() if value is not None} for row in values]
    whole = tuple({"phase": "finetune", "step": step, **row} for step, row in enumerate(rows))
    ended = run.with_field("steps", {"planned": steps, "done": steps})
    return replace(ended, rows=whole, metrics={})


def noise(seed: int, scale: float) -> Callable[[int], float]:
    return lambda step: random.Random(f"{seed} {step}").gauss(0, scale)


# The end of a run


def stopped(run: Run, losses: Callable[[int], float], evaluations: int, patience: int) -> Run:
    early = logged(run, evaluations, loss=lambda step: 3.0 + noise(0, 0.1)(step), val_loss=losses)
    early = early.with_field("early_stopping", {"patience": patience, "held_out_tokens": 16_384})
    return early.with_field("end_reason", "early_stop").with_field("steps.planned", 10 * evaluations)


def test_a_stop_at_a_real_plateau_is_accepted(run):
    """It fell to 2.0 without noise worth the name, and stood there for five evaluations."""
    verdict = stop_beyond_noise(
        stopped(run, lambda at: max(2.0, 4.0 - 0.2 * at) + 1e-3 * at + noise(1, 1e-4)(at), 15, 5)
    )
    assert verdict.outcome == "held", verdict.found


def test_a_stop_by_two_noisy_evaluations_is_not(run):
    """It falls by 0.02 per evaluation, each of which is off by 0.03: two in a row that are no better mean nothing."""
    values = [4.00, 4.01, 3.93, 3.96, 3.90, 3.93, 3.86, 3.89, 3.83, 3.87, 3.84]
    verdict = stop_beyond_noise(stopped(run, values.__getitem__, 10, 2))
    assert verdict.outcome == "falsified"
    assert "lies within the noise of the evaluation" in verdict.found
    assert "over 16384 tokens" in verdict.found


def test_a_stop_after_three_evaluations_cannot_be_judged(run):
    verdict = stop_beyond_noise(stopped(run, [4.0, 3.9, 3.95].__getitem__, 2, 1))
    assert verdict.outcome == "inconclusive"


@pytest.mark.parametrize(("patience", "outcome"), [(2, "held"), (3, "falsified")])
def test_an_early_stop_is_one_only_where_the_patience_was_exhausted(run, patience, outcome):
    verdict = ended_as_stated(stopped(run, [4.0, 3.5, 3.2, 3.3, 3.25].__getitem__, 4, patience))
    assert verdict.outcome == outcome, verdict.found


def test_a_run_that_diverged_did(run):
    diverged = logged(run, 20, loss=lambda step: 3.0 if step < 20 else math.nan).with_field("end_reason", "diverged")
    assert ended_as_stated(diverged.with_field("steps.planned", 500)).outcome == "held"
    assert ended_as_stated(diverged.with_field("end_reason", "completed")).outcome == "falsified"


# Curves


def test_a_start_from_scratch_has_another_bound_than_a_checkpoint(run):
    """2 ln 320 = 11.5: random weights may begin above the 10.0 that a checkpoint may not."""
    begun = logged(run, 4, val_loss=lambda step: 11.0 - step)
    begun = begun.with_field("architecture.vocab_size", 320)
    assert within_divergence_gates(begun, start="checkpoint").outcome == "falsified"
    assert within_divergence_gates(begun, start="scratch").outcome == "held"


def test_a_divergence_is_seen_without_evaluations(run):
    """The mean of a tenth of the training losses doubles."""
    exploding = logged(run, 99, loss=lambda step: 3.0 + (step > 90) * 5.0 + noise(2, 0.1)(step))
    verdict = within_divergence_gates(exploding)
    assert verdict.outcome == "falsified"
    assert "mean training loss" in verdict.found


@pytest.mark.parametrize(("rate", "outcome"), [(1e-3, "held"), (1e-5, "falsified")])
def test_a_plateau_counts_only_at_a_learning_rate_that_could_move_it(run, rate, outcome):
    flat = logged(
        run, 100, val_loss=lambda step: 4.0 - 0.02 * min(step, 70), lr=lambda step: 1e-3 if step <= 70 else rate
    )
    verdict = plateau_not_the_schedule(flat)
    assert verdict.outcome == outcome, verdict.found


def test_a_loss_that_still_falls_at_the_end_is_no_plateau(run):
    falling = logged(run, 100, val_loss=lambda step: 4.0 - 0.02 * step, lr=lambda step: 1e-3 * (1 - step / 100))
    assert plateau_not_the_schedule(falling).outcome == "held"


# Logs


def test_one_placeholder_among_fine_losses_is_found(run):
    losses = logged(run, 50, loss=lambda step: 1.0 if step == 33 else 3.0 + noise(3, 0.2)(step))
    verdict = loss_varies(losses)
    assert verdict.outcome == "falsified"
    assert "exactly 1.0 at 1 of 51 steps of phase finetune, first at step 33" in verdict.found


def test_a_loss_of_one_in_a_log_of_two_decimals_is_none(run):
    coarse = logged(run, 50, loss=lambda step: 1.0 if step == 20 else round(1.1 + noise(4, 0.2)(step), 2))
    assert loss_varies(coarse).outcome == "held"


def test_evaluations_that_repeat_each_other_are_found(run):
    still = logged(
        run, 50, loss=lambda step: 3.0 + noise(5, 0.2)(step), val_loss=lambda step: None if step % 25 else 3.5
    )
    verdict = loss_varies(still)
    assert verdict.outcome == "falsified"
    assert "val_loss is 3.5 at 3 evaluations in a row" in verdict.found


@pytest.mark.parametrize("seed", range(20))
def test_noise_about_a_trend_is_no_formula(run, seed):
    real = logged(run, 200, loss=lambda step: 2.0 + 3.0 * 0.98**step + noise(seed, 0.08)(step))
    assert loss_not_scripted(real).outcome == "held"


def test_a_decay_towards_a_target_is_one(run):
    scripted = logged(run, 200, loss=lambda step: 1.8 * (2.0 + 3.0 * 0.98**step))
    verdict = loss_not_scripted(scripted)
    assert verdict.outcome == "falsified"
    assert "the loss turns at 0 of 199 steps" in verdict.found


def test_means_over_several_steps_are_smooth_by_nature(run):
    means = logged(run, 200, loss=lambda step: 2.0 + 3.0 * 0.98**step if step % 10 == 0 else None)
    assert loss_not_scripted(means).outcome == "inconclusive"


# The budget


def test_a_run_cut_short_is_not_starved_by_its_plan(run):
    """20 tokens per parameter were planned; it diverged after a tenth of them."""
    planned = run.with_field("parameters", 512).with_field("steps", {"planned": 20, "done": 2})
    verdict = data_budget(planned.with_field("end_reason", "diverged"), epochs=Criterion(at_most=100.0))
    assert verdict.outcome == "inconclusive"
    assert "what cut it short is the question" in verdict.found
    assert data_budget(planned.with_field("steps.planned", 19)).outcome == "falsified"


def test_tokens_are_those_that_were_read_and_not_those_of_the_corpus(run):
    vast = run.with_field("datasets.finetune.tokens", 10**12)
    assert data_budget(vast).outcome == "falsified"


# The device


def test_a_gpu_that_held_memory_and_kept_its_pace_left_traces(run):
    device = {"requested": "cuda", "actual": "cuda", "memory_bytes": 5 << 30}
    on_gpu = run.with_field("device", device).with_field("environment.cuda", "NVIDIA H200")
    assert device_left_traces(on_gpu).outcome == "held"
    assert device_left_traces(on_gpu.with_field("device.memory_bytes", None)).outcome == "inconclusive"


# The pace


def test_the_interval_is_that_of_student():
    measured = [10.0, 12.0, 9.0, 11.0, 13.0]
    interval = confidence_interval(measured, 0.95)
    expected = stats.t.interval(0.90, 4, loc=11.0, scale=stats.sem(measured))
    assert (interval.low, interval.high) == pytest.approx(expected)


def timed(run: Run, steps: int, seconds: Callable[[int], float]) -> Run:
    return logged(run, steps, loss=lambda _: 3.0, seconds=seconds)


def test_one_lucky_window_decides_nothing(run):
    """512 tokens in a hundredth of a second, once: far above the floor, and inconclusive."""
    verdict = training(timed(run, 1, lambda step: 0.01 * step), tokens_per_second=100.0)
    assert verdict.outcome == "inconclusive"
    assert "one may be lucky" in verdict.found


def test_a_floor_within_the_interval_decides_nothing(run):
    """Windows of 10 s and of 1 s take turns, and the floor is near their mean."""
    seconds = [0.0]
    for window in range(10):
        seconds += [seconds[-1] + (1.0 if window % 2 else 0.1) * step for step in range(1, 11)]
    verdict = training(timed(run, 100, seconds.__getitem__), tokens_per_second=2_800.0, warm_up=0.0)
    assert verdict.outcome == "inconclusive"
    assert "the floor of 2800 lies between" in verdict.found


def test_the_device_and_the_batch_stand_beside_the_rate(run):
    verdict = training(timed(run, 100, lambda step: 0.5 * step), tokens_per_second=1_000.0)
    said = {one.name: one.value for one in verdict.measurements}
    assert verdict.outcome == "held"
    assert said["tokens_per_second"] == pytest.approx(1_024.0)
    assert (said["device"], said["batch"]) == ("cpu", "8 x 64 tokens")


def test_times_that_stand_still_are_no_measurement(run):
    assert training(timed(run, 100, lambda _: 5.0), tokens_per_second=1.0).outcome == "inconclusive"


# The same run twice


def test_the_first_step_that_differs_is_named(run, again):
    other = again.with_series(
        "loss", lambda points: [(step, value + 1e-5 * (step >= 7)) for step, value in points], "finetune"
    )
    verdict = runs_agree(run, other)
    assert verdict.outcome == "falsified"
    assert "loss is 4.453891 at step 7 of" in verdict.found


def test_the_same_record_twice_proves_nothing(run):
    verdict = runs_agree(run, run)
    assert verdict.outcome == "inconclusive"
    assert "the same record twice proves nothing" in verdict.found


@pytest.mark.parametrize("field", ["seed.actual", "init.sha256", "batch.sequences", "dtype.actual"])
def test_two_experiments_are_not_compared(run, again, field):
    verdict = runs_agree(run, again.with_field(field, "another"))
    assert verdict.outcome == "inconclusive"
    assert "not runs of one experiment" in verdict.found


def test_a_log_copied_under_another_id_is_found(run, again):
    verdict = runs_agree(run, replace(again, rows=run.rows))
    assert verdict.outcome == "falsified"
    assert "a copy of the other under another run id" in verdict.found
