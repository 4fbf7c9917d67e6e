"""RESULTS.md: what was measured, where, with what, and whether it reached its target."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.comparison import Line, Setting, Table, ratio_text
from benchmarks.measure import ROOT

LIBRARIES = (
    "numpy", "numba", "blake3", "torch", "safetensors", "gguf", "picklescan", "modelscan", "fickling",
)  # fmt: skip

_EXPLANATION = """\
Each row does the same job on the same file with the peer and with this project, in turn, every time in a fresh process;
imports, compilation and one run over a smaller file of the same kind come before the clock starts, unless the row says
otherwise. The ratio is the peer's time over ours: above 1 we are faster. It is taken per round; the median over the
rounds is given, with the lowest and the highest. Times are medians too. Files lie in the page cache unless the row says
otherwise. Weights are bfloat16, normal with a standard deviation of 0.02, in the tensors of a Qwen2 decoder.
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and when it was measured."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    load: float
    commit: str

    @classmethod
    def here(cls) -> Machine:
        """This machine, this checkout, and how busy the machine is now (load average of one minute)."""
        return cls(
            processor=_line_after("/proc/cpuinfo", "model name") or platform.processor() or "unknown processor",
            cores=len(os.sched_getaffinity(0)),
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            system=f"{platform.system()} {platform.release()}",
            load=os.getloadavg()[0],
            commit=_commit(),
        )


def _line_after(path: str, field: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _commit() -> str:
    """The checked-out commit with its date, and whether the tree differs from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    said = git("log", "-1", "--format=%h of %cs")
    changed = git("status", "--porcelain", "--", "src", "falsifiers", "benchmarks")
    return f"{said or 'no commit'}{', with uncommitted changes' if changed else ''}"


def rendered(found: Sequence[Line | Table], skipped: Mapping[str, str], machine: Machine, setting: Setting) -> str:
    """The whole of RESULTS.md."""
    lines = [one for one in found if isinstance(one, Line)]
    tables = [one for one in found if isinstance(one, Table)]
    parts = ["# Benchmarks", _heading(machine, setting), _EXPLANATION.rstrip()]
    if lines:
        parts.append(_main_table(lines))
    notes = [f"- `{one.name}`: {one.note}" for one in lines if one.note]
    if notes:
        parts.append("\n".join(notes))
    parts += [_own_table(one) for one in tables]
    if skipped:
        parts.append("## Not measured\n\n" + "\n".join(f"- `{name}`: {why}" for name, why in skipped.items()))
    return "\n\n".join(parts) + "\n"


def _heading(machine: Machine, setting: Setting) -> str:
    trial = f"**A trial: all sizes times {setting.files.scale}; these figures say nothing.**\n\n"
    versions = ", ".join(f"{name} {found}" for name in LIBRARIES if (found := _version(name)))
    return (
        f"{trial if setting.files.scale != 1 else ''}"
        f"`make bench` writes this file. {machine.cores} cores of {machine.processor}, "
        f"{machine.memory_bytes / 2**30:.0f} GiB of memory, {machine.system}; load average {machine.load:.1f} at the "
        f"start; commit {machine.commit}; Python {sys.version.split()[0]}, {versions}. "
        f"Rounds: {setting.rounds}, fewer where a round takes long."
    )


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _main_table(lines: Sequence[Line]) -> str:
    header = (
        "row",
        "job",
        "file",
        "peer",
        "peer takes",
        "we take",
        "rounds",
        "ratio",
        "lowest to highest",
        "target",
        "met",
    )
    return _markdown(header, [_cells(one) for one in lines])


def _cells(line: Line) -> tuple[str, ...]:
    return (
        f"`{line.name}`",
        line.title,
        line.input,
        line.peer,
        line.peer_figure,
        line.our_figure,
        str(len(line.ratios)),
        f"**{ratio_text(line.median)}**",
        f"{ratio_text(min(line.ratios))} to {ratio_text(max(line.ratios))}",
        "" if line.target is None else f"at least {ratio_text(line.target)}",
        _met_text(line.met),
    )


def _own_table(table: Table) -> str:
    parts = [f"## {table.title}", _markdown(table.header, table.rows)]
    if table.target:
        parts.append(f"Target: {table.target}: **{_met_text(table.met)}**.")
    if table.note:
        parts.append(table.note)
    return "\n\n".join(parts)


def _met_text(met: bool | None) -> str:
    return "" if met is None else "met" if met else "not met"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
