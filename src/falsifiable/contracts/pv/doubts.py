"""Which doubts about a file stand, after a look at the workspace that it lies in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from falsifiable.contracts.diagnostics import shortened
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.pv.lint import Doubt, Fault

if TYPE_CHECKING:
    from falsifiable.contracts.pv.cited_tests import CitedTests

_MOST_NAMED = 6


class Workplace:
    """The folder ``root``, in which cited tests and files are sought: anew for every question, and each once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, bool] = {}
        self._tests: CitedTests | None = None

    def report_standing(self, doubts: Iterable[Doubt], faults: Faults) -> None:
        """Report into ``faults`` each of ``doubts`` that nothing in the workspace refutes."""
        for fault in self.standing(doubts):
            faults.take(fault)

    def standing(self, doubts: Iterable[Doubt]) -> Iterator[Fault]:
        """What nothing in the workspace refutes."""
        yield from (fault for fault in map(self._standing, doubts) if fault is not None)

    def _standing(self, doubt: Doubt) -> Fault | None:
        fault, question, names, parts = doubt
        if question == "files":
            return None if self._has_any(names) else fault
        if question == "test":
            missing = self._cited().missing(names[0], names[1:])
            return fault._replace(message=f"{fault.message}: {missing}") if missing else None
        if question == "function":
            return None if self._cited().defines(names[0]) else fault
        if question == "proofs":
            return _unproved([one.fault for one in parts if not self._has_any(one.names)])
        return fault

    def _has_any(self, files: Iterable[str]) -> bool:
        return any(self._has(one) for one in files)

    def _has(self, file: str) -> bool:
        """Whether ``file`` is one of the workspace; a path that leads out of it is none."""
        if file not in self._files:
            self._files[file] = _is_below(self._root, file)
        return self._files[file]

    def _cited(self) -> CitedTests:
        if self._tests is None:
            from falsifiable.contracts.pv.cited_tests import CitedTests

            self._tests = CitedTests(self._root)
        return self._tests


def _is_below(root: Path, file: str) -> bool:
    try:
        return ".." not in Path(file).parts and not Path(file).is_absolute() and (root / file).is_file()
    except (OSError, ValueError):
        return False


def _unproved(unseen: Sequence[Fault]) -> Fault | None:
    if not unseen:
        return None
    message = f"{len(unseen)} proof obligations say 'proved', and the workspace has no Lean file of the theorem"
    return unseen[0]._replace(message=message, hint=f"add the proofs of {listed([one.message for one in unseen])}")


def listed(names: Sequence[str]) -> str:
    """The first of ``names``, each cut to a length that can be read, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(shortened(one) for one in names[:_MOST_NAMED]) + more
