from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.deciding.read_race import read_race
from falsifiable.race.deciding.states import state_of
from falsifiable.race.deciding.vocabulary import QUANTITIES, combinations

REFERENCE = Path(__file__).parent / "data" / "race.yaml"


def reference() -> RacePlan:
    plan = read_race(REFERENCE).plan
    assert plan is not None
    return plan


@given(st.fixed_dictionaries({name: st.sampled_from(words) for name, words in QUANTITIES.items()}))
def test_every_combination_has_exactly_one_state(words: dict[str, str]) -> None:
    assert state_of(reference().states, words).state


def test_there_are_as_many_combinations_as_words_allow() -> None:
    assert len(list(combinations())) == 3**4


def test_no_state_of_a_falling_run_is_diverging() -> None:
    for words in combinations():
        if words["own_slope"] != "rising":
            assert state_of(reference().states, words).state != "DIVERGING"
