"""What ``contract report --format html`` shows: everything that is known of a workspace, gathered from its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from falsifiable.contracts import Workspace
    from falsifiable.report.page.overview import Overview
    from falsifiable.report.page.run_curves import RunCurve
    from falsifiable.report.race.status import RaceStatus
    from falsifiable.report.ship import ShipReport
    from falsifiable.spec import Ledger
    from falsifiable.status import RoadmapStanding
    from falsifiable.validation.mutation_results import MutationReport


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: one spec or all, the curves of one run and some races or of those bound, a stored matrix."""

    root: Path | None = None
    spec: str | None = None
    run: Path | None = None
    races: tuple[Path, ...] = ()
    mutations: Path | None = None


def html_of(wanted: Wanted) -> str:
    """The page. Raises Failure with every fault of the workspace, and for what was named and cannot be read."""
    from falsifiable.cli.common import open_workspace
    from falsifiable.cli.evidence import entries_of
    from falsifiable.cli.standing import judging_code, ledger_of
    from falsifiable.evidence import Repository
    from falsifiable.report.page.overview import Overview
    from falsifiable.report.page.page import html_report
    from falsifiable.report.redaction import Redaction
    from falsifiable.status import roadmap_standing, ship_standing
    from falsifiable.status.graph import graph_of

    workspace, catalogue = open_workspace(wanted.root)
    ledger = ledger_of(workspace, judging_code(catalogue))
    grounds = ledger.grounds()
    roadmaps = tuple(roadmap_standing(ship_standing(one, grounds), grounds) for one in workspace.ships.sound)
    overview = Overview(
        title=f"What {workspace.root.name} has earned",
        commit=Repository(workspace.root).head,
        contracts=tuple(workspace.contracts),
        standings=grounds.standings,
        entries=tuple(entries_of(workspace.root, ledger.evidence)),
        ships=tuple(_ships(ledger, roadmaps)),
        graph=graph_of(grounds, roadmaps),
        races=tuple(_races(wanted, workspace)),
        runs=tuple(_runs(wanted, workspace)),
        mutations=None if wanted.mutations is None else _matrix(wanted.mutations),
    )
    shown = Redaction.of_this_machine(workspace.root).text
    return html_report(_of_spec(overview, wanted.spec), shown)


def _of_spec(overview: Overview, spec: str | None) -> Overview:
    from falsifiable.contracts import suggestion

    if spec is None:
        return overview
    known = set(overview.specs.values())
    if spec not in known:
        raise Failure(f"no contract is of spec {spec!r}; {suggestion(spec, known, 'specs')}")
    return overview.of_spec(spec)


def _ships(ledger: Ledger, roadmaps: tuple[RoadmapStanding, ...]) -> Iterator[ShipReport]:
    from falsifiable.evidence import GitError, Repository
    from falsifiable.report.ship import ShipReport
    from falsifiable.spec import ship_history

    for roadmap in roadmaps:
        try:
            yield ShipReport(roadmap, ship_history(Repository(ledger.root), roadmap.spec))
        except GitError as error:
            raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error


def _races(wanted: Wanted, workspace: Workspace) -> Iterator[RaceStatus]:
    """The races that were named; else those bound that can be read, the others with a word why not."""
    from falsifiable.cli.race.status import read_status

    yield from map(read_status, wanted.races)
    for path in _bound(workspace, "race") if not wanted.races else ():
        try:
            yield read_status(path)
        except Failure as failure:
            click.echo(f"left out: {failure}", err=True)


def _runs(wanted: Wanted, workspace: Workspace) -> Iterator[RunCurve]:
    """The curves of the run that was named; else of those bound that can be read, the others with a word why not."""
    from falsifiable.artifacts import ArtifactError, open_run
    from falsifiable.report.page.run_curves import curves_of_run

    if wanted.run is not None:
        try:
            yield from curves_of_run(open_run(wanted.run))
        except ArtifactError as error:
            raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
        return
    for path in _bound(workspace, "run"):
        try:
            yield from curves_of_run(open_run(path))
        except ArtifactError as error:
            click.echo(f"left out: {error}", err=True)


def _bound(workspace: Workspace, kind: str) -> list[Path]:
    """What is there of all that ``artifacts.yaml`` binds to a role of this kind, each file or folder once."""
    found = {}
    for contract in workspace.contracts:
        for role, declared in contract.artifacts.items():
            binding = workspace.binding(contract.contract, role) if declared.kind == kind else None
            path = None if binding is None or binding.path is None else workspace.root / binding.path
            if path is not None and path.exists():
                found[path.resolve()] = path
    return list(found.values())


def _matrix(path: Path) -> MutationReport:
    from falsifiable.report.page.stored_matrix import MatrixError, parse_matrix

    try:
        return parse_matrix(path.read_bytes())
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}", ExitCode.COULD_NOT_RUN) from error
    except MatrixError as error:
        raise Failure(
            f"{path}: {error}; name a file made by: contract challenge --matrix --format json > matrix.json",
            ExitCode.COULD_NOT_RUN,
        ) from error
