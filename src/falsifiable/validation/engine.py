"""The main job: read what is bound, judge every falsifier whose verdict is not known yet, and report as it goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from falsifiable.artifacts.sources.remote_path import place_of
from falsifiable.contracts import Contract, Workspace, claim_digest, claims_digest, load_workspace
from falsifiable.falsifier import Verdict
from falsifiable.validation import events
from falsifiable.validation.binding import bind, check_options
from falsifiable.validation.bound import Opened, Place, open_roles
from falsifiable.validation.cache import Cache
from falsifiable.validation.catalogue import Catalogue, load_catalogue
from falsifiable.validation.discharge import observe
from falsifiable.validation.mutation_results import MutationReport
from falsifiable.validation.mutation_testing import challenge_with_mutations
from falsifiable.validation.plan import Options, Task, plan, recall
from falsifiable.validation.reading import read_new_models, with_fingerprints
from falsifiable.validation.results import Challenge, ContractResult, Judgement
from falsifiable.validation.workers import ForkServers, Job, Outcome, run_jobs


def validate_workspace(
    workspace: Workspace,
    catalogue: Catalogue,
    *,
    contracts: Sequence[Contract] | None = None,
    run: Path | None = None,
    artifacts: Mapping[str, Path] | None = None,
    options: Options | None = None,
    listeners: Iterable[events.Listener] = (),
    cache: Cache | None = None,
) -> tuple[ContractResult, ...]:
    """Judge every falsifier of ``contracts`` (all of the workspace's when None) and return what was found.

    Raises:
        KeyboardInterrupt: passed on after a final event with what had finished.
    """
    options = options or Options()
    cache = cache or Cache()
    chosen = tuple(workspace.contracts if contracts is None else contracts)
    opened, planned = _planned(workspace, catalogue, chosen, run, artifacts, options, cache)
    tell = _teller(listeners)
    judged: dict[str, Judgement] = {}
    try:
        for judgement in _judge_all(planned, options, cache, tell):
            judged[f"{judgement.contract}/{judgement.falsifier}"] = judgement
            tell(events.Judged(judgement))
    except KeyboardInterrupt:
        tell(events.Finished(_results(chosen, planned, judged, opened), interrupted=True))
        raise
    cache.trim()
    results = _results(chosen, planned, judged, opened)
    tell(events.Finished(results))
    return results


def challenge_workspace(
    workspace: Workspace,
    catalogue: Catalogue,
    *,
    contracts: Sequence[Contract] | None = None,
    run: Path | None = None,
    artifacts: Mapping[str, Path] | None = None,
    options: Options | None = None,
    listeners: Iterable[events.Listener] = (),
    cache: Cache | None = None,
    whole_matrix: bool = False,
) -> tuple[tuple[ContractResult, ...], MutationReport]:
    """Validate, then put generic mutations of everything that is bound (else of the specimens) to the falsifiers."""
    options = options or Options()
    cache = cache or Cache()
    chosen = tuple(workspace.contracts if contracts is None else contracts)
    results = validate_workspace(
        workspace, catalogue, contracts=chosen, run=run, artifacts=artifacts, options=options, listeners=listeners,
        cache=cache,
    )  # fmt: skip
    _, planned = _planned(workspace, catalogue, chosen, run, artifacts, options, cache)
    judgements = [judgement for result in results for judgement in result.judgements]
    report = challenge_with_mutations(
        planned, judgements, options=options, cache=cache, tell=_teller(listeners), whole_matrix=whole_matrix
    )
    return results, report


def _planned(
    workspace: Workspace,
    catalogue: Catalogue,
    chosen: Sequence[Contract],
    run: Path | None,
    artifacts: Mapping[str, Path] | None,
    options: Options,
    cache: Cache,
) -> tuple[Mapping[Place, Opened], list[Task]]:
    """What is bound to every role, opened, and what has to be judged on it."""
    roles = {one.contract: bind(workspace, one, run=run, options=artifacts) for one in chosen}
    if not options.only_known:
        read_new_models(chosen, catalogue, roles, options, cache)
    opened = open_roles(workspace.root, roles, cache, rehash=options.rehash)
    return opened, plan(workspace.root, tuple(chosen), catalogue, opened, options)


def validate(
    root: Path | str = ".",
    *,
    run: Path | str | None = None,
    artifacts: Mapping[str, Path | str] | None = None,
    options: Options | None = None,
) -> tuple[ContractResult, ...]:
    """Put every contract of the workspace at ``root`` to the test and return one result per contract.

    Args:
        root: the workspace: a folder with ``contracts/`` and ``artifacts.yaml``.
        run: a run folder whose ``run.yaml`` binds the roles.
        artifacts: role (or ``CONTRACT/ROLE``) to file or folder, or to a URL; wins over ``run`` and ``artifacts.yaml``.
        options: limits per falsifier, and whether commands may be run.

    Raises:
        ValueError: a contract is not valid; the message holds every fault with file, line and column.
        BindingError: ``artifacts`` names a role that no contract has, or a path that does not exist.
        ArtifactError: ``artifacts`` names a URL of a kind that is not read.
    """
    catalogue = load_catalogue()
    workspace = load_workspace(Path(root), catalogue.signatures)
    faults = [str(one) for one in workspace.diagnostics if one.severity == "error"]
    if faults:
        raise ValueError("\n".join(faults))
    bound = {role: place_of(path) for role, path in (artifacts or {}).items()}
    check_options(workspace, bound)
    return validate_workspace(
        workspace, catalogue, run=None if run is None else Path(run), artifacts=bound, options=options
    )


def _teller(listeners: Iterable[events.Listener]) -> events.Listener:
    heard = tuple(listeners)

    def tell(event: events.Event) -> None:
        for listener in heard:
            listener(event)

    return tell


def _judge_all(planned: Sequence[Task], options: Options, cache: Cache, tell: events.Listener) -> Iterator[Judgement]:
    """Judge in two rounds: what is bound, then on specimens whatever no real bytes could prove able to fail."""
    known = {
        one.id: recall(cache, one.key(specimen=False))
        for one in planned
        if not one.obstacle and one.signature.remembered
    }
    tell(events.Planned(len(planned), sum(entry is not None for entry in known.values())))
    judgements = {one.id: _unjudged(one) for one in planned}
    open_questions = []
    for one in planned:
        entry = known.get(one.id)
        if entry is not None:
            judgements[one.id] = _with_reports(judgements[one.id], entry["reports"], known=True)
        elif not one.obstacle:
            open_questions.append(one)
    yield from (judgements[one.id] for one in planned if _is_settled(judgements[one.id]))
    if options.only_known:
        open_questions = []
    told = with_fingerprints(open_questions, options, cache)
    with ForkServers(quiet=not options.debug) as servers:
        for one, outcome in _run(told, servers, options, tell, specimen=False):
            judgements[one.id] = _judged(judgements[one.id], outcome)
            if _is_conclusive(judgements[one.id]) and one.signature.remembered:
                cache.put("verdicts", one.key(specimen=False), {"reports": outcome.reports})
            if _is_settled(judgements[one.id]):
                yield judgements[one.id]
        unsettled = [one for one in planned if not _is_settled(judgements[one.id])]
        yield from _on_specimens(unsettled, judgements, servers, options, cache, tell)


def _is_settled(judgement: Judgement) -> bool:
    """Whether specimens can add nothing: it held on real bytes, which its counterexamples did not."""
    return judgement.verdict.outcome == "held" and judgement.proven


def _on_specimens(
    planned: Sequence[Task],
    judgements: Mapping[str, Judgement],
    servers: ForkServers,
    options: Options,
    cache: Cache,
    tell: events.Listener,
) -> Iterator[Judgement]:
    waiting = []
    for one in planned:
        entry = recall(cache, one.key(specimen=True))
        if entry is not None:
            yield _with_specimen(judgements[one.id], entry["reports"])
        elif one.cause == "library" or not one.signature.roles:
            yield judgements[one.id]  # nothing more can be learnt from specimens
        elif options.only_known:
            yield judgements[one.id]
        else:
            waiting.append(one)
    for one, outcome in _run(waiting, servers, options, tell, specimen=True):
        judgement = _with_specimen(judgements[one.id], outcome.reports)
        if not outcome.cause and judgement.on_specimen and judgement.on_specimen.outcome != "inconclusive":
            cache.put("verdicts", one.key(specimen=True), {"reports": outcome.reports})
        yield judgement


def _run(
    planned: Sequence[Task], servers: ForkServers, options: Options, tell: events.Listener, *, specimen: bool
) -> Iterator[tuple[Task, Outcome]]:
    """Two contracts that make one claim of the same bytes are answered by one job."""
    alike: dict[str, list[Task]] = {}
    for one in planned:
        alike.setdefault(one.key(specimen=specimen), []).append(one)
    by_id = {job.id: (job, same) for same in alike.values() for job in [same[0].job(options, specimen=specimen)]}
    for event in run_jobs([job for job, _ in by_id.values()], servers, at_once=options.at_once):
        if isinstance(event, Job):
            for one in by_id[event.id][1]:
                tell(events.Started(one.contract.contract, one.declaration.id))
        else:
            yield from ((one, event) for one in by_id[event.job.id][1])


def _unjudged(one: Task) -> Judgement:
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


def _results(
    contracts: Sequence[Contract],
    planned: Sequence[Task],
    judged: Mapping[str, Judgement],
    opened: Mapping[Place, Opened],
) -> tuple[ContractResult, ...]:
    """One result per contract, closed over what was planned: what was not reported is inconclusive and says so."""
    results = []
    for contract in contracts:
        judgements = [judged.get(one.id, _unjudged(one)) for one in planned if one.contract is contract]
        of_contract = {role: opened[contract.contract, role] for role in contract.artifacts}
        judgements += _unsound(contract, of_contract, judgements)
        record = next((one.record for one in of_contract.values() if one.record), None)
        results.append(
            ContractResult(
                contract=contract.contract,
                version=contract.version,
                digest=contract.digest,
                claims_digest=claims_digest(contract),
                judgements=tuple(judgements),
                observations=observe(contract, of_contract, judgements),
                training_commit=record.commit if record else None,
                run_id=record.run_id if record else None,
            )
        )
    return tuple(results)


def _unsound(contract: Contract, opened: Mapping[str, Opened], judgements: Sequence[Judgement]) -> list[Judgement]:
    """A falsified ``artifact.sound`` for every bound file that breaks its format's own rules.

    A contract that declares the check on that role has its own judgement of a file that did not open.
    """
    declared = {
        one.role for judgement in judgements if judgement.check == "artifact.sound" for one in judgement.artifacts
    }
    said = {role: one.said for role, one in opened.items() if one.cause == "unsound" and role not in declared}
    return [
        Judgement(
            contract=contract.contract,
            falsifier=f"ARTIFACT-SOUND-{role.upper()}",
            check="artifact.sound",
            claim=f"The file bound to {role} is whole and keeps the rules of its own format",
            verdict=Verdict("falsified", found, (), 1, "files"),
            artifacts=(opened[role].bound,),
        )
        for role, found in (said | _broken_further_in(opened, judgements)).items()
    ]


def _broken_further_in(opened: Mapping[str, Opened], judgements: Sequence[Judgement]) -> dict[str, str]:
    """Role -> what a check came upon in a file that opened: a part that is read late breaks the rules of the format.

    Such a check is inconclusive, and without this nothing would be falsified. It names the file it was reading; of
    several roles (a run folder, and a model inside it) the one bound to the innermost is meant.
    """
    said: dict[str, str] = {}
    for found in (one.verdict.found for one in judgements if one.cause == "unsound"):
        named = [one for one in opened.values() if _is_about(found, one)]
        innermost = max(named, key=lambda one: len(one.path), default=None)
        if innermost is not None and not innermost.cause:
            said.setdefault(innermost.role, found)
    return said


def _is_about(found: str, one: Opened) -> bool:
    """Whether a message begins with the file bound to a role, or with one in the folder bound to it.

    A run folder holds models, each of which answers for itself.
    """
    paths = [path for path in (one.path, str(one.message.get("path", ""))) if path and one.kind != "run"]
    return found.startswith(tuple(f"{path}{end}" for path in paths for end in (":", "/")))
