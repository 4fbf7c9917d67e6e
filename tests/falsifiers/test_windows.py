"""Windows found again at every offset: what a rolling hash says is what comparing everything with everything says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import falsifiers.windows
from falsifiers.windows import Overlap, first_overlap, repetition, window_hashes

symbols = st.lists(st.integers(0, 2), min_size=0, max_size=60).map(lambda ids: np.array(ids, np.uint16))


def windows(ids: np.ndarray, length: int) -> list[tuple[int, ...]]:
    return [tuple(ids[at : at + length].tolist()) for at in range(len(ids) - length + 1)]


@given(symbols, st.integers(1, 8))
def test_equal_windows_have_equal_hashes_and_others_do_not(ids: np.ndarray, length: int) -> None:
    hashes = window_hashes(ids, length).tolist()

    assert len(hashes) == len(windows(ids, length))
    assert len(set(hashes)) == len(set(windows(ids, length)))


@given(symbols, st.lists(symbols, max_size=3), st.integers(1, 8))
def test_an_overlap_is_found_exactly_where_there_is_one(
    held_out: np.ndarray, parts: list[np.ndarray], length: int
) -> None:
    train = np.concatenate([np.zeros(0, np.uint16), *parts])

    found = first_overlap(held_out, parts, length)

    assert (found is not None) == bool(set(windows(held_out, length)) & set(windows(train, length)))
    if found is not None:
        mine = held_out[found.held_out_at : found.held_out_at + found.length]
        assert np.array_equal(mine, train[found.train_at : found.train_at + found.length])
        assert found.length >= length


def test_a_window_across_two_parts_or_two_blocks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    train, held_out = np.arange(1000, dtype=np.uint32), np.arange(495, 505, dtype=np.uint32)

    assert first_overlap(held_out, [train[:500], train[500:]], 10) == Overlap(0, 495, 10)

    monkeypatch.setattr(falsifiers.windows, "_BLOCK_SYMBOLS", 16)
    assert first_overlap(held_out, [train], 10) == Overlap(0, 495, 10)


def test_a_shifted_copy_is_one_overlap_to_its_full_length() -> None:
    train = np.random.default_rng(0).integers(0, 4000, 5000).astype(np.uint16)

    assert first_overlap(train[1:], [train], 64) == Overlap(0, 1, 4999)


def test_two_windows_of_one_hash_are_compared_symbol_by_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        falsifiers.windows, "window_hashes", lambda ids, length: np.zeros(max(0, len(ids) - length + 1), np.uint64)
    )

    assert first_overlap(np.array([1, 2, 3, 4]), [np.array([7, 8, 9])], 2) is None
    assert first_overlap(np.array([1, 2, 3, 4]), [np.array([7, 3, 4])], 2) == Overlap(2, 1, 2)


def test_what_repeats_is_measured_with_its_period() -> None:
    once = np.random.default_rng(0).integers(0, 4000, 500).astype(np.uint16)

    assert repetition(once, 32).share == 0.0
    again = repetition(np.tile(once, 9), 32)
    assert again.period == 500
    assert again.share == pytest.approx(8 / 9, abs=0.01)
    assert repetition(once[:3], 32).windows == 0
