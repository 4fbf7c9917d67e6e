"""The matrix of generic mutations, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from falsifiable.report.text import clean, counted, shortened
from falsifiable.validation.mutation_results import ArtifactResult, MutationReport, MutationResult

_WIDTH = 160


def mutations_as_json(report: MutationReport) -> dict[str, Any]:
    """The whole report as plain JSON data."""
    return {
        "killed": report.killed,
        "applicable": report.applicable,
        "survived": len(report.survivors),
        "explained": len(report.survivors) - len(report.unexplained),
        "contracts": {one.contract: {"killed": one.killed, "applicable": one.applicable} for one in report.contracts},
        "kills": {name: {"killed": killed, "alone": alone} for name, (killed, alone) in report.kills().items()},
        "left_out": dict(report.left_out),
        "unknown_reasons": list(report.unknown_reasons),
        "artifacts": [asdict(one) for one in report.artifacts],
    }


def mutations_as_text(report: MutationReport, *, matrix: bool = False) -> Iterator[str]:
    """Lines for a person: the scores, what nobody guards and who was left out; with ``matrix``, what killed what."""
    if not report.artifacts:
        yield "no falsifier reads an artifact, so that there is nothing to mutate"
        return
    if matrix:
        for artifact in report.artifacts:
            yield from _matrix(artifact)
        yield "what each falsifier kills, and how much of that no other of its contract does:"
        for name, (killed, alone) in report.kills().items():
            yield f"  {name:<56}{killed:>5}{alone:>5}"
    sparing = "" if matrix else " (at least: costly falsifiers were asked about survivors only; --matrix asks all)"
    yield f"mutations that a contract's own falsifiers kill, of those that apply to its roles{sparing}:"
    for one in report.contracts:
        yield f"  {one.contract:<32}{one.killed:>5} of {one.applicable:>4}{_share(one.killed, one.applicable)}"
    yield from _left_out(report)
    yield from _survivors(report)
    for place in report.unknown_reasons:
        yield f"unguarded: {place} is explained, and no mutation is called so; correct or remove the line"
    explained = len(report.survivors) - len(report.unexplained)
    yield (
        f"{counted(report.applicable, 'generic mutation')} of {counted(len(report.artifacts), 'artifact')}: "
        f"{report.killed} killed{_share(report.killed, report.applicable)}; {len(report.survivors)} survived, "
        f"{explained} of them explained"
    )


def _share(killed: int, applicable: int) -> str:
    """Rounded down: 94.96 % are not 95."""
    return f" ({killed * 1000 // applicable / 10} %)" if applicable else ""


def _matrix(artifact: ArtifactResult) -> Iterator[str]:
    yield f"{clean(artifact.label)}, a {artifact.kind}: {', '.join(artifact.places)}"
    for mutation in artifact.mutations:
        yield f"  {mutation.name:<36}{_fates(mutation)}"
    for name, why in artifact.not_applicable.items():
        yield f"  {name:<36}not applicable: {shortened(clean(why), _WIDTH)}"
    yield ""


def _fates(mutation: MutationResult) -> str:
    parts = []
    for fate, said in (("killed", "killed by"), ("inconclusive", "inconclusive"), ("not asked", "not asked")):
        ids = [one.partition("/")[2] for one, came_to in mutation.fates.items() if came_to == fate]
        if ids:
            parts.append(f"{said} {', '.join(dict.fromkeys(ids))}")
    return "; ".join(parts) or "nobody noticed"


def _left_out(report: MutationReport) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for one, why in report.left_out.items():
        by_reason.setdefault(why, []).append(one.partition("/")[2])
    for why, ids in by_reason.items():
        yield f"left out of the score, because {why}: {', '.join(ids)}"


def _survivors(report: MutationReport) -> Iterator[str]:
    if not report.survivors:
        return
    yield "what nobody guards:"
    for artifact, survivors in _by_artifact(report.survivors):
        yield f"  {clean(artifact.label)} ({', '.join(artifact.places)})"
        for one in survivors:
            yield f"    {one.name}: {one.describes}. Claim that nobody holds: {one.guards}"
            if unasked := [name.partition("/")[2] for name, fate in one.fates.items() if fate == "not asked"]:
                yield f"      not asked, for its limits were reached (--time-limit raises one): {', '.join(unasked)}"
            if unclear := [name.partition("/")[2] for name, fate in one.fates.items() if fate == "inconclusive"]:
                yield f"      inconclusive, which kills nothing: {', '.join(unclear)}"
            if one.accepted:
                yield f"      explained: {clean(one.accepted)}"


def _by_artifact(
    survivors: Sequence[tuple[ArtifactResult, MutationResult]],
) -> Iterator[tuple[ArtifactResult, list[MutationResult]]]:
    for artifact in {id(one): one for one, _ in survivors}.values():
        yield artifact, [mutation for one, mutation in survivors if one is artifact]
