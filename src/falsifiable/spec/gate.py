"""The gate: whether what changed between two commits may move a status or a percentage, and every reason why not.

The rules that compare contracts, checks, points and standings are pure and live in the status room; here they are put
to two commits, together with what is said of regions, evidence, signatures and amendments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from falsifiable.contracts import TRUST_FILE, claim_digest
from falsifiable.contracts.comparison import compare_sets
from falsifiable.contracts.versions import Bump, bumped
from falsifiable.evidence import Statement, deletions, read_reviews, sha256_of, short, statement_path, verified
from falsifiable.spec.amendments import amendments_folder
from falsifiable.spec.findings import Finding
from falsifiable.spec.ledger import changelog_path, spec_path
from falsifiable.spec.regions import RegionError, find_regions
from falsifiable.spec.side import Side, amended_since, contract_bumps, releases_since
from falsifiable.spec.update import check_specs
from falsifiable.status import ContractStanding, standings
from falsifiable.status.gate.block import Block
from falsifiable.status.gate.claims import typed_versions, weakened_checks, weakened_claims
from falsifiable.status.gate.movement import unsigned, unvouched_rises
from falsifiable.status.gate.ships import ShipMovement, falsified_claims, new_waivers, ship_blocks, ship_movements
from falsifiable.status.gate.weights import weakened_ships
from falsifiable.status.grounds import Grounds
from falsifiable.status.testimony import nobody_doubts
from falsifiable.status.vouching import Vouching
from falsifiable.validation.results import ContractResult


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of a change beyond the rules that always hold.

    ``require_signed``: every claim at INTEGRATION or above rests on signed evidence. ``release``: nothing is falsified.
    ``accepted_trust``: the sha256 of a ``trust.yaml`` that whoever runs the gate has looked at. ``today`` decides which
    waivers are over.
    """

    today: date
    require_signed: bool = False
    release: bool = False
    accepted_trust: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says: it refuses for ``blocks``, and cannot decide for what is ``undecided``.

    ``notes`` are worth knowing and refuse nothing; ``ships`` say how each percentage moved. ``unvouched`` names the
    contracts that the gate's own job could vouch for by judging them again.
    """

    base: str
    head: str
    blocks: tuple[Block, ...] = ()
    undecided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ships: tuple[ShipMovement, ...] = ()
    unvouched: tuple[str, ...] = field(default=())


def decide(base: Side, head: Side, demands: Demands, again: Mapping[str, ContractResult] | None = None) -> Decision:
    """Whether ``head`` may follow ``base``.

    ``again`` holds what this very job judged, by contract: what it derived again needs no signature. A file of the
    later commit that is not valid refuses everything else unseen: claims that cannot be read hold nothing. Who may sign
    says the earlier commit, or the later one where somebody has looked at its ``trust.yaml``.
    """
    decision = Decision(base.commit, head.commit)
    if demands.accepted_trust and demands.accepted_trust == _trust_digest(head):
        base = replace(base, policy=head.policy)
    if unknown := tuple(_undecidable(base, head)):
        return replace(decision, undecided=unknown)
    if invalid := tuple(
        Block("GATE-INVALID", one.place, f"{one.rule}: {one.message}", one.hint, one.path, one.line)
        for one in head.faults
    ):
        return replace(decision, blocks=(*invalid, *_deleted(base, head)))
    of_regions = check_specs(head.ledger, head.repository, base=base.commit)
    vouching = Vouching(_unsigned(base, head), again or {}, _recoded(base, head))
    before, after = base.ledger.standings(), head.ledger.standings()
    statements, code = head.ledger.statements, head.ledger.code
    counted = standings(tuple(head.contracts.values()), statements, code, head.repository, vouching.doubt)
    rises = list(unvouched_rises(before, after, counted, vouching, _asking_otherwise(base, head)))
    ships = ship_movements(
        {one: (base.ship_files[one], _grounds(base, before, base)) for one in base.ship_files},
        {one: (head.ship_files[one], _grounds(head, after, base)) for one in head.ship_files},
        {one: (head.ship_files[one], _grounds(head, counted, base, vouching)) for one in head.ship_files},
    )
    blocks = (
        *_amendment_faults(of_regions),
        *_claims(base, head),
        *_weights(base, head),
        *_regions(base, head, of_regions),
        *_evidence(base, head),
        *_deleted(base, head),
        *_trust(base, head, demands),
        *rises,
        *ship_blocks(ships, demands.today, release=demands.release),
        *(unsigned(_by_signatures(head, vouching), after) if demands.require_signed else ()),
        *(falsified_claims(after, ships) if demands.release else ()),
    )
    return replace(
        decision,
        blocks=tuple(dict.fromkeys(blocks)),
        undecided=tuple(dict.fromkeys(one.message for one in of_regions if one.kind == "undecided")),
        notes=(
            *_left_out(head),
            *new_waivers(ships),
            *_notes(of_regions, () if rises else tuple(_lower(counted, after))),
        ),
        ships=ships,
        unvouched=tuple(dict.fromkeys((*_lower(counted, after), *_contracts_of(rises, before, after)))),
    )


def _undecidable(base: Side, head: Side) -> Iterator[str]:
    """Why the two commits cannot be compared at all."""
    member = head.repository.membership(base.commit, {})
    if member.counts == "unknown":
        yield member.why
    elif member.counts == "no":
        was, now = short(base.commit), short(head.commit)
        gained = "what it gained since they parted would look deleted"
        yield f"{was} is no ancestor of {now}: {gained}; git merge {was} first"
    for plugin, why in base.code.catalogue.failed_plugins.items():
        yield f"the checks of {plugin} cannot be listed at {short(base.commit)}, so what they lost is not seen: {why}"


def _left_out(head: Side) -> Iterator[str]:
    return (f"{path} was not read: it is a link, or its name holds a line break" for path in head.left_out)


def _by_signatures(head: Side, vouching: Vouching) -> tuple[ContractStanding, ...]:
    """Where the contracts stand by signed evidence alone: what this job derived again bears no signature."""
    signed = Vouching(vouching.unsigned)
    ledger = head.ledger
    return standings(tuple(head.contracts.values()), ledger.statements, ledger.code, head.repository, signed.doubt)


def _claims(base: Side, head: Side) -> Iterator[Block]:
    contracts, _ = amended_since(base, head)
    was, now = base.code.catalogue.signatures, head.code.catalogue.signatures
    compared = compare_sets(base.contracts.values(), head.contracts.values(), was, now)
    yield from weakened_claims((change for one in compared for change in one.changes), contracts)
    yield from weakened_checks(tuple(base.contracts.values()), was, now, contracts)
    yield from typed_versions(base.contracts, head.contracts, contract_bumps(base, head))
    yield from _typed_releases(base, head)


def _typed_releases(base: Side, head: Side) -> Iterator[Block]:
    """Releases that are not what contract amend release makes of their amendments, or gained one after they were."""
    for spec, log in head.ledger.amendments.items():
        version = base.ledger.amendments[spec].version if spec in base.ledger.amendments else log.baseline.version
        for release in releases_since(base, head, spec):
            demanded = bumped(version, max(one.amendment.moves for one in release.sections))
            if release.version != demanded:
                message = f"the release {release.version} was typed: its amendments make {demanded} of {version}"
                yield Block("GATE-VERSION-TYPED", spec, message, "undo it, and let contract amend release number it")
            version = release.version
        released = {one.version for one in log.releases} - {one.version for one in releases_since(base, head, spec)}
        for section in log.sections:
            if section.version in released and section.path not in base.files:
                message = f"this amendment was put into the release {section.version}, which had been made"
                hint = f"move it to {amendments_folder(spec)}, where it is pending"
                yield Block.of_file("GATE-HISTORY-REWRITTEN", section.path, message, hint)


def _weights(base: Side, head: Side) -> Iterator[Block]:
    return weakened_ships(base.ship_files, head.ship_files, amended_since(base, head)[1])


_OF_REGIONS = {
    "edited": "GATE-REGION-EDITED",
    "out-of-date": "GATE-REGION-EDITED",
    "marker": "GATE-REGION-MOVED",
    "evidence": "GATE-EVIDENCE-BROKEN",
}


def _regions(base: Side, head: Side, found: tuple[Finding, ...]) -> Iterator[Block]:
    for one in found:
        if one.severity == "error" and one.kind in _OF_REGIONS:
            yield Block(_OF_REGIONS[one.kind], one.place, one.message, one.hint, one.path, one.line)
    for spec in base.ledger.specs:
        for path in (spec_path(base.ledger.root, spec), changelog_path(base.ledger.root, spec)):
            shown = path.relative_to(base.ledger.root).as_posix()
            for name in sorted(_region_names(base, shown) - _region_names(head, shown)):
                message = f"the region {name} is gone, or no longer between its markers"
                yield Block.of_file("GATE-REGION-MOVED", shown, message)


def _region_names(side: Side, path: str) -> set[str]:
    try:
        return {one.name for one in find_regions(side.files.get(path, b"")).found}
    except RegionError:
        return set()


def _amendment_faults(found: tuple[Finding, ...]) -> Iterator[Block]:
    for one in found:
        if one.kind == "amendment" and one.severity == "error":
            yield Block("GATE-INVALID", one.place, one.message, one.hint, one.path, one.line)


def _evidence(base: Side, head: Side) -> Iterator[Block]:
    """New statements from outside this history, and signatures and reviews that are not whose they say."""
    for digest, (spec, statement) in head.statements.items():
        name = statement_path(spec, digest)
        context = statement.context
        if digest not in base.statements and context.commit is not None:
            member = head.repository.membership(context.commit, context.trees)
            if member.counts == "no":
                hint = "merge its branch first, or record again here"
                yield Block.of_file("GATE-EVIDENCE-FOREIGN", name, member.why, hint)
        for one in head.ledger.evidence[spec].signatures_of(statement):
            verification = verified(statement, (one,), base.policy, _home_of(base, head, statement, spec))
            if verification.outcome == "invalid":
                yield Block.of_file("GATE-SIGNATURE-FORGED", name, verification.said)
    for spec in head.ledger.specs:
        for signed in read_reviews(head.ledger.root, spec)[0]:
            check = signed.check(base.policy)
            if check.outcome == "invalid":
                path = signed.signature.path.relative_to(head.ledger.root).as_posix()
                yield Block.of_file("GATE-SIGNATURE-FORGED", path, check.said)


def _home_of(base: Side, head: Side, statement: Statement, folder: str) -> str:
    """The spec whose signers count: that of the earlier commit, so that no contract moves to where others may sign."""
    return (base if statement.contract in base.contracts else head).home_of(statement, folder)


def _unsigned(base: Side, head: Side) -> dict[str, str]:
    """Statements of the later commit without a signature that the policy allows, each with why.

    The policy is the earlier commit's, or the later one's where somebody accepted it.
    """
    policy_of = head if base.policy == head.policy else base
    found = {}
    for digest, (spec, statement) in head.statements.items():
        signatures = head.ledger.evidence[spec].signatures_of(statement)
        verification = verified(statement, signatures, base.policy, _home_of(base, head, statement, spec))
        if verification.outcome != "signed":
            said = f"as trust.yaml stood at {short(policy_of.commit)}, {verification.said}"
            found[digest] = "" if verification.outcome == "unsigned" else said
    return found


def _deleted(base: Side, head: Side) -> Iterator[Block]:
    for one in deletions(base.files, head.files):
        message = f"this {one.kind} was {one.happened}; evidence is only ever added to"
        hint = f"git checkout {short(base.commit)} -- {one.path}"
        yield Block.of_file("GATE-EVIDENCE-DELETED", one.path, message, hint)
    for path, data in sorted(base.files.items()):
        if "/amendments/released/" in path and head.files.get(path) != data:
            happened = "was altered" if path in head.files else "is gone"
            hint = f"git checkout {short(base.commit)} -- {path}"
            yield Block.of_file("GATE-HISTORY-REWRITTEN", path, f"this released amendment {happened}", hint)


def _trust(base: Side, head: Side, demands: Demands) -> Iterator[Block]:
    now = _trust_digest(head)
    if now == _trust_digest(base) or (now and now == demands.accepted_trust):
        return
    what = f"its sha256 is {now}" if now else "it is gone"
    hint = f"who has looked at it runs the gate with --accept-trust {now}" if now else "restore it"
    yield Block.of_file("GATE-TRUST-CHANGED", TRUST_FILE, f"who is trusted changed; {what}", hint)


def _trust_digest(side: Side) -> str:
    """The sha256 of its ``trust.yaml``; "" where it has none."""
    return sha256_of(side.files[TRUST_FILE]) if TRUST_FILE in side.files else ""


def _grounds(
    side: Side, where: tuple[ContractStanding, ...], policy: Side, vouching: Vouching | None = None
) -> Grounds:
    """What the ship files of ``side`` are weighed by; reviews count by the policy of the earlier commit."""
    ledger = replace(side.ledger, policy=policy.policy)
    doubt = vouching.doubt if vouching else nobody_doubts
    return Grounds(
        ledger.contracts, where, ledger.statements, ledger.code, ledger.history, ledger.folders, ledger.reviews, doubt
    )


def _asking_otherwise(base: Side, head: Side) -> frozenset[str]:
    """The falsifiers of both commits that are another claim, or judged by other code, than they were."""
    found = set()
    for name in base.contracts.keys() & head.contracts.keys():
        was, now = base.contracts[name], head.contracts[name]
        earlier = {one.id: one for one in was.falsifiers}
        for one in now.falsifiers:
            if one.id in earlier and (
                base.code.semantics != head.code.semantics
                or was.discharge != now.discharge
                or claim_digest(was, earlier[one.id]) != claim_digest(now, one)
                or base.code.catalogue.source_digests.get(one.check)
                != head.code.catalogue.source_digests.get(one.check)
            ):
                found.add(one.id)
    return frozenset(found)


def _recoded(base: Side, head: Side) -> frozenset[tuple[str, str]]:
    """Contracts without a major amendment, each with those of its checks that have other code than at ``base``."""
    was, now = base.code.catalogue.source_digests, head.code.catalogue.source_digests
    amended, _ = amended_since(base, head)
    return frozenset(
        (name, claim.check)
        for name, contract in head.contracts.items()
        if name in base.contracts and amended.get(name, Bump.NONE) < Bump.MAJOR
        for claim in contract.falsifiers
        if claim.check in was and was[claim.check] != now.get(claim.check)
    )


def _contracts_of(
    rises: list[Block], before: tuple[ContractStanding, ...], after: tuple[ContractStanding, ...]
) -> Iterator[str]:
    """The contracts that ``rises`` are about: judged again, they may be vouched for."""
    subjects = {one.subject for one in rises}
    there = {one.contract for one in after}
    for standing in (*before, *after):
        if standing.contract in there and subjects & {
            standing.contract,
            *(one.falsifier for one in standing.falsifiers),
        }:
            yield standing.contract


def _lower(counted: tuple[ContractStanding, ...], after: tuple[ContractStanding, ...]) -> Iterator[str]:
    """Contracts in which something stands lower by what is vouched for."""
    counting = {one.contract: one for one in counted}
    for one in after:
        vouched = {claim.falsifier: claim.status for claim in counting[one.contract].falsifiers}
        if any(vouched[claim.falsifier] < claim.status for claim in one.falsifiers):
            yield one.contract


def _notes(found: tuple[Finding, ...], unvouched: tuple[str, ...]) -> Iterator[str]:
    yield from (str(one) for one in found if one.severity == "note")
    if unvouched:
        names = ", ".join(unvouched)
        yield f"nobody vouches for evidence of {names}; no status moved on it, and --require-signed would refuse it"
