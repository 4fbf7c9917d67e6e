"""A race's folder: ``race.yaml`` as it is run, ``ledger.sqlite``, and a folder for each run under ``runs/``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from falsifiable.evidence import canonical_json, write_atomically
from falsifiable.race.deciding.plan import RACE_FILE, RacePlan
from falsifiable.race.errors import LedgerExists
from falsifiable.race.ledger.ledger import LEDGER_FILE, Ledger
from falsifiable.race.predicting.prediction import Predictor

LOCK = "lock"
"""The kind of the event that says that a champion's id was locked."""


class RaceFolderError(ValueError):
    """A folder in which this race cannot be run."""


@contextlib.contextmanager
def opened(folder: Path, plan: RacePlan, race_file: bytes) -> Iterator[Ledger]:
    """The ledger of the race in ``folder``, a new one or the one that is there, for this process alone.

    Args:
        folder: of the race; made where it is missing.
        plan: the race.
        race_file: the bytes of the ``race.yaml`` that the plan was read from; the folder keeps them.

    Raises:
        RaceFolderError: another process runs the race in this folder, or the folder holds another race.
        RaceError: the ledger that lies there cannot be used.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        document = document_of(plan)
        path = folder / LEDGER_FILE
        with _ledger(path, plan, document) as ledger:
            check_same_race(folder, ledger, plan)
            write_atomically(folder / RACE_FILE, race_file)
            yield ledger


def check_same_race(folder: Path, ledger: Ledger, plan: RacePlan) -> None:
    """Raise RaceFolderError where the folder's ledger was made for another plan."""
    if canonical_json(ledger.document) != canonical_json(document_of(plan)):
        raise RaceFolderError(
            f"{folder} holds another race than {plan.race} as it stands in its file now: a race is not changed once it "
            "has begun; name a new folder after --output"
        )


def document_of(plan: RacePlan) -> Mapping[str, Any]:
    """The plan as the ledger keeps it: JSON values, without the folder it was read from."""
    document = asdict(plan)
    del document["folder"]
    return document


def predictor_of(plan: RacePlan) -> Predictor:
    """The calibrated predictor that the plan names, or else the power law with its wide interval."""
    if plan.predictor is not None:
        from falsifiable.race.predicting.calibrated import load_predictor

        return load_predictor(plan.path(plan.predictor))
    from falsifiable.race.predicting.power_law_predictor import PowerLawPredictor

    return PowerLawPredictor()


def _ledger(path: Path, plan: RacePlan, document: Mapping[str, Any]) -> Ledger:
    """The ledger that is there; a new one where there is none, or where a runner was killed while it made it."""
    try:
        ledger = Ledger.create(path, plan.race, document)
    except LedgerExists:
        ledger = Ledger.open(path)
    locked = {event.run for event in ledger.events() if event.kind == LOCK}
    for name, champion in plan.champions.items():
        if name not in locked:
            ledger.lock(champion.space, champion.exp_id, holder=name, reason=champion.reason)
    return ledger


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the one process that runs the race in ``folder``; the operating system frees it when the process dies."""
    try:
        import fcntl
    except ImportError:  # Windows has no such locks; two runners there would refuse each other's claims of slots
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise RaceFolderError(f"{folder} is in use: another process runs the race there; wait for its end") from error
    finally:
        os.close(handle)
