"""Which rung is due and what is decided there, from the ledger alone: the same on every engine.

A cohort is every run that no earlier rung told to stop. Its rung is due when each run of it has a value at the rung's
step, or has ended without one. Decisions rest on values up to that step, so that it does not matter how far a run has
gone on meanwhile, which run was faster, or whether anything is really stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.decide import decide
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.ledger.ledger import Ledger
from falsifiable.race.predicting.prediction import Predictor

RUNG = "rung"
"""The kind of the event that says that a rung was decided, and for which cohort."""


@dataclass(slots=True)
class Conductor:
    """Follows the rungs of one race, from where its ledger left off.

    Attributes:
        decisions: of the rungs that were decided, in order.
    """

    plan: RacePlan
    ledger: Ledger
    predictor: Predictor
    decisions: list[tuple[Decision, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        done = sum(1 for event in self.ledger.events() if event.kind == RUNG)
        earlier = self.ledger.decisions()
        self.decisions = [tuple(one for one in earlier if one.rung == rung) for rung in range(done)]

    @property
    def rung(self) -> int:
        """The next rung to decide at."""
        return len(self.decisions)

    @property
    def step(self) -> int | None:
        """The step of the next rung, None once all rungs are decided."""
        return self.plan.rung_step(self.rung) if self.rung < len(self.plan.rungs) else None

    @property
    def told_to_stop(self) -> frozenset[str]:
        """The runs that a rung told to stop, whether or not they were stopped."""
        return frozenset(one.run for rung in self.decisions for one in rung if one.action == "stop")

    def cohort(self, runs: Iterable[str]) -> tuple[str, ...]:
        """Those of ``runs`` that the next rung decides on."""
        stopped = self.told_to_stop
        return tuple(run for run in runs if run not in stopped)

    def decide(self, runs: Iterable[str]) -> tuple[Decision, ...]:
        """Decide at the next rung on the values that the ledger holds of ``runs``, and write that down."""
        step = self.step
        if step is None:
            return ()
        cohort = frozenset(self.cohort(runs))
        curves = tuple(one.until(step) for one in self.ledger.curves() if one.run in cohort and _has_reached(one, step))
        decided = decide(self.plan, curves, self.predictor, self.rung) if curves else ()
        for decision in decided:
            self.ledger.decide(decision)
        # Last, so that a rung whose decisions were not all written is decided again: to the same end, being pure.
        self.ledger.note(RUNG, None, {"rung": self.rung, "step": step, "cohort": sorted(cohort)})
        self.decisions.append(decided)
        return decided


def _has_reached(curve: Curve, step: int) -> bool:
    return bool(curve.steps) and max(curve.steps) >= step
