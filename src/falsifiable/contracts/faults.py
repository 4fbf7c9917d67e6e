"""Collecting the faults of one file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from falsifiable.contracts.diagnostics import Diagnostic, Position, Severity, suggestion
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits

if TYPE_CHECKING:
    from falsifiable.contracts.pv.lint import Fault


class Faults:
    """The faults found in one file so far, each under a registered rule.

    After ``limits.max_faults`` one last fault says that there are more, and the rest is dropped: a hostile file must
    not be able to make its report expensive.
    """

    def __init__(self, path: str, limits: ContractLimits = DEFAULT_LIMITS) -> None:
        self.path = path
        self._limit = limits.max_faults
        self._found: list[Diagnostic] = []

    @property
    def full(self) -> bool:
        """Whether further faults are dropped."""
        return len(self._found) > self._limit

    def add(self, rule: str, position: Position, message: str, hint: str = "") -> None:
        """Report a fault under ``rule``. Raises KeyError for a rule that is not registered."""
        self._keep(Diagnostic(rule, severity_of(rule), self.path, *position, message, hint))

    def take(self, fault: Fault) -> None:
        """Report a fault that was found before."""
        self._keep(fault.in_file(self.path))

    def _keep(self, found: Diagnostic) -> None:
        if len(self._found) < self._limit:
            self._found.append(found)
        elif not self.full:
            rule, message = "YAML-MANY-FAULTS", f"more than {self._limit} faults; the rest of this file is not reported"
            place = (self.path, found.line, found.column)
            self._found.append(Diagnostic(rule, severity_of(rule), *place, message, "mend these first"))

    def unknown(self, rule: str, position: Position, name: str, message: str, known: Iterable[str], what: str) -> None:
        """Report that ``name`` is none of the ``known`` names, with the nearest of them as a hint."""
        if not self.full:  # comparing spellings is what costs
            self.add(rule, position, message, suggestion(name, known, what))

    def sorted(self) -> tuple[Diagnostic, ...]:
        """The faults in the order of the file."""
        return tuple(sorted(self._found, key=lambda one: (one.line, one.column)))


def severity_of(rule: str) -> Severity:
    """How much a fault under ``rule`` weighs. Raises KeyError for a rule that is not registered."""
    from falsifiable.contracts.rules import RULES  # the pages of all rules: read once something is wrong

    return RULES[rule].severity
