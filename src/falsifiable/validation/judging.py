"""Judging what was planned: what is known is recalled, the rest goes to an executor in two rounds.

First what is bound, then on specimens whatever no real bytes could prove able to fail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from falsifiable.contracts import claim_digest
from falsifiable.falsifier import Verdict
from falsifiable.validation import events
from falsifiable.validation.cache import Cache
from falsifiable.validation.executor import Executor, Lost
from falsifiable.validation.plan import Options, Task, recall, recall_of
from falsifiable.validation.reading import with_fingerprints
from falsifiable.validation.results import Challenge, Judgement
from falsifiable.validation.workers import Job, Outcome


def judge_all(
    planned: Sequence[Task],
    executor: Executor,
    options: Options,
    cache: Cache,
    tell: events.Listener,
    *,
    so_far: dict[str, Judgement],
    later: int = 0,
) -> Iterator[tuple[Task, Judgement]]:
    """Every task with its judgement, exactly once and as soon as it is final. ``executor`` has been entered.

    ``so_far`` is empty and takes what is said of each task on the way, for whoever is interrupted. ``later`` is how
    many tasks are to be planned after these.
    """
    judgements = so_far
    known = {one.id: recall_of(one, cache) for one in planned if not one.obstacle and one.remembered}
    tell(events.Planned(len(planned), sum(entry is not None for entry in known.values()), later))
    judgements.update({one.id: unjudged(one) for one in planned})
    open_questions = []
    for one in planned:
        entry = known.get(one.id)
        if entry is not None:
            judgements[one.id] = _with_reports(judgements[one.id], entry["reports"], known=True)
        elif not one.obstacle:
            open_questions.append(one)
    yield from ((one, judgements[one.id]) for one in planned if _is_settled(judgements[one.id]))
    if options.only_known:
        open_questions = []
    told = with_fingerprints(open_questions, executor, options, cache)
    for one, outcome in _run(told, executor, options, tell, specimen=False):
        judgements[one.id] = _judged(judgements[one.id], outcome)
        if _is_conclusive(judgements[one.id]) and one.remembered:
            entry = {"reports": outcome.reports, "names": one.named_in(outcome.reports)}
            cache.put("verdicts", one.key(specimen=False), entry)
        if _is_settled(judgements[one.id]):
            yield one, judgements[one.id]
    unsettled = [one for one in planned if not _is_settled(judgements[one.id])]
    yield from _on_specimens(unsettled, judgements, executor, options, cache, tell)


def fallen(so_far: Mapping[str, Judgement]) -> dict[str, Judgement]:
    """What fell on real bytes, final or not: what specimens add to it cannot take it back."""
    return {name: one for name, one in so_far.items() if one.verdict.outcome == "falsified" or one.cause == "unsound"}


def _is_settled(judgement: Judgement) -> bool:
    """Whether specimens can add nothing: it held on real bytes, which its counterexamples did not."""
    return judgement.verdict.outcome == "held" and judgement.proven


def _on_specimens(
    planned: Sequence[Task],
    judgements: Mapping[str, Judgement],
    executor: Executor,
    options: Options,
    cache: Cache,
    tell: events.Listener,
) -> Iterator[tuple[Task, Judgement]]:
    waiting = []
    for one in planned:
        entry = recall(cache, one.key(specimen=True))
        if entry is not None:
            yield one, _with_specimen(judgements[one.id], entry["reports"])
        elif one.cause == "library" or not one.signature.roles:
            yield one, judgements[one.id]  # nothing more can be learnt from specimens
        elif options.only_known:
            yield one, judgements[one.id]
        else:
            waiting.append(one)
    for one, outcome in _run(waiting, executor, options, tell, specimen=True):
        judgement = _with_specimen(judgements[one.id], outcome.reports)
        if not outcome.cause and judgement.on_specimen and judgement.on_specimen.outcome != "inconclusive":
            cache.put("verdicts", one.key(specimen=True), {"reports": outcome.reports})
        yield one, judgement


def _run(
    planned: Sequence[Task], executor: Executor, options: Options, tell: events.Listener, *, specimen: bool
) -> Iterator[tuple[Task, Outcome]]:
    """Two contracts that make one claim of the same bytes are answered by one job.

    An answer that names the file it was reading is none for a copy of it: the copies are judged in a round of their
    own, one job for each place.
    """
    alike: dict[str, list[Task]] = {}
    for one in planned:
        alike.setdefault(one.key(specimen=specimen), []).append(one)
    copies: dict[tuple[str, ...], list[Task]] = {}
    for same, outcome in _answered(alike.values(), executor, options, tell, specimen=specimen):
        names = set() if specimen else set(same[0].named_in(outcome.reports))
        for one in same:
            if names.issubset(one.paths):
                yield one, outcome
            else:
                copies.setdefault((one.key(specimen=False), *one.paths), []).append(one)
    for same, outcome in _answered(copies.values(), executor, options, tell, specimen=specimen):
        yield from ((one, outcome) for one in same)


def _answered(
    alike: Collection[Sequence[Task]],
    executor: Executor,
    options: Options,
    tell: events.Listener,
    *,
    specimen: bool,
) -> Iterator[tuple[Sequence[Task], Outcome]]:
    """Tasks of one answer each, with what came of the job of the first."""
    by_id = {job.id: (job, same) for same in alike for job in [same[0].job(options, specimen=specimen)]}
    for event in executor.run([job for job, _ in by_id.values()], at_once=options.at_once):
        if isinstance(event, Job):
            for one in by_id[event.id][1]:
                tell(events.Started(one.contract.contract, one.declaration.id, one.item))
        elif isinstance(event, Lost):
            for one in by_id[event.job.id][1]:
                tell(events.Lost(one.contract.contract, one.declaration.id, event.said, one.item))
        else:
            yield by_id[event.job.id][1], event


def unjudged(one: Task) -> Judgement:
    """What is said of a task that was not judged: its obstacle, or that it is still open."""
    return Judgement(
        contract=one.contract.contract,
        falsifier=one.declaration.id,
        check=one.declaration.check,
        claim=one.declaration.claim,
        verdict=Verdict.inconclusive(
            one.obstacle or "it has not been judged on these bytes yet; run contract validate"
        ),
        cause=one.cause,
        artifacts=tuple(opened.bound for opened in one.artifacts.values() if opened.digest),
        parameters=dict(one.declaration.parameters),
        source_digest=one.source_digest,
        claim_digest=claim_digest(one.contract, one.declaration),
        check_ceiling=one.signature.level,
    )


def _judged(judgement: Judgement, outcome: Outcome) -> Judgement:
    judgement = replace(_with_reports(judgement, outcome.reports, known=False), seconds=outcome.seconds)
    if not outcome.cause:
        return judgement
    if any("verdict" in report for report in outcome.reports):
        lost = Challenge("the rest of its counterexamples", "inconclusive", "bound", outcome.said)
        return replace(judgement, challenges=(*judgement.challenges, lost))
    return replace(judgement, verdict=Verdict.inconclusive(outcome.said), cause=outcome.cause)


def _with_reports(judgement: Judgement, reports: Sequence[Mapping[str, Any]], *, known: bool) -> Judgement:
    challenges = tuple(Challenge(**report["challenge"]) for report in reports if "challenge" in report)
    for report in reports:
        if "verdict" in report:
            verdict = Verdict.from_json(report["verdict"])
            return replace(judgement, verdict=verdict, cause=report["cause"], challenges=challenges, known=known)
    return judgement


def _with_specimen(judgement: Judgement, reports: Sequence[Mapping[str, Any]]) -> Judgement:
    on_specimen = _with_reports(judgement, reports, known=False)
    if not reports:
        return judgement
    proven_already = {one.counterexample for one in judgement.challenges if one.outcome == "refuted"}
    added = tuple(one for one in on_specimen.challenges if one.counterexample not in proven_already)
    kept = tuple(one for one in judgement.challenges if one.outcome != "inconclusive")
    names = {one.counterexample for one in kept}
    challenges = (*kept, *(one for one in added if one.counterexample not in names))
    return replace(judgement, on_specimen=on_specimen.verdict, challenges=challenges)


def _is_conclusive(judgement: Judgement) -> bool:
    """Worth remembering: a verdict, and nothing that was cut short."""
    if judgement.verdict.outcome == "inconclusive":
        return False
    return all(one.outcome != "inconclusive" for one in judgement.challenges)
