"""``python -m benchmarks [ROW ...]``: measure, and write RESULTS.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rows_headers, rows_recorder, rows_safety, rows_scan, rows_validation
from benchmarks.comparison import Line, Row, Setting, Table
from benchmarks.files import Files
from benchmarks.results import Machine, rendered

ROWS: dict[str, Row] = {
    row.name: row
    for room in (rows_headers, rows_scan, rows_safety, rows_validation, rows_recorder)
    for row in room.ROWS
}
RESULTS = Path(__file__).parent / "RESULTS.md"
FAILED = "failed:"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows asked for. 0 whether or not targets are met, for a benchmark reports; 1 if a row failed."""
    options = _parser().parse_args(arguments)
    if options.list:
        print("\n".join(ROWS))
        return 0
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        print(f"no row {unknown[0]!r}; the rows are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    machine = Machine.here()
    with tempfile.TemporaryDirectory(prefix="falsifiable-benchmarks-", dir=options.folder) as folder:
        setting = Setting(Files(Path(folder), options.scale), options.rounds, options.small)
        found, skipped = _measured([ROWS[name] for name in options.rows or ROWS], setting)
    text = rendered(found, skipped, machine, setting)
    options.output.write_text(text, encoding="utf-8")
    print(text)
    return 1 if any(why.startswith(FAILED) for why in skipped.values()) else 0


def _measured(rows: Sequence[Row], setting: Setting) -> tuple[list[Line | Table], dict[str, str]]:
    found: list[Line | Table] = []
    skipped: dict[str, str] = {}
    for row in rows:
        missing = row.missing()
        if missing:
            skipped[row.name] = f"{', '.join(missing)} not installed; `make bench` installs all peers"
            continue
        start = time.monotonic()
        print(row.name, end=" ", file=sys.stderr, flush=True)
        try:
            found.append(row.measured(setting))
        except RuntimeError as error:  # the others are still worth measuring
            skipped[row.name] = f"{FAILED} {str(error).strip().splitlines()[-1]}"
            print(f"\n{error}", file=sys.stderr)
        print(f" {time.monotonic() - start:.0f} s", file=sys.stderr)
    return found, skipped


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure this project beside its peers.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="what to measure; everything by default")
    parser.add_argument("--list", action="store_true", help="print the names of the rows and end")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured (default: 5)")
    parser.add_argument("--small", action="store_true", help="leave out files of more than 2 GB")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="make every file this much smaller: a trial (default: 1)"
    )
    parser.add_argument("--folder", type=Path, help="where the files are made: 14 GB; by default the temporary folder")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help="the file to write (default: benchmarks/RESULTS.md)"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
