"""Contract files and falsifiers as pytest collects them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from falsifiable.contracts import Contract, ContractFile, FalsifierDeclaration
from falsifiable.contracts.pv.file import PvFile
from falsifiable.testing.session import ContractSession, Place, check_bindings, faults_beside, faults_of, warnings_of
from falsifiable.testing.shown import falsified_text, inconclusive_text, vacuous_text
from falsifiable.testing.summary import CAUSE, OUTCOME, UNSOUND
from falsifiable.validation.results import Judgement

BUILT_IN = "artifact.sound"
"""The check that the engine adds for a file that breaks the rules of its own format."""


class Falsified(Exception):
    """A claim is falsified; the text is the counterexample."""


class Inconclusive(Exception):
    """A claim could neither be held nor falsified, where that is to fail."""


class ContractWarning(pytest.PytestWarning):
    """Something in a contract or beside it is doubtful, and no fault."""


Falsified.__module__ = Inconclusive.__module__ = (
    "builtins"  # as pytest's own outcomes: a short summary says the name, and not where it lives
)


def collector_of(path: Path, parent: pytest.Collector) -> ContractCollector | PvCollector | None:
    """The collector of a contract file; None for a YAML file that is no contract of a workspace that was asked for."""
    session = ContractSession.of(parent.config)
    place = session.place_of(path, named=parent.session.isinitpath(path))
    if place is None:
        if passed_over := session.newly_passed_over(path):
            parent.warn(
                ContractWarning(
                    f"{_shown(passed_over, parent.config)}: a workspace of its own, whose contracts are not put to the "
                    f"test in this run; name it on the command line, or leave it out with --ignore"
                )
            )
        return None
    if file := place.files.get(path.resolve()):
        ours: ContractCollector = ContractCollector.from_parent(parent, path=path, place=place, file=file)
        return ours
    if written_for_pv := place.pv.get(path.resolve()):
        theirs: PvCollector = PvCollector.from_parent(parent, path=path, place=place, file=written_for_pv)
        return theirs
    return None


class ContractCollector(pytest.File):
    """A contract file."""

    def __init__(self, *, place: Place, file: ContractFile, **others: Any) -> None:
        super().__init__(**others)
        self.place = place
        self.file = file

    def collect(self) -> Iterator[FalsifierItem]:
        """One item per falsifier, in the order of the file. Raises CollectError with every fault, each with a line."""
        asked = ContractSession.of(self.config).asked
        if faults := faults_of(self.place, self.file) or check_bindings(self.place, asked):
            raise self.CollectError(faults)
        for doubt in warnings_of(self.place, self.file):
            self.warn(ContractWarning(str(doubt)))
        contract = self.file.contract
        assert contract is not None, "a contract without faults was read"  # noqa: S101
        for number, declared in enumerate(contract.falsifiers):
            line = self.file.position("falsifiers", number).line
            item: FalsifierItem = FalsifierItem.from_parent(
                self, name=declared.id, contract=contract, declared=declared, line=line
            )
            for marker in self._markers(declared):
                self.config.addinivalue_line("markers", marker)
                item.add_marker(marker)
            yield item

    def _markers(self, declared: FalsifierDeclaration) -> Iterator[str]:
        yield "contracts"
        yield f"family_{_word(declared.check.partition('.')[0])}"
        if standing := self.place.standings.get(declared.id):
            yield f"status_{standing}"


class FalsifierItem(pytest.Item):
    """A falsifier of a contract."""

    parent: ContractCollector

    def __init__(self, *, contract: Contract, declared: FalsifierDeclaration, line: int, **others: Any) -> None:
        super().__init__(**others)
        self.contract = contract
        self.declared = declared
        self.line = line

    def runtest(self) -> None:
        """Pass where it held, skip where it is inconclusive, else fail with the counterexample."""
        judgements = self._judgements()
        own = next((one for one in judgements if one.falsifier == self.declared.id), None)
        falsified = [one for one in (own, *self._unsound(judgements)) if one and one.verdict.outcome == "falsified"]
        outcome, said = _outcome(own)
        if falsified and outcome != "falsified":  # the test fails for its file, whatever the claim came to
            self._report("falsified", UNSOUND, own)
        else:
            self._report(outcome, own.cause if own else "", own)
        if falsified:
            place = f"{self.parent.file.path}:{self.line}"
            raise Falsified("\n\n".join(falsified_text(one, self.declared, place) for one in falsified))
        if outcome == "inconclusive":
            if ContractSession.of(self.config).asked.strict:
                raise Inconclusive(f"{said}\n  --contracts-strict: what stays inconclusive fails")
            raise pytest.skip.Exception(said, _use_item_location=True)

    def _judgements(self) -> tuple[Judgement, ...]:
        chosen = [
            (one.contract.contract, one.declared.id)
            for one in self.session.items
            if isinstance(one, FalsifierItem) and one.parent.place is self.parent.place
        ]
        session = ContractSession.of(self.config)
        return session.judgements(self.parent.place, chosen, self.config).get(self.contract.contract, ())

    def _unsound(self, judgements: Iterable[Judgement]) -> list[Judgement]:
        """What the engine found against a file itself, where this item is to say so.

        Each claim about the broken file says it; of a file that no claim is about, the first claim collected.
        """
        own = {one.id for one in self.contract.falsifiers}
        built_in = [one for one in judgements if one.check == BUILT_IN and one.falsifier not in own]
        judged = [one.falsifier for one in judgements if one.falsifier in own]
        about = {one.id: set(one.on.values()) for one in self.contract.falsifiers if one.id in judged}
        return [one for one in built_in if self.declared.id in _tellers(one.artifacts[0].role, about)]

    def _report(self, outcome: str, cause: str, judgement: Judgement | None) -> None:
        said: dict[str, object] = {
            "falsifiable.contract": self.contract.contract,
            "falsifiable.check": self.declared.check,
            OUTCOME: outcome,
            CAUSE: cause,
        }
        self.user_properties += [(name, value) for name, value in said.items() if value]
        for one in judgement.verdict.measurements if judgement else ():
            self.user_properties.append((one.name, f"{one.value} {one.unit}".strip()))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The counterexample alone, and as its place the line of the claim; anything else as pytest shows it."""
        if not isinstance(excinfo.value, (Falsified, Inconclusive)):
            return super().repr_failure(excinfo, style)
        shown = excinfo.getrepr(style="value")
        if shown.reprcrash is not None:
            shown.reprcrash.path, shown.reprcrash.lineno = str(self.path), self.line
        return shown

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the claim stands (lines count from 0), and its name with what it says."""
        return self.path, self.line - 1, f"{self.declared.id}: {self.declared.claim}"


class PvCollector(pytest.File):
    """A contract written for ``pv``."""

    def __init__(self, *, place: Place, file: PvFile, **others: Any) -> None:
        super().__init__(**others)
        self.place = place
        self.file = file

    def collect(self) -> Iterator[PvItem]:
        """One item: whether the file is valid. The tests it cites are collected where they stand.

        Raises CollectError with what is wrong beside the contracts, as that of any contract does.
        """
        if faults := faults_beside(self.place):
            raise self.CollectError(faults)
        for doubt in warnings_of(self.place, self.file):
            self.warn(ContractWarning(str(doubt)))
        item: PvItem = PvItem.from_parent(self, name="valid")
        item.add_marker("contracts")
        yield item


class PvItem(pytest.Item):
    """Whether a contract is valid by the rules of ``pv`` and ours about it."""

    parent: PvCollector

    def runtest(self) -> None:
        """Fail with every fault, each with its line."""
        if not self.parent.file.valid:
            faults = [one.explained() for one in self.parent.file.diagnostics if one.severity == "error"]
            raise Falsified("\n".join(faults))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The faults alone."""
        if not isinstance(excinfo.value, Falsified):
            return super().repr_failure(excinfo, style)
        return excinfo.getrepr(style="value")

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file, and what is asked of it."""
        return self.path, 0, f"{self.parent.file.stem} is valid"


def _outcome(judgement: Judgement | None) -> tuple[str, str]:
    """``held``, ``falsified`` or ``inconclusive``, with the reason of the last."""
    if judgement is None:
        return "inconclusive", "inconclusive: it was planned, and nothing was reported of it"
    if judgement.verdict.outcome == "inconclusive":
        return "inconclusive", inconclusive_text(judgement)
    if judgement.verdict.outcome == "held" and judgement.vacuous:
        return "inconclusive", vacuous_text(judgement)
    return judgement.verdict.outcome, ""


def _tellers(role: str, about: dict[str, set[str]]) -> set[str]:
    """The falsifiers that say that the file bound to ``role`` is broken."""
    return {name for name, roles in about.items() if role in roles} or set(list(about)[:1])


def _shown(folder: Path, config: pytest.Config) -> str:
    """A folder as it is named on the command line."""
    return os.path.relpath(folder, config.invocation_params.dir)


def _word(name: str) -> str:
    """A name as a marker."""
    return re.sub(r"\W", "_", name)
