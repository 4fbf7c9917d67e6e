"""Seeds: exact phi-anchored ones, siblings, random ones, and how many witnesses they are."""

from __future__ import annotations

import math
import random
from decimal import Decimal, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.race.deciding.seeds import (
    data_order_overlap,
    independence,
    offset_windows,
    phi_seed,
    phi_seeds,
    random_seeds,
    replacement_seeds,
    sampled_windows,
    sibling_seeds,
)

FIRST_EIGHT = (1618033, 2618033, 4236067, 6854101, 11090169, 17944271, 29034441, 46978713)


def test_the_first_eight_phi_anchored_seeds():
    assert phi_seeds(8) == FIRST_EIGHT


def test_the_first_hundred_are_those_of_three_hundred_decimal_digits_and_distinct():
    getcontext().prec = 300
    phi = (1 + Decimal(5).sqrt()) / 2

    assert [phi_seed(k) for k in range(1, 101)] == [int(phi**k * 10**6) % 2**32 for k in range(1, 101)]
    assert len({phi_seed(k) for k in range(1, 101)}) == 100


def test_floats_go_wrong_at_36_and_end_at_0():
    phi = (1 + math.sqrt(5)) / 2
    wrong = [k for k in range(1, 101) if math.floor(phi**k * 1e6) % 2**32 != phi_seed(k)]

    assert wrong[0] == 36
    assert len(wrong) > 60
    assert {math.floor(phi**k * 1e6) % 2**32 for k in range(92, 101)} == {0}


def test_seeds_that_are_taken_are_passed_over():
    assert phi_seeds(2, taken=FIRST_EIGHT[:3]) == FIRST_EIGHT[3:5]
    assert sibling_seeds(43, 3) == (44, 42, 45)
    assert sibling_seeds(43, 3, taken={44}) == (42, 45, 41)
    assert sibling_seeds(0, 2) == (1, 2)
    assert sibling_seeds(2**32 - 1, 2) == (2**32 - 2, 2**32 - 3)


@given(
    st.sampled_from(["phi-anchored", "sibling", "random"]),
    st.integers(0, 6),
    st.integers(0, 2**32 - 1),
    st.sets(st.integers(0, 2**32 - 1) | st.sampled_from(FIRST_EIGHT), max_size=8),
)
def test_asking_twice_changes_nothing_and_gives_free_distinct_seeds(strategy, count, leader, taken):
    once, again = (replacement_seeds(strategy, count, leader=leader, taken=taken, generator_seed=7) for _ in range(2))

    assert once == again
    assert len(set(once)) == count
    assert taken.isdisjoint(once)
    assert all(0 <= seed < 2**32 for seed in once)


def test_another_generator_gives_other_random_seeds():
    assert random_seeds(4, 1) != random_seeds(4, 2)


def test_neighbouring_seeds_read_the_same_bytes_shifted_by_one():
    sampler = offset_windows(1_000_000)
    shared = data_order_overlap(42, 43, windows=sampler, window=128, steps=500, length=1_000_000)

    assert shared == pytest.approx(127 / 128)
    assert data_order_overlap(42, 42, windows=sampler, window=128, steps=500, length=1_000_000) == 1


def test_seeds_a_step_apart_read_the_same_a_step_later():
    """97 bytes are one step of this sampler: not the same data at one time, and the same run all the same."""
    sampler = offset_windows(1_000_000)
    sizes = {"windows": sampler, "window": 64, "steps": 500, "length": 1_000_000}

    assert data_order_overlap(0, 97, **sizes) == 0
    assert data_order_overlap(97, 0, **sizes, shift=1) == 1
    assert not independence([0, 97], **sizes).independent


def test_the_quorum_43_44_45_is_one_witness_and_phi_anchored_seeds_are_three():
    sizes = {"windows": offset_windows(1_003_854), "window": 128, "steps": 1000, "length": 1_003_854}
    adjacent = independence([43, 44, 45], **sizes)

    assert not adjacent.independent
    assert len(adjacent.faults) == 3
    assert adjacent.faults[0].values == {"seed_a": 43, "seed_b": 44, "overlap": pytest.approx(127 / 128), "limit": 0.1}
    assert independence(phi_seeds(3), **sizes).independent


def test_a_shuffling_sampler_makes_neighbours_independent():
    def order(seed):
        return random.Random(seed).sample(range(0, 100_000, 100), 1000)

    found = independence([43, 44, 45], windows=sampled_windows(order), window=100, steps=1000, length=100_000)

    assert found.independent
    assert len(found.overlaps) == 3
    assert all(shared < 0.02 for *_, shared in found.overlaps)


def test_one_seed_is_no_set_of_witnesses():
    sizes = {"windows": offset_windows(1000), "window": 10, "steps": 10, "length": 1000}

    assert not independence([43, 43], **sizes).independent


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 64), st.integers(64, 1000))
def test_overlap_is_a_symmetric_share(seed_a, seed_b, window, length):
    sizes = {"windows": offset_windows(length), "window": window, "steps": 20, "length": length}
    shared = data_order_overlap(seed_a, seed_b, **sizes)

    assert 0 <= shared <= 1
    assert shared == data_order_overlap(seed_b, seed_a, **sizes)
