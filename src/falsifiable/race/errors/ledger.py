"""What a ledger refuses to take, or shows when it is read back."""

from __future__ import annotations

from falsifiable.race.errors.base import RaceError


class IoError(RaceError):
    """A ledger that cannot be opened, read or written."""

    path: str
    reason: str
    says = "{path}: {reason}; check the path, its permissions and the free space"


class LedgerDamaged(RaceError):
    """A ledger that SQLite finds torn, cut short or overwritten."""

    path: str
    reason: str
    says = "{path} is damaged: {reason}; go back to a copy of it, and write nothing into this one"


class LedgerExists(RaceError):
    """A ledger is to be created where one lies already."""

    path: str
    says = "{path} is a ledger already, and ledgers are never overwritten; open it, or name another file"


class MalformedRow(RaceError):
    """A row that is not what its ledger's format says."""

    file: str
    line_no: int
    reason: str
    says = (
        "{file}:{line_no}: the row is malformed: {reason}; "
        "correct it at its source, rows are neither skipped nor guessed"
    )


class DuplicateName(RaceError):
    """Two runs of one name."""

    run: str
    says = "{run!r} is in the ledger already; a name stands for one run, claim a new one"


class UnknownRun(RaceError):
    """A run that the ledger does not know."""

    run: str
    race: str
    says = "there is no run {run!r} in the ledger of {race}; claim it first with contract race claim"


class RunAlreadyEnded(RaceError):
    """Something is recorded for a run that has ended."""

    run: str
    status: str
    says = "{run!r} has ended ({status}) and takes no more rows; claim a new run to go on"


class StepNotIncreasing(RaceError):
    """A sample whose step is not above the last one."""

    run: str
    step: int
    last: int
    says = "{run!r}: step {step} follows step {last}; samples are recorded once each, in the order of their steps"


class ValueOutOfRange(RaceError):
    """A value that no measurement of this unit can have."""

    run: str
    step: int
    value: float
    low: float
    high: float
    says = (
        "{run!r} step {step}: the value {value} lies outside {low:g} to {high:g}; "
        "look for a parser or metric that is wrong"
    )


class NotALedger(RaceError):
    """A file that is there and is no ledger of this layout."""

    path: str
    reason: str
    says = "{path} is no ledger of a race: {reason}; name the ledger.sqlite that contract race run wrote"


class ForbiddenTransition(RaceError):
    """A status that cannot follow the one a run has."""

    run: str
    status: str
    wanted: str
    says = (
        "{run!r} is {status} and cannot become {wanted}; "
        "a run goes claimed, running, then done, stopped, failed or killed"
    )


class ImplausibleDone(RaceError):
    """A run reported as done that cannot be: steps missing, no time passed, or a last value no model has."""

    run: str
    reason: str
    says = "{run!r} is not done: {reason}; finish it as failed, with what went wrong as its reason"


class RunNotStarted(RaceError):
    """A sample of a run that is claimed and was never started."""

    run: str
    says = "{run!r} was claimed and not started, so nothing can be recorded of it; start it first"


class TimeRunsBackwards(RaceError):
    """A sample that was logged before the one ahead of it."""

    run: str
    step: int
    seconds: float
    last: float
    says = (
        "{run!r} step {step} was logged {seconds:g} s after the start, and the one before it after {last:g} s; "
        "count seconds from the start of the run"
    )


class DecisionConflict(RaceError):
    """A second decision about one run at one rung that is not the first."""

    run: str
    rung: int
    first: str
    now: str
    says = (
        "{run!r} was decided at rung {rung} ({first}) and is decided again ({now}); "
        "a decision is a function of recorded values and falls once"
    )


class EmbargoedCommit(RaceError):
    """A run of code whose results are under embargo."""

    commit: str
    reason: str
    says = "commit {commit} is under embargo: {reason}; an embargo is never lifted, run another commit"


class ProjectNotWhitelisted(RaceError):
    """A run charged to a project that the race does not list."""

    project: str
    known: tuple[str, ...]
    says = "project {project!r} is not one of this race's: {known}; charge the run to one of these"


class LedgerRefused(RaceError):
    """A row that the ledger's own triggers refuse."""

    rule: str
    reason: str
    says = "the ledger refuses the row by its rule {rule}: {reason}; correct what writes it, the rules stay"
