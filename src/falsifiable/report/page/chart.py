"""Charts as inline SVG: lines, bands and bars on two axes, in colours that follow the page's.

Nothing but shapes and classes is written, so that the style of the page decides how they look, in the dark too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from falsifiable.report.page.markup import Element, element

Point = tuple[float, float]

WIDTH, HEIGHT = 760.0, 340.0
"""Of the drawing, in its own units: it is scaled to the page."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 16.0, 14.0, 44.0
_TICKS = 5
_FURTHEST = 1e300
"""Beyond this the length of an axis would be no number any more."""
MOST_POINTS = 400
"""Of a line: more than the drawing has columns for its ink."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; ``tone`` is the class that colours it, ``title`` what it is called."""

    points: Sequence[Point]
    tone: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """From one point to the interval ``low`` to ``high`` at ``until``."""

    start: Point
    until: float
    low: float
    high: float
    tone: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn.

    ``label`` says what it shows to who cannot see it. ``across`` and ``up`` name the axes, ``ticks`` are places and
    words below the one across, ``dotted`` marks every point of a line.

    ``range_up`` is what the axis up shows; by default everything that is drawn. ``marks`` are places across with a word
    each, drawn as upright lines.
    """

    label: str
    across: str
    up: str
    lines: Sequence[Line]
    bands: Sequence[Band] = ()
    marks: Sequence[tuple[float, str]] = ()
    ticks: Sequence[tuple[float, str]] = ()
    range_up: tuple[float, float] | None = None
    dotted: bool = field(default=False)


def drawn(chart: Chart) -> Element:
    """The chart as SVG; what its numbers are belongs into a table or a sentence beside it."""
    axes = _axes_of(chart)
    return element(
        "svg",
        *axes.grid(chart),
        *(_band(one, axes, 1.0 / len(chart.bands)) for one in chart.bands),
        *(_line(one, axes) for one in chart.lines),
        *(dot for one in chart.lines if chart.dotted for dot in _dots(one, axes)),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        class_="chart",
        role="img",
        aria_label=chart.label,
    )


@dataclass(frozen=True, slots=True)
class _Axes:
    low: Point
    high: Point

    def place(self, point: Point) -> Point:
        """Where a point lies in the drawing; what lies beyond an axis is put on its end."""
        shares = [
            min(max((value - low) / (high - low), 0.0), 1.0)
            for value, low, high in zip(point, self.low, self.high, strict=True)
        ]
        return (
            _LEFT + shares[0] * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - shares[1] * (HEIGHT - _TOP - _BOTTOM),
        )

    def grid(self, chart: Chart) -> Iterator[Element]:
        left, bottom = self.place(self.low)
        right, top = self.place(self.high)
        for value in _round_numbers(self.low[1], self.high[1]):
            height = self.place((self.low[0], value))[1]
            yield element("line", x1=left, x2=right, y1=height, y2=height, class_="grid")
            yield _text(f"{value:.6g}", left - 6, height + 4, "end")
        for place, word in chart.ticks or [(one, f"{one:g}") for one in _round_numbers(self.low[0], self.high[0])]:
            yield _text(word, self.place((place, self.low[1]))[0], bottom + 16, "middle")
        for place, word in chart.marks:
            x = self.place((place, self.low[1]))[0]
            yield element("line", x1=x, x2=x, y1=top, y2=bottom, class_="mark")
            yield _text(word, x + 4, top + 10, "start") if x < 0.9 * right else _text(word, x - 4, top + 10, "end")
        yield _text(chart.across, (left + right) / 2, HEIGHT - 8, "middle")
        turned = f"rotate(-90 14 {(top + bottom) / 2:g})"
        yield element(
            "text", chart.up, x=14.0, y=(top + bottom) / 2, class_="axis", text_anchor="middle", transform=turned
        )


def _axes_of(chart: Chart) -> _Axes:
    across = [one[0] for line in chart.lines for one in line.points] + [one.until for one in chart.bands]
    up = [one[1] for line in chart.lines for one in line.points]
    up += [bound for one in chart.bands for bound in (one.low, one.high)]
    low_up, high_up = chart.range_up or _ends(up, margin=0.05)
    low_across, high_across = _ends(across, margin=0.0)
    return _Axes((low_across, low_up), (high_across, high_up))


def _ends(values: Iterable[float], margin: float) -> Point:
    """The least and the most, with a margin, and never the same."""
    known = [one for one in values if abs(one) <= _FURTHEST] or [0.0]
    low, high = min(known), max(known)
    added = margin * (high - low) if high > low else max(0.5, abs(low) / 100)
    return low - added, high + added


def _round_numbers(low: float, high: float) -> list[float]:
    """Some numbers between two that a person would choose: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / _TICKS
    if not (math.isfinite(rough) and rough > 0):
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [one * step for one in range(first, min(last, first + 4 * _TICKS) + 1)]


def _line(line: Line, axes: _Axes) -> Element:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(axes.place, thinned(line.points)))
    return element("polyline", _title(line.title), points=points, class_=f"line {line.tone}")


def _dots(line: Line, axes: _Axes) -> Iterator[Element]:
    for x, y in map(axes.place, line.points):
        yield element("circle", cx=x, cy=y, r=4.0, class_=f"dot {line.tone}")


def _band(band: Band, axes: _Axes, share: float) -> Element:
    """The band; many of them lie over each other, so each takes its share of the ink."""
    corners = (band.start, (band.until, band.low), (band.until, band.high))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(axes.place, corners))
    return element(
        "polygon", _title(band.title), points=points, class_=f"band {band.tone}", fill_opacity=max(share, 0.1)
    )


def _title(text: str) -> Element | None:
    return element("title", text) if text else None


def _text(text: str, x: float, y: float, anchored: str) -> Element:
    return element("text", text, x=x, y=y, class_="axis", text_anchor=anchored)


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most ``MOST_POINTS`` of the finite points: of each stretch the lowest and the highest, so that peaks stay."""
    known = [one for one in points if math.isfinite(one[1])]
    if len(known) <= MOST_POINTS:
        return known
    stretch = math.ceil(2 * (len(known) - 2) / (MOST_POINTS - 2))
    kept = [known[0]]
    for start in range(1, len(known) - 1, stretch):
        part = known[start : min(start + stretch, len(known) - 1)]
        ends = {min(part, key=lambda one: one[1]), max(part, key=lambda one: one[1])}
        kept += sorted(ends)
    return [*kept, known[-1]]
