"""Mutations of what tensors hold: single values, rows, whole tensors."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from falsifiable.artifacts import Model
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.configurations import decoder, matrices
from falsifiable.validation.mutations.mutation import Mutation, one_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]
    Change = Callable[[Values, Random], None]

Choose = Callable[[Model, Random], str]


def _any_matrix(model: Model, random: Random) -> str:
    """A matrix that holds something: one of zeros is the same negated, scaled or in another order."""
    names = sorted(name for name in matrices(model) if min(model.tensors[name].shape) > 1)
    random.shuffle(names)
    filled = (name for name in names if model.fingerprint(name).zero_share < 1.0)
    return one_of(random, list(itertools.islice(filled, 1)), "matrix that holds anything but zeros")


def _norm(model: Model, random: Random) -> str:
    names = [stored for name, stored in decoder(model).canonical_names.items() if name.endswith("_norm")]
    return one_of(random, names, "norm")


def _bias(model: Model, random: Random) -> str:
    names = [stored for name, stored in decoder(model).canonical_names.items() if name.endswith(".bias")]
    return one_of(random, names, "bias")


def _embedding(model: Model, _: Random) -> str:
    if not (decoder(model).embedding_rows or 0) > 1:
        raise NotApplicable("the model has no embedding")
    return model.canonical_names["token_embedding"]


def _query(model: Model, random: Random) -> str:
    if not (decoder(model).config.num_attention_heads or 0) > 1:
        raise NotApplicable("the model does not state several heads")
    names = [stored for name, stored in model.canonical_names.items() if name.endswith("attention.query")]
    return one_of(random, names, "query projection")


def _mutation(name: str, describes: str, guards: str, choose: Choose, change: Change) -> Mutation:
    """A mutation that changes a copy of one tensor's values in place."""

    def make(model: Model, random: Random) -> Model:
        chosen, state = choose(model, random), random.getrandbits(32)

        def mutated(values: Values) -> Values:
            copy = _as_floats(values)
            change(copy, Random(state))  # noqa: S311 - a choice that repeats, no secret
            return copy.astype(values.dtype)

        mutated.__name__ = name
        return model.with_tensor(chosen, mutated)

    return Mutation(name, "model", describes, guards, make)


def _as_floats(values: Values) -> Values:
    import numpy as np

    return values.copy() if np.issubdtype(values.dtype, np.floating) else values.astype(np.float32)


def _set_one(value: float) -> Change:
    def change(values: Values, random: Random) -> None:
        values.flat[random.randrange(values.size)] = value

    return change


def _negate_largest(values: Values, _: Random) -> None:
    at = int(abs(values).argmax())
    values.flat[at] = -values.flat[at]


def _zero_row(values: Values, _: Random) -> None:
    values[_strongest_row(values)] = 0


def _repeat_row(values: Values, _: Random) -> None:
    row = _strongest_row(values)
    values[row] = values[_another_row(values, row, 1)]


def _exchange_rows(values: Values, _: Random) -> None:
    row = _strongest_row(values)
    other = _another_row(values, row, len(values) // 2)
    values[[row, other]] = values[[other, row]]


def _another_row(values: Values, row: int, away: int) -> int:
    """The first row from ``away`` rows further on that is not the same as ``row``; where all are, the one there."""
    places = [(row + away + step) % len(values) for step in range(len(values))]
    return next((place for place in places if (values[place] != values[row]).any()), places[0])


def _strongest_row(values: Values) -> int:
    """The row of the largest norm: reserved rows of an embedding, which nothing looks up, may hold anything."""
    import numpy as np

    return int(np.abs(values).reshape(len(values), -1).sum(axis=1).argmax())


def _fill(value: float) -> Change:
    def change(values: Values, _: Random) -> None:
        values[...] = value

    return change


def _noise(values: Values, random: Random) -> None:
    import numpy as np

    values[...] = np.random.default_rng(random.getrandbits(32)).normal(values.mean(), values.std(), values.shape)


def _scale(factor: float) -> Change:
    def change(values: Values, _: Random) -> None:
        values *= factor

    return change


def _reverse_rows(values: Values, _: Random) -> None:
    values[...] = values[::-1].copy()


def _roll_half(values: Values, _: Random) -> None:
    import numpy as np

    values[...] = np.roll(values, len(values) // 2, axis=0)


_FINITE = "Every weight is a finite number"
_FILLED = "No matrix is constant or empty"
_FROM = "The values are those of the model this one came from, or compute the recorded loss"

WEIGHT_MUTATIONS: tuple[Mutation, ...] = (
    _mutation("value-not-a-number", "a single NaN", _FINITE, _any_matrix, _set_one(float("nan"))),
    _mutation("value-infinite", "a single infinite value", _FINITE, _any_matrix, _set_one(float("inf"))),
    _mutation("value-huge", "a single value of 30,000", _FROM, _any_matrix, _set_one(3e4)),
    _mutation("value-negated", "the largest value of a matrix negated", _FROM, _any_matrix, _negate_largest),
    _mutation("row-zeroed", "a row of zeros", _FROM, _any_matrix, _zero_row),
    _mutation("row-repeated", "a row that is its neighbour again", _FROM, _any_matrix, _repeat_row),
    _mutation("rows-exchanged", "two rows of a matrix exchanged", _FROM, _any_matrix, _exchange_rows),
    _mutation("embedding-rows-exchanged", "two tokens with each other's embedding", _FROM, _embedding, _exchange_rows),
    _mutation("matrix-of-zeros", "a matrix of zeros", _FILLED, _any_matrix, _fill(0.0)),
    _mutation("matrix-of-one-value", "a matrix of one value", _FILLED, _any_matrix, _fill(0.02)),
    _mutation("matrix-of-noise", "a matrix of random numbers of the same spread", _FROM, _any_matrix, _noise),
    _mutation("matrix-negated", "a matrix with every sign changed", _FROM, _any_matrix, _scale(-1.0)),
    _mutation("matrix-scaled", "a matrix twice as large", _FROM, _any_matrix, _scale(2.0)),
    _mutation("matrix-reversed", "a matrix with its rows in the other order", _FROM, _any_matrix, _reverse_rows),
    _mutation("query-heads-rolled", "the query heads in another order", _FROM, _query, _roll_half),
    _mutation("norm-of-ones", "a norm as it is before training", _FROM, _norm, _fill(1.0)),
    _mutation("norm-scaled", "a norm twice as large", _FROM, _norm, _scale(2.0)),
    _mutation("bias-of-zeros", "a bias as it is before training", _FROM, _bias, _fill(0.0)),
)
