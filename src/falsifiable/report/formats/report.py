"""What every format is made from: the results of a validation, where its claims stand, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import normpath
from typing import Literal, NamedTuple, get_args

from falsifiable.contracts import ARTIFACTS_FILE, Diagnostic, Workspace
from falsifiable.evidence import Context
from falsifiable.report.text import counted
from falsifiable.validation.results import COULD_NOT_RUN, Cause, ContractResult, Judgement

Mark = Literal["falsified", "could not run", "vacuous", "inconclusive", "held"]
MARKS: tuple[Mark, ...] = get_args(Mark)
"""What a judgement counts as, the worst first. Only the last is a pass, in every format."""


WHY: Mapping[Cause, str] = {
    "unbound": "lacked a role: bind roles in artifacts.yaml",
    "absent": "lacked a file that artifacts.yaml names",
    "library": "lacked a library",
    "commands": "needed a command: allow it with --run-commands",
    "unsound": "found a file that breaks its format",
    "unreadable": "could not read a file",
    "crashed": "crashed",
    "time": "ran out of time: give more with --time-limit",
    "memory": "ran out of memory: give more with --memory-limit",
}
"""Why a falsifier came to no verdict, and what to do about it, after the number of those it happened to."""


class Place(NamedTuple):
    """A place in a file, relative to the top of the repository; the first character is line 1, column 1."""

    path: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Report:
    """A validation that ended, one way or another.

    ``folder`` is the workspace seen from the top of its repository ("" where they are one, else ``models/``): code
    hosts want paths from the top. ``places`` says where a ``contract`` and a ``contract/falsifier`` stand, and
    ``contract_files`` the path of each contract relative to the workspace. ``only_read`` are the paths of contracts of
    ``pv``, which state nothing that is run; of ``unexamined`` ones among them it was asked that everything is examined.
    ``diagnostics`` are the faults of contracts and other files; with an error among them nothing was run. ``ran`` is
    False where nothing was asked to. ``context`` is what evidence says about the judging side; only the in-toto format
    needs it.
    """

    results: tuple[ContractResult, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    folder: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)
    contract_files: Mapping[str, str] = field(default_factory=dict)
    only_read: tuple[str, ...] = ()
    unexamined: int = 0
    ran: bool = True
    interrupted: bool = False
    exit_code: int = 0
    context: Context | None = None

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """All judgements, the worst first, else in the order of the contracts."""
        found = [judgement for result in self.results for judgement in result.judgements]
        return tuple(sorted(found, key=lambda one: MARKS.index(mark_of(one))))

    @property
    def counts(self) -> Mapping[Mark, int]:
        """How many judgements there are of each mark, the worst first."""
        found = Counter(map(mark_of, self.judgements))
        return {mark: found[mark] for mark in MARKS}

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics because of which nothing could be run."""
        return tuple(one for one in self.diagnostics if one.severity == "error")

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with the validation as a whole, whatever its verdicts say."""
        said = []
        if self.errors:
            said.append("the contracts are not valid; nothing was run")
        if self.interrupted:
            said.append("the validation was interrupted; what had not finished is inconclusive")
        if self.ran and not self.errors and not any(map(was_examined, self.judgements)):
            said.append(f"nothing was examined: no falsifier came to a verdict{self._why_nothing()}")
        if self.unexamined:
            said.append(f"{self._not_examined}; --strict asks that everything is examined")
        return tuple(said)

    @property
    def _not_examined(self) -> str:
        return f"{counted(self.unexamined, 'contract')} of pv only read"

    def _why_nothing(self) -> str:
        causes = Counter(one.cause for one in self.judgements if one.cause)
        return "".join(f"; {count} {WHY[cause]}" for cause, count in causes.most_common())

    @property
    def headline(self) -> str:
        """What came of it in one line, the worst first, in words that cannot be read as a pass where it is none."""
        if self.errors:
            return f"{counted(len(self.errors), 'fault')}, nothing was run"
        if not self.ran:
            return f"{counted(len(self.contract_files) + len(self.only_read), 'contract')} valid, nothing was run"
        said = [f"{count} {mark}" for mark, count in self.counts.items() if count]
        if self.unexamined:
            said.append(self._not_examined)
        return ", ".join(said) if said else "nothing was judged"

    def place_of(self, judgement: Judgement) -> Place:
        """Where the claim stands; for one that no file of this repository states, the file that binds its roles."""
        own = self.places.get(f"{judgement.contract}/{judgement.falsifier}")
        return own or self.places.get(judgement.contract) or Place(self.folder + ARTIFACTS_FILE)

    def place_of_fault(self, diagnostic: Diagnostic) -> Place:
        """Where a fault stands, from the top of the repository."""
        path = diagnostic.path
        return Place(path if path.startswith("/") else normpath(self.folder + path), diagnostic.line, diagnostic.column)


def said_of(diagnostic: Diagnostic) -> str:
    """What a fault is and what to do about it, without its place."""
    return f"{diagnostic.message}; {diagnostic.hint}" if diagnostic.hint else diagnostic.message


def mark_of(judgement: Judgement) -> Mark:
    """What ``judgement`` counts as: a held verdict of a falsifier that cannot fall is no pass."""
    if judgement.verdict.outcome == "falsified":
        return "falsified"
    if judgement.verdict.outcome == "held":
        return "vacuous" if judgement.vacuous else "held"
    return "could not run" if judgement.cause in COULD_NOT_RUN else "inconclusive"


def was_examined(judgement: Judgement) -> bool:
    """Whether the falsifier came to a verdict, on what is bound or at least on the specimens."""
    on_specimen = judgement.on_specimen is not None and judgement.on_specimen.outcome != "inconclusive"
    return judgement.verdict.outcome != "inconclusive" or on_specimen


def reason_of(judgement: Judgement) -> str:
    """Why a judgement is no pass: what was found, or what was missing, or why the verdict counts for nothing."""
    if mark_of(judgement) != "vacuous":
        return judgement.verdict.found
    survivors = [one.counterexample for one in judgement.challenges if one.outcome == "survived"]
    why = f"it let through {', '.join(survivors)}" if survivors else "it ships no counterexample"
    return f"check {judgement.check} cannot fail: {why}; its verdict counts for nothing"


def folder_in_repository(root: Path) -> str:
    """``root`` as seen from the top of the repository around it: "" or a path that ends in a slash."""
    root = root.resolve()
    top = top_of_repository(root)
    return "" if top is None or top == root else f"{root.relative_to(top).as_posix()}/"


def top_of_repository(place: Path) -> Path | None:
    """The nearest folder from ``place`` upwards that is the top of a repository."""
    place = place.resolve()
    return next((above for above in (place, *place.parents) if (above / ".git").exists()), None)


def places_of(workspace: Workspace, folder: str) -> dict[str, Place]:
    """Where each contract, and each of its claims, stands; nothing for contracts that came with the package."""
    return dict(_places(workspace, folder))


def _places(workspace: Workspace, folder: str) -> Iterator[tuple[str, Place]]:
    for file in workspace.files:
        if file.contract is None or workspace.shipped:
            continue
        path = folder + file.path
        yield file.contract.contract, Place(path, *file.position("contract"))
        for index, one in enumerate(file.contract.falsifiers):
            yield f"{file.contract.contract}/{one.id}", Place(path, *file.position("falsifiers", index, "id"))
        for role in file.contract.artifacts:
            sound = f"ARTIFACT-SOUND-{role.upper()}"  # what the engine calls a bound file that breaks its format
            yield f"{file.contract.contract}/{sound}", Place(path, *file.key_position("artifacts", role))
