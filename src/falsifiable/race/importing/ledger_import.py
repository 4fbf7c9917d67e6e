"""Importing somebody's ledger: every class of defects in it, and the curves that are left when all checks are done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.importing import queue_defects as queue_checks
from falsifiable.race.importing import sample_defects as sample_checks
from falsifiable.race.importing.defects import Defect
from falsifiable.race.importing.foreign_ledger import ForeignLedger, read_foreign_ledger
from falsifiable.race.judging.plausibility import Tripwires, uniform_ceiling


@dataclass(frozen=True, slots=True)
class ImportRules:
    """What a ledger is held against; the numbers of the reference race, whose models predict 7-bit characters.

    Attributes:
        vocabulary_size: how many symbols its models predict; its logarithm is the ceiling.
        unit: of the values.
        floor: below it, no value is a model's.
        review: below it, a result is held until a person has looked.
        forbidden_seeds: seeds whose runs do not count.
    """

    vocabulary_size: int = 128
    unit: str = "bits_per_byte"
    floor: float = 0.1
    review: float = 1.89
    forbidden_seeds: tuple[int, ...] = (42, 43, 44, 45)

    @property
    def ceiling(self) -> float:
        """What a uniform guess scores."""
        return uniform_ceiling(self.vocabulary_size, self.unit)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read, what is wrong with it, and what is left.

    Attributes:
        queue_rows, sample_rows, runs: how much was read; ``runs`` are those that logged something.
        defects: every class that was looked for, those that were not found with a count of 0.
        survivors: the curves that no voiding defect touches, in the order of the file.
        held: those of them that end below the review line.
    """

    queue_rows: int
    sample_rows: int
    runs: int
    defects: tuple[Defect, ...]
    survivors: tuple[Curve, ...]
    held: tuple[str, ...]

    def defect(self, name: str) -> Defect:
        """The class of this name. Raises KeyError."""
        found = next((one for one in self.defects if one.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    @property
    def found(self) -> tuple[Defect, ...]:
        """The classes that occur."""
        return tuple(one for one in self.defects if one.count)


def import_ledger(queue: Path, samples: Path, rules: ImportRules | None = None) -> ImportReport:
    """Check the ledger in two files of JSON Lines. Nothing is written, and nothing is repaired.

    Raises:
        ArtifactError: a file cannot be read.
        MalformedRow: a row cannot be understood.
    """
    rules = rules or ImportRules()
    ledger = read_foreign_ledger(queue, samples, unit=rules.unit)
    return check_foreign_ledger(ledger, rules)


def check_foreign_ledger(ledger: ForeignLedger, rules: ImportRules) -> ImportReport:
    """Every check on a ledger that was read: a pure function of its rows."""
    defects = (*_of_queue(ledger, rules), *_of_samples(ledger, rules))
    void = frozenset().union(*(one.runs for one in defects if one.voids))
    survivors = tuple(ledger.curve(run) for run in ledger.samples if run not in void)
    review = next(one.runs for one in defects if one.name == "held-for-review")
    return ImportReport(
        queue_rows=len(ledger.queue),
        sample_rows=sum(map(len, ledger.samples.values())),
        runs=len(ledger.samples),
        defects=defects,
        survivors=survivors,
        held=tuple(curve.run for curve in survivors if curve.run in review),
    )


def _of_queue(ledger: ForeignLedger, rules: ImportRules) -> Collection[Defect]:
    forms = sample_checks.computed_curves(ledger, rules.floor, rules.ceiling)
    return (
        queue_checks.duplicate_ids(ledger),
        queue_checks.reassigned_ids(ledger),
        queue_checks.duplicate_names(ledger),
        queue_checks.malformed_names(ledger),
        queue_checks.seed_conflicts(ledger),
        queue_checks.forbidden_seeds(ledger, rules.forbidden_seeds),
        queue_checks.implausible_done(ledger, rules.floor, rules.ceiling),
        queue_checks.step_mismatches(ledger),
        queue_checks.queue_values_off(ledger),
        queue_checks.silent_ends(ledger),
        queue_checks.declared_mocks(ledger),
        queue_checks.false_prunes(ledger, forms),
        sample_checks.computed(ledger, forms),
    )


def _of_samples(ledger: ForeignLedger, rules: ImportRules) -> Collection[Defect]:
    return (
        sample_checks.identical_trajectories(ledger),
        sample_checks.below_floor(ledger, rules.floor),
        sample_checks.above_ceiling(ledger, rules.ceiling),
        sample_checks.not_finite(ledger),
        sample_checks.unordered_steps(ledger),
        sample_checks.jumps(ledger, Tripwires()),
        sample_checks.constant_curves(ledger),
        sample_checks.nothing_learned(ledger),
        sample_checks.repeated_values(ledger),
        sample_checks.orphans(ledger),
        sample_checks.too_short(ledger),
        sample_checks.below_review(ledger, rules.review, rules.floor),
    )
