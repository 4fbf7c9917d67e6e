"""Tokens per second against a floor, from repeated measurements with a confidence interval."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from falsifiable import Model, NotApplicable, Run, Verdict, falsifier
from falsifiers.curves import Points, first_logged, mean, tokens_per_step
from falsifiers.reference_decoder import UnfitError, load_decoder, logits

_FEWEST_MEASUREMENTS = 5


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of repeated measurements, and the one-sided bounds that it lies between with the stated confidence."""

    mean: float
    low: float
    high: float


def confidence_interval(measured: Sequence[float], confidence: float) -> Interval:
    """Student's t over two measurements or more: with ``confidence`` their mean is above ``low``, or below ``high``."""
    from scipy.stats import t

    middle = mean(measured)
    deviation = math.sqrt(sum((one - middle) ** 2 for one in measured) / (len(measured) - 1))
    margin = float(t.ppf(confidence, len(measured) - 1)) * deviation / math.sqrt(len(measured))
    return Interval(middle, middle - margin, middle + margin)


@falsifier("throughput.training", level="integration", imports=("scipy",))
def training(
    run: Run, *, tokens_per_second: float, phase: str = "", windows: int = 10, warm_up: float = 0.1,
    confidence: float = 0.95,
) -> Verdict:  # fmt: skip
    """Training read at least so many tokens per second, by the times in its own log.

    The steps after the warm-up are divided into windows, each gives one measurement, and the lower bound of the mean's
    confidence interval must reach the floor. Where the floor lies inside the interval, and where there are fewer than
    five windows, nothing is decided: one lucky window shows nothing. Time spent on evaluations counts.

    Args:
        tokens_per_second: the floor. It belongs to a device and a batch, which are measured and said beside it.
        phase: the phase that is timed; empty for the last one.
        windows: into how many windows the steps are divided; at least five, of at least one step each.
        warm_up: share of the steps, at the start, that is left out: caches fill and kernels are chosen there.
        confidence: of the interval, one-sided.
    """
    per_step, device = tokens_per_step(run), run.field("device.actual")
    if per_step is None or not isinstance(device, str):
        return Verdict.inconclusive(
            f"{run.path}: batch or device.actual is not recorded, and a rate without them says nothing"
        )
    times = first_logged(run, ("seconds",), phase)
    rates = _rates(times, per_step, windows, warm_up)
    if len(rates) < _FEWEST_MEASUREMENTS:
        return Verdict.inconclusive(
            f"{run.path}: {len(times)} times are logged and give {len(rates)} windows of growing time; "
            f"{_FEWEST_MEASUREMENTS} are needed, as one may be lucky. Log `seconds` at every step"
        )
    batch = f"{run.field('batch.sequences')} x {run.field('batch.sequence_length')} tokens"
    return _judged(rates, tokens_per_second, confidence, f"{run.path}: training on {device}", "windows", device, batch)


def _rates(times: Points, per_step: int, windows: int, warm_up: float) -> list[float]:
    """Tokens per second in each of the windows; none where the logged time does not grow."""
    kept = times[int(len(times) * warm_up) :]
    windows = min(windows, len(kept) - 1)
    if windows < 1:
        return []
    edges = [kept[(len(kept) - 1) * window // windows] for window in range(windows + 1)]
    spans = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(edges)]
    if not all(seconds > 0 and math.isfinite(seconds) for _, seconds in spans):
        return []
    return [steps * per_step / seconds for steps, seconds in spans]


def _judged(
    rates: Sequence[float], floor: float, confidence: float, what: str, unit: str, device: str, batch: str
) -> Verdict:
    interval = confidence_interval(rates, confidence)
    between = f"{interval.low:.4g} and {interval.high:.4g}"
    if interval.low < floor <= interval.high:
        return Verdict.inconclusive(
            f"{what} reads between {between} tokens per second, and the floor of {floor:g} lies between; measure "
            "longer, on a machine that does nothing else",
            tokens_per_second=interval.mean,
        )
    return Verdict.of(
        interval.low >= floor,
        found=f"{what} with {batch} reads {interval.mean:.4g} tokens per second (between {between}), expected at least "
        f"{floor:g}; the device is not the one that was asked for, is shared, or waits for its data",
        examined=(len(rates), unit),
        tokens_per_second=(interval.mean, "tokens/s"),
        lower_bound=(interval.low, "tokens/s"),
        upper_bound=(interval.high, "tokens/s"),
        confidence=confidence,
        device=device,
        batch=batch,
    )


@training.counterexample
def a_slower_device(run: Run, *, tokens_per_second: float, phase: str) -> Run:
    """A log in which every step took as much longer as brings the rate to a tenth of the floor."""
    return _slowed(run, tokens_per_second, phase, lambda at, _last: at)


@training.counterexample
def steps_that_take_ever_longer(run: Run, *, tokens_per_second: float, phase: str) -> Run:
    """The same with a delay that grows from step to step, as where something fills up."""
    return _slowed(run, tokens_per_second, phase, lambda at, last: at * (1 + at / last))


def _slowed(run: Run, floor: float, phase: str, place: Callable[[int, int], float]) -> Run:
    per_step, times = tokens_per_step(run), first_logged(run, ("seconds",), phase)
    if per_step is None or len(times) <= _FEWEST_MEASUREMENTS or not floor > 0:
        raise NotApplicable("batch or times are not recorded, or the floor is not above 0")
    pause, last = 10 * per_step / floor, len(times) - 1
    # Ten times the pause that the floor allows per step, whatever the log says of the steps themselves.
    return run.with_series(
        "seconds",
        lambda points: [(step, place(step - points[0][0], last) * pause) for step, _ in points],
        phase or None,
    )


@falsifier("throughput.forward", needs="tensors", imports=("torch", "scipy"))
def forward(
    model: Model,
    *,
    tokens_per_second: float,
    sequences: int = 1,
    sequence_length: int = 128,
    repeats: int = 10,
    device: Literal["any", "cpu", "cuda"] = "any",
    confidence: float = 0.95,
    clock: Callable[[], float] = time.perf_counter,
) -> Verdict:
    """These weights read at least so many tokens per second on this machine, measured here and now.

    Forward passes of the reference decoder in float32 are timed one by one after two that warm up; each pass is one
    measurement, and the lower bound of the mean's confidence interval must reach the floor. The number is measured by
    this check itself, on a GPU where there is one, and may therefore discharge.

    Args:
        tokens_per_second: the floor. It belongs to the device and the batch, which are measured and said beside it.
        sequences: sequences per pass.
        sequence_length: tokens per sequence.
        repeats: timed passes; at least five.
        device: what the passes must run on; where that is not there, the verdict is inconclusive.
        confidence: of the interval, one-sided.
    """
    import torch

    try:
        decoder = load_decoder(model)
    except UnfitError as error:
        return Verdict.inconclusive(f"{model.path}: {error}")
    place = next(iter(decoder.weights.values())).device
    if device not in ("any", place.type):
        return Verdict.inconclusive(f"the passes run on {place.type}, and the floor is one for {device}")
    if repeats < _FEWEST_MEASUREMENTS:
        return Verdict.inconclusive(f"{repeats} passes are too few: one may be lucky; set repeats to at least 5")
    rows = model.embedding_rows or 1
    ids = (torch.arange(sequences * sequence_length) % rows).view(sequences, sequence_length).to(place)

    def seconds_of_one_pass() -> float:
        began = clock()
        logits(decoder, ids)
        if place.type == "cuda":
            torch.cuda.synchronize()
        return clock() - began

    with torch.no_grad():
        passes = [seconds_of_one_pass() for _ in range(2 + repeats)][2:]
    if not all(one > 0 for one in passes):
        return Verdict.inconclusive("the clock did not move during a pass; read more tokens per pass")
    rates = [ids.numel() / one for one in passes]
    name = torch.cuda.get_device_name() if place.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    batch = f"{sequences} x {sequence_length} tokens"
    return _judged(rates, tokens_per_second, confidence, f"{model.path}: on {name}", "passes", name, batch)


@forward.counterexample
def a_machine_a_million_times_slower(_model: Model) -> dict[str, Callable[[], float]]:
    """The same passes by a clock that runs a million times as fast."""
    return {"clock": lambda: time.perf_counter() * 1e6}


@forward.counterexample
def a_pass_of_an_hour(_model: Model) -> dict[str, Callable[[], float]]:
    """Passes that all take an hour, whatever they read."""
    hours = iter(range(1_000_000))
    return {"clock": lambda: 3600.0 * next(hours)}
