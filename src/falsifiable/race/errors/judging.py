"""Why a gate, a tripwire or a phase says no. Values are in the unit of the race."""

from __future__ import annotations

from falsifiable.race.errors.base import RaceError


class InsufficientSeeds(RaceError):
    """Fewer distinct seeds pass than the quorum asks for."""

    got: int
    needed: int
    missing: tuple[int, ...]
    says = (
        "{got} of {needed} distinct seeds pass; without a passing run: {missing}; finish them before the gate is judged"
    )


class SeedMissing(RaceError):
    """A run whose seed nobody recorded, or that the gate does not admit."""

    run: str
    seed: int | None
    allowed: tuple[int, ...]
    says = "{run!r} has seed {seed}, and the gate counts seeds {allowed} only; the run does not count"


class DuplicateSeed(RaceError):
    """One seed counted twice: the same draw is no second witness."""

    seed: int
    runs: tuple[str, ...]
    says = "seed {seed} stands in several runs ({runs}); a seed counts once, withdraw all but one run of it"


class BpbAboveTarget(RaceError):
    """The final value is not below the gate's target."""

    run: str
    seed: int | None
    value: float
    target: float
    says = (
        "{run!r} (seed {seed}) ends at {value:.4f}, which is not below {target:g}; "
        "its best value on the way counts for nothing"
    )


class BeforeWarmup(RaceError):
    """The result stands before the first step a gate trusts."""

    run: str
    step: int
    min_step: int
    says = "{run!r} ends at step {step}, before step {min_step}; train on, earlier values are not judged"


class FinalStepMissing(RaceError):
    """The run did not reach its own last step."""

    run: str
    step: int
    planned: int | None
    says = "{run!r} ends at step {step} and was asked for {planned}; a gate is judged at the final step alone"


class TooFewDistinctSteps(RaceError):
    """Too few different evaluations stand behind a run: repeated rows are one."""

    run: str
    got: int
    needed: int
    says = "{run!r} has {got} distinct evaluations and {needed} are needed; rows that repeat one do not count"


class StepsNotComparable(RaceError):
    """Runs of one quorum judged at different steps."""

    steps: tuple[str, ...]
    says = "the seeds end at different steps ({steps}); run all of them to the same last step"


class MixedRecipes(RaceError):
    """Runs of several configurations in one quorum."""

    recipes: tuple[str, ...]
    says = (
        "several configurations pass with some of the seeds ({recipes}), none with all; "
        "a quorum is of one configuration"
    )


class NonFiniteBpb(RaceError):
    """A value that is no number."""

    run: str
    step: int
    value: float
    says = "{run!r} step {step}: the value is {value}; the run diverged or its log is damaged, and cannot count"


class OutOfOrder(RaceError):
    """A curve with which nothing can be computed."""

    run: str
    reason: str
    says = "{run!r}: {reason}; repair the ledger at its source, the run cannot be judged"


class JepaProxyDetected(RaceError):
    """A value so low that it is another quantity: the loss of a joint embedding is no bits per byte."""

    run: str
    step: int
    value: float
    floor: float
    says = (
        "{run!r} step {step}: {value:.4f} is below {floor:g}, where a proxy loss was logged for bits per byte; "
        "recompute it"
    )


class BelowFloor(RaceError):
    """A result below the floor of its family: genuine or corrupted, a person looks first."""

    run: str
    step: int
    value: float
    floor: float
    family: str
    says = (
        "{run!r} ends at step {step} with {value:.4f}, below the floor {floor:g} of {family}; "
        "a person reviews it before it counts"
    )


class WorseThanUniform(RaceError):
    """A value above that of a model that knows nothing."""

    run: str
    step: int
    value: float
    ceiling: float
    says = (
        "{run!r} step {step}: {value:.4f} is above {ceiling:.4f}, which guessing uniformly reaches; look at the metric"
    )


class JumpTooLarge(RaceError):
    """A change between two evaluations that the run's own noise does not explain."""

    run: str
    step: int
    before: float
    value: float
    sigmas: float
    limit: float
    says = (
        "{run!r} step {step}: {before:.4f} to {value:.4f} is {sigmas:.1f} times its usual change (limit {limit:g}); "
        "the log mixes runs or metrics"
    )


class ComputedCurve(RaceError):
    """A curve that lies on a formula more exactly than any evaluation can."""

    run: str
    family: str
    points: int
    says = (
        "{run!r} lies on one {family} at {points} of its points, closer than an evaluation scatters; "
        "a mock wrote it, train the run"
    )


class IndistinguishableSeeds(RaceError):
    """Two seeds that trained on nearly the same data in nearly the same order."""

    seed_a: int
    seed_b: int
    overlap: float
    limit: float
    says = (
        "seeds {seed_a} and {seed_b} share {overlap:.1%} of their data order, above {limit:.1%}; "
        "they are one witness, take seeds further apart"
    )


class PlannedStepsMissing(RaceError):
    """Nobody recorded how long the run was to be, so nobody can say that it got there."""

    run: str
    says = "nobody recorded how many steps {run!r} was asked for; a gate judges the final step alone, so record it"


class IdenticalTrajectories(RaceError):
    """Two runs that logged the same values at the same steps: one of them was not run."""

    run_a: str
    run_b: str
    points: int
    says = "{run_a!r} and {run_b!r} logged the same {points} values; one run under two names is one witness, train both"


class ProvenanceConflict(RaceError):
    """A run that was asked for one thing and did another."""

    run: str
    what: str
    requested: str
    actual: str
    says = "{run!r}: {what} was asked to be {requested} and was {actual}; the result is of another run than was claimed"


class ZeroWallClock(RaceError):
    """A run that took no time."""

    run: str
    seconds: float
    says = "{run!r} took {seconds:g} seconds of wall clock; steps take time, so look for rows that nobody trained"


class ReviewMissing(RaceError):
    """A pass too good to be believed unseen, which nobody has signed for."""

    gate: str
    recipe: str
    digest: str
    says = (
        "{recipe} passes {gate} below a floor; somebody reviews {digest} and signs with name and reason, then it counts"
    )


class TtestFailed(RaceError):
    """The seeds do not show, at the gate's level, that the mean is below the baseline."""

    reason: str
    p_value: float
    alpha: float
    effect: float
    needed_effect: float
    says = (
        "{reason}: p = {p_value:.4g} (needed below {alpha:g}), effect {effect:.4f} (needed {needed_effect:g}); "
        "add seeds or improve the recipe"
    )


class NotGreen(RaceError):
    """A phase is to start while criteria of the phase before it are not green."""

    phase: str
    criteria: tuple[str, ...]
    says = "{phase} cannot start: not green are {criteria}; run the smoke race until all of them are"
