"""Charts as SVG."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.report.page.chart import HEIGHT, MOST_POINTS, WIDTH, Band, Chart, Line, drawn, thinned
from falsifiable.report.page.markup import rendered
from tests.report.page.reading import Reader

numbers = st.floats(width=32)
points = st.lists(st.tuples(st.floats(-1e30, 1e30), numbers), max_size=30)


@given(points, st.tuples(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30)))
def test_everything_drawn_lies_inside(line: list[tuple[float, float]], ends: tuple[float, float]) -> None:
    band = Band((0.0, 0.0), 10.0, *ends, tone="keep")
    read = Reader(rendered(drawn(Chart("chart", "step", "loss", [Line(line, "keep")], [band]))))

    shapes = [one["points"] or "" for name, one in read.elements if name in ("polyline", "polygon")]
    places = [tuple(map(float, one.split(","))) for shape in shapes for one in shape.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_what_is_higher_is_drawn_higher() -> None:
    read = Reader(rendered(drawn(Chart("chart", "step", "loss", [Line([(0.0, 5.0), (10.0, 1.0)], "keep")]))))

    first, second = ((read.of("polyline")[0]["points"]) or "").split()
    assert float(first.split(",")[1]) < float(second.split(",")[1])
    assert float(first.split(",")[0]) < float(second.split(",")[0])


def test_a_peak_is_never_thinned_out() -> None:
    line = [(float(step), 100.0 if step == 7_777 else 1.0) for step in range(10_000)]

    kept = thinned(line)

    assert (7_777.0, 100.0) in kept
    assert (kept[0], kept[-1]) == (line[0], line[-1])
    assert len(kept) <= MOST_POINTS + 2
    assert kept == sorted(kept)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_left_out(value: float) -> None:
    assert thinned([(0.0, 1.0), (1.0, value), (2.0, 1.0)]) == [(0.0, 1.0), (2.0, 1.0)]
