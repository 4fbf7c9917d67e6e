"""The ship percentage by version of a spec, as its released regions say, read from git.

A release moves the pending amendments to ``amendments/released/<version>`` and writes the regions in the same commit,
so the commits that changed that folder are the releases, and the ship region in each says what had been reached.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from falsifiable.contracts.model import SEMANTIC_VERSION
from falsifiable.contracts.versions import semantic_order
from falsifiable.evidence import Repository, entries_of
from falsifiable.spec.amendments import RELEASED, amendments_folder
from falsifiable.spec.regions import RegionError, find_regions
from falsifiable.spec.ship_regions import tally_of_region
from falsifiable.status import Tally

_CREATED = re.compile(r"[0-9]+-([0-9]{4})([0-9]{2})([0-9]{2})T[0-9]{6}Z-.*\.md")


@dataclass(frozen=True, slots=True)
class Reached:
    """What one version of the spec had reached.

    ``date`` is the day of its newest amendment, "" where no file says so; ``tally`` what its ship region says, None
    where it says nothing that can be believed, and then ``why``.
    """

    version: str
    date: str
    commit: str
    tally: Tally | None = None
    why: str = ""


def ship_history(repository: Repository, spec: str) -> tuple[Reached, ...]:
    """What every released version of ``spec`` had reached, oldest version first.

    Where several commits changed the files of one version the last of them counts. Raises GitError where git fails.
    """
    released = f"{amendments_folder(spec)}/{RELEASED}"
    commits = repository.commits_changing(released)
    trees = repository.objects_at((one, released) for one in commits)
    releases = {
        version: commit
        for commit, tree in zip(commits, trees, strict=True)
        if tree is not None and (version := _newest(name for name, folder in _entries(tree, commit) if folder))
    }
    ordered = sorted(releases.items(), key=lambda one: semantic_order(one[0]))
    texts = repository.objects_at((commit, f"spec/{spec}/spec.md") for _, commit in ordered)
    folders = repository.objects_at((commit, f"{released}/{version}") for version, commit in ordered)
    return tuple(
        _reached(version, commit, text, _date(name for name, _ in _entries(folder or b"", commit)))
        for (version, commit), text, folder in zip(ordered, texts, folders, strict=True)
    )


def _entries(tree: bytes, commit: str) -> Iterable[tuple[str, bool]]:
    return entries_of(tree, len(commit) // 2)


def _newest(names: Iterable[str]) -> str | None:
    versions = [one for one in names if re.fullmatch(SEMANTIC_VERSION, one)]
    return max(versions, key=semantic_order, default=None)


def _date(names: Iterable[str]) -> str:
    """The newest day that the names of amendments begin with, after their section."""
    days = ("-".join(found.groups()) for name in names if (found := _CREATED.fullmatch(name)))
    return max(days, default="")


def _reached(version: str, commit: str, text: bytes | None, date: str) -> Reached:
    try:
        region = find_regions(text or b"").named("ship")
    except RegionError as error:
        return Reached(version, date, commit, why=str(error))
    if region is None:
        return Reached(version, date, commit, why="there was no ship region")
    if region.edited:
        return Reached(version, date, commit, why="its ship region was edited by hand")
    tally = tally_of_region(region.content)
    if tally is None:
        return Reached(version, date, commit, why="its ship region counts no points")
    return Reached(version, date, commit, tally)
