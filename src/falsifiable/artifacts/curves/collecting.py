"""Which reader a file or folder of loss curves needs, and what all of them found."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.curves.grouping import curves_of, refuse_twins
from falsifiable.artifacts.curves.points import ColumnsError, Reading, columns_of
from falsifiable.artifacts.curves.tidy import points_of_csv, points_of_table
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.races.layout import APPLICATION_ID, LEDGER_FILE
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.artifacts.sources.folders import inside

RUN_RECORD, TRAINER_STATE = "run.yaml", "trainer_state.json"
LOG_SUFFIXES = (".log", ".txt", ".out")
ROWS_SUFFIXES = (".jsonl", ".csv")
SQLITE_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES, _APPLICATION_ID_AT = 100, 68  # by SQLite's file format


@dataclass(frozen=True, slots=True)
class Asked:
    """How the caller of ``open_curves`` asked for files to be read; said there."""

    pattern: str | None = None
    unit: str | None = None
    column: str | None = None
    table: str | None = None
    limits: Limits = field(default=DEFAULT_LIMITS)

    def reading(self, path: Path, run: str) -> Reading:
        """How the rows of the file at ``path`` are read, which are of ``run`` where they name no other."""
        return Reading(path, run=run, unit=self.unit, column=self.column, limits=self.limits)


@dataclass(frozen=True, slots=True)
class Found:
    """Curves, and the sha256 of the files they were read from by relative path."""

    curves: tuple[Curve, ...]
    file_digests: Mapping[str, str]


def collected(path: Path, asked: Asked) -> Found:
    """The curves of a file, a run folder, or a folder of many. Raises ArtifactError."""
    if not path.is_dir():
        return _from_file(path, path.name, asked)
    if _is_whole(path):
        return _from_folder(path, path.resolve().name, "", asked)
    return _together([_from_place(path, relative, asked) for relative in _places(path, asked)], path, asked)


def _together(parts: list[Found], path: Path, asked: Asked) -> Found:
    curves = tuple(curve for part in parts for curve in part.curves)
    points = sum(len(curve.steps) for curve in curves)
    if points > asked.limits.metrics_rows:
        raise ArtifactError(path, f"{points} points", expected=f"at most {asked.limits.metrics_rows}")
    refuse_twins(curves, path)
    return Found(curves, {name: digest for part in parts for name, digest in part.file_digests.items()})


def _from_place(folder: Path, relative: str, asked: Asked) -> Found:
    path = inside(folder, relative)
    return _from_folder(path, relative, relative + "/", asked) if path.is_dir() else _from_file(path, relative, asked)


def _from_folder(path: Path, name: str, prefix: str, asked: Asked) -> Found:
    if (path / LEDGER_FILE).is_file():
        return _from_file(inside(path, LEDGER_FILE), prefix + LEDGER_FILE, asked)
    return _from_run(path, name, prefix, asked)


def _places(folder: Path, asked: Asked) -> Iterator[str]:
    """Relative paths of the run folders and the files of curves below ``folder``, sorted folder by folder."""
    seen = 0
    for current, folders, files in os.walk(folder):
        here = Path(current)
        relative = here.relative_to(folder)
        if here != folder and _is_whole(here):
            folders.clear()
            yield relative.as_posix()
            continue
        folders.sort()
        seen += len(files) + len(folders)
        if seen > asked.limits.set_files or len(relative.parts) > asked.limits.set_folder_levels:
            raise ArtifactError(folder, "holds too many files", expected=f"at most {asked.limits.set_files} files")
        yield from ((relative / name).as_posix() for name in sorted(files) if _is_file_of_curves(here / name, asked))


def _is_file_of_curves(path: Path, asked: Asked) -> bool:
    """Whether a file found in a folder is read; one that is named to the door is read in any case."""
    if path.suffix in LOG_SUFFIXES and asked.pattern is not None:
        return True
    try:
        if path.suffix in ROWS_SUFFIXES:
            return _first_row_has_value(path, asked.column)
        return _begins_with(path, SQLITE_MAGIC)
    except ArtifactError:
        return False


def _is_whole(folder: Path) -> bool:
    """Whether a folder is a race, whose ledger holds what its runs wrote, or a run; nothing else is read of it."""
    return (folder / LEDGER_FILE).is_file() or _is_run(folder)


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (RUN_RECORD, TRAINER_STATE)) or bool(_checkpoints(folder))


def _checkpoints(folder: Path) -> list[Path]:
    """The trainer states that the Hugging Face Trainer left in its output folder, the latest last."""
    found = folder.glob(f"checkpoint-*/{TRAINER_STATE}")
    return sorted(found, key=lambda one: (len(one.parent.name), one.parent.name))


def _from_file(path: Path, relative: str, asked: Asked) -> Found:
    name = Path(relative).with_suffix("").as_posix()
    if path.name in (RUN_RECORD, TRAINER_STATE):
        parent = path.resolve().parent.name
        return _from_run(path, parent, relative.removesuffix(path.name), asked)
    if _is_race(path):
        from falsifiable.artifacts.races.race import open_race

        race = open_race(path, limits=asked.limits)
        return Found(
            race.curves, {Path(relative).with_name(one).as_posix(): of for one, of in race.file_digests.items()}
        )
    if _begins_with(path, SQLITE_MAGIC):
        from falsifiable.artifacts.curves.sqlite import curves_of_sqlite

        source = SourceFile(path, relative)
        curves = curves_of_sqlite(source, asked.reading(path, ""), asked.table)
        return Found(curves, {relative: source.sha256()})
    if path.suffix == ".csv":
        source = SourceFile(path, relative)
        points = points_of_csv(source, asked.reading(path, name))
        return Found(curves_of(points, path), {relative: source.sha256()})
    if path.suffix in LOG_SUFFIXES or (asked.pattern is not None and path.suffix not in ROWS_SUFFIXES):
        return _from_log(path, relative, name, asked)
    return _from_rows(path, relative, name, asked)


def _from_rows(path: Path, relative: str, name: str, asked: Asked) -> Found:
    from falsifiable.artifacts.table import open_table

    table = open_table(path, limits=asked.limits)
    points = points_of_table(table, asked.reading(path, name))
    return Found(curves_of(points, path), {relative: table.file_digests[path.name]})


def _from_log(path: Path, relative: str, name: str, asked: Asked) -> Found:
    from falsifiable.artifacts.curves.logs import curve_of_run, points_of_log
    from falsifiable.artifacts.runs.mlx_log import is_mlx_log
    from falsifiable.artifacts.runs.run import open_run

    if asked.pattern is None and is_mlx_log(path, asked.limits):
        run = open_run(path, limits=asked.limits)
        return Found((curve_of_run(run, asked.reading(path, name)),), {relative: run.file_digests[path.name]})
    if asked.pattern is None:
        raise ArtifactError(path, "is a plain log", hint="Say how its lines are read with --pattern")
    source = SourceFile(path, relative)
    points = points_of_log(source, asked.pattern, asked.reading(path, name))
    return Found(curves_of(points, path), {relative: source.sha256()})


def _from_run(path: Path, name: str, prefix: str, asked: Asked) -> Found:
    from falsifiable.artifacts.curves.logs import curve_of_run
    from falsifiable.artifacts.runs.run import open_run

    if path.is_dir() and not any((path / one).is_file() for one in (RUN_RECORD, TRAINER_STATE)):
        state = _checkpoints(path)[-1]  # each state holds the whole history; the latest holds the longest
        prefix, path = f"{prefix}{state.parent.name}/", state
    run = open_run(path, limits=asked.limits)
    curve = curve_of_run(run, asked.reading(run.path, name))
    return Found((curve,), {prefix + one: digest for one, digest in run.file_digests.items()})


def first_row_is_of_curve(path: Path) -> bool:
    """Whether the first row of a JSON Lines or CSV file names a run, a step and a value. Raises ArtifactError."""
    names = _first_names(path)
    try:
        return columns_of(names).run is not None
    except ColumnsError:
        return False


def _first_row_has_value(path: Path, column: str | None) -> bool:
    try:
        columns_of(_first_names(path), column)
    except ColumnsError as error:
        return "could each be" in str(error)
    return True


def _first_names(path: Path) -> tuple[str, ...]:
    """The columns of the first row that is none of a header; none where the file is no file of rows."""
    from falsifiable.artifacts.sources.json_reader import read_json

    source = SourceFile(path)
    begin = source.read(0, min(source.size, DEFAULT_LIMITS.read_block_bytes))
    for line in begin.removeprefix(b"\xef\xbb\xbf").lstrip(b"[ \t\r\n").split(b"\n"):
        if not line.strip():
            continue
        if path.suffix == ".csv":
            return tuple(cell.strip() for cell in next(csv.reader([line.decode("utf-8", "replace")])))
        row = read_json(line.strip().rstrip(b",]"), path)
        if not isinstance(row, dict):
            return ()
        if not all(name.startswith("_") for name in row):
            return tuple(row)
    return ()


def _is_race(path: Path) -> bool:
    """Whether an SQLite file says in its header that it is the ledger of a race."""
    source = SourceFile(path)
    if not _begins_with(path, SQLITE_MAGIC) or source.size < _HEADER_BYTES:
        return False
    return int.from_bytes(source.read(_APPLICATION_ID_AT, 4), "big") == APPLICATION_ID


def _begins_with(path: Path, magic: bytes) -> bool:
    source = SourceFile(path)
    return source.size >= len(magic) and source.read(0, len(magic)) == magic
