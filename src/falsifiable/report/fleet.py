"""The summary of many artifacts: which of them failed and of what, and how every falsifier fared over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TextIO

from falsifiable.report.json_report import REPORT_VERSION, as_json
from falsifiable.report.text import clean, counted
from falsifiable.validation.results import ContractResult, Judgement

OUTCOMES = ("held", "falsified", "inconclusive")
SHOWN_PER_ITEM = 3
"""Findings named per item: enough to see what is wrong; the JSON has all of them."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class Found(Protocol):
    """What is known of one item: its name, and what was found contract by contract."""

    @property
    def item(self) -> _Named:
        """Which it is."""
        ...

    @property
    def results(self) -> tuple[ContractResult, ...]:
        """One per contract."""
        ...

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """Those of all contracts."""
        ...


def outcome_of(found: Found) -> str:
    """The worst that was found of an item: falsified, else inconclusive, else held; nothing at all is inconclusive."""
    seen = {one.verdict.outcome for one in found.judgements}
    return next((one for one in ("falsified", "inconclusive") if one in seen), "held" if seen else "inconclusive")


def print_fleet(fleet: Sequence[Found], out: TextIO) -> None:
    """The items that were falsified with what was found, those left open, a line per falsifier, and the counts."""
    ordered = sorted(fleet, key=lambda one: one.item.name)
    for outcome in ("falsified", "inconclusive"):
        for one in ordered:
            if outcome_of(one) == outcome:
                _print_item(one, outcome, out)
    _print_falsifiers(ordered, out)
    counts = Counter(map(outcome_of, ordered))
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES)
    out.write(f"\n{counted(len(ordered), 'item')}: {said}\n")


def _print_item(found: Found, outcome: str, out: TextIO) -> None:
    meant = [one for one in found.judgements if one.verdict.outcome == outcome]
    out.write(f"{outcome.upper() if outcome == 'falsified' else outcome} {clean(found.item.name)}\n")
    for one in meant[:SHOWN_PER_ITEM]:
        out.write(f"  {one.contract}/{one.falsifier}: {clean(one.verdict.found)}\n")
    if len(meant) > SHOWN_PER_ITEM:
        out.write(f"  and {len(meant) - SHOWN_PER_ITEM} more; --format json has all\n")


def _print_falsifiers(fleet: Sequence[Found], out: TextIO) -> None:
    table = _by_falsifier(fleet)
    wide = max((len(name) for name in table), default=0)
    out.write(f"\n{'falsifier':<{wide}}  {'held':>6} {'falsified':>10} {'inconclusive':>13}\n")
    for name, counts in table.items():
        out.write(f"{name:<{wide}}  {counts['held']:>6} {counts['falsified']:>10} {counts['inconclusive']:>13}\n")


def _by_falsifier(fleet: Sequence[Found]) -> dict[str, Counter[str]]:
    table: dict[str, Counter[str]] = {}
    for one in (judgement for found in fleet for judgement in found.judgements):
        table.setdefault(f"{one.contract}/{one.falsifier}", Counter())[one.verdict.outcome] += 1
    return dict(sorted(table.items()))


def fleet_as_json(fleet: Sequence[Found]) -> Mapping[str, Any]:
    """Every item with its outcome and its report, and the counts per outcome and falsifier."""
    ordered = sorted(fleet, key=lambda one: one.item.name)
    counts = Counter(map(outcome_of, ordered))
    table = _by_falsifier(ordered)
    return {
        "report": REPORT_VERSION,
        "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
        "falsifiers": {name: {one: of[one] for one in OUTCOMES} for name, of in table.items()},
        "items": [
            {"item": one.item.name, "outcome": outcome_of(one), **_without_version(as_json(one.results))}
            for one in ordered
        ],
    }


def _without_version(report: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "report"}
