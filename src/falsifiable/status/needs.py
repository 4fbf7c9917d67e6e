"""What a falsifier still needs for the next level, in words a person can act on."""

from __future__ import annotations

from collections.abc import Collection

from falsifiable.contracts.model import Level
from falsifiable.evidence import Context
from falsifiable.status.ladder import Status, origin_is_known
from falsifiable.validation.results import BoundArtifact, Judgement


def to_climb(
    judgement: Judgement,
    status: Status,
    ceiling: Level,
    *,
    context: Context,
    roles: Collection[str],
    unmet: tuple[str, ...],
    flaky: bool,
) -> tuple[str, ...]:
    """What stands between ``judgement``, which earned ``status``, and the next level below or at ``ceiling``."""
    if status >= ceiling:
        return ()
    if status == Status.FALSIFIED:
        return (judgement.verdict.found or "the claim is refuted; mend the artifact or the claim",)
    if status == Status.PROPOSED:
        return _to_partial(judgement)
    if status == Status.PARTIAL:
        return _to_integration(judgement, context, roles)
    return (("gave two different verdicts on the same bytes; find out why",) if flaky else ()) + unmet


def _to_partial(judgement: Judgement) -> tuple[str, ...]:
    if not judgement.challenges and judgement.verdict.outcome != "held":
        return (f"has not been judged here: {judgement.verdict.found or judgement.verdict.outcome}",)
    if not judgement.challenges:
        return ("ships no counterexample, so nothing proves that it can fall; write one",)
    through = [
        f"lets the counterexample {one.counterexample} through" + (f": {one.said}" if one.said else "")
        for one in judgement.challenges
        if one.outcome == "survived"
    ]
    unclear = [
        f"the counterexample {one.counterexample} was inconclusive" + (f": {one.said}" if one.said else "")
        for one in judgement.challenges
        if one.outcome == "inconclusive"
    ]
    if through or unclear:
        return (*through, *unclear)
    of_specimen = judgement.on_specimen
    if of_specimen is not None and of_specimen.outcome != "held":
        return (f"{of_specimen.outcome} on the specimens: {of_specimen.found}",)
    return (f"has not held on anything: {judgement.verdict.found or judgement.verdict.outcome}",)


def _to_integration(judgement: Judgement, context: Context, roles: Collection[str]) -> tuple[str, ...]:
    if judgement.verdict.outcome == "inconclusive":
        return (judgement.verdict.found or "inconclusive on what is bound",)
    needs = []
    if not judgement.artifacts:
        needs.append("was judged on generated inputs only, not on files of a run")
    else:
        bound = {one.role for one in judgement.artifacts}
        missing = (role for role in dict.fromkeys(roles) if role not in bound)
        needs += [f"was judged without {role}, which the claim is about; bind it and record again" for role in missing]
        needs += [_origin_of(one) for one in judgement.artifacts if not origin_is_known(one)]
    if context.commit is None:
        needs.append("was judged with code that stands in no commit; commit it and record again")
    elif context.dirty:
        needs.append("was judged with uncommitted changes; commit them and record again")
    return tuple(needs)


def _origin_of(artifact: BoundArtifact) -> str:
    if "command" in (artifact.kind, artifact.provenance):
        return (
            f"the sources of the command {artifact.role} stand in no commit; "
            "commit artifacts.yaml and the files that the command runs, and record again"
        )
    return (
        f"{artifact.role} ({artifact.path}) stands in no run record and has no origin record; "
        "bind the run that wrote it, or say where it was fetched from"
    )
