"""What a release would do to a spec, from the files as they lie here; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from falsifiable.contracts.comparison import Signatures
from falsifiable.evidence import DEEPEN, GitError, Repository
from falsifiable.spec.ledger import Ledger, view_of
from falsifiable.spec.release_files import LastRelease, files_on_disk, last_release
from falsifiable.spec.release_plan import ReleasePlan, plan_release
from falsifiable.spec.view import SpecView


@dataclass(frozen=True, slots=True)
class Preview:
    """A release that was not carried out: the plan, and the spec as it would be.

    ``not_compared`` says why contracts could not be compared with the last release; "" where they were.
    """

    plan: ReleasePlan
    view: SpecView
    not_compared: str = ""

    @property
    def stale(self) -> tuple[str, ...]:
        """Every piece of evidence that does not count, with the reason."""
        return tuple(dict.fromkeys(_stale(self.view)))


def preview(ledger: Ledger, spec: str, signatures: Signatures, repository: Repository) -> Preview:
    """What releasing the amendments of ``spec`` would do, those that are not committed among them. Raises OSError."""
    last, not_compared = _last(repository, spec)
    files = files_on_disk(ledger.root, spec)
    evidence = ledger.evidence.get(spec)
    statements = {one.sha256 for one in evidence.statements} if evidence else set()
    plan = plan_release(files, last, statements, signatures)
    versions = {one.contract: one.after for one in plan.contracts}
    contracts = tuple(replace(one, version=versions.get(one.contract, one.version)) for one in ledger.contracts)
    view = view_of(replace(ledger, contracts=contracts), spec)
    return Preview(plan, replace(view, amendments=plan.after), not_compared)


def _last(repository: Repository, spec: str) -> tuple[LastRelease | None, str]:
    """The last release, and why it cannot be seen."""
    try:
        if repository.problem or repository.shallow:
            return None, repository.problem or f"this is a shallow clone; {DEEPEN}"
        return last_release(repository, spec), ""
    except GitError as error:
        return None, str(error)


def _stale(view: SpecView) -> Iterator[str]:
    for contract in view.contracts:
        yield from (f"{contract.contract}: {why}" for why in contract.stale)
        for falsifier in contract.falsifiers:
            yield from (f"{contract.contract}, {falsifier.falsifier}: {why}" for why in falsifier.stale)
