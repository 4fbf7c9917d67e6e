"""Plots of a race: its curves with prediction bands, what was predicted at each rung, and regret over compute.

The same race gives the same bytes: identifiers are salted with a fixed word, and no date is written. matplotlib is
imported when a plot is drawn, and draws into memory: no screen is needed, none is opened.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decision import Decision
from falsifiable.report.race.regret import regret_over_compute
from falsifiable.report.race.status import RaceStatus
from falsifiable.report.text import clean, shortened

ImageFormat = Literal["svg", "png"]

COLOURS: Mapping[str, str] = {"keep": "#3a6ea5", "stop": "#b03a2e", "promote": "#1e8449", "hold": "#b7950b"}
MARKERS: Mapping[str, str] = {"keep": "o", "stop": "X", "promote": "^", "hold": "s"}
_UNDECIDED = "#7f8c8d"
_SETTINGS: Mapping[str, Any] = {
    "svg.hashsalt": "falsifiable",
    "svg.fonttype": "path",
    "path.simplify": False,
    "text.parse_math": False,  # a name with a dollar is a name
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that every machine draws the same
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.dpi": 100.0,
    "savefig.dpi": 100.0,
}
_MOST_LABELS = 40
_WIDEST_LABEL = 36


class PlotsUnavailable(Exception):
    """matplotlib is not installed; the message says how to install it."""


def draw(status: RaceStatus, image: ImageFormat = "svg") -> dict[str, bytes]:
    """Every plot of a race by its name, without suffix: ``curves``, ``predictions`` and ``regret``.

    A plot that there is nothing for yet (no prediction, no value) is left out.

    Raises:
        PlotsUnavailable: matplotlib is not installed.
    """
    drawn: dict[str, bytes] = {}
    with _matplotlib():
        plots: Mapping[str, Callable[[RaceStatus], Any]] = {
            "curves": _curves,
            "predictions": _predictions,
            "regret": _regret,
        }
        for name, plot in plots.items():
            figure = plot(status)
            if figure is not None:
                drawn[name] = _saved(figure, image)
    return drawn


@contextmanager
def _matplotlib() -> Iterator[None]:
    """matplotlib with settings of our own alone, whatever the user's are."""
    try:
        import matplotlib as mpl
    except ImportError as fault:
        raise PlotsUnavailable(
            "plots need matplotlib, which is not installed; install it with pip install 'falsifiable[plots]'"
        ) from fault
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def _figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure in inches, with its axes; it belongs to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _saved(figure: Any, image: ImageFormat) -> bytes:
    out = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if image == "svg" else {"Software": None}
    figure.savefig(out, format=image, metadata=metadata)
    return out.getvalue()


def _curves(status: RaceStatus) -> Any | None:
    """Every curve in the colour of what was last decided about it before its end, with the band of that prediction."""
    shown = [one for one in status.curves if _finite(one)]
    if not shown:
        return None
    figure, axes = _figure(10.0, 5.5)
    last = _last_that_counted(status)
    for curve in shown:
        decision = last.get(curve.run)
        colour = _UNDECIDED if decision is None else COLOURS.get(decision.action, _UNDECIDED)
        steps, values = zip(*_finite(curve), strict=True)
        axes.plot(steps, values, color=colour, linewidth=0.9, alpha=0.8)
        if decision is not None:
            _band(axes, curve, decision, colour)
    for decision in status.decisions:
        _mark(axes, decision, {one.run: one for one in shown})
    for rung, step in status.rungs.items():
        axes.axvline(step, color="black", linewidth=0.7, linestyle=":", alpha=0.6)
        axes.annotate(f"rung {rung}", (step, 1.0), xycoords=("data", "axes fraction"), fontsize=8, va="bottom")
    _limit(axes, shown, status.decisions)
    _labels(axes, f"{status.name}: curves, and where each was predicted to end", "step", status.unit.replace("_", " "))
    _legend(axes, status.decisions)
    return figure


def _last_that_counted(status: RaceStatus) -> dict[str, Decision]:
    """The last decision about each run, but for one at its own last step, where nothing is left to stop or predict."""
    ends = {one.run: one.last_step for one in status.curves if one.steps}
    return {one.run: one for one in status.decisions if one.step < ends.get(one.run, one.step + 1)}


def _band(axes: Any, curve: Curve, decision: Decision, colour: str) -> None:
    """From where the run stood at its last rung to the interval that is to hold its last value."""
    predicted, at = decision.prediction, curve.until(decision.step)
    if predicted is None or not at.steps or not _all_finite(predicted.low, predicted.high, at.values[-1]):
        return
    ends = [at.steps[-1], predicted.last_step]
    axes.fill_between(
        ends, [at.values[-1], predicted.low], [at.values[-1], predicted.high],
        color=colour, alpha=0.04 if decision.action == "stop" else 0.15, linewidth=0,
    )  # fmt: skip
    axes.plot([ends[1]] * 2, [predicted.low, predicted.high], color=colour, linewidth=1.2, alpha=0.5)


def _mark(axes: Any, decision: Decision, curves: Mapping[str, Curve]) -> None:
    curve = curves.get(decision.run)
    at = curve.until(decision.step) if curve is not None else None
    if at is None or not at.steps or not math.isfinite(at.values[-1]):
        return
    marker, colour = MARKERS.get(decision.action, "."), COLOURS.get(decision.action, _UNDECIDED)
    size = 3.0 if decision.action == "keep" else 5.0 if decision.action == "stop" else 7.0
    axes.plot([at.steps[-1]], [at.values[-1]], marker=marker, color=colour, markersize=size, linestyle="none")


def _limit(axes: Any, curves: Sequence[Curve], decisions: Sequence[Decision]) -> None:
    """Show what the race is decided by: the first values, far above all that follow, do not set the scale."""
    from_step = min((one.step for one in decisions), default=0)
    values = [value for one in curves for step, value in _finite(one) if step >= from_step]
    ends = [one.prediction for one in decisions if one.prediction is not None]
    values += [bound for one in ends for bound in (one.low, one.high) if math.isfinite(bound)]
    if not values:
        return
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.05
    axes.set_ylim(low - margin, high + margin)


def _legend(axes: Any, decisions: Sequence[Decision]) -> None:
    actions = [action for action in COLOURS if any(one.action == action for one in decisions)]
    for action in actions:
        axes.plot([], [], marker=MARKERS[action], color=COLOURS[action], linestyle="none", label=action)
    if actions:
        axes.legend(loc="upper right", frameon=True, framealpha=0.8, edgecolor="none")


def _predictions(status: RaceStatus) -> Any | None:
    """What was predicted of each run at each rung, and where it came to, for runs that reached their last step."""
    decisions = [one for one in status.decisions if one.prediction is not None and _drawable(one)]
    if not decisions:
        return None
    order = [one.run for one in status.runs if any(of.run == one.run for of in decisions)][:_MOST_LABELS]
    rungs = sorted({one.rung for one in decisions})
    figure, axes = _figure(10.0, 1.4 + 0.32 * len(order))
    for decision in decisions:
        if decision.run in order:
            place = order.index(decision.run) + 0.6 * (rungs.index(decision.rung) / max(len(rungs), 2) - 0.25)
            _interval(axes, decision, place)
    for curve in status.curves:
        if curve.run in order and curve.steps and curve.steps[-1] >= curve.last_step and _all_finite(curve.final):
            axes.plot([curve.final], [order.index(curve.run)], marker="|", color="black", markersize=14)
    axes.set_yticks(range(len(order)), [shortened(clean(run), _WIDEST_LABEL) for run in order])
    axes.invert_yaxis()
    title = f"{status.name}: predicted last values, rung after rung; a bar is what came"
    _labels(axes, title, status.unit.replace("_", " "), "")
    return figure


def _drawable(decision: Decision) -> bool:
    predicted = decision.prediction
    return predicted is not None and _all_finite(predicted.low, predicted.value, predicted.high)


def _interval(axes: Any, decision: Decision, place: float) -> None:
    predicted = decision.prediction
    if predicted is None:
        return
    colour = COLOURS.get(decision.action, _UNDECIDED)
    axes.plot([predicted.low, predicted.high], [place] * 2, color=colour, linewidth=1.5)
    marker = MARKERS.get(decision.action, ".")
    axes.plot([predicted.value], [place], marker=marker, color=colour, markersize=5.0, linestyle="none")


def _regret(status: RaceStatus) -> Any | None:
    """How far the best value so far is from the race's best, over the steps of all runs together."""
    points = regret_over_compute(status.curves)
    if len(points) < 2:
        return None
    figure, axes = _figure(10.0, 4.0)
    regret = [one.regret for one in points]
    axes.step([one.spent for one in points], regret, where="post", color=COLOURS["keep"], label="as it was raced")
    axes.step(
        [one.spent_without_stops for one in points], regret, where="post",
        color=_UNDECIDED, linestyle="--", label="had every run gone as far",
    )  # fmt: skip
    ends = sum(max(max(one.steps), one.last_step) for one in status.curves if one.steps)
    axes.set_xlim(0, max(ends, 1))
    _log_scale(axes, regret)
    axes.legend(loc="upper right", frameon=True, framealpha=0.8, edgecolor="none")
    unit = status.unit.replace("_", " ")
    _labels(axes, f"{status.name}: best value so far, less the best of the race", "steps of all runs together", unit)
    return figure


def _log_scale(axes: Any, regret: Sequence[float]) -> None:
    """A logarithmic scale from the smallest regret that is none down to 0, which a plain one has no place for."""
    positive = [one for one in regret if one > 0]
    if not positive:
        return
    axes.set_yscale("symlog", linthresh=min(positive))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # matplotlib's own writes formulas
    axes.set_ylim(0, max(positive) * 1.1)


def _labels(axes: Any, title: str, across: str, up: str) -> None:
    axes.set_title(shortened(clean(title), 110), loc="left", fontsize=10, pad=14)
    axes.set_xlabel(clean(across))
    axes.set_ylabel(clean(up))


def _finite(curve: Curve) -> list[tuple[int, float]]:
    return [(step, value) for step, value in zip(curve.steps, curve.values, strict=True) if math.isfinite(value)]


def _all_finite(*values: float) -> bool:
    return all(math.isfinite(one) for one in values)
