"""Statuses that rose between two commits, and who vouches for the evidence they rose on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from falsifiable.status.gate.block import Block
from falsifiable.status.ladder import Status
from falsifiable.status.standing import ContractStanding, FalsifierStanding
from falsifiable.status.vouching import Vouching

_SIGN = (
    "contract evidence sign with an allowed key, or let the gate's job judge the same bytes again (--run, --artifact)"
)


def unvouched_rises(
    before: Iterable[ContractStanding],
    after: Iterable[ContractStanding],
    counted: Iterable[ContractStanding],
    vouching: Vouching,
    changed: Collection[str] = (),
) -> Iterator[Block]:
    """Every claim that rose on the word of nobody, and every contract that stands higher because of one.

    Args:
        before: where the contracts stood at the earlier commit, by all its evidence.
        after: where they stand at the later one, by all its evidence.
        counted: and by that of it which somebody vouches for.
        vouching: who vouches for what at the later commit.
        changed: the falsifiers that ask for something else than they did, or are judged by other code: what they had
            earned was earned for another claim, so that they start anew. A refutation is not forgotten.
    """
    stood = {one.contract: one for one in before}
    counting = {one.contract: one for one in counted}
    for standing in after:
        earlier = stood.get(standing.contract)
        blocks = list(_of_falsifiers(earlier, standing, counting[standing.contract], vouching, changed))
        blocks += _no_longer_told(earlier, standing, vouching)
        yield from blocks
        rose = standing.status > (earlier.status if earlier else Status.PROPOSED)
        if rose and not blocks and standing.status > counting[standing.contract].status:
            yield _block(standing.contract, earlier.status if earlier else None, standing.status, "")


def unsigned(counted: Iterable[ContractStanding], after: Iterable[ContractStanding]) -> Iterator[Block]:
    """Every claim at INTEGRATION or above that would not stand there by what is vouched for, moved or not."""
    counting = {(one.contract, claim.falsifier): claim for one in counted for claim in one.falsifiers}
    for standing in after:
        for claim in standing.falsifiers:
            vouched = counting[standing.contract, claim.falsifier]
            if claim.status >= Status.INTEGRATION and vouched.status < claim.status:
                message = f"stands at {claim.status.name}, at {vouched.status.name} by what is vouched for"
                yield Block("GATE-UNSIGNED", claim.falsifier, f"{message}: {'; '.join(vouched.needs)}", _SIGN)


def _of_falsifiers(
    before: ContractStanding | None,
    after: ContractStanding,
    counted: ContractStanding,
    vouching: Vouching,
    changed: Collection[str],
) -> Iterator[Block]:
    stood = {
        one.falsifier: min(one.status, Status.PROPOSED) if one.falsifier in changed else one.status
        for one in (before.falsifiers if before else ())
    }
    counting: Mapping[str, FalsifierStanding] = {one.falsifier: one for one in counted.falsifiers}
    for claim in after.falsifiers:
        was = stood.get(claim.falsifier)
        if claim.status > (Status.PROPOSED if was is None else was):
            why = _why_not(after, claim, counting[claim.falsifier], was, vouching)
            if why:
                yield _block(claim.falsifier, was, claim.status, why)


def _why_not(
    standing: ContractStanding,
    claim: FalsifierStanding,
    counted: FalsifierStanding,
    was: Status | None,
    vouching: Vouching,
) -> str:
    """Why the rise of ``claim`` does not count; "" where it does.

    PARTIAL needs nobody's word from where nothing was refuted: it is earned on specimens, which everybody has.
    """
    if counted.status < claim.status:
        return "; ".join(counted.needs)
    if was == Status.FALSIFIED and (claim.judgement is None or claim.judgement.verdict.outcome == "falsified"):
        return (
            "nothing answers what refuted it: that evidence only went stale, or was superseded by silence; record again"
        )
    if was == Status.FALSIFIED and claim.judgement is not None:
        rests_on = next((one for one in standing.heads if one.sha256 == claim.rests_on), None)
        return vouching.doubt(rests_on, claim.judgement) if rests_on else ""
    return ""


def _no_longer_told(before: ContractStanding | None, after: ContractStanding, vouching: Vouching) -> Iterator[Block]:
    """Claims that no contract states, such as that a file is whole, which fell and are told of no longer.

    They vanish where newer evidence bound the same role and found nothing wrong: somebody must vouch for it.
    """
    told = {one.falsifier for one in after.falsifiers}
    known = {one.sha256 for one in before.heads} if before else set()
    for claim in before.falsifiers if before else ():
        judged = claim.judgement
        if claim.falsifier in told or claim.status != Status.FALSIFIED or judged is None or judged.claim_digest:
            continue
        roles = {one.role for one in judged.artifacts}
        answers = [
            vouching.doubt(statement, one)
            for statement in after.heads
            if statement.sha256 not in known
            for one in statement.judgements
            if any(bound.role in roles and bound.digest for bound in one.artifacts)
        ]
        if "" not in answers:
            why = next(iter(answers), "nothing answers what refuted it")
            message = f"is no longer told of, and was FALSIFIED: {why}"
            yield Block("GATE-STATUS-UNVOUCHED", claim.falsifier, message, _SIGN)


def _block(subject: str, was: Status | None, now: Status, why: str) -> Block:
    rose = f"rose from {was.name} to {now.name}" if was is not None else f"stands at {now.name}"
    return Block("GATE-STATUS-UNVOUCHED", subject, rose + (f": {why}" if why else ""), _SIGN)
