"""What is wrong with the phases of a race before anything is run."""

from __future__ import annotations

from falsifiable.race.errors.base import RaceError


class PhaseCountMismatch(RaceError):
    """A phase that says it has so many experiments, and lists another number of them."""

    phase: str
    declared: int
    listed: int
    says = "{phase} declares {declared} experiments and lists {listed}; list what is missing, or correct the count"


class PhaseUnfinished(RaceError):
    """A phase is to start before one that it waits for has ended."""

    phase: str
    waits_for: tuple[str, ...]
    says = "{phase} waits for {waits_for}, not finished yet; finish that first"


class UnknownRequirement(RaceError):
    """Something waits for what is not there."""

    subject: str
    requirement: str
    known: tuple[str, ...]
    says = "{subject} waits for {requirement!r}, which does not exist; there are {known}"


class DependencyCycle(RaceError):
    """Things that wait for one another, so that none can ever come first."""

    cycle: tuple[str, ...]
    says = (
        "these wait for one another, each for the next: {cycle}; one of them has to come first, remove its requirement"
    )


class ConflictingGains(RaceError):
    """Two gains were expected of one recipe, so that one of them would always be right."""

    recipe: str
    gains: tuple[str, ...]
    says = "several gains are expected of {recipe}: {gains}; register one before its first run"


class ExperimentListedTwice(RaceError):
    """One id, or one seed of one recipe, in two experiments."""

    what: str
    phase: str
    says = "{what} stands twice among the experiments of {phase}; every experiment is one run, remove one of them"


class BudgetTooSmall(RaceError):
    """Not even the minimum set fits."""

    phase: str
    needed: int
    runs: int
    says = "{phase} needs {needed} runs even for its minimum set, and the budget is {runs}; raise it, or skip the phase"
