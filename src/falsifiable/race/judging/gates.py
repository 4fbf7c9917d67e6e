"""Gates: whether a recipe has reached a target, by quorum over seeds, at the final step of each run.

Rules, in the order in which they are applied:

- a run counts with its **final** value at the last step that it was asked for, and never with its best on the way;
- a run that trips a wire (:mod:`falsifiable.race.judging.plausibility`), or did not do what it was asked for, is void;
- several finished runs of one seed count for none: whoever could pick one of them would pick the best;
- two runs with the same trajectory are one;
- the quorum is of distinct seeds of **one** configuration, all judged at the same last step;
- a quorum reached below a floor is *held for review*: neither passed nor rejected until somebody has signed for it.

In ``race.yaml``, the reference race's three gates read::

    gates:
      gate-0: {min_distinct_steps: 10, quorum: 3}
      gate-2: {below: 1.85, min_step: 4000, min_distinct_steps: 5, seeds: [43, 44, 45], quorum: 3}
      gate-final:
        {below: 1.50, min_step: 4000, min_distinct_steps: 5, seeds: [43, 44, 45], quorum: 3,
         significance: {baseline: 1.55, alpha: 0.01, effect: 0.05}}
    tripwires: {floor: 1.89, family_floors: {HYBRID: 2.19, PHI: 2.21, TJEPA: 2.67}, implausible_below: 0.1}
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.evidence.canonical import canonical_json
from falsifiable.race.errors import (
    BeforeWarmup,
    BpbAboveTarget,
    DuplicateSeed,
    FinalStepMissing,
    IdenticalTrajectories,
    InsufficientSeeds,
    MixedRecipes,
    PlannedStepsMissing,
    ProvenanceConflict,
    RaceError,
    ReviewMissing,
    SeedMissing,
    StepsNotComparable,
    TooFewDistinctSteps,
    TtestFailed,
    ZeroWallClock,
)
from falsifiable.race.judging.plausibility import Tripwires, distinct_evaluations, floor_alarms, void_reasons
from falsifiable.race.judging.significance import Significance, TTest, t_test

Answer = Literal["pass", "held-for-review", "refused"]
Standing = Literal["counts", "fails", "void"]

MIN_IDENTICAL_POINTS = 5
"""So many equal values are no coincidence: shorter curves of a coarse metric may meet by chance."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a recipe has to show. Values are in the unit of the race."""

    below: float | None = field(default=None, metadata={"description": "every final lies below it, strictly"})
    min_step: int = field(default=0, metadata={"description": "no earlier final counts"})
    min_distinct_steps: int = field(default=1, metadata={"description": "evaluations behind each run, repeats aside"})
    seeds: tuple[int, ...] = field(default=(), metadata={"description": "the only seeds that count; any where empty"})
    quorum: int = field(default=3, metadata={"description": "distinct seeds that must pass"})
    significance: Significance | None = field(default=None, metadata={"description": "a test over the finals"})


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a ledger knows of a run beside its curve; what it does not know is left out, and not held against it.

    Attributes:
        family: the family of models, which may have a floor of its own.
        requested, actual: settings as asked for and as the run echoed them; those in both must agree.
        seconds: wall clock from start to end.
        evaluations: distinct evaluations behind the points, where the ledger tells them apart.
    """

    family: str = ""
    requested: Mapping[str, Any] = field(default_factory=dict)
    actual: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    evaluations: int | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """Somebody looked at a pass below a floor and stands by it, for exactly these results.

    Attributes:
        digest: :attr:`Judgement.digest` of what was looked at; of other values the review says nothing.
        reviewer: who signs for it.
        reason: why it is believed.
    """

    digest: str
    reviewer: str
    reason: str

    def releases(self, digest: str) -> bool:
        """Whether it is a signed-off review of the judgement with this digest."""
        return self.digest == digest and bool(self.reviewer.strip()) and bool(self.reason.strip())


@dataclass(frozen=True, slots=True)
class SeedRow:
    """One run before a gate: what it ended at, and why it does or does not count.

    ``trajectory`` is the sha256 of all steps and values. ``best`` is shown beside ``final`` so that nobody takes one
    for the other; it decides nothing.
    """

    run: str
    recipe: str
    seed: int | None
    step: int | None
    final: float | None
    best: float | None
    distinct: int
    trajectory: str
    standing: Standing
    reasons: tuple[RaceError, ...] = ()
    alarms: tuple[RaceError, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate says of one recipe.

    Attributes:
        gate, recipe: what was judged.
        answer: pass, held for review, or refused.
        reasons: why it is not a pass, each as its typed error; those of single runs stand in ``rows``.
        rows: every run of the recipe.
        digest: sha256 of the gate and the results that decided, which a review names.
        review: the review that released it.
        test: the test over the finals, where the gate asks for one and it holds.
    """

    gate: str
    recipe: str
    answer: Answer
    reasons: tuple[RaceError, ...]
    rows: tuple[SeedRow, ...]
    digest: str
    review: Review | None = None
    test: TTest | None = None

    @property
    def all_reasons(self) -> tuple[RaceError, ...]:
        """The reasons of the gate, then those of its runs."""
        return (*self.reasons, *(one for row in self.rows for one in (*row.reasons, *row.alarms)))


def judge_gate(
    name: str,
    gate: Gate,
    curves: Sequence[Curve],
    *,
    ceiling: float,
    wires: Tripwires = Tripwires(),  # noqa: B008 - frozen
    facts: Mapping[str, RunFacts] | None = None,
    reviews: Sequence[Review] = (),
) -> Judgement:
    """Judge ``curves``, which are all runs of one recipe, by ``gate``.

    Args:
        name: the gate's name.
        gate: what it asks for.
        curves: every run of the recipe, also those that failed.
        ceiling: what guessing uniformly scores, in the unit of the curves.
        wires: what no honest curve does.
        facts: what the ledger knows beside the curves, by run.
        reviews: what people have signed for.
    """
    rows = tuple(_row(gate, curve, wires, ceiling, (facts or {}).get(curve.run, RunFacts())) for curve in curves)
    rows = _without_doubles(rows, curves)
    counting = [row for row in rows if row.standing == "counts"]
    test, reasons = _quorum(gate, counting)
    recipe = curves[0].recipe if curves else ""
    digest = _digest(name, gate, counting)
    if reasons:
        return Judgement(name, recipe, "refused", reasons, rows, digest, None, test)
    if not any(row.alarms for row in counting):
        return Judgement(name, recipe, "pass", (), rows, digest, None, test)
    review = next((one for one in reviews if one.releases(digest)), None)
    if review:
        return Judgement(name, recipe, "pass", (), rows, digest, review, test)
    return Judgement(name, recipe, "held-for-review", (ReviewMissing(name, recipe, digest),), rows, digest, None, test)


@dataclass(frozen=True, slots=True)
class GateReport:
    """What a gate says of a race: one judgement per recipe, and the answer, which is that of its best recipe.

    ``reasons`` are those that no single recipe shows: seeds that pass with several configurations, none with all.
    """

    gate: str
    answer: Answer
    judgements: tuple[Judgement, ...]
    reasons: tuple[RaceError, ...] = ()


def judge_recipes(
    name: str,
    gate: Gate,
    curves: Sequence[Curve],
    *,
    ceiling: float,
    wires: Tripwires = Tripwires(),  # noqa: B008 - frozen
    facts: Mapping[str, RunFacts] | None = None,
    reviews: Sequence[Review] = (),
) -> GateReport:
    """Judge every recipe among ``curves`` by itself; arguments as of :func:`judge_gate`."""
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(curve.recipe, []).append(curve)
    judgements = tuple(
        judge_gate(name, gate, group, ceiling=ceiling, wires=wires, facts=facts, reviews=reviews)
        for group in groups.values()
    )
    answers = {one.answer for one in judgements}
    order: tuple[Answer, ...] = ("pass", "held-for-review")
    answer: Answer = next((one for one in order if one in answers), "refused")
    return GateReport(name, answer, judgements, _mixed(gate, judgements) if answer == "refused" else ())


def _mixed(gate: Gate, judgements: Sequence[Judgement]) -> tuple[RaceError, ...]:
    """Whether the quorum would be met if configurations did not matter."""
    counting = [row for one in judgements for row in one.rows if row.standing == "counts"]
    recipes = tuple(dict.fromkeys(row.recipe for row in counting))
    if len({row.seed for row in counting}) < gate.quorum or len(recipes) < 2:
        return ()
    return (MixedRecipes(recipes),)


def _row(gate: Gate, curve: Curve, wires: Tripwires, ceiling: float, facts: RunFacts) -> SeedRow:
    distinct = distinct_evaluations(curve) if facts.evaluations is None else facts.evaluations
    void = (*void_reasons(curve, wires, ceiling), *_provenance(curve, facts))
    failing = () if void else tuple(_failings(gate, curve, distinct))
    standing: Standing = "void" if void else "fails" if failing else "counts"
    alarms = floor_alarms(curve, wires, facts.family) if standing == "counts" else ()
    empty = not curve.steps
    return SeedRow(
        run=curve.run,
        recipe=curve.recipe,
        seed=curve.seed,
        step=None if empty else curve.steps[-1],
        final=None if empty else curve.final,
        best=None if empty else min(curve.values),
        distinct=distinct,
        trajectory=hashlib.sha256(canonical_json([curve.steps, curve.values])).hexdigest(),
        standing=standing,
        reasons=void or failing,
        alarms=alarms,
    )


def _provenance(curve: Curve, facts: RunFacts) -> Iterator[RaceError]:
    for key, wanted in facts.requested.items():
        if key in facts.actual and facts.actual[key] != wanted:
            yield ProvenanceConflict(curve.run, key, str(wanted), str(facts.actual[key]))
    if facts.seconds is not None and not facts.seconds > 0:
        yield ZeroWallClock(curve.run, facts.seconds)


def _failings(gate: Gate, curve: Curve, distinct: int) -> Iterator[RaceError]:
    """What of the gate's own conditions a plausible run misses."""
    if curve.seed is None or (gate.seeds and curve.seed not in gate.seeds):
        yield SeedMissing(curve.run, curve.seed, gate.seeds)
    if curve.planned_steps is None:
        yield PlannedStepsMissing(curve.run)
    elif curve.steps[-1] != curve.planned_steps:
        yield FinalStepMissing(curve.run, curve.steps[-1], curve.planned_steps)
    if curve.steps[-1] < gate.min_step:
        yield BeforeWarmup(curve.run, curve.steps[-1], gate.min_step)
    if distinct < gate.min_distinct_steps:
        yield TooFewDistinctSteps(curve.run, distinct, gate.min_distinct_steps)
    if gate.below is not None and not curve.final < gate.below:
        yield BpbAboveTarget(curve.run, curve.seed, curve.final, gate.below)


def _without_doubles(rows: Sequence[SeedRow], curves: Sequence[Curve]) -> tuple[SeedRow, ...]:
    """The rows, where runs that finished with one seed, or logged one trajectory, no longer count."""
    finished: dict[int, list[str]] = {}
    for row, curve in zip(rows, curves, strict=True):
        if row.seed is not None and row.standing != "void" and row.step == curve.planned_steps:
            finished.setdefault(row.seed, []).append(row.run)
    first: dict[str, str] = {}
    found = []
    for row, curve in zip(rows, curves, strict=True):
        doubles: list[RaceError] = []
        same_seed = finished.get(row.seed, []) if row.seed is not None else []
        if len(same_seed) > 1 and row.run in same_seed:
            doubles.append(DuplicateSeed(row.seed or 0, tuple(same_seed)))
        other = first.setdefault(row.trajectory, curve.run)
        if other != curve.run and len(curve.steps) >= MIN_IDENTICAL_POINTS:
            doubles.append(IdenticalTrajectories(other, curve.run, len(curve.steps)))
        found.append(_failed(row, tuple(doubles)) if doubles else row)
    return tuple(found)


def _failed(row: SeedRow, reasons: tuple[RaceError, ...]) -> SeedRow:
    standing: Standing = "void" if row.standing == "void" else "fails"
    return replace(row, standing=standing, reasons=(*row.reasons, *reasons), alarms=())


def _quorum(gate: Gate, counting: Sequence[SeedRow]) -> tuple[TTest | None, tuple[RaceError, ...]]:
    """The test over the finals, and why those that count do not make a quorum."""
    finals = {row.seed: row.final for row in counting if row.seed is not None and row.final is not None}
    if len(finals) < gate.quorum:
        missing = tuple(seed for seed in gate.seeds if seed not in finals)
        return None, (InsufficientSeeds(len(finals), gate.quorum, missing),)
    steps = sorted({row.step for row in counting if row.step is not None})
    if len(steps) > 1:
        return None, (StepsNotComparable(tuple(map(str, steps))),)
    if gate.significance is None:
        return None, ()
    try:
        return t_test(finals, gate.significance), ()
    except TtestFailed as error:
        return None, (error,)


def _digest(name: str, gate: Gate, counting: Sequence[SeedRow]) -> str:
    """What a review signs for: the gate, and which runs with which finals it was judged by."""
    results = sorted(
        ({"run": row.run, "seed": row.seed, "final": row.final, "trajectory": row.trajectory} for row in counting),
        key=lambda one: str(one["run"]),
    )
    return hashlib.sha256(canonical_json({"gate": name, "asks": asdict(gate), "runs": results})).hexdigest()
