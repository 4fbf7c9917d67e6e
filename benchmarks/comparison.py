"""A row: the same job on the same file, by a named peer and by this project, in turn."""

from __future__ import annotations

import importlib.util
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.files import Files
from benchmarks.measure import Measurement, Work, measured, warm

GB = 10**9
_WARM_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Setting:
    """What all rows share: the files, how many rounds, and whether rows over more than 2 GB are left out."""

    files: Files
    rounds: int
    small: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the main table; ``target`` is what the ratio must reach at least, ``ratios`` one per round."""

    name: str
    title: str
    input: str
    peer: str
    peer_figure: str
    our_figure: str
    ratios: tuple[float, ...]
    target: float | None
    note: str = ""

    @property
    def median(self) -> float:
        """The median ratio over all rounds."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None where there is none."""
        return None if self.target is None else self.median >= self.target


@dataclass(frozen=True, slots=True)
class Table:
    """A table of its own, under the main one; ``met`` is None where there is no target."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    target: str = ""
    met: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row or table by name; ``run`` measures it, ``needs`` are the modules without which it cannot.

    Where a side takes many seconds a round, ``most_rounds`` keeps all rows together within minutes.
    """

    name: str
    run: Callable[[Setting], Line | Table]
    needs: tuple[str, ...] = ()
    most_rounds: int | None = None

    def measured(self, setting: Setting) -> Line | Table:
        """The row, in at most so many rounds. Raises RuntimeError if a side failed, or the two disagree."""
        return self.run(replace(setting, rounds=min(setting.rounds, self.most_rounds or setting.rounds)))

    def missing(self) -> tuple[str, ...]:
        """The needed modules that are not installed."""
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)


@dataclass(frozen=True, slots=True)
class Side:
    """Who does the work, for the table, and the work: ``module:function``."""

    label: str
    work: str


def in_turn(
    setting: Setting, path: Path, sides: Sequence[Side], *, tiny: Path | None = None, cold: bool = False,
    memory: bool = False, same_job: bool = True,
) -> list[tuple[Measurement, ...]]:  # fmt: skip
    """Per round one measurement of each side; the order turns round from one round to the next.

    Whatever the machine does meanwhile so hits all sides alike. Unless ``cold``, the file is in the page cache.
    """
    if not cold:
        warm(str(path))
    works = [Work(side.work, str(path), str(tiny or "")) for side in sides]
    rounds = []
    for number in range(setting.rounds):
        order = range(len(works)) if number % 2 == 0 else reversed(range(len(works)))
        found = {index: measured(works[index], cold=cold, memory=memory) for index in order}
        rounds.append(tuple(found[index] for index in range(len(works))))
        if same_job:
            _agreed(works, rounds[-1])
        print(".", end="", file=sys.stderr, flush=True)
    return rounds


def _agreed(works: Sequence[Work], found: Sequence[Measurement]) -> None:
    """Whoever finds something else did another job, and its time says nothing."""
    said = [one.result for one in found if one.result is not None]
    if any(one != said[0] for one in said):
        told = "; ".join(f"{work.name}: {one.result!r}" for work, one in zip(works, found, strict=True))
        raise RuntimeError(f"the two sides disagree about {works[0].path}: {told}")


def line_of(
    name: str, title: str, path: Path, peer: Side, rounds: Sequence[tuple[Measurement, ...]], *,
    target: float | None = None, rate: bool = False, note: str = "",
) -> Line:  # fmt: skip
    """The row of rounds of (peer, ours); with ``rate`` the figures are bytes per second too."""
    size = path.stat().st_size
    figures = [statistics.median(one[side].seconds for one in rounds) for side in (0, 1)]
    texts = [f"{seconds_text(one)}, {rate_text(size / one)}" if rate else seconds_text(one) for one in figures]
    return Line(
        name=name,
        title=title,
        input=f"{bytes_text(size)} {path.suffix}",
        peer=peer.label,
        peer_figure=texts[0],
        our_figure=texts[1],
        ratios=tuple(theirs.seconds / ours.seconds for theirs, ours in rounds),
        target=target,
        note=note,
    )


def compared(
    setting: Setting, name: str, title: str, path: Path, peer: Side, ours: str, *,
    tiny: Path | None = None, target: float | None = None, cold: bool = False, rate: bool = False,
    same_job: bool = True,
) -> Line:  # fmt: skip
    """Measure a row of two sides; with ``same_job`` both must find the same."""
    rounds = in_turn(setting, path, (peer, Side("falsifiable", ours)), tiny=tiny, cold=cold, same_job=same_job)
    made = line_of(name, title, path, peer, rounds, target=target, rate=rate)
    return replace(made, note=_cache_note([one for pair in rounds for one in pair], cold=cold))


def _cache_note(found: Sequence[Measurement], *, cold: bool) -> str:
    """What a reader must know of the page cache: that it was empty, or that it was not full."""
    shares = [one.cached_share for one in found if one.cached_share is not None]
    if cold:
        return f"at most {max(shares):.1%} of the file was in the page cache before each reading"
    return "" if min(shares) > _WARM_SHARE else f"at times only {min(shares):.0%} of the file was in the page cache"


# Numbers for people


def seconds_text(seconds: float) -> str:
    """``8.4 s``, ``36 ms``, ``0.52 ms``: two or three figures."""
    if seconds >= 1:
        return f"{_figures(seconds)} s"
    return f"{_figures(seconds * 1e3)} ms" if seconds >= 1e-4 else f"{_figures(seconds * 1e6)} µs"


def bytes_text(count: float) -> str:
    """``1.9 GB``, ``200 MB``, in powers of ten."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{_figures(count / size)} {unit}"
    return f"{count:.0f} B"


def rate_text(bytes_per_second: float) -> str:
    """``5.1 GB/s``."""
    return f"{bytes_text(bytes_per_second)}/s"


def ratio_text(ratio: float) -> str:
    """``212``, ``21.3``, ``0.84``."""
    return _figures(ratio)


def _figures(number: float) -> str:
    if number >= 100:
        return f"{number:,.0f}"
    if number >= 10:
        return f"{number:.1f}"
    return f"{number:.2f}" if number >= 0.1 else f"{number:.2g}"
