"""A race on this machine, from its folder to its summary."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.engines.bookkeeping import Book
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.phase_start import REGISTERED, registered
from falsifiable.race.engines.probes import Probe, probe
from falsifiable.race.engines.race_folder import check_same_race, opened, predictor_of
from falsifiable.race.engines.race_summary import RACE_ENDED, RaceSummary, concluded, summarised
from falsifiable.race.engines.runner import LocalRunner, Watch
from falsifiable.race.ledger.entrants import entrants
from falsifiable.race.ledger.ledger import LEDGER_FILE, Ledger


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller of a race asks for.

    Attributes:
        folder: of the race.
        race_file: the bytes of its ``race.yaml``.
        workers: runs at once.
        worker: who claims, such as ``host:pid``.
        apply: whether runs are stopped that a rung tells to stop.
        probe: whether the ledger's rules are put to the test first.
    """

    folder: Path
    race_file: bytes
    workers: int
    worker: str
    apply: bool
    probe: bool


def run_here(plan: RacePlan, asked: Asked, watch: Watch) -> RaceSummary:
    """Run the race in its folder, to its end.

    Raises:
        KeyboardInterrupt: after all runs were ended; the same call goes on later.
        RaceFolderError, CommandError, RaceError, OSError: what keeps it from being run.
    """
    started = time.monotonic()
    with opened(asked.folder, plan, asked.race_file) as ledger:
        book = Book(plan, asked.folder, Conductor(plan, ledger, predictor_of(plan)), asked.worker, apply=asked.apply)
        book.claim_all()
        register(plan, ledger)
        probes = probed(plan, ledger) if asked.probe else ()
        LocalRunner(book, asked.workers, watch).run()
        return concluded(ledger, plan.race, plan.unit, time.monotonic() - started, probes)


def over(plan: RacePlan, folder: Path) -> RaceSummary | None:
    """The summary of a race that has ended in this folder, which nothing is added to; None where it has not.

    Raises:
        RaceFolderError: another race lies there. RaceError: its ledger cannot be read.
    """
    if not (folder / LEDGER_FILE).is_file():
        return None
    with Ledger.open(folder) as ledger:
        if not any(event.kind == RACE_ENDED for event in ledger.events()):
            return None
        check_same_race(folder, ledger, plan)
        return summarised(ledger, plan.race, plan.unit)


def register(plan: RacePlan, ledger: Ledger) -> None:
    """Keep what is expected of a phase's experiments, before the first of them starts."""
    if plan.experiments and not any(event.kind == REGISTERED for event in ledger.events()):
        ledger.note(REGISTERED, None, registered(plan))


def probed(plan: RacePlan, ledger: Ledger) -> tuple[Probe, ...]:
    """Put the rules to the test where no run has started; a race that goes on has done so before."""
    if any(run.status != "claimed" for run in ledger.entries()):
        return ()
    names = {run.slot: run.name for run in ledger.entries()}
    return probe(plan, ledger, tuple((one, names[one.entry.place]) for one in entrants(plan)))
