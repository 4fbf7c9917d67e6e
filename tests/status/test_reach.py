"""What can be reached is the best there is: compared with trying every selection of steps."""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import combinations
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts import Quorum, Ship, Step, Tripwire
from falsifiable.contracts.model import Criterion
from falsifiable.status import Reach, ReachError, RoadmapStanding, reachable, roadmap_standing, ship_standing, tiers
from tests.status.ships import acceptance, effort, grounds, one_claim_each, recorded, ship, step

NOTHING = grounds(one_claim_each("X"))


def stand(made: Ship, on: Any = NOTHING) -> RoadmapStanding:
    return roadmap_standing(ship_standing(made, on), on)


def names(reach: Reach) -> list[str]:
    return [name for one in reach.dispatches for name in one.names]


THREE = ship(
    acceptance("AC-1", "X", points=5),
    acceptance("AC-2", "X", points=4),
    acceptance("AC-3", "X", points=4),
    roadmap=(
        step("base", "X", hours=3),
        step("big", "X", hours=6, requires=("base",), earns=("AC-1",)),
        step("left", "X", hours=4, earns=("AC-2",)),
        step("right", "X", hours=4, earns=("AC-3",), device="cuda"),
    ),
)


def test_the_best_selection_within_the_hours_is_found() -> None:
    assert names(reachable(stand(THREE), within=Fraction(9))) == ["left", "right"]
    assert str(reachable(stand(THREE), within=Fraction(9)).tally) == "8 of 13 points: 61.5 %"
    assert names(reachable(stand(THREE), within=Fraction(13))) == ["base", "big", "left"]
    assert reachable(stand(THREE), within=Fraction(3)).dispatches == ()


def test_a_device_that_is_not_there_takes_along_what_requires_it() -> None:
    reach = reachable(stand(THREE), within=Fraction(9), device="cpu")
    assert (names(reach), reach.hours) == (["base", "big"], 9)
    chained = ship(
        acceptance("AC-1", "X"),
        roadmap=(
            step("a", "X", device="cuda"),
            step("b", "X", requires=("a",)),
            step("c", "X", requires=("b",), earns=("AC-1",)),
        ),
    )
    cpu, ceiling = tiers(stand(chained))
    assert (str(cpu.tally), cpu.dispatches) == ("0 of 5 points: 0.0 %", ())
    assert (str(ceiling.tally), names(ceiling)) == ("5 of 5 points: 100.0 %", ["a", "b", "c"])


def test_what_is_worth_the_same_takes_the_shorter_then_the_earlier() -> None:
    same = [acceptance(f"AC-{one}", "X", points=2) for one in (1, 2, 3)]
    tied = ship(
        *same,
        roadmap=(
            step("long", "X", hours=3, earns=("AC-1",)),
            step("first", "X", hours=2, earns=("AC-2",)),
            step("second", "X", hours=2, earns=("AC-3",)),
        ),
    )
    assert names(reachable(stand(tied), within=Fraction(3))) == ["first"]


def test_amounts_beyond_measure_are_weighed_all_the_same() -> None:
    huge = ship(
        acceptance("AC-1", "X", points=1e30),
        acceptance("AC-2", "X", points=1e-9),
        roadmap=(step("a", "X", hours=1e30, earns=("AC-1",)), step("b", "X", hours=1, earns=("AC-2",))),
    )
    assert names(reachable(stand(huge), within=Fraction(2))) == ["b"]


def test_steps_that_go_together_are_taken_together() -> None:
    pair = ship(
        acceptance("AC-1", "X"),
        roadmap=(step("a", "X", hours=2, earns=("AC-1",), atomic_with=("b",)), step("b", "X", hours=2)),
    )
    assert reachable(stand(pair), within=Fraction(3)).dispatches == ()
    assert names(reachable(stand(pair), within=Fraction(4))) == ["a", "b"]


def test_what_no_step_can_change_is_not_promised() -> None:
    """A criterion whose steps are done in vain, one that waits for a review, and one that nothing leads to."""
    held = one_claim_each("X", "Y")
    wire = Tripwire("X", "loss", Criterion(above=0), "always")
    made = ship(
        acceptance("AC-1", "X", quorum=Quorum(2, "run.seed")),
        acceptance("AC-2", "X", tripwires=(wire,), effort=effort()),
        acceptance("AC-3", "Y"),
        acceptance("AC-4", "X"),
        roadmap=(step("a", "X", earns=("AC-1",)),),
    )
    on = grounds(held, recorded(held[0]))
    assert [one.state for one in ship_standing(made, on).criteria] == ["open", "held for review", "open", "discharged"]
    for reach in (*tiers(stand(made, on)), reachable(stand(made, on), within=Fraction(99))):
        assert str(reach.tally) == "5 of 20 points: 25.0 %"
    assert reachable(stand(made, on), within=Fraction(99)).dispatches == ()


def test_without_scipy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ReachError, match=r"pip install 'falsifiable\[statistics\]'"):
        reachable(stand(THREE), within=Fraction(9))
    assert str(tiers(stand(THREE))[1].tally) == "13 of 13 points: 100.0 %", "without a limit nothing has to be solved"


@st.composite
def shipped(draw: st.DrawFn) -> Ship:
    """Up to six steps, each requiring and earning what came before it, some of them together."""
    count = draw(st.integers(1, 6))
    criteria = [
        acceptance(f"AC-{one}", "X", points=draw(st.sampled_from([1, 2, 2.5, 5, 0.125])))
        for one in range(draw(st.integers(1, 5)))
    ]
    steps: list[Step] = []
    for number in range(count):
        earlier = [one.step for one in steps]
        together = draw(st.lists(st.sampled_from(earlier), max_size=1)) if earlier else []
        before = [one for one in earlier if one not in together and not steps[earlier.index(one)].atomic_with]
        required = draw(st.lists(st.sampled_from(before), max_size=2, unique=True)) if before and not together else []
        steps.append(
            step(
                f"s{number}",
                "X",
                hours=draw(st.sampled_from([0.5, 1, 1.25, 2, 3.333])),
                device=draw(st.sampled_from(["cpu", "cuda"])),
                requires=tuple(required),
                earns=tuple(draw(st.lists(st.sampled_from([one.id for one in criteria]), max_size=2, unique=True))),
                atomic_with=tuple(together),
            )
        )
    return ship(*criteria, roadmap=tuple(steps))


def tried(made: Ship, within: Fraction, device: Any) -> tuple[Fraction, int]:
    """The most points of any allowed selection, and the fewest minutes that earn them."""
    steps = {one.step: one for one in made.roadmap}
    minutes = {name: Fraction(str(one.hours)) * 60 for name, one in steps.items()}
    earners = {one.id: [name for name, step in steps.items() if one.id in step.earns] for one in made.criteria}
    best = (Fraction(0), 0)
    for size in range(len(steps) + 1):
        for chosen in map(set, combinations(steps, size)):
            groups = {made.groups[name] for name in chosen}
            taken = sum(ceil(sum(minutes[name] for name in group)) for group in groups)
            allowed = (
                all(set(group) <= chosen for group in groups)
                and all(set(steps[name].requires) <= chosen for name in chosen)
                and all(device != "cpu" or steps[name].device == "cpu" for name in chosen)
                and taken <= within * 60
            )
            if allowed:
                won = [one for one in made.criteria if earners[one.id] and chosen.issuperset(earners[one.id])]
                points = sum((Fraction(str(one.points)) for one in won), Fraction(0))
                best = max(best, (points, -taken))
    return best[0], -best[1]


@settings(deadline=None, max_examples=40)
@given(
    shipped(),
    st.sampled_from([Fraction(0), Fraction(1), Fraction(5, 2), Fraction(4), Fraction(7)]),
    st.sampled_from(["cpu", None]),
)
def test_it_is_the_best_of_all_selections(made: Ship, within: Fraction, device: Any) -> None:
    roadmap = stand(made)
    reach = reachable(roadmap, within=within, device=device)
    points, minutes = tried(made, within, device)
    assert reach.tally.discharged == points
    assert sum(ceil(one.hours * 60) for one in reach.dispatches) == minutes
    seen: set[str] = set()
    for dispatch in reach.dispatches:
        assert {name for one in dispatch.steps for name in one.step.requires} <= seen | set(dispatch.names)
        seen |= set(dispatch.names)
    assert reachable(roadmap, within=within, device=device) == reach
    unlimited = reachable(roadmap, device=device)
    assert unlimited.tally.discharged == reachable(roadmap, within=Fraction(1000), device=device).tally.discharged
