"""Fourteen ways to spoil a smoke race, one for each of its criteria, each in a ledger whose chain is intact."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from falsifiable import Race, Sample
from tests.sabotage.forged_ledger import forge

Change = Callable[[Race], Race]


def _first(race: Race) -> str:
    return race.runs[0].name


def _lower_case(race: Race) -> Race:
    """The first run under another name, in every row and event that speaks of it."""
    old, new = _first(race), _first(race).lower()

    def renamed(text: str | None) -> str | None:
        return text.replace(old, new) if text is not None else None

    tables = {
        table: tuple({key: renamed(one) if isinstance(one, str) else one for key, one in row.items()} for row in rows)
        for table, rows in race.tables.items()
    }
    events = tuple(replace(one, run=renamed(one.run), details=renamed(one.details) or "") for one in race.events)
    return replace(race, tables=tables, events=events)


def _samples(change: Callable[[tuple[Sample, ...]], list[Sample]]) -> Change:
    return lambda race: race.with_samples(_first(race), change)


def _effective(**changes: object) -> Change:
    return lambda race: race.with_run(_first(race), effective={**(race.runs[0].effective or {}), **changes})


def _answered(probe: str, found: str) -> Change:
    def change(race: Race) -> Race:
        event = next(one for one in race.events if one.kind == "probe" and one.content["name"] == probe)
        return race.with_event_changed(event.number, details=json.dumps({**event.content, "found": found}))

    return change


def _swapped_ids(race: Race) -> Race:
    one, other = race.runs[0], race.runs[1]
    return race.with_run(one.name, exp_id=other.exp_id).with_run(other.name, exp_id=one.exp_id)


def _row(change: Change) -> Callable[[Path], None]:
    return lambda folder: forge(folder, change)


SABOTAGES: dict[str, Callable[[Path], None]] = {
    "name-in-lower-case": _row(_lower_case),
    "first-evaluation-missing": _row(_samples(lambda all_of: list(all_of[1:]))),
    "line-with-the-step": _row(_samples(lambda all_of: [replace(one, line=f"step {one.line}") for one in all_of])),
    "evaluations-repeated": _row(_samples(lambda all_of: [replace(one, evaluation="1") for one in all_of])),
    "run-missing": _row(lambda race: race.without_run(_first(race))),
    "mean-squared-error-ranked": _row(_effective(primary_metric="mse")),
    "narrow-gf16": _row(_effective(number_format="GF16", hidden_size=128)),
    "one-run-twice": _row(lambda race: race.with_samples(race.runs[1].name, lambda _: race.samples(_first(race)))),
    "champion-overwritten": _row(_answered("champion-slot-reused", "claimed")),
    "two-runs-in-one-slot": _row(_answered("redeploy-without-replace", "claimed")),
    "stopped-by-another-account": _row(_answered("kill-across-accounts", "killed")),
    "ids-out-of-order": _row(_swapped_ids),
    "claim-made-twice": _row(_answered("claim-repeated", "claimed")),
    "run-killed": _row(lambda race: race.with_run(_first(race), status="killed", reason="it did not end in time")),
}
