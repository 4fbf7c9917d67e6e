"""The runs of a race while it runs: a table on stderr on a terminal, plain lines in CI, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.lane import Lane
from falsifiable.race.engines.runner import Watch, nobody
from falsifiable.report.manner import manner_of
from falsifiable.report.race.lines import RaceLines

if TYPE_CHECKING:
    from rich.table import Table


@contextmanager
def watching(plan: RacePlan, *, quiet: bool = False) -> Iterator[Watch]:
    """What shows the runs while it is in use, as fits where stderr leads; ``quiet`` shows nothing."""
    manner = manner_of(sys.stderr, quiet=quiet)
    if manner == "nothing":
        yield nobody
        return
    if manner == "lines":
        yield RaceLines(plan, sys.stderr)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True, force_terminal=True), transient=True, refresh_per_second=4) as live:
        yield lambda lanes, conductor: live.update(_table(plan, lanes, conductor))


def _table(plan: RacePlan, lanes: Sequence[Lane], conductor: Conductor) -> Table:
    from rich.table import Table

    step = conductor.step
    title = f"{plan.race}: all rungs are decided" if step is None else f"{plan.race}: rung {conductor.rung} at {step}"
    table = Table("run", "state", "step", plan.unit, "seconds", "last decision", title=title)
    said = {one.run: f"{one.action} ({one.state})" for rung in conductor.decisions for one in rung}
    for lane in lanes:
        value = "" if lane.value is None else f"{lane.value:.4f}"
        state = lane.standing if lane.result != "failed" else f"[red]failed[/]: {lane.reason:.60}"
        table.add_row(
            lane.name, state, f"{lane.last_step}/{plan.steps}", value, f"{lane.seconds:.0f}", said.get(lane.name, "")
        )
    return table
