"""Everything a spec is derived from, read once: contracts, evidence, today's code, and the history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from falsifiable.contracts import NOBODY, SHIP_FILE, Ship, Ships, TrustPolicy, load_ships, spec_of, workspace_trust
from falsifiable.contracts.model import Contract
from falsifiable.evidence import Evidence, History, Statement, heads, read_all_evidence, reviews_of, short
from falsifiable.spec.amendments import AmendmentLog, amendments_on_disk, baseline_of, read_amendments, ship_path
from falsifiable.spec.render import RENDERERS, rendered
from falsifiable.spec.view import SpecView
from falsifiable.status import (
    ContractStanding,
    Grounds,
    JudgingCode,
    roadmap_standing,
    ship_standing,
    stage_standings,
    standings,
)


@dataclass(frozen=True)
class Ledger:
    """A workspace's contracts with all evidence, by spec, that was recorded for them, and the specs' amendments.

    ``ships`` are its ship files, and ``policy`` says whose reviews count.
    """

    root: Path
    contracts: tuple[Contract, ...]
    evidence: Mapping[str, Evidence]
    code: JudgingCode
    history: History
    ships: Ships
    policy: TrustPolicy = NOBODY

    @cached_property
    def reviews(self) -> Mapping[str, tuple[str, ...]]:
        """Statement (its sha256) -> those whose signed review of it counts by ``policy``.

        A review counts in the spec of the statement's contract, and in no other. Raises SigningError where the library
        for signatures is not installed and there is a review to verify.
        """
        specs = {one.contract: spec_of(one) for one in self.contracts}
        homes = {one.sha256: specs.get(one.contract) for one in self.statements}
        return {
            one: names
            for spec in self.specs
            for one, names in reviews_of(self.root, spec, self.policy).items()
            if homes.get(one) == spec
        }

    @cached_property
    def folders(self) -> Mapping[str, str]:
        """Statement (its sha256) -> the spec among whose evidence it lies."""
        return {one.sha256: spec for spec, evidence in self.evidence.items() for one in evidence.statements}

    @property
    def specs(self) -> tuple[str, ...]:
        """Every spec of the workspace, as :func:`specs_in` finds them."""
        return tuple(sorted(self.evidence))

    @cached_property
    def amendments(self) -> Mapping[str, AmendmentLog]:
        """The amendments of every spec, read when they are first asked for."""
        return {spec: amendments_of(self.root, spec) for spec in self.specs}

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All statements of all specs."""
        return sum(self.evidence.values(), Evidence()).statements

    def standings(self) -> tuple[ContractStanding, ...]:
        """Where every contract stands, by what was recorded."""
        return standings(self.contracts, self.statements, self.code, self.history)

    def standings_of(self, spec: str, statements: Iterable[Statement] | None = None) -> tuple[ContractStanding, ...]:
        """Where the contracts of ``spec`` stand, by all statements or by those given."""
        known = self.statements if statements is None else statements
        of_spec = {one.contract for one in self.contracts if spec_of(one) == spec}
        every = standings(self.contracts, known, self.code, self.history)
        return tuple(one for one in every if one.contract in of_spec)

    def grounds(self, statements: Iterable[Statement] | None = None) -> Grounds:
        """What ship files are weighed by: all statements, or those given."""
        known = self.statements if statements is None else tuple(statements)
        stand = standings(self.contracts, known, self.code, self.history)
        return Grounds(self.contracts, stand, known, self.code, self.history, self.folders, self.reviews)

    def bearing_on(self, spec: str) -> frozenset[str]:
        """The contracts whose evidence bears on the regions of ``spec``: its own, those that its ship file leans on,
        and all that these require."""
        by_name = {one.contract: one for one in self.contracts}
        found: set[str] = set()
        waiting = [one.contract for one in self.contracts if spec_of(one) == spec]
        waiting += [name for ship in self.ships.sound if ship.ship == spec for name in _leans_on(ship, self.contracts)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += by_name[name].requires if name in by_name else ()
        return frozenset(found)


def open_ledger(
    root: Path,
    contracts: Sequence[Contract],
    code: JudgingCode,
    history: History,
    policy: TrustPolicy | None = None,
    ships: Ships | None = None,
) -> Ledger:
    """Read all evidence of the workspace ``root``.

    Reviews count by its own ``trust.yaml`` unless told otherwise, and its ship files are read unless they are given.
    """
    evidence = read_all_evidence(root, specs_in(root, contracts))
    trusted = policy or workspace_trust(root)[0] or NOBODY
    found = load_ships(root, contracts) if ships is None else ships
    return Ledger(root, tuple(contracts), evidence, code, history, found, trusted)


def specs_in(root: Path, contracts: Iterable[Contract]) -> tuple[str, ...]:
    """Every spec that one of ``contracts`` names, or that has evidence, amendments or a ship file in ``root``."""
    kept = (path for name in ("evidence", "amendments", SHIP_FILE) for path in root.glob(f"spec/*/{name}"))
    return tuple(sorted({*(spec_of(one) for one in contracts), *(path.parent.name for path in kept)}))


def amendments_of(root: Path, spec: str) -> AmendmentLog:
    """The amendments of ``spec`` as they lie in the workspace ``root``."""
    ship = root / ship_path(spec)
    baseline = baseline_of(ship.read_bytes() if ship.is_file() else None, spec)
    return read_amendments(spec, amendments_on_disk(root, spec), baseline)


def spec_path(root: Path, spec: str) -> Path:
    """The Markdown file of a spec."""
    return root / "spec" / spec / "spec.md"


def changelog_path(root: Path, spec: str) -> Path:
    """The file that tells whoever receives a spec what each version brought; written by the first release."""
    return root / "spec" / spec / "CHANGELOG.md"


def planned_regions(ledger: Ledger, spec: str, statements: Iterable[Statement] | None = None) -> dict[str, str]:
    """The content of every region of ``spec``, as the evidence (or those statements of it) and the code imply it."""
    view = view_of(ledger, spec, statements)
    return {name: rendered(name, view) for name in RENDERERS}


def view_of(ledger: Ledger, spec: str, statements: Iterable[Statement] | None = None) -> SpecView:
    """What the regions of ``spec`` are rendered from."""
    grounds = ledger.grounds(statements)
    of_spec = {one.contract for one in ledger.contracts if spec_of(one) == spec}
    recorded = ledger.evidence[spec].statements if spec in ledger.evidence else ()
    stand = (one for one in grounds.standings if one.contract in of_spec)
    view = SpecView.of(spec, stand, ledger.amendments.get(spec), recorded)
    file = ledger.ships.of(spec)
    if file is None:
        return view
    if file.ship is None:
        return replace(view, ship_faults=len(file.diagnostics))
    roadmap = roadmap_standing(ship_standing(file.ship, grounds), grounds)
    return replace(view, roadmap=roadmap, stages=stage_standings(file.ship, grounds))


def _leans_on(ship: Ship, contracts: Iterable[Contract]) -> set[str]:
    """The contracts that the criteria, steps and stages of ``ship`` follow from."""
    named = {name for one in ship.criteria for name in one.falsifiers}
    named |= {wire.falsifier for one in ship.criteria for wire in one.tripwires}
    named |= {name for one in ship.roadmap for name in one.shown_by.falsifiers}
    of_falsifiers = {one.contract for one in contracts if any(each.id in named for each in one.falsifiers)}
    return of_falsifiers | {name for stage in ship.stages.values() for name in stage}


def rests_on(ledger: Ledger, spec: str) -> tuple[str, ...]:
    """The short digests of the statements that the regions of ``spec`` rest on, for their markers."""
    bearing = ledger.bearing_on(spec)
    return tuple(short(head.sha256) for head in heads(one for one in ledger.statements if one.contract in bearing))
