"""What ``states`` of ``race.yaml`` may speak of: a fixed vocabulary, so that holes and overlaps can be found by trying.

Every quantity says exactly one of its words about a run, and there are few enough words that all combinations can be
tried: a table of states is exhaustive and exclusive if and only if each combination has exactly one state.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falsifiable.race.deciding.plan import State

QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "evidence": ("diverged", "missing", "comparable"),
    "gap": ("leader", "tied", "behind"),
    "gap_slope": ("falling", "flat", "rising"),
    "own_slope": ("falling", "flat", "rising"),
}
"""Each quantity with its words; ``falsifiable.race.deciding.states`` says how they are measured.

``evidence``: diverged where a value is not finite, missing where the run and its leader share too few steps.
``gap``: what is predicted of the run's last step, less what is predicted of the leader's.
``gap_slope``: whether the measured gap at equal steps falls or rises; not what ``own_slope`` says.
``own_slope``: whether the run's own values fall or rise.
"""

Words = Mapping[str, str]


def combinations() -> Iterator[dict[str, str]]:
    """Every combination of words, in a fixed order."""
    for words in itertools.product(*QUANTITIES.values()):
        yield dict(zip(QUANTITIES, words, strict=True))


def holds(state: State, words: Words) -> bool:
    """Whether one of the state's alternatives accepts ``words``."""
    return any(all(words[name] in accepted for name, accepted in one.items()) for one in state.when)


def matching(states: tuple[State, ...], words: Words) -> tuple[str, ...]:
    """The names of all states that accept ``words``: exactly one in a table without holes and overlaps."""
    return tuple(one.state for one in states if holds(one, words))


def described(words: Words) -> str:
    """A combination, for messages: ``evidence: comparable, gap: behind, ...``."""
    return ", ".join(f"{name}: {word}" for name, word in words.items())
