"""Plots of a race: the same bytes each time, whatever a run is called, and only of what there is."""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.races.race import open_race
from falsifiable.report.race.plots import PlotsUnavailable, draw
from falsifiable.report.race.regret import RegretPoint, regret_over_compute, share_of_compute
from falsifiable.report.race.status import RaceStatus, status_of
from tests.finished_race import write_race


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RaceStatus:
    """The race at its end."""
    return status_of(open_race(write_race(tmp_path_factory.mktemp("race"))))


@pytest.mark.parametrize("image", ["svg", "png"])
def test_the_same_race_gives_the_same_bytes(finished: RaceStatus, image: str) -> None:
    first = draw(finished, image)

    assert list(first) == ["curves", "predictions", "regret"]
    assert draw(finished, image) == first
    assert all(content.startswith(b"\x89PNG" if image == "png" else b"<?xml") for content in first.values())
    assert not any(b"Matplotlib v" in content or b"dc:date" in content for content in first.values())


def test_a_user_s_own_style_does_not_change_the_plots(finished: RaceStatus) -> None:
    import matplotlib as mpl

    plain = draw(finished)
    with mpl.rc_context({"lines.linewidth": 9.0, "font.size": 30.0}):
        assert draw(finished) == plain
        assert mpl.rcParams["font.size"] == 30.0


def test_each_decision_and_each_band_is_drawn(finished: RaceStatus) -> None:
    all_of_it = draw(finished)
    undecided = draw(replace(finished, decisions=()))

    assert list(undecided) == ["curves", "regret"]
    for action in ("keep", "stop", "promote"):
        assert f"<!-- {action} -->".encode() in all_of_it["curves"]
        assert f"<!-- {action} -->".encode() not in undecided["curves"]
    assert all_of_it["curves"].count(b"FillBetweenPolyCollection") == 6  # one band a run
    assert b"FillBetweenPolyCollection" not in undecided["curves"]


def test_names_are_neither_formulas_nor_markup(finished: RaceStatus) -> None:
    name = "$\\frac{$ --><script>alert(1)</script>"
    runs = (replace(finished.runs[0], run=name), *finished.runs[1:])
    decisions = tuple(replace(one, run=name) if one.run == "wsd-seed501" else one for one in finished.decisions)
    curves = tuple(replace(one, run=name) if one.run == "wsd-seed501" else one for one in finished.curves)

    for content in draw(replace(finished, name=name, runs=runs, decisions=decisions, curves=curves)).values():
        tags = {one.tag.rpartition("}")[2] for one in ET.fromstring(content).iter()}
        assert "script" not in tags


def test_values_that_are_not_finite_and_single_points_are_drawn_around(finished: RaceStatus) -> None:
    diverged = replace(finished.curves[0], values=(math.inf, *finished.curves[0].values[1:-1], math.nan))
    silent = Curve("s", "s", 1, "bits_per_byte", (20,), (math.nan,))

    drawn = draw(replace(finished, curves=(diverged, silent, *finished.curves[1:])))

    assert list(drawn) == ["curves", "predictions", "regret"]
    assert draw(replace(finished, curves=(silent,), decisions=())) == {}


def test_without_matplotlib_the_message_says_how_to_install_it(
    finished: RaceStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(PlotsUnavailable, match=r"pip install 'falsifiable\[plots\]'"):
        draw(finished)


# Regret


def curve(run: str, *points: tuple[int, float], planned: int | None = None) -> Curve:
    steps, values = zip(*points, strict=True)
    return Curve(run, run, None, "bits_per_byte", steps, values, planned)


def test_regret_counts_the_steps_of_all_runs_and_ends_at_nothing() -> None:
    stopped = curve("a", (10, 3.0), planned=30)
    leader = curve("b", (10, 3.5), (20, 2.5), (30, 2.0), planned=30)

    assert regret_over_compute([stopped, leader]) == (
        RegretPoint(10, 20, 20, 1.0),
        RegretPoint(20, 30, 40, 0.5),
        RegretPoint(30, 40, 60, 0.0),
    )
    assert share_of_compute([stopped, leader]) == 40 / 60


def test_regret_is_of_the_best_value_and_what_is_not_finite_is_none() -> None:
    rising = curve("a", (10, 2.0), (20, 2.5), (30, math.nan))

    assert [one.regret for one in regret_over_compute([rising])] == [0.0, 0.0]
    assert regret_over_compute([curve("a", (10, math.nan))]) == ()
    assert regret_over_compute([]) == ()
    assert math.isnan(share_of_compute([]))


def test_the_plots_of_a_race_that_has_just_begun(tmp_path: Path) -> None:
    assert draw(status_of(open_race(write_race(tmp_path, until=0)))) == {}
