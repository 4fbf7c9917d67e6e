"""The main job: read what is bound, judge every falsifier whose verdict is not known yet, and report as it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from falsifiable.artifacts.sources.remote_path import place_of
from falsifiable.contracts import Contract, Workspace, claims_digest, load_workspace
from falsifiable.falsifier import Verdict
from falsifiable.validation import events
from falsifiable.validation.binding import bind_all, check_options
from falsifiable.validation.bound import Opened, Place, open_roles
from falsifiable.validation.cache import Cache
from falsifiable.validation.catalogue import Catalogue, load_catalogue
from falsifiable.validation.discharge import observe
from falsifiable.validation.executor import Executor, LocalExecutor
from falsifiable.validation.judging import fallen, judge_all, unjudged
from falsifiable.validation.mutation_results import MutationReport
from falsifiable.validation.mutation_testing import challenge_with_mutations
from falsifiable.validation.plan import Options, Task, plan
from falsifiable.validation.reading import read_new_models
from falsifiable.validation.results import ContractResult, Judgement


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
    executor: Executor | None = None,
) -> tuple[ContractResult, ...]:
    """Judge every falsifier of ``contracts`` (all of the workspace's when None) and return what was found.

    The jobs are run by ``executor``, by processes of this machine when None.

    Raises:
        KeyboardInterrupt: passed on after a final event with what had finished, and with all that had fallen.
    """
    options = options or Options()
    cache = cache or Cache()
    chosen = tuple(workspace.contracts if contracts is None else contracts)
    tell = teller(listeners)
    judged: dict[str, Judgement] = {}
    so_far: dict[str, Judgement] = {}
    with executor or LocalExecutor(quiet=not options.debug) as running:
        opened, planned = planned_tasks(workspace, catalogue, chosen, run, artifacts, running, options, cache)
        open_in = Counter(one.contract.contract for one in planned)
        try:
            for one, judgement in judge_all(planned, running, options, cache, tell, so_far=so_far):
                judged[one.id] = judgement
                tell(events.Judged(judgement))
                open_in[one.contract.contract] -= 1
                if not open_in[one.contract.contract]:
                    (result,) = results_of([one.contract], planned, judged, opened)
                    tell(events.ContractJudged(result))
        except KeyboardInterrupt:
            results = results_of(chosen, planned, fallen(so_far) | judged, opened)
            tell(events.Finished(results, interrupted=True))
            raise
    cache.trim_now_and_then()
    results = results_of(chosen, planned, judged, opened)
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
    with LocalExecutor(quiet=not options.debug) as running:
        results = validate_workspace(
            workspace, catalogue, contracts=chosen, run=run, artifacts=artifacts, options=options, listeners=listeners,
            cache=cache, executor=running,
        )  # fmt: skip
        _, planned = planned_tasks(workspace, catalogue, chosen, run, artifacts, running, options, cache)
        judgements = [judgement for result in results for judgement in result.judgements]
        report = challenge_with_mutations(
            planned,
            judgements,
            running,
            options=options,
            cache=cache,
            tell=teller(listeners),
            whole_matrix=whole_matrix,
        )  # fmt: skip
    return results, report


def planned_tasks(
    workspace: Workspace,
    catalogue: Catalogue,
    chosen: Sequence[Contract],
    run: Path | None,
    artifacts: Mapping[str, Path] | None,
    executor: Executor,
    options: Options,
    cache: Cache,
) -> tuple[Mapping[Place, Opened], list[Task]]:
    """What is bound to every role, opened, and what has to be judged on it."""
    roles = bind_all(workspace, chosen, run=run, options=artifacts)
    if not options.only_known:
        read_new_models(chosen, catalogue, roles, executor, options, cache)
    opened = open_roles(workspace.root, roles, cache, rehash=options.rehash)
    return opened, plan(workspace.root, tuple(chosen), catalogue, opened, options)


def validate(
    root: Path | str = ".",
    *,
    run: Path | str | None = None,
    artifacts: Mapping[str, Path | str] | None = None,
    options: Options | None = None,
    executor: Executor | None = None,
) -> tuple[ContractResult, ...]:
    """Put every contract of the workspace at ``root`` to the test and return one result per contract.

    Args:
        root: the workspace: a folder with ``contracts/`` and ``artifacts.yaml``.
        run: a run folder whose ``run.yaml`` binds the roles.
        artifacts: role (or ``CONTRACT/ROLE``) to file or folder, or to a URL; wins over ``run`` and ``artifacts.yaml``.
        options: limits per falsifier, and whether commands may be run.
        executor: what runs the falsifiers; processes of this machine when None.

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
        workspace, catalogue, run=None if run is None else Path(run), artifacts=bound, options=options,
        executor=executor,
    )  # fmt: skip


def teller(listeners: Iterable[events.Listener]) -> events.Listener:
    """One listener that tells all of ``listeners``, in their order."""
    heard = tuple(listeners)

    def tell(event: events.Event) -> None:
        for listener in heard:
            listener(event)

    return tell


def results_of(
    contracts: Sequence[Contract],
    planned: Sequence[Task],
    judged: Mapping[str, Judgement],
    opened: Mapping[Place, Opened],
) -> tuple[ContractResult, ...]:
    """One result per contract, closed over what was planned: what was not reported is inconclusive and says so."""
    results = []
    for contract in contracts:
        judgements = [judged.get(one.id, unjudged(one)) for one in planned if one.contract is contract]
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
    paths = one.called if one.kind != "run" else ()
    return found.startswith(tuple(f"{path}{end}" for path in paths for end in (":", "/")))
