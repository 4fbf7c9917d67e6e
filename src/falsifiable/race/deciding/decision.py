"""The decision about one run of a race: the object that every engine is given, and the ledger keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from falsifiable.race.predicting.prediction import Prediction

Action = Literal["keep", "stop", "promote", "hold"]
"""``hold`` is a result too good to be believed unseen: a person reviews it, and nothing is stopped or promoted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen with one run at one rung, and why: a pure function of recorded values.

    Attributes:
        run: the run's name.
        rung: the number of the rung, from 0.
        step: the rung's step; values are joined at this step or earlier, never at different ones.
        state: the one state of ``race.yaml`` whose conditions hold.
        action: what follows.
        reason: in words, with the numbers it rests on.
        leader: the run it was compared with.
        prediction: what was predicted of it, None where too few points were seen.
        mirrors: seeds of the runs that a promotion or a replacement asks for; asking twice changes nothing.
    """

    run: str
    rung: int
    step: int
    state: str
    action: Action
    reason: str
    leader: str
    prediction: Prediction | None = None
    mirrors: tuple[int, ...] = ()
