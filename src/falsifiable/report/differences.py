"""How contracts changed, for a reader: every change in its words, and the version that it demands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from falsifiable.contracts.changes import DEMANDED, Change
from falsifiable.contracts.comparison import CLAIMED, ContractComparison
from falsifiable.report.text import clean, counted

DIFFERENCES_VERSION = 1

_INDENT = " " * 20


@dataclass(frozen=True, slots=True)
class Differences:
    """What was compared with what, how many contracts there were, and those that changed, worst first."""

    before: str
    after: str
    compared: int
    contracts: Sequence[ContractComparison]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "differences": DIFFERENCES_VERSION,
            "before": self.before,
            "after": self.after,
            "compared": self.compared,
            "contracts": [one.to_json() for one in self.contracts],
        }


def print_differences(differences: Differences, out: TextIO) -> None:
    """Every change, by contract, and at the end the bump that each contract's changes demand."""
    between = f"from {clean(differences.before)} to {clean(differences.after)}"
    if not differences.contracts:
        out.write(f"no difference {between}: {counted(differences.compared, 'contract')} compared\n")
        return
    for one in differences.contracts:
        out.write(f"{one.contract} {one.before or one.after}\n")
        for change in _told(one):
            _print_change(change, out)
        out.write("\n")
    out.write(f"Versions that this demands, {between}:\n")
    for one in differences.contracts:
        out.write(f"  {_demanded(one)}\n")


def _told(one: ContractComparison) -> list[Change]:
    """The changes worth a line: of a contract that is new, what stood elsewhere before; the rest stands in its file."""
    return [change for change in one.changes if one.before is not None or change.why != CLAIMED]


def _print_change(change: Change, out: TextIO) -> None:
    out.write(f"  {change.kind:<10} {change.demands.word:<6} {clean(change.subject)}: {clean(change.why)}\n")
    for sign, text in (("-", change.was), ("+", change.now)):
        if text and text not in change.why:
            out.write(f"{_INDENT}{sign} {clean(text)}\n")


def _demanded(one: ContractComparison) -> str:
    counts = Counter(change.kind for change in one.changes)
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in DEMANDED if counts[kind])
    return f"{one.contract}: {_step(one)} ({one.demands.word}): {kinds}"


def _step(one: ContractComparison) -> str:
    if one.before is None:
        return f"new, at {one.after}"
    if one.demanded_version is None:
        return f"{one.before} -> gone"
    typed = f", where the file says {one.after}" if one.after not in (one.before, one.demanded_version) else ""
    return f"{one.before} -> {one.demanded_version}{typed}"
