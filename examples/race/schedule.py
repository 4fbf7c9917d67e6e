"""Which sequences a run sees at which step, and with which learning rate: both from its options alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from examples.race.options import Options

_LOWEST_SHARE = 0.1  # of the peak, where a cosine ends
_DECAY_SHARE = 0.2  # of the steps, over which WSD goes down to zero


def learning_rate(options: Options, step: int) -> float:
    """The learning rate of the step, counted from 1."""
    if step <= options.warmup:
        return options.learning_rate * step / options.warmup
    done = (step - options.warmup) / max(options.steps - options.warmup, 1)
    if options.schedule == "cosine":
        wave = (1 + math.cos(math.pi * done)) / 2
        return options.learning_rate * (_LOWEST_SHARE + (1 - _LOWEST_SHARE) * wave)
    if options.schedule == "wsd":
        left = (options.steps - step) / (_DECAY_SHARE * options.steps)
        return options.learning_rate * min(1.0, left)
    return options.learning_rate


def data_order(options: Options, sequences: int) -> list[int]:
    """The numbers of the sequences of all steps, one after the other.

    A permutation drawn from the seed, and another one when that is used up. An offset that grows by the seed would show
    two neighbouring seeds the same bytes shifted by one.
    """
    source = torch.Generator().manual_seed(options.seed)
    wanted = options.steps * options.batch_size
    order: list[int] = []
    while len(order) < wanted:
        order += torch.randperm(sequences, generator=source).tolist()
    return order[:wanted]


def batches(options: Options, order: list[int]) -> Iterator[list[int]]:
    """The sequences of each step."""
    for start in range(0, len(order), options.batch_size):
        yield order[start : start + options.batch_size]
