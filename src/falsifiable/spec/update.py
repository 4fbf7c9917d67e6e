"""Keeping ``spec.md`` and the evidence in step: writing the regions, and asking whether they still say what is so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from falsifiable.contracts import suggestion
from falsifiable.evidence import (
    EvidenceProblem,
    Repository,
    Statement,
    remove_abandoned,
    short,
    statement_path,
    write_atomically,
)
from falsifiable.spec.amendment_check import check_amendments, released_faults
from falsifiable.spec.findings import Finding, differences
from falsifiable.spec.ledger import Ledger, changelog_path, planned_regions, rests_on, spec_path
from falsifiable.spec.regions import Region, RegionError, Regions, find_regions, splice
from falsifiable.spec.render import OF_AMENDMENTS, RENDERERS
from falsifiable.status import ContractStanding, FalsifierStanding

DEMANDED = "scoreboard"
"""The region a spec must have once there is evidence to show: without it nothing in the spec rests on evidence."""

RECORD = "run `contract record` on the main line, or anywhere with --regions"


@dataclass(frozen=True, slots=True)
class SpecUpdate:
    """What became of one spec: the regions that were written, and what stood in the way of others."""

    spec: str
    path: Path
    written: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def update_regions(ledger: Ledger, spec: str, *, discard_edits: bool = False) -> tuple[SpecUpdate, ...]:
    """Write the regions of ``spec.md`` and of the changelog that are not what evidence and code imply.

    Every other byte stays. A region edited by hand is left alone and reported, unless ``discard_edits``; with problems
    among the markers or the released amendments nothing is written. A file that is not there has no regions. Raises
    OSError.
    """
    paths = (spec_path(ledger.root, spec), changelog_path(ledger.root, spec))
    if faults := released_faults(ledger, spec):
        return (SpecUpdate(spec, paths[0], findings=faults),)
    planned = planned_regions(ledger, spec)
    return tuple(_update(ledger, spec, path, planned, discard_edits) for path in paths)


def region_obstacles(ledger: Ledger, spec: str) -> tuple[Finding, ...]:
    """What would keep :func:`update_regions` from writing: markers that do not work, and regions edited by hand."""
    planned = planned_regions(ledger, spec)
    found: list[Finding] = []
    for path in (spec_path(ledger.root, spec), changelog_path(ledger.root, spec)):
        shown = path.relative_to(ledger.root).as_posix()
        regions, of_markers = _regions_of(path.read_bytes() if path.is_file() else b"", shown)
        edited = (one for one in regions.found if one.edited and one.content != planned.get(one.name))
        found += (*of_markers, *(_edited(shown, one, planned[one.name]) for one in edited if one.name in planned))
    return tuple(found)


def _update(ledger: Ledger, spec: str, path: Path, planned: Mapping[str, str], discard_edits: bool) -> SpecUpdate:
    if not path.is_file():
        return SpecUpdate(spec, path)
    data = path.read_bytes()
    shown = path.relative_to(ledger.root).as_posix()
    regions, findings = _regions_of(data, shown)
    if findings:
        return SpecUpdate(spec, path, findings=findings)
    kept = [one for one in regions.found if one.edited and one.content != planned[one.name] and not discard_edits]
    outdated = {one.name for one in regions.found if one not in kept and _differs(one, planned[one.name])}
    if outdated:
        try:
            written = splice(data, {one: planned[one] for one in outdated - OF_AMENDMENTS}, rests_on(ledger, spec))
            written = splice(written, {one: planned[one] for one in outdated & OF_AMENDMENTS})
        except RegionError as error:
            return SpecUpdate(spec, path, findings=(Finding("marker", "error", shown, str(error)),))
        write_atomically(path, written)
        remove_abandoned(path.parent)
    findings = tuple(_edited(shown, one, planned[one.name]) for one in kept)
    return SpecUpdate(spec, path, tuple(one.name for one in regions.found if one.name in outdated), findings)


def check_specs(ledger: Ledger, repository: Repository, *, base: str | None = None) -> tuple[Finding, ...]:
    """Whether the regions of every spec are exactly what the committed evidence and the code imply.

    ``base`` names a revision whose regions are accepted as they are there: branches leave regions alone. Raises
    GitError where git does not know it.
    """
    return tuple(finding for spec in ledger.specs for finding in check_spec(ledger, spec, repository, base=base))


def check_spec(ledger: Ledger, spec: str, repository: Repository, *, base: str | None = None) -> tuple[Finding, ...]:
    """The findings of one spec: evidence that is not what its name says, amendments, regions, markers, stale evidence.

    A spec whose contracts have evidence must show it in a scoreboard: one that was taken out, or a spec.md that was
    deleted, is an error. Stale evidence is an error where no region tells of it: a region that shows the demotion is
    in step.
    """
    path = spec_path(ledger.root, spec)
    shown = path.relative_to(ledger.root).as_posix()
    of_spec = ledger.standings_of(spec)
    undecided = sorted({why for one in of_spec for why in one.undecided})
    implied = _Implied(ledger, spec, planned_regions(ledger, spec), not undecided, repository, base)
    regions, found = _check_file(implied, path)
    evidence = ledger.evidence[spec]
    if of_spec and (evidence.statements or evidence.problems) and not any(one.kind == "marker" for one in found):
        found = (*_scoreboard_missing(path, regions, shown, repository, base), *found)
    in_step = bool(regions.found) and not any(one.severity == "error" for one in found)
    return (
        *(_broken(ledger, one) for one in evidence.problems),
        *check_amendments(ledger, spec, repository),
        *(Finding("undecided", "inconclusive", shown, f"cannot be checked: {why}") for why in undecided),
        *found,
        *_check_file(implied, changelog_path(ledger.root, spec))[1],
        *(finding for one in of_spec for finding in _stale(ledger.folders, one, fails=not in_step)),
    )


@dataclass(frozen=True, slots=True)
class _Implied:
    """What the regions of a spec should be: ``planned``, or as they are at the revision ``base``.

    Where it could not be ``decided`` which evidence counts, only what rests on none can be out of date.
    """

    ledger: Ledger
    spec: str
    planned: Mapping[str, str]
    decided: bool
    repository: Repository
    base: str | None

    def at_base(self, shown: str) -> tuple[bytes, ...]:
        """The bytes of every region of a file at the base, markers included."""
        data = self._file_at_base(shown)
        return tuple(data[one.start : one.end] for one in self.regions_at_base(shown))

    def regions_at_base(self, shown: str) -> tuple[Region, ...]:
        """The regions of a file at the base."""
        try:
            return find_regions(self._file_at_base(shown)).found
        except RegionError:
            return ()

    def _file_at_base(self, shown: str) -> bytes:
        return (self.repository.file_at(self.base, shown) if self.base is not None else None) or b""

    def decided_for(self, region: Region) -> bool:
        """Whether it is known what ``region`` should be."""
        return self.decided or region.name in OF_AMENDMENTS


def _check_file(implied: _Implied, path: Path) -> tuple[Regions, tuple[Finding, ...]]:
    """The regions of one file and what is wrong with them or their markers."""
    shown = path.relative_to(implied.ledger.root).as_posix()
    data = path.read_bytes() if path.is_file() else b""
    regions, of_markers = _regions_of(data, shown)
    at_base = implied.at_base(shown)
    known = [one for one in regions.found if one.name in RENDERERS]
    accepted = [one for one in known if data[one.start : one.end] in at_base]
    judged = (_check_region(implied, shown, one) for one in known if one not in accepted)
    return regions, (*of_markers, *(one for one in judged if one is not None), *_behind(implied, shown, accepted))


def _behind(implied: _Implied, shown: str, accepted: Sequence[Region]) -> Iterator[Finding]:
    """One note of all regions that are as they were at the base, and would read otherwise now."""
    moved = [one for one in accepted if implied.decided_for(one) and one.content != implied.planned[one.name]]
    if moved:
        names = ", ".join(one.name for one in moved)
        are = f"regions {names} are as they were" if len(moved) > 1 else f"region {names} is as it was"
        message = f"{are} at the base, and would read otherwise now"
        yield Finding("pending", "note", shown, message, moved[0].line, RECORD)


def _broken(ledger: Ledger, problem: EvidenceProblem) -> Finding:
    shown = problem.path.relative_to(ledger.root).as_posix()
    return Finding("evidence", "error", shown, problem.message, hint=problem.hint)


def _regions_of(data: bytes, shown: str) -> tuple[Regions, tuple[Finding, ...]]:
    try:
        regions = find_regions(data)
    except RegionError as error:
        return Regions(), (Finding("marker", "error", shown, str(error)),)
    findings = [Finding("marker", "error", shown, one.message, one.line) for one in regions.problems]
    for region in regions.found:
        if region.name not in RENDERERS:
            hint = suggestion(region.name, RENDERERS, "known")
            message = f"there is no region called {region.name}"
            findings.append(Finding("marker", "error", shown, message, region.line, hint))
    return regions, tuple(findings)


def _scoreboard_missing(
    path: Path, regions: Regions, shown: str, repository: Repository, base: str | None
) -> tuple[Finding, ...]:
    marker = f"<!-- contract:{DEMANDED} -->"
    add = f"put {marker} and <!-- /contract:{DEMANDED} --> on lines of their own, then {RECORD}"
    if path.is_file():
        if regions.named(DEMANDED):
            return ()
        message = f"the marker {marker} is missing, so nothing here rests on the evidence recorded for this spec"
        return (Finding("marker", "error", shown, message, hint=add),)
    asked = [one for one in ("HEAD", base) if one and repository.head]
    held = [one for one in asked if repository.file_at(one, shown) is not None]
    if held:
        message = f"was deleted, and {marker} with it, though there is evidence for this spec"
        return (Finding("marker", "error", shown, message, hint=f"git checkout {held[0]} -- {shown}"),)
    message = "there is evidence for this spec and no spec.md that shows it"
    return (Finding("marker", "note", shown, message, hint=f"to have one, {add}"),)


def _check_region(implied: _Implied, shown: str, region: Region) -> Finding | None:
    computed = implied.planned[region.name]
    if region.edited:
        return _edited(shown, region, computed)
    if not implied.decided_for(region) or not _differs(region, computed):
        return None
    if pending := _older_than(implied, shown, region):
        names = ", ".join(short(one.sha256) for one in pending)
        message = f"region {region.name} is older than the evidence {names}"
        return Finding("pending", "note", shown, message, region.line, RECORD)
    said = "; ".join(differences(region, computed)) or "it was never written"
    return Finding("out-of-date", "error", shown, f"region {region.name} is out of date: {said}", region.line, RECORD)


def _older_than(implied: _Implied, shown: str, region: Region) -> tuple[Statement, ...]:
    """The statements without which ``region`` would be right; none where it would not.

    What the region told of at the base is not unlearned: a region that was written back in time is out of date.
    """
    ledger, spec = implied.ledger, implied.spec
    pending = _pending(ledger, spec, region)
    for earlier in implied.regions_at_base(shown):
        if earlier.name == region.name and not _digests(pending) <= _digests(_pending(ledger, spec, earlier)):
            return ()
    before = planned_regions(ledger, spec, _without(ledger.statements, pending))[region.name] if pending else None
    return pending if region.content == before else ()


def _differs(region: Region, computed: str) -> bool:
    return region.content != computed or "sha256" not in region.attributes or region.edited


def _pending(ledger: Ledger, spec: str, region: Region) -> tuple[Statement, ...]:
    """The statements that the region was written without: those that none it names supersedes or is."""
    bearing = ledger.bearing_on(spec)
    known = {one.sha256: one for one in ledger.statements if one.contract in bearing}
    waiting = [digest for digest in known if short(digest) in region.evidence]
    reached: set[str] = set()
    while waiting:
        digest = waiting.pop()
        if digest in known and digest not in reached:
            reached.add(digest)
            waiting += known[digest].supersedes
    return tuple(known[digest] for digest in sorted(known) if digest not in reached)


def _digests(statements: Iterable[Statement]) -> set[str]:
    return {one.sha256 for one in statements}


def _without(statements: Iterable[Statement], left_out: Iterable[Statement]) -> list[Statement]:
    digests = {one.sha256 for one in left_out}
    return [one for one in statements if one.sha256 not in digests]


def _edited(shown: str, region: Region, computed: str) -> Finding:
    said = "; ".join(differences(region, computed)) or "its content is right, the digest in its marker is not"
    hint = "a status is earned, not typed: restore the region, or let `contract record --discard-edits` write it anew"
    return Finding("edited", "error", shown, f"region {region.name} was edited by hand: {said}", region.line, hint)


def _stale(folders: Mapping[str, str], standing: ContractStanding, *, fails: bool) -> Iterator[Finding]:
    """One finding per reason, with everything it demotes."""
    by_reason: dict[str, list[FalsifierStanding]] = {reason: [] for reason in standing.stale}
    for falsifier in standing.falsifiers:
        for reason in falsifier.stale:
            if reason not in standing.undecided:
                by_reason.setdefault(reason, []).append(falsifier)
    for reason, falsifiers in by_reason.items():
        met = sorted({one.stale_in[reason] for one in falsifiers}) or [one.sha256 for one in standing.heads]
        path = statement_path(folders[met[0]], met[0])
        fallen = _demoted(standing, falsifiers)
        message = f"{reason}; this demotes {', '.join(fallen) or 'nothing'}"
        yield Finding("stale", "error" if fails and fallen else "note", path, message, hint="record again")


def _demoted(standing: ContractStanding, falsifiers: Sequence[FalsifierStanding]) -> list[str]:
    fallen = [
        f"{one.falsifier} from {one.stale_status.name} to {one.status.name}"
        for one in falsifiers
        if one.stale_status is not None and one.stale_status > one.status
    ]
    if standing.stale_status is not None and standing.stale_status > standing.status:
        fallen.append(f"contract {standing.contract} from {standing.stale_status.name} to {standing.status.name}")
    return fallen
