"""A set of loss curves as an artifact, and the door that reads it from whatever a trainer or a ledger left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import door


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Curves:
    """Loss curves of many runs, in the order in which the runs begin in the files; no two have one name.

    ``file_digests`` maps the files that were read, by their relative paths, to their sha256.
    """

    path: Path
    curves: tuple[Curve, ...]
    file_digests: Mapping[str, str]
    digest: str

    kind: ClassVar[str] = "curves"

    def __repr__(self) -> str:
        return f"<Curves {str(self.path)!r}, {len(self.curves)} runs, {self.digest}>"

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read, sorted by their relative paths."""
        if not self.path.is_dir():
            return (self.path,)
        return tuple(self.path / name for name in sorted(self.file_digests))

    @property
    def units(self) -> tuple[str, ...]:
        """Every unit that a curve is in, sorted."""
        return tuple(sorted({curve.unit for curve in self.curves}))

    def of(self, run: str) -> Curve:
        """The curve of a run. Raises KeyError where there is none."""
        return self.curves[self._place(run)]

    def with_curve(self, run: str, change: Callable[[Curve], Curve]) -> Curves:
        """The same with the curve of a run replaced by what ``change`` makes of it. Raises KeyError."""
        place = self._place(run)
        curves = (*self.curves[:place], change(self.curves[place]), *self.curves[place + 1 :])
        return self._with(curves, f"{run} changed")

    def without_curve(self, run: str) -> Curves:
        """The same without a run. Raises KeyError where there is none of this name."""
        place = self._place(run)
        return self._with((*self.curves[:place], *self.curves[place + 1 :]), f"without {run}")

    def with_more(self, curve: Curve) -> Curves:
        """The same with one curve more at the end, perhaps under a name that is taken."""
        return self._with((*self.curves, curve), f"with {curve.run}")

    def rewritten(self) -> Curves:
        """The same content in other bytes: the digest differs and nothing else."""
        return self._with(self.curves, "rewritten")

    def _place(self, run: str) -> int:
        for place, curve in enumerate(self.curves):
            if curve.run == run:
                return place
        raise KeyError(run)

    def _with(self, curves: tuple[Curve, ...], mutation: str) -> Curves:
        return replace(self, curves=curves, digest=mutant_digest(self.digest, mutation))


@door
def open_curves(
    path: Path | str,
    *,
    pattern: str | None = None,
    unit: str | None = None,
    column: str | None = None,
    table: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Curves:
    """The loss curves at ``path``, as they were logged: no point is left out, none put in order.

    Read are JSON Lines (or one array) of rows in the tidy form ``run, recipe, seed, step, value, unit`` and perhaps
    ``planned_steps``; CSV with these columns; a plain log by a pattern; ``trainer_state.json``; run folders; tables of
    SQLite; races by their ledgers; and a folder that holds any of these, below it too. ``bpb``, ``val_bpb`` (bits per
    byte), ``val_loss``, ``eval_loss`` (nats per token) and ``bpc`` (bits per character) may stand for ``value`` and
    imply its unit; ``canon_name`` may stand for ``run``. A file whose rows name no run is one run, called as the file.

    Args:
        path: a file or a folder.
        pattern: how a line of a plain log is read: a regular expression whose named groups are ``step`` and the value.
        unit: of the values where no row states one; it counts more than what the name of a column implies.
        column: the column, the group or the logged quantity that holds the value, where it is none of the usual names.
        table: the table of an SQLite file, where several could be meant.
        limits: what the files may cost to read.

    Raises:
        ArtifactError: ``unreadable`` where there is nothing to read, or it is beyond the limits; ``unsound`` where a
            row is no point of a curve, the message naming its line.
    """
    from falsifiable.artifacts.curves.collecting import Asked, collected

    given = Path(path)
    asked = Asked(pattern, unit, column, table, limits)
    found = collected(given, asked)
    if not found.curves:
        raise ArtifactError(given, "holds no loss curve", expected="rows with run, step and value, or run folders")
    digests = MappingProxyType(dict(found.file_digests))
    options = {"pattern": pattern, "unit": unit, "column": column, "table": table}
    digest = digest_of_files(given, {**digests, **_identity_of(options)})
    return Curves(given, found.curves, digests, digest)


def _identity_of(options: Mapping[str, str | None]) -> dict[str, str]:
    """What the way of reading adds to the digests of the files: the same file read otherwise is other curves."""
    said = {name: value for name, value in options.items() if value is not None}
    if not said:
        return {}
    return {"(reading)": hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()}


def is_curves(path: Path | str) -> bool:
    """Whether a file holds loss curves in the tidy form, or under the usual names, judged by its first row alone.

    It tells a file of curves from another table of rows; nothing is raised for what cannot be read.
    """
    from falsifiable.artifacts.curves.collecting import first_row_is_of_curve

    try:
        return first_row_is_of_curve(Path(path))
    except (ArtifactError, OSError):
        return False
