"""Criteria are compared by the values that meet them, whatever words they are written in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts import Criterion
from falsifiable.contracts.criteria import criterion_fault
from falsifiable.contracts.criterion_comparison import compare_criteria
from falsifiable.contracts.value_sets import values_of

C = Criterion


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        (
            C(at_least=0.9999), C(at_least=0.99),
            "at least 0.9999 became at least 0.99: values from 0.99 to below 0.9999 would hold now",
        ),
        (C(above=1), C(at_least=1), "above 1 became at least 1: the value 1 would hold now"),
        (C(below=2), C(below=3), "below 2 became below 3: values from 2 to below 3 would hold now"),
        (C(at_most=2), C(at_most=3), "at most 2 became at most 3: values above 2 to 3 would hold now"),
        (
            C(at_least=1, at_most=2), C(at_least=1),
            "at least 1 and at most 2 became at least 1: values above 2 would hold now",
        ),
        (
            C(at_least=1, at_most=2), C(at_most=2),
            "at least 1 and at most 2 became at most 2: values below 1 would hold now",
        ),
        (C(equals=5), C(equals=5, within=1),
         "equal to 5 became equal to 5 within 1: values from 4 to below 5, above 5 to 6 would hold now"),
        (C(equals="cuda"), C(one_of=("cuda", "cpu")),
         "equal to cuda became one of cuda, cpu: the value 'cpu' would hold now"),
        (C(equals=True), C(one_of=(True, False)),
         "equal to true became one of true, false: the value false would hold now"),
        (C(one_of=(1, 3)), C(at_least=1, at_most=3),
         "one of 1, 3 became at least 1 and at most 3: values above 1 to below 3 would hold now"),
        (C(at_least=490000001), C(at_least=490000000),
         "at least 490000001 became at least 490000000: values from 490000000 to below 490000001 would hold now"),
        (C(above=0.1), C(above=0.05), "above 0.1 became above 0.05: values above 0.05 to 0.1 would hold now"),
        (C(at_most=1e-7), C(at_most=1.5e30),
         "at most 1e-7 became at most 1.5e+30: values above 1e-7 to 1.5e+30 would hold now"),
        (C(equals=1.7e308), C(equals=1.7e308, within=1.7e308),
         "equal to 1.7e+308 became equal to 1.7e+308 within 1.7e+308: "
         "values from 0 to below 1.7e+308, above 1.7e+308 to 3.4e+308 would hold now"),
        (C(one_of=("a",)), C(one_of=tuple("abcdefgh")),
         "one of a became one of a, b, c, d, e, f, g, h: values 'b', 'c', 'd', 'e', 'f' and 2 more would hold now"),
    ],
)  # fmt: skip
def test_what_would_hold_now_is_named_and_the_way_back_is_tightened(was: C, now: C, why: str) -> None:
    assert compare_criteria(was, now) == ("loosened", why)
    back = compare_criteria(now, was)
    assert back is not None
    assert back[0] == "tightened"
    assert back[1].endswith(why.rpartition(": ")[2].replace("would hold now", "would hold no longer"))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (C(at_least=5), C(at_least=5.0)),
        (C(equals=0.3, within=0.1), C(at_least=0.2, at_most=0.4)),
        (C(equals=1, within=1), C(at_least=0, at_most=2)),
        (C(one_of=("a", "b")), C(one_of=("b", "a", "b"))),
        (C(one_of=(1, "a", 1.0)), C(one_of=("a", 1))),
        (C(equals="a"), C(one_of=("a",))),
        (C(equals=1, within=0), C(equals=1)),
        (C(at_least=1, above=1), C(above=1)),
        (C(one_of=(1, 2, 3), at_most=2), C(one_of=(1, 2))),
        (C(one_of=(1, "a"), at_least=0), C(equals=1)),
        (C(equals=6, within=1, one_of=(6, 9)), C(equals=6)),
        (C(at_least=2, at_most=2), C(equals=2)),
    ],
)
def test_the_same_values_in_other_words_are_no_change(was: C, now: C) -> None:
    assert compare_criteria(was, now) is None
    assert compare_criteria(now, was) is None


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        (C(at_least=1), C(at_most=1),
         "at least 1 became at most 1: values below 1 would hold now, and values above 1 no longer"),
        (C(equals="cuda"), C(equals="cpu"),
         "equal to cuda became equal to cpu: the value 'cpu' would hold now, and the value 'cuda' no longer"),
        (C(equals=1), C(equals=True),
         "equal to 1 became equal to true: the value true would hold now, and the value 1 no longer"),
        (C(equals="1"), C(equals=1),
         "equal to 1 became equal to 1: the value 1 would hold now, and the value '1' no longer"),
        (C(at_least=1), C(), "at least 1 became nothing: an empty criterion has no bound"),
        (C(one_of=()), C(one_of=(1,)), "one of nothing became one of 1: one_of is empty: no value can meet it"),
        (C(one_of=(True,), at_least=1, below=1), C(one_of=(1,), at_least=1, below=1),
         "at least 1 and below 1 and one of true became at least 1 and below 1 and one of 1: "
         "no number is both at_least 1 and below 1"),
        (C(within=1), C(at_least=1), "nothing became at least 1: within is the tolerance of a number under equals, and "
         "there is none"),
    ],
)  # fmt: skip
def test_what_goes_both_ways_is_changed(was: C, now: C, why: str) -> None:
    assert compare_criteria(was, now) == ("changed", why)


def test_an_unsound_criterion_that_stays_is_no_change() -> None:
    assert compare_criteria(C(at_least=2, at_most=1), C(at_least=2.0, at_most=1)) is None
    with pytest.raises(ValueError, match="no number is both at_least 2 and at_most 1"):
        values_of(C(at_least=2, at_most=1))


few = st.integers(0, 6).map(lambda n: n / 10)
"""Few enough that two criteria often touch; tenths, so that the nearest binary numbers are not what is written."""
any_number = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
words = st.sampled_from(["cuda", "cpu", "1"]) | st.booleans()


def criteria(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Criterion]:
    bounds = st.fixed_dictionaries({}, optional=dict.fromkeys(("at_least", "at_most", "above", "below"), numbers))
    expected = st.one_of(
        st.builds(lambda centre, within: {"equals": centre, "within": abs(within)}, numbers, numbers),
        st.builds(lambda value: {"equals": value}, numbers | words),
        st.builds(lambda values: {"one_of": tuple(values)}, st.lists(numbers | words, min_size=1, max_size=3)),
    )
    both = st.builds(lambda one, other: C(**one, **other), bounds, expected)
    return (both | bounds.map(lambda one: C(**one)) | expected.map(lambda one: C(**one))).filter(
        lambda one: not criterion_fault(one)
    )


def probes(*some: Criterion) -> Iterator[object]:
    """Every end of the criteria, what lies just beside and between them, and values of other types.

    Whole numbers that no float can tell from their neighbours are left out: nobody measures one.
    """
    ends = {0.0}
    for one in some:
        for span in values_of(one).numbers:
            ends |= {float(end) for end, _ in (span.start, span.end) if abs(end) < 10**308}
        ends |= {float(value) for value in one.one_of or () if not isinstance(value, str | bool)}
    ordered = sorted(ends)
    yield from (
        beside for end in ordered for beside in (end, math.nextafter(end, -math.inf), math.nextafter(end, 1e308))
    )
    yield from ((low + high) / 2 for low, high in pairwise(ordered))
    yield from (
        ordered[0] - 1,
        ordered[-1] + 1,
        *(int(end) for end in ordered if abs(end) <= 2**53),
        "cuda",
        "cpu",
        "1",
        True,
        False,
        None,
    )


def direction(was: Criterion, now: Criterion) -> str | None:
    found = compare_criteria(was, now)
    return found[0] if found else None


@settings(deadline=None)
@given(criteria(few | any_number), criteria(few | any_number))
def test_no_value_contradicts_the_direction(was: C, now: C) -> None:
    said = direction(was, now)
    gained = [one for one in probes(was, now) if now.holds(one) and not was.holds(one)]
    lost = [one for one in probes(was, now) if was.holds(one) and not now.holds(one)]
    assert not (gained and said in (None, "tightened")), f"{said}, and {gained} hold now"
    assert not (lost and said in (None, "loosened")), f"{said}, and {lost} hold no longer"


@settings(deadline=None)
@given(criteria(few), criteria(few))
def test_every_direction_has_a_value_that_shows_it(was: C, now: C) -> None:
    gained = any(now.holds(one) and not was.holds(one) for one in probes(was, now))
    lost = any(was.holds(one) and not now.holds(one) for one in probes(was, now))
    said = {(True, True): "changed", (True, False): "loosened", (False, True): "tightened", (False, False): None}
    assert direction(was, now) == said[gained, lost]


@settings(deadline=None)
@given(criteria(few | any_number), criteria(few | any_number))
def test_the_way_back_is_the_mirror(was: C, now: C) -> None:
    mirrored = {"loosened": "tightened", "tightened": "loosened"}
    there = direction(was, now)
    assert direction(now, was) == (mirrored.get(there, there) if there else None)


@settings(deadline=None)
@given(criteria(few | any_number))
def test_a_criterion_is_itself(one: C) -> None:
    assert compare_criteria(one, one) is None


@settings(deadline=None)
@given(criteria(few), criteria(few), criteria(few))
def test_what_is_loosened_twice_is_loosened(first: C, second: C, third: C) -> None:
    by_size = sorted((first, second, third), key=lambda one: sum(map(one.holds, probes(first, second, third))))
    steps = [direction(one, other) for one, other in pairwise(by_size)]
    if all(step in (None, "loosened") for step in steps):
        assert direction(by_size[0], by_size[2]) == ("loosened" if "loosened" in steps else None)
