"""Errors of a race: each carries its values, makes one sentence of them, and survives a process boundary."""

from __future__ import annotations

import pickle
import typing
from dataclasses import fields

import pytest

from falsifiable.race import errors
from falsifiable.race.errors import IdempotencyConflict, NonMonotonicExpId, RaceError

KINDS = [getattr(errors, name) for name in errors.__all__ if name != "RaceError"]
SAMPLES = {
    "str": "IGLA-HYBRID-FP32-WSD",
    "int": 5,
    "float": 1.8,
    "int | None": None,
    "tuple[str, ...]": ("a", "b"),
    "tuple[int, ...]": (43, 44),
}


def made(kind: type[RaceError]) -> RaceError:
    return kind(*(SAMPLES[typing.cast(str, one.type)] for one in fields(kind)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_is_a_whole_sentence_about_its_values_and_says_what_to_do(kind):
    text = str(made(kind))

    assert "{" not in text
    assert len(text.split()) >= 8
    assert ";" in text, "what is wrong; what to do next"
    for one in fields(kind):
        assert f"{{{one.name}" in kind.says, f"the sentence does not say {one.name}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_survives_pickling_with_all_values(kind):
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))

    assert (type(again), again.values, again.name) == (kind, error.values, kind.__name__)


def test_values_are_attributes_in_the_order_of_their_declaration():
    error = NonMonotonicExpId(5, current_max=520)

    assert (error.got, error.current_max) == (5, 520)
    assert str(error).startswith("E0005 is not above E0520")
    assert repr(error) == "NonMonotonicExpId(got=5, current_max=520)"


def test_a_long_or_hostile_value_is_shown_short_and_escaped():
    text = str(errors.MissingIglaPrefix("x" * 10_000 + "\x1b[31m"))

    assert len(text) < 300
    assert "\\x1b" in str(errors.MissingIglaPrefix("\x1b[31m"))


def test_an_error_may_be_raised_through_a_context_manager():
    from contextlib import contextmanager

    @contextmanager
    def somewhere():
        yield

    with pytest.raises(IdempotencyConflict, match="use a new key"), somewhere():
        raise IdempotencyConflict("k", "one", "another")


def test_all_kinds_are_exported():
    assert {kind.__name__ for kind in RaceError.__subclasses__()} == {kind.__name__ for kind in KINDS}
