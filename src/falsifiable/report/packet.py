"""The promotion packet of a run: everything somebody needs who decides whether its result may be used, in one document.

A result is a candidate until its run id, data, metrics and command are there, then its source, its files, references,
figures and evidence. What is missing is named, and so is every question that stayed open.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from falsifiable.artifacts import ArtifactError, Run
from falsifiable.contracts.model import Contract
from falsifiable.evidence import Statement
from falsifiable.report.redaction import Redaction
from falsifiable.status import ContractStanding
from falsifiable.validation.results import Judgement

PACKET_FORMAT = 1
MOST_POINTS = 13
"""Of a loss curve, as a table that a person reads: the first, the last, and others at equal distances."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of a run beside its folder: all evidence, where contracts stand, and the contracts."""

    statements: tuple[Statement, ...] = ()
    standings: tuple[ContractStanding, ...] = ()
    contracts: tuple[Contract, ...] = ()


def packet_of(run: Run, known: Knowledge, redaction: Redaction) -> dict[str, Any]:
    """The packet of ``run`` as JSON data, in the order it is read, redacted. Raises ArtifactError for a broken log."""
    naming = _naming(run, known.statements)
    judged = _newest_judgements(naming, known.standings)
    packet: dict[str, Any] = {
        "packet": PACKET_FORMAT,
        "run": _identity(run),
        "datasets": _datasets(run),
        "metrics": [{"name": name, "value": _number(one.value), "step": one.step} for name, one in run.metrics.items()],
        "reproduction": _reproduction(run, redaction),
        "source": {"commit": run.commit, "clean": None if run.dirty is None else not run.dirty, **_changes(run)},
        "references": _references(run, known, naming),
        "figures": _figures(run),
        "artifacts": list(_artifacts(run)),
        "evidence": [_evidence(one) for one in naming],
        "statuses": list(_statuses(known.standings, naming)),
    }
    packet["release"] = _release(packet, judged)
    packet["open_questions"] = _open_questions(judged, known.standings, naming)
    redacted: dict[str, Any] = redaction.data(packet)
    return redacted


def _identity(run: Run) -> dict[str, Any]:
    fields = ("started", "ended", "end_reason", "steps", "seed", "device", "dtype", "parameters", "architecture")
    return {"run_id": run.run_id, **{name: run.field(name) for name in fields}, "environment": run.field("environment")}


def _datasets(run: Run) -> list[dict[str, Any]]:
    keys = ("sha256", "tokens", "files", "real_share", "kind")
    return [{"split": name, **{key: one.get(key) for key in keys}} for name, one in run.datasets.items()]


def _reproduction(run: Run, redaction: Redaction) -> dict[str, Any]:
    """The commands that do it again, in order; none where the record lacks one of its parts."""
    command = run.field("command")
    if not isinstance(command, list) or not command or not all(isinstance(one, str) for one in command):
        return {"commands": []}
    checkout = [f"git checkout {run.commit}"] if run.commit else []
    return {"commands": [*checkout, shlex.join(redaction.command(command))]}


def _changes(run: Run) -> dict[str, Any]:
    base, paths = run.field("changes.base"), run.field("changes.paths")
    return {"base": base, "changed_paths": paths} if isinstance(paths, list) else {}


def _references(run: Run, known: Knowledge, naming: Sequence[Statement]) -> list[str]:
    """What the contracts that speak of these bytes refer to, and what the record itself does."""
    of_run = run.field("references")
    own = [str(one) for one in of_run] if isinstance(of_run, list) else []
    named = {one.contract for one in naming}
    of_contracts = [reference for one in known.contracts if one.contract in named for reference in one.references]
    return list(dict.fromkeys([*own, *of_contracts]))


def _figures(run: Run) -> list[dict[str, Any]]:
    """The curves of losses, phase by phase, thinned out so that they can be read as a table."""
    phases = list(dict.fromkeys(str(row.get("phase")) for row in run.rows if row.get("phase") is not None))
    figures = []
    for phase in phases:
        for name in ("loss", "val_loss"):
            series = run.series(name, phase)
            if series:
                points = [[step, _number(value)] for step, value in _thinned(series)]
                figures.append({"name": f"{name} of {phase}", "unit": "nats per token", "points": points})
    return figures


def _thinned(series: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    if len(series) <= MOST_POINTS:
        return list(series)
    last = len(series) - 1
    return [series[round(place * last / (MOST_POINTS - 1))] for place in range(MOST_POINTS)]


def _artifacts(run: Run) -> Iterator[dict[str, Any]]:
    for role, one in run.artifacts.items():
        try:
            found = run.found_digest(role)
        except ArtifactError:
            found = None
        state = "absent" if found is None else "as recorded" if found == one.sha256 else "changed since"
        yield {"role": role, "path": one.path, "size": one.size, "sha256": one.sha256, "state": state}


def _naming(run: Run, statements: Iterable[Statement]) -> list[Statement]:
    """The statements that speak of this run: that were judged on its record, or on bytes that it left behind."""
    digests = {one.sha256 for one in run.artifacts.values()} | {run.digest}
    return [one for one in statements if _names(one, digests, run.run_id)]


def _names(statement: Statement, digests: set[str], run_id: str | None) -> bool:
    if run_id is not None and statement.run_id == run_id:
        return True
    bound = [artifact for one in statement.judgements for artifact in one.artifacts]
    return any(one.digest in digests for one in bound)


def _evidence(statement: Statement) -> dict[str, Any]:
    outcomes = Counter(one.verdict.outcome for one in statement.judgements)
    return {
        "statement": statement.sha256,
        "contract": statement.contract,
        "version": statement.version,
        "judging_commit": statement.context.commit,
        **{outcome: outcomes[outcome] for outcome in ("held", "falsified", "inconclusive")},
    }


def _statuses(standings: Iterable[ContractStanding], naming: Sequence[Statement]) -> Iterator[dict[str, Any]]:
    """Where the contracts stand whose evidence is of these bytes; what rests on others says nothing of this run."""
    ours = {one.sha256 for one in naming}
    for standing in standings:
        if any(head.sha256 in ours for head in standing.heads):
            yield {"contract": standing.contract, "version": standing.version, "status": standing.shown}


def _newest_judgements(naming: Sequence[Statement], standings: Iterable[ContractStanding]) -> list[Judgement]:
    """Every judgement of the statements that still speak for their contract."""
    heads = {head.sha256 for standing in standings for head in standing.heads}
    speaking = [one for one in naming if one.sha256 in heads] or list(naming)
    return [judgement for one in speaking for judgement in one.judgements]


def _release(packet: Mapping[str, Any], judged: Sequence[Judgement]) -> dict[str, Any]:
    fallen = sorted({one.falsifier for one in judged if one.verdict.outcome == "falsified"})
    held = any(one.verdict.outcome == "held" for one in judged)
    changed = [one["role"] for one in packet["artifacts"] if one["state"] != "as recorded"]
    needed = {
        "a run id": packet["run"]["run_id"],
        "data sets, each by sha256": packet["datasets"] and all(one["sha256"] for one in packet["datasets"]),
        "metrics, each a finite number": packet["metrics"] and all(_finite(one["value"]) for one in packet["metrics"]),
        "the command that made it": packet["reproduction"]["commands"],
        "the commit of its source, and a clean tree": packet["source"]["commit"] and packet["source"]["clean"],
        "files, each as recorded": packet["artifacts"] and not changed,
        "a run that ended because it was done": packet["run"]["end_reason"] == "completed",
        "references": packet["references"],
        "figures": packet["figures"],
        "evidence that names these bytes": held,
        "no falsified claim": not fallen,
    }
    missing = [what for what, there in needed.items() if not there]
    return {"status": "candidate" if missing else "promotable", "missing": missing, "falsified": fallen}


def _open_questions(
    judged: Sequence[Judgement], standings: Iterable[ContractStanding], naming: Sequence[Statement]
) -> list[str]:
    """What stayed inconclusive on these bytes, and the conditions of DISCHARGED that are not met."""
    ours = {one.sha256 for one in naming}
    open_claims = [
        f"{one.falsifier}: {one.claim}: {one.verdict.found}" for one in judged if one.verdict.outcome == "inconclusive"
    ]
    unmet = [
        f"{standing.contract}: {condition}"
        for standing in standings
        if standing.can_discharge and any(head.sha256 in ours for head in standing.heads)
        for condition in standing.unmet
    ]
    return list(dict.fromkeys([*open_claims, *unmet]))


def _number(value: float) -> float | str:
    """A number as JSON can say it."""
    return value if math.isfinite(value) else str(value)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
