"""The amendments of one spec: those that were released, with their numbers and versions, and those that are pending.

    spec/ship-two/amendments/20261121T175000Z-the-trainer-takes-5f3a09c2.md                      pending
    spec/ship-two/amendments/released/2.25.0/0050-20261121T175000Z-the-trainer-takes-5f3a09c2.md released

The place of a file is all there is to know of its release: nothing is written into it. Everything here is a function of
the files, whichever order they are listed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from falsifiable.contracts import (
    SHIP_FILE,
    Amendment,
    AmendmentFile,
    Baseline,
    Diagnostic,
    Position,
    read_amendment,
    read_ship,
)
from falsifiable.contracts.amendment_names import file_name_fault
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.model import SEMANTIC_VERSION
from falsifiable.contracts.versions import Bump, semantic_order

RELEASED = "released"

_NUMBERED = re.compile(r"([0-9]{4,})-(.+)")

Source = Path | bytes
"""An amendment's file, or its bytes as some commit has them."""


FROM_THE_START = Baseline("0.0.0", 0)
"""The baseline of a spec all of whose amendments are kept here."""


@dataclass(frozen=True, slots=True)
class Section:
    """A released amendment: section ``number`` of the spec, new in ``version``."""

    number: int
    version: str
    path: str
    amendment: Amendment


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a spec and the sections that are new in it, in their order."""

    version: str
    sections: tuple[Section, ...]

    @property
    def date(self) -> str:
        """The day of its newest amendment: a release dates itself by what is in it."""
        return max(one.amendment.created for one in self.sections)[:10]

    @property
    def contracts(self) -> Mapping[str, Bump]:
        """Every contract that moves in it, by name, with the highest bump that a section names."""
        return highest_bumps(one.amendment for one in self.sections)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson with its number, and the sections that teach it: said twice, it keeps the number it had."""

    number: int
    text: str
    sections: tuple[int, ...]


@dataclass(frozen=True)
class AmendmentLog:
    """The amendments of ``spec``.

    ``sections`` are the released ones by number, ``pending`` the others in the order in which they would be released
    (those that cannot be read last), ``diagnostics`` everything that is wrong with any of the files or their places.
    """

    spec: str
    sections: tuple[Section, ...] = ()
    pending: tuple[AmendmentFile, ...] = ()
    baseline: Baseline = FROM_THE_START
    diagnostics: tuple[Diagnostic, ...] = field(default=(), compare=False)

    @property
    def version(self) -> str:
        """The version of the spec as it was last released."""
        return self.releases[-1].version if self.releases else self.baseline.version

    @property
    def last_section(self) -> int:
        """The highest number that a section has."""
        return max([self.baseline.section, *(one.number for one in self.sections)])

    @cached_property
    def releases(self) -> tuple[Release, ...]:
        """All releases, by version."""
        versions = sorted({one.version for one in self.sections}, key=semantic_order)
        return tuple(Release(one, tuple(s for s in self.sections if s.version == one)) for one in versions)

    @cached_property
    def lessons(self) -> tuple[Lesson, ...]:
        """All lessons in the order in which they were first released."""
        taught: dict[str, list[int]] = {}
        for section in self.sections:
            for lesson in section.amendment.lessons:
                sections = taught.setdefault(one_line(lesson), [])
                if section.number not in sections:
                    sections.append(section.number)
        every = enumerate(taught.items(), start=1)
        return tuple(Lesson(number, text, tuple(sections)) for number, (text, sections) in every)

    def with_section(self, section: Section) -> AmendmentLog:
        """The same log with one section more."""
        return AmendmentLog(self.spec, (*self.sections, section), self.pending, self.baseline, self.diagnostics)

    def section(self, number: int) -> Section | None:
        """The section of this number."""
        return next((one for one in self.sections if one.number == number), None)

    def superseded_by(self, number: int) -> tuple[int, ...]:
        """The sections that take the place of section ``number``."""
        return tuple(one.number for one in self.sections if number in one.amendment.supersedes)

    def lesson(self, text: str) -> Lesson:
        """The lesson of this text. Raises KeyError where no released section teaches it."""
        return {one.text: one for one in self.lessons}[one_line(text)]


def highest_bumps(amendments: Iterable[Amendment]) -> dict[str, Bump]:
    """Every contract that ``amendments`` name, by name, with the highest bump among them."""
    found: dict[str, Bump] = {}
    for amendment in amendments:
        for name, bump in amendment.moves_contracts.items():
            found[name] = max(bump, found.get(name, Bump.NONE))
    return dict(sorted(found.items()))


def one_line(text: str) -> str:
    """``text`` without its line breaks."""
    return " ".join(text.split())


def amendments_folder(spec: str) -> str:
    """Where the amendments of ``spec`` lie in a workspace."""
    return f"spec/{spec}/amendments"


def ship_path(spec: str) -> str:
    """Where the ship file of ``spec`` lies in a workspace."""
    return f"spec/{spec}/{SHIP_FILE}"


def baseline_of(ship: bytes | None, spec: str) -> Baseline:
    """The baseline that the ship file of ``spec`` states; from the start without such a file, or with a faulty one."""
    read = read_ship(ship, spec).ship if ship is not None else None
    return (read.baseline if read else None) or FROM_THE_START


def amendments_on_disk(root: Path, spec: str) -> dict[str, Source]:
    """Every file among the amendments of ``spec``, by its path in the workspace ``root``; hidden ones are left out."""
    folder = root / amendments_folder(spec)
    found = (one for one in folder.rglob("*") if not one.is_dir() or one.is_symlink())
    paths = {one.relative_to(root).as_posix(): one for one in found}
    return {name: path for name, path in paths.items() if not any(part.startswith(".") for part in name.split("/"))}


def read_amendments(spec: str, files: Mapping[str, Source], baseline: Baseline = FROM_THE_START) -> AmendmentLog:
    """The amendments of ``spec`` in ``files``, by their paths in the workspace, and everything wrong with the files."""
    folder = PurePosixPath(amendments_folder(spec))
    sections: list[Section] = []
    pending: list[AmendmentFile] = []
    faults: list[Diagnostic] = []
    for path in sorted(files):
        file = read_amendment(files[path], shown=path)
        parts = PurePosixPath(path).relative_to(folder).parts
        faults += (*file.diagnostics, *_of_place(parts, file))
        place = _place(parts)
        if len(parts) == 1:
            pending.append(file)
        elif place is not None and file.amendment is not None:
            sections.append(Section(place.number, place.version, path, file.amendment))
    sections.sort(key=lambda one: (one.number, one.path))
    faults += _of_numbers(sections, baseline)
    faults += _released_twice(pending, {path.rpartition("/")[2]: path for path in files if f"/{RELEASED}/" in path})
    ordered = tuple(sorted(pending, key=_release_order))
    return AmendmentLog(spec, tuple(sections), ordered, baseline, tuple(faults))


def _release_order(file: AmendmentFile) -> tuple[bool, str, str]:
    """Oldest first; of two from the same second the one of lower digest, which no branch or merge can change."""
    return (file.amendment is None, file.amendment.created if file.amendment else "", file.digest)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a released amendment lies: its version, its number, and the name that it had when it was pending."""

    version: str
    number: int
    name: str


def _place(parts: tuple[str, ...]) -> _Place | None:
    numbered = _NUMBERED.fullmatch(parts[-1])
    if len(parts) != 3 or parts[0] != RELEASED or not re.fullmatch(SEMANTIC_VERSION, parts[1]) or not numbered:
        return None
    return _Place(parts[1], int(numbered[1]), numbered[2])


def _of_place(parts: tuple[str, ...], file: AmendmentFile) -> tuple[Diagnostic, ...]:
    """What is wrong with where a file lies and how it is called."""
    faults = Faults(file.path)
    place = _place(parts)
    if place is None and len(parts) > 1:
        message = f"expected {RELEASED}/VERSION/NUMBER-NAME.md; this is no released amendment and no pending one"
        faults.add("AMENDMENT-RELEASED", Position(), message, "restore it from git, or move it elsewhere")
        return faults.sorted()
    created = file.amendment.created if file.amendment else None
    if fault := file_name_fault(place.name if place else parts[-1], created):
        hint = "let contract amend new name it, or move what is no amendment elsewhere"
        faults.add("AMENDMENT-FILE-NAME", Position(), fault, hint)
    return faults.sorted()


def _of_numbers(sections: list[Section], baseline: Baseline) -> tuple[Diagnostic, ...]:
    """Sections go on from the baseline without a gap, and versions rise with them; the first that does not."""
    above, version = semantic_order(baseline.version), ""
    for expected, section in enumerate(sections, start=baseline.section + 1):
        faults = Faults(section.path)
        if section.number != expected:
            message = f"this is section {section.number}, expected section {expected}"
            faults.add("AMENDMENT-RELEASED", Position(), message, _RESTORE)
        if section.version != version and semantic_order(section.version) <= above:
            message = f"section {section.number} stands in version {section.version}, those before it in a later one"
            faults.add("AMENDMENT-RELEASED", Position(), message, _RESTORE)
        if faults.sorted():
            return faults.sorted()
        above, version = semantic_order(section.version), section.version
    return ()


_RESTORE = "nobody moves released amendments; restore them: git checkout -- FOLDER"


def _released_twice(pending: list[AmendmentFile], released: Mapping[str, str]) -> Iterator[Diagnostic]:
    """A pending file that stands among the released ones, too: a release was cut short."""
    for file in pending:
        name = file.path.rpartition("/")[2]
        again = next((path for other, path in released.items() if other.partition("-")[2] == name), None)
        if again is not None:
            faults = Faults(file.path)
            message = f"it is released already, as {again}: a release was interrupted"
            faults.add("AMENDMENT-RELEASED", Position(), message, "run contract amend release again")
            yield from faults.sorted()
