"""The summary of many artifacts: which of them failed and of what, and how every falsifier fared over all of them.

A judgement counts here as in every other format: only what held and can fall is a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from falsifiable.report.formats.report import MARKS, Mark, mark_of, reason_of
from falsifiable.report.json_report import as_json
from falsifiable.report.text import clean, counted
from falsifiable.validation.results import ContractResult, Judgement

FLEET_VERSION = 1
"""Of the JSON, which is a document of its own: the report of a validation is what each of its items holds."""
ALWAYS_SHOWN: tuple[Mark, ...] = ("held", "falsified", "inconclusive")
SHOWN_PER_ITEM = 3
"""Findings named per item: enough to see what is wrong; the JSON has all of them."""
_MOST_NAMED = 5


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

    @property
    def examined(self) -> bool:
        """Whether a falsifier came to a verdict on what the item binds."""
        ...


@dataclass(frozen=True, slots=True)
class Fleet:
    """Many items, and what came of each.

    ``left_out`` maps contracts to how many items bind no role of them, and were not judged by them; ``unfinished``
    names the items that had not been judged when the validation was interrupted.
    """

    found: Sequence[Found]
    left_out: Mapping[str, int] = field(default_factory=dict)
    unfinished: Sequence[str] = ()
    interrupted: bool = False

    @property
    def ordered(self) -> list[Found]:
        """What was found, by the names of the items."""
        return sorted(self.found, key=lambda one: one.item.name)


def outcome_of(found: Found) -> Mark:
    """The worst that was found of an item; it held only where something of it was examined."""
    seen = set(map(mark_of, found.judgements))
    worst: Mark = next((mark for mark in MARKS if mark in seen), "inconclusive")
    return "inconclusive" if worst == "held" and not found.examined else worst


def print_fleet(fleet: Fleet, out: TextIO, *, only_faults: bool = False) -> None:
    """The items that did not hold with what was found, the worst first, a line per falsifier, and the counts.

    With ``only_faults`` neither the lines per falsifier nor which contracts were left out.
    """
    for mark in MARKS:
        for one in fleet.ordered:
            if mark != "held" and outcome_of(one) == mark:
                _print_item(one, mark, out)
    if not only_faults:
        _print_falsifiers(fleet.ordered, out)
        _print_left_out(fleet, out)
    counts = Counter(map(outcome_of, fleet.found))
    said = [f"{counts[mark]} {mark}" for mark in _shown(counts)]
    if fleet.interrupted:
        said.append(f"{len(fleet.unfinished)} not finished (interrupted)")
    out.write(f"\n{counted(len(fleet.found) + len(fleet.unfinished), 'item')}: {', '.join(said)}\n")


def _shown(counts: Mapping[Mark, int]) -> list[Mark]:
    return [*ALWAYS_SHOWN, *(mark for mark in ("vacuous", "could not run") if counts.get(mark))]


def _print_item(found: Found, mark: Mark, out: TextIO) -> None:
    meant = [one for one in found.judgements if mark_of(one) == mark]
    out.write(f"{mark.upper() if mark == 'falsified' else mark} {clean(found.item.name)}\n")
    for one in meant[:SHOWN_PER_ITEM]:
        out.write(f"  {one.contract}/{one.falsifier}: {clean(reason_of(one))}\n")
    if len(meant) > SHOWN_PER_ITEM:
        out.write(f"  and {len(meant) - SHOWN_PER_ITEM} more; --format json has all\n")
    if not found.examined:
        out.write("  nothing of it was examined: no falsifier came to a verdict on what it binds\n")


def _print_falsifiers(ordered: Sequence[Found], out: TextIO) -> None:
    table = _by_falsifier(ordered)
    if not table:
        return
    wide = max(map(len, ("falsifier", *table)))
    shown = _shown(sum(table.values(), Counter()))
    columns = {mark: max(6, len(mark) + 1) for mark in shown}
    out.write(f"\n{'falsifier':<{wide}} " + "".join(f" {mark:>{columns[mark]}}" for mark in shown) + "\n")
    for name, counts in table.items():
        out.write(f"{name:<{wide}} " + "".join(f" {counts[mark]:>{columns[mark]}}" for mark in shown) + "\n")


def _print_left_out(fleet: Fleet, out: TextIO) -> None:
    if not fleet.left_out:
        return
    items = len(fleet.found) + len(fleet.unfinished)
    named = [f"{name} ({times} of {counted(items, 'item')})" for name, times in fleet.left_out.items()]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    said = f"{', '.join(named[:_MOST_NAMED])}{more}"
    out.write(f"\nnot judged by: {said}, because an item is judged by the contracts of which it binds a role itself\n")


def _by_falsifier(fleet: Sequence[Found]) -> dict[str, Counter[Mark]]:
    table: dict[str, Counter[Mark]] = {}
    for one in (judgement for found in fleet for judgement in found.judgements):
        table.setdefault(f"{one.contract}/{one.falsifier}", Counter())[mark_of(one)] += 1
    return dict(sorted(table.items()))


def fleet_as_json(fleet: Fleet) -> Mapping[str, Any]:
    """Every item with its outcome and its report, and the counts per outcome and falsifier."""
    return {
        "fleet": FLEET_VERSION,
        "interrupted": fleet.interrupted,
        "counts": _counts(Counter(map(outcome_of, fleet.found))),
        "left_out": dict(fleet.left_out),
        "unfinished": list(fleet.unfinished),
        "falsifiers": {name: _counts(of) for name, of in _by_falsifier(fleet.found).items()},
        "items": [_item_as_json(one) for one in fleet.ordered],
    }


def _item_as_json(found: Found) -> dict[str, Any]:
    report = {key: value for key, value in as_json(found.results).items() if key not in ("report", "interrupted")}
    counts = _counts(Counter(map(mark_of, found.judgements)))
    return {
        "item": found.item.name,
        "outcome": outcome_of(found),
        "examined": found.examined,
        **report,
        "counts": counts,
    }


def _counts(of: Mapping[Mark, int]) -> dict[str, int]:
    return {mark: of.get(mark, 0) for mark in MARKS}
