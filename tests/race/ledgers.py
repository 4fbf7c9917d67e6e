"""Small ledgers that tests write: a race in bits per byte over 256 symbols, and entries for it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from falsifiable.race.ledger.ledger import LEDGER_FILE, Claim, CorpusPin, Entry, Ledger, Sample

CORPUS = CorpusPin("tiny", "a" * 64, "b" * 64)
DOCUMENT = {
    "race": "trial",
    "unit": "bits_per_byte",
    "vocabulary_size": 256,
    "accounts": {"acc1": {}, "acc2": {}},
    "spaces": {
        "smoke": {"first_id": 500, "last_id": 599, "first_seed": 500, "last_seed": 599},
        "production": {"first_id": 5, "last_id": 9999},
    },
}
ENTRY = Entry("IGLA-HYBRID-FP32-WSD-E{exp_id}-seed200", "wsd", 200, "production", {"rate": 0.004}, 100, CORPUS)


def new_ledger(folder: Path, **changes: Any) -> Ledger:
    """The ledger of the trial race in ``folder``, dated by a clock that stands still."""
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return Ledger.create(folder / LEDGER_FILE, "trial", {**DOCUMENT, **changes}, clock=lambda: moment)


def entry(seed: int = 200, **changes: Any) -> Entry:
    """An entry of the recipe wsd; runs of other seeds have other names and slots."""
    return replace(ENTRY, name=f"IGLA-HYBRID-FP32-WSD-E{{exp_id}}-seed{seed}", seed=seed, **changes)


def claimed(ledger: Ledger, one: Entry | None = None, *, account: str = "acc1", **options: Any) -> Claim:
    """A claim under a key of its own name."""
    one = one or entry()
    key = options.pop("idempotency_key", one.name)
    return ledger.claim(one, account=account, worker="host:1", idempotency_key=key, **options)


def points(*values: float, every: int = 10) -> list[Sample]:
    """Samples at every tenth step, a second apart, each from an evaluation of its own."""
    return [Sample(n * every, value, str(n * every), float(n)) for n, value in enumerate(values, start=1)]


def finished(ledger: Ledger, seed: int = 200, values: Iterable[float] = (6.0, 5.0, 4.0)) -> str:
    """The name of a run that was claimed, logged and is done."""
    run = claimed(ledger, entry(seed)).run
    ledger.start(run, pid=7)
    ledger.echo(run, ENTRY.config, corpus=CORPUS.name, seconds=0.5)
    ledger.record(run, points(*values))
    ledger.finish(run, "done", steps_done=100, seconds=9.0, reason="all steps ran")
    return run
