"""What a race has shown beyond its winner, told from its plan and its curves."""

from __future__ import annotations

import pytest

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.seeds import phi_seeds
from falsifiable.race.judging.findings import expected_gains, seeds_compared

PLAN = {
    "phases": {
        "smoke": {"title": "nothing is expected of it", "experiments": []},
        "champion": {
            "title": "what is expected to help",
            "experiments": [
                {"recipe": "wsd", "seed": 1, "exp_id": 5, "against": "base", "gain": 0.1, "minimum": True},
                {"recipe": "h768", "seed": 1, "exp_id": 6, "against": None, "gain": None, "minimum": False},
            ],
        },
    }
}


def runs(recipe: str, finals: dict[int, float], planned: int = 10) -> list[Curve]:
    return [
        Curve(f"{recipe}-{seed}", recipe, seed, "bits_per_byte", (5, 10), (final + 1, final), planned)
        for seed, final in finals.items()
    ]


def test_what_was_registered_stands_beside_what_was_measured() -> None:
    base, wsd = runs("base", {1: 2.0, 2: 2.01, 3: 1.99}), runs("wsd", {1: 1.9, 2: 1.91, 3: 1.89})
    (row,) = expected_gains(PLAN, [*base, *wsd]).rows
    assert (row.recipe, row.against, row.expected, row.outcome) == ("wsd", "base", 0.1, "hit")
    assert row.measured == pytest.approx(0.1)
    assert expected_gains(PLAN, base).rows[0].outcome == "not run"


@pytest.mark.parametrize("plan", [{}, {"phases": None}, {"phases": []}, {"phases": {"smoke": None}}])
def test_a_plan_without_phases_registers_nothing(plan: dict[str, object]) -> None:
    assert expected_gains(plan, []).rows == ()


def test_phi_anchored_seeds_are_compared_with_others_of_their_recipe() -> None:
    anchored = {seed: 1.9 + place / 1000 for place, seed in enumerate(phi_seeds(8))}
    others = {seed: 2.0 + seed / 1000 for seed in range(8)}
    found = seeds_compared([*runs("wsd", {**anchored, **others}), *runs("bs8", others)])
    assert set(found) == {"wsd"}  # bs8 has nothing to compare
    assert found["wsd"].answer == "supported"
    assert found["wsd"].sizes == (8, 8)
    assert seeds_compared(runs("wsd", {**dict.fromkeys(anchored, 2.0), **others}))["wsd"].answer == "not supported"


def test_runs_that_did_not_reach_their_end_say_nothing_of_seeds() -> None:
    assert seeds_compared(runs("wsd", dict.fromkeys([*phi_seeds(4), 1, 2], 2.0), planned=100)) == {}
