"""The ladder: which status a judgement earns, as pure functions of what was seen (DESIGN sections 1 and 10).

Everything here is monotonic: evidence that is better in one respect and equal in all others never earns less.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

from falsifiable.contracts.model import Ceiling, Contract, FalsifierDeclaration, Level
from falsifiable.falsifier import Verdict
from falsifiable.validation.results import BoundArtifact, Judgement


class Status(IntEnum):
    """A standing: FALSIFIED below the four levels of the ladder, so that the lowest of several is what counts."""

    FALSIFIED = -1
    PROPOSED = Level.PROPOSED
    PARTIAL = Level.PARTIAL
    INTEGRATION = Level.INTEGRATION
    DISCHARGED = Level.DISCHARGED


def earned(judgement: Judgement, *, committed: bool, discharged: bool, roles: Collection[str] = ()) -> Status:
    """What ``judgement`` earns before any ceiling.

    Args:
        judgement: what was seen.
        committed: the judging code stood in a commit, without uncommitted changes.
        discharged: every discharge condition of the contract was met, and no other evidence contradicts this one.
        roles: what the claim is about; a judgement that did not bind them all is not about this claim's files.
    """
    if judgement.verdict.outcome == "falsified":
        return Status.FALSIFIED
    if not judgement.proven or not (_held(judgement.verdict) or _held(judgement.on_specimen)):
        return Status.PROPOSED
    if not (_held(judgement.verdict) and committed and of_known_origin(judgement, roles)):
        return Status.PARTIAL
    return Status.DISCHARGED if discharged else Status.INTEGRATION


def of_known_origin(judgement: Judgement, roles: Collection[str] = ()) -> bool:
    """Whether something real was judged in each of ``roles``, and it is known where all of it came from."""
    bound = {one.role for one in judgement.artifacts}
    return bool(bound) and bound.issuperset(roles) and all(origin_is_known(one) for one in judgement.artifacts)


def origin_is_known(artifact: BoundArtifact) -> bool:
    """Whether a run record or an origin record vouches for the bytes; a command is known by its committed sources."""
    if artifact.provenance == "command":
        return bool(artifact.files)
    return artifact.provenance in ("recorded", "origin")


def ceiling_of(contract: Contract, declaration: FalsifierDeclaration, check: Ceiling = "discharged") -> Level:
    """The highest status ``declaration`` can earn: the lower of its own ceiling and its check's.

    Without a ``discharge`` block nothing can be discharged. A claim about commands alone cannot either: a command runs
    here and now, not in the run that the conditions speak of.
    """
    ceiling = min(contract.ceiling(declaration), Level.of(check))
    kinds = {contract.artifacts[role].kind for role in declaration.on.values() if role in contract.artifacts}
    return min(ceiling, Level.INTEGRATION) if kinds == {"command"} else ceiling


def capped(status: Status, ceiling: Level) -> Status:
    """``status``, or ``ceiling`` where that is lower."""
    return Status(min(status, ceiling))


def contract_status(falsifiers: Iterable[tuple[Status, Level]], required: Iterable[Status] = ()) -> Status:
    """The status of a contract from its falsifiers, each with its ceiling, and from the contracts it requires.

    The lowest among those still below their ceiling; if none is, the highest ceiling. A required contract that is
    falsified caps at PROPOSED: the dependent was not itself refuted.
    """
    standing = list(falsifiers)
    if any(status == Status.FALSIFIED for status, _ in standing):
        return Status.FALSIFIED
    below = [status for status, ceiling in standing if status < ceiling]
    reached = min(below) if below else Status(max((ceiling for _, ceiling in standing), default=Level.PROPOSED))
    return min([reached, *(max(one, Status.PROPOSED) for one in required)])


def _held(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.outcome == "held" and verdict.examined > 0
