"""What the page is made from: everything that is known of a workspace, gathered before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from falsifiable.contracts.model import Contract, spec_of
from falsifiable.report.page.run_curves import RunCurve
from falsifiable.report.race.status import RaceStatus
from falsifiable.report.ship import ShipReport
from falsifiable.report.statements import StatementEntry
from falsifiable.status import ContractStanding
from falsifiable.status.graph import Graph
from falsifiable.validation.mutation_results import MutationReport


@dataclass(frozen=True, slots=True)
class Overview:
    """A workspace as it stands.

    Attributes:
        title: what the page is called.
        commit: the commit that was judged, None outside of a repository.
        contracts, standings: every contract, and where it stands by the recorded evidence.
        entries: all evidence, each statement after those that it supersedes.
        ships: the ship of every spec that has one, with what its earlier versions had reached.
        graph: what leans on what.
        races: every race that is shown.
        runs: the loss curves of single runs.
        mutations: what generic mutations left behind; None where nobody asked.
    """

    title: str
    commit: str | None
    contracts: tuple[Contract, ...]
    standings: tuple[ContractStanding, ...]
    entries: tuple[StatementEntry, ...] = ()
    ships: tuple[ShipReport, ...] = ()
    graph: Graph = field(default_factory=lambda: Graph((), ()))
    races: tuple[RaceStatus, ...] = ()
    runs: tuple[RunCurve, ...] = ()
    mutations: MutationReport | None = None

    @property
    def specs(self) -> Mapping[str, str]:
        """Contract -> the spec it belongs to."""
        return {one.contract: spec_of(one) for one in self.contracts}

    def of_spec(self, spec: str) -> Overview:
        """The same of one spec; its graph holds what the spec leans on, too."""
        kept = {name for name, one in self.specs.items() if one == spec}
        return Overview(
            self.title,
            self.commit,
            tuple(one for one in self.contracts if one.contract in kept),
            tuple(one for one in self.standings if one.contract in kept),
            tuple(one for one in self.entries if one.statement.contract in kept),
            tuple(one for one in self.ships if one.roadmap.spec == spec),
            self.graph.of_spec(spec),
            self.races,
            self.runs,
            self.mutations,
        )
