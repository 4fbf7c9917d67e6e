"""Loss curves with what was predicted of them: of whole races, and of single runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.predicting.prediction import Prediction
from falsifiable.report.page.chart import Band, Chart, Line, drawn
from falsifiable.report.page.markup import Element, element
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.run_curves import RunCurve
from falsifiable.report.page.tables import scrolling, table
from falsifiable.report.race.page import summary
from falsifiable.report.race.status import RaceStatus
from falsifiable.report.race.table import HEAD, cells, interval, number

_ACTIONS = ("keep", "promote", "hold", "stop")
_UNDECIDED = "undecided"


def loss_curves(overview: Overview) -> Iterator[Element]:
    """Every race, then every run."""
    for race in overview.races:
        yield from _race(race)
    for curve in overview.runs:
        yield _run(curve)
    if not overview.races and not overview.runs:
        yield element("p", "No run and no race is bound here; name one after --packet or --race.")


def _race(status: RaceStatus) -> Iterator[Element]:
    yield element("h3", f"Race {status.name}")
    yield from (element("p", line) for line in summary(status))
    yield from (element("p", f"ledger: {fault}", class_="found") for fault in status.faults)
    decisions = last_that_counted(status)
    shown = [one for one in status.curves if _finite(one)]
    if shown:
        caption = "Each run in the tone of the last decision about it; a band leads to what was predicted of its end."
        tones = {_tone(decisions.get(one.run)) for one in shown}
        legend = [one for one in (*_ACTIONS, _UNDECIDED) if one in tones]
        chart = drawn(_race_chart(status, shown, decisions))
        yield _figure(f"Loss curves of race {status.name}", chart, caption, legend)
    yield table(f"Runs of race {status.name}", HEAD, map(cells, status.runs))


def _race_chart(status: RaceStatus, shown: list[Curve], decisions: Mapping[str, Decision]) -> Chart:
    lines = [Line(_finite(one), _tone(decisions.get(one.run)), one.run) for one in shown]
    bands = [
        band
        for one in shown
        if (decision := decisions.get(one.run)) is not None
        if (band := _band(one.until(decision.step), decision.prediction, _tone(decision))) is not None
    ]
    unit = status.unit.replace("_", " ")
    return Chart(
        f"{len(shown)} loss curves of race {status.name}, in {unit}; the table below has their last values",
        "step",
        unit,
        lines,
        bands,
        [(float(step), f"rung {rung}") for rung, step in status.rungs.items()],
        range_up=_range(shown, bands, min((one.step for one in status.decisions), default=0)),
    )


def last_that_counted(status: RaceStatus) -> dict[str, Decision]:
    """The last decision about each run before its own last step, where nothing is left to stop or predict."""
    ends = {one.run: one.last_step for one in status.curves if one.steps}
    return {one.run: one for one in status.decisions if one.step < ends.get(one.run, one.step + 1)}


def _range(curves: list[Curve], bands: list[Band], from_step: int) -> tuple[float, float] | None:
    """What a race is decided by: the first values, far above all that follow, do not set the scale."""
    values = [value for one in curves for step, value in _finite(one) if step >= from_step]
    values += [bound for one in bands for bound in (one.low, one.high)]
    if not values or min(values) == max(values):
        return None
    margin = 0.05 * (max(values) - min(values))
    return min(values) - margin, max(values) + margin


def _tone(decision: Decision | None) -> str:
    return decision.action if decision is not None and decision.action in _ACTIONS else _UNDECIDED


def _band(seen: Curve, predicted: Prediction | None, tone: str) -> Band | None:
    if predicted is None or not seen.steps:
        return None
    if not all(map(math.isfinite, (predicted.low, predicted.high, seen.values[-1]))):
        return None
    start = (float(seen.steps[-1]), seen.values[-1])
    return Band(
        start, float(predicted.last_step), predicted.low, predicted.high, tone, f"{seen.run}: {interval(predicted)}"
    )


def _run(one: RunCurve) -> Element:
    curve, predicted = one.curve, one.predicted
    points = _finite(curve)
    band = None if predicted is None else _band(curve.until(predicted.step), predicted, "promote")
    bands = [] if band is None else [band]
    from_step = 0 if predicted is None else predicted.step // 4
    chart = Chart(
        f"{one.title} of run {curve.run}: {len(points)} points",
        "step",
        "nats per token",
        [Line(points, "keep", one.title)],
        bands,
        range_up=_range([curve], bands, from_step),
    )
    return element(
        "section",
        element("h3", f"{one.title}, run {curve.run}"),
        _figure(f"Curve of {one.title}, run {curve.run}", drawn(chart), _said(one), []),
    )


def _said(one: RunCurve) -> str:
    predicted, curve = one.predicted, one.curve
    if curve.fault:
        return f"Nothing can be predicted of it: {curve.fault}."
    ended = f"It ended with {number(curve.final)} at step {curve.steps[-1]}."
    if predicted is None:
        return f"{ended} It has too few points for a prediction."
    fell = "inside" if predicted.low <= curve.final <= predicted.high else "outside"
    return (
        f"{ended} From its first half, up to step {predicted.step}, a power law predicts {interval(predicted)} for its "
        f"last step: the end lies {fell} the band."
    )


def _figure(label: str, image: Element, caption: str, tones: list[str]) -> Element:
    legend = (element("span", tone, class_=f"key {tone}") for tone in tones)
    return element("figure", scrolling(label, image), element("figcaption", caption, " ", *legend))


def _finite(curve: Curve) -> list[tuple[float, float]]:
    pairs = zip(curve.steps, curve.values, strict=True)
    return [(float(step), value) for step, value in pairs if math.isfinite(value)]
