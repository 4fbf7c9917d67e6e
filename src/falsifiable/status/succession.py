"""Which statements speak for a claim: a newer statement replaces the older ones claim by claim, where it judged.

A statement supersedes all earlier evidence of its contract, but absence refutes nothing: for a falsifier that it had
nothing to judge with, the newest statement beneath it that really judged goes on to speak.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from falsifiable.evidence import Statement, heads
from falsifiable.validation.results import Cause, Judgement

NOT_THERE: frozenset[Cause] = frozenset({"unbound", "absent", "library", "commands"})
"""Why nothing could be judged where the files, libraries or permissions were not at hand; not the falsifier's doing."""


def was_absent(judgement: Judgement) -> bool:
    """Whether there was nothing to judge."""
    return judgement.cause in NOT_THERE


def speaking(statements: Iterable[Statement], falsifier: str, roles: Collection[str] = ()) -> tuple[Statement, ...]:
    """The statements of one contract that speak for ``falsifier``, in the order of their digests.

    These are the heads that mention it and, beneath heads that had nothing to judge, the newest that reached a verdict
    and that no other judging statement supersedes, directly or through others. ``roles`` is for a claim that is only
    mentioned where it falls (a file is whole): a statement that bound one of them and is silent found nothing wrong.
    A function of the set: the order in which branches were merged does not enter.
    """
    known = {one.sha256: one for one in statements}
    replaced = _beneath(known, (one for one in known.values() if _judged(one, falsifier, roles)))
    top = {one.sha256 for one in heads(known.values())}
    found, seen, waiting = set(), set(), list(top)
    while waiting:
        digest = waiting.pop()
        if digest in seen or digest not in known:
            continue
        seen.add(digest)
        said = known[digest].judgement_of(falsifier)
        if said and (digest in top or (_decided(said) and digest not in replaced)):
            found.add(digest)
        if not _judged(known[digest], falsifier, roles) and (said or roles):
            waiting += known[digest].supersedes
    return tuple(known[digest] for digest in sorted(found))


def _judged(statement: Statement, falsifier: str, roles: Collection[str]) -> bool:
    said = statement.judgement_of(falsifier)
    if said:
        return not was_absent(said)
    return any(one.role in roles and one.digest for judged in statement.judgements for one in judged.artifacts)


def _decided(judgement: Judgement) -> bool:
    return judgement.verdict.outcome != "inconclusive"


def _beneath(known: Mapping[str, Statement], statements: Iterable[Statement]) -> set[str]:
    """The digests of everything that ``statements`` supersede, directly or through others."""
    reached: set[str] = set()
    waiting = [earlier for one in statements for earlier in one.supersedes]
    while waiting:
        digest = waiting.pop()
        if digest not in reached:
            reached.add(digest)
            waiting += known[digest].supersedes if digest in known else ()
    return reached
