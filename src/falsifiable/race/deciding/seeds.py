"""Seeds: where replacements and mirrors get them from, and whether several of them are several witnesses.

Three strategies, chosen in ``race.yaml``:

- ``phi-anchored``: ``floor(phi**k * 10**6) mod 2**32`` for k = 1, 2, ..., exact. As 64-bit floats the same expression
  is wrong from k = 36 on and 0 for ever from about k = 92.
- ``sibling``: the leader's seed plus and minus 1, 2, ... Trainers that read data at an offset made of the seed give
  siblings almost the same bytes; ask :func:`data_order_overlap`.
- ``random``: uniform below 2**32, from a generator with a seed of its own, so that it can be repeated.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Literal

from falsifiable.race.errors import IndistinguishableSeeds

Strategy = Literal["phi-anchored", "sibling", "random"]

SEED_LIMIT = 2**32
"""Seeds lie below it: the generators of all frameworks accept 32 bits."""

_SCALE = 10**6

Windows = Callable[[int, int], int]
"""``windows(step, seed)``: the offset of the first byte or token that a run of ``seed`` reads at ``step``."""


def phi_seed(k: int) -> int:
    """The ``k``-th phi-anchored seed, ``floor(phi**k * 10**6) mod 2**32``, in integers alone.

    ``phi**k = (L(k) + F(k) * sqrt(5)) / 2`` with the Lucas and Fibonacci numbers. The floor of half of an integer plus
    an irrational number is the floor of half of that integer plus its own floor, which ``isqrt`` gives exactly.

    Raises ValueError for k below 1.
    """
    if k < 1:
        raise ValueError(f"phi-anchored seeds are counted from 1, got {k}")
    fibonacci, following = 0, 1
    for _ in range(k):
        fibonacci, following = following, fibonacci + following
    lucas = 2 * following - fibonacci
    return (_SCALE * lucas + isqrt(5 * (_SCALE * fibonacci) ** 2)) // 2 % SEED_LIMIT


def phi_seeds(count: int, taken: Collection[int] = ()) -> tuple[int, ...]:
    """The first ``count`` phi-anchored seeds that are not ``taken``, all distinct, in order."""
    return _first(count, map(phi_seed, itertools.count(1)), taken)


def sibling_seeds(leader: int, count: int, taken: Collection[int] = ()) -> tuple[int, ...]:
    """The ``count`` seeds nearest to ``leader`` that are not ``taken``: +1, -1, +2, ..., within 0 to 2**32 - 1."""
    around = (leader + sign * distance for distance in itertools.count(1) for sign in (1, -1))
    valid = (seed for seed in around if 0 <= seed < SEED_LIMIT)
    return _first(count, valid, {*taken, leader})


def random_seeds(count: int, generator_seed: int, taken: Collection[int] = ()) -> tuple[int, ...]:
    """``count`` distinct uniform seeds that are not ``taken``; the same ``generator_seed`` gives the same ones."""
    generator = random.Random(generator_seed)  # noqa: S311 - seeds are to be repeatable, not secret
    return _first(count, (generator.randrange(SEED_LIMIT) for _ in itertools.count()), taken)


def replacement_seeds(
    strategy: Strategy, count: int, *, leader: int, taken: Collection[int] = (), generator_seed: int = 0
) -> tuple[int, ...]:
    """``count`` seeds by ``strategy`` that are not ``taken``: a pure function, so that asking twice changes nothing."""
    if strategy == "phi-anchored":
        return phi_seeds(count, taken)
    if strategy == "sibling":
        return sibling_seeds(leader, count, taken)
    return random_seeds(count, generator_seed, taken)


def offset_windows(length: int, multiplier: int = 97) -> Windows:
    """The sampler of many small trainers: at each step, ``(step * multiplier + seed) mod length``.

    Args:
        length: the number of offsets in the corpus, in bytes or tokens.
        multiplier: how far one step moves; 97 in the reference race's trainers.
    """
    return lambda step, seed: (step * multiplier + seed) % length


def data_order_overlap(
    seed_a: int, seed_b: int, *, windows: Windows, window: int, steps: int, length: int, shift: int = 0
) -> float:
    """The share of what two runs read at the same time that is the same data, from 0 to 1.

    At every step both runs read one window; what both windows hold, in bytes or tokens, over their size, averaged over
    the steps. Two independent runs on a large corpus come out near ``window / length``; seeds 42 and 43 under
    :func:`offset_windows` at 1 - 1 / window.

    Args:
        seed_a, seed_b: the seeds.
        windows: where a run of a seed reads at a step.
        window: what is read at each step, in bytes or tokens, the target included.
        steps: how many steps are compared, from 0.
        length: the number of offsets; windows wrap around it, as the samplers do.
        shift: how many steps ``seed_b`` lags behind: a run that sees the same data a step later is no other witness.
    """
    if steps < 1 or window < 1 or length < 1:
        raise ValueError(f"needs at least one step, offset and element; got {steps}, {length} and {window}")
    shared = 0
    for step in range(steps):
        apart = abs(windows(step, seed_a) - windows(step + shift, seed_b))
        shared += max(0, window - min(apart, length - apart))
    return min(1.0, shared / (window * steps))


def sampled_windows(order: Callable[[int], Sequence[int]]) -> Windows:
    """Windows of a sampler that gives the whole order of a seed: ``order(seed)[step]``, each seed asked once."""
    orders: dict[int, Sequence[int]] = {}

    def windows(step: int, seed: int) -> int:
        if seed not in orders:
            orders[seed] = order(seed)
        return orders[seed][step % len(orders[seed])]

    return windows


@dataclass(frozen=True, slots=True)
class Independence:
    """Whether seeds are several witnesses.

    Attributes:
        seeds: the distinct seeds that were compared.
        overlaps: each pair with the share of data that it reads at the same time.
        faults: the pairs that share more than ``limit``, as errors.
        limit: the largest share that is accepted.
    """

    seeds: tuple[int, ...]
    overlaps: tuple[tuple[int, int, float], ...]
    faults: tuple[IndistinguishableSeeds, ...]
    limit: float

    @property
    def independent(self) -> bool:
        """Whether at least two seeds were compared and no pair shares more than the limit."""
        return len(self.seeds) > 1 and not self.faults


def independence(
    seeds: Collection[int],
    *,
    windows: Windows,
    window: int,
    steps: int,
    length: int,
    limit: float = 0.1,
    largest_shift: int = 1,
) -> Independence:
    """Compare every pair of ``seeds`` by :func:`data_order_overlap`, also up to ``largest_shift`` steps apart.

    ``limit`` is by default a tenth: far above chance on any corpus worth training on, far below what siblings share.
    """
    distinct = tuple(dict.fromkeys(seeds))
    overlaps = []
    for seed_a, seed_b in itertools.combinations(distinct, 2):
        shared = max(
            data_order_overlap(one, other, windows=windows, window=window, steps=steps, length=length, shift=shift)
            for one, other in ((seed_a, seed_b), (seed_b, seed_a))
            for shift in range(largest_shift + 1)
        )
        overlaps.append((seed_a, seed_b, shared))
    faults = tuple(IndistinguishableSeeds(*one, limit) for one in overlaps if one[2] > limit)
    return Independence(distinct, tuple(overlaps), faults, limit)


def _first(count: int, candidates: Iterator[int], taken: Collection[int]) -> tuple[int, ...]:
    """The first ``count`` distinct candidates that are not taken."""
    excluded = set(taken)
    found: list[int] = []
    while len(found) < count:
        seed = next(candidates)
        if seed not in excluded:
            excluded.add(seed)
            found.append(seed)
    return tuple(found)
