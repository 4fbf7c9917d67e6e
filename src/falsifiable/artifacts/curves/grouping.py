"""Points put together to curves: nothing is left out, nothing put in order, and who contradicts itself is told so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from falsifiable.artifacts.curves.curve import MIXED, Curve
from falsifiable.artifacts.curves.points import Point
from falsifiable.artifacts.errors import ArtifactError

_RunKey = tuple[str, int | None]


def curves_of(points: Iterable[Point], path: Path) -> tuple[Curve, ...]:
    """One curve per run and seed, in the order in which the runs begin; each with its points as they were logged.

    A ledger may keep the seed beside the name and not in it. Rows of one name with several seeds are several runs then,
    and the seed is appended to the name of each. The recipe, where no row states one, is the run's name without its
    seed.

    Raises:
        ArtifactError: unsound; two rows of a run disagree on its recipe or its planned steps, or two runs would have
            one name.
    """
    groups: dict[_RunKey, list[Point]] = {}
    for point in points:
        groups.setdefault((point.run, point.seed), []).append(point)
    seeds: dict[str, int] = {}
    for run, _ in groups:
        seeds[run] = seeds.get(run, 0) + 1
    curves = tuple(_curve(points, path, several_seeds=seeds[run] > 1) for (run, _), points in groups.items())
    refuse_twins(curves, path)
    return curves


def refuse_twins(curves: Sequence[Curve], path: Path) -> None:
    """Raise ArtifactError (unsound) where two curves have one name."""
    seen: set[str] = set()
    for curve in curves:
        if curve.run in seen:
            raise ArtifactError(path, f"two curves are called {curve.run!r}", expected="one per run", kind="unsound")
        seen.add(curve.run)


def _curve(points: Sequence[Point], path: Path, *, several_seeds: bool) -> Curve:
    first = points[0]
    recipe = _agreed(points, "recipe", path)
    name = f"{first.run} seed {'unknown' if first.seed is None else first.seed}" if several_seeds else first.run
    return Curve(
        run=name,
        recipe=without_seed(first.run, first.seed) if recipe is None else recipe,
        seed=first.seed,
        unit=MIXED.join(dict.fromkeys(point.unit for point in points)),
        steps=tuple(point.step for point in points),
        values=tuple(point.value for point in points),
        planned_steps=_agreed(points, "planned_steps", path),
    )


def _agreed(points: Sequence[Point], name: str, path: Path) -> Any:
    """What the rows of a run state under ``name``, None where none does; they may not disagree."""
    stated = first = None
    for point in points:
        value = getattr(point, name)
        if value is None:
            continue
        if first is None:
            stated, first = value, point
        elif value != stated:
            said = (
                f"{point.place}: {name} of run {point.run!r:.80} is {value!r:.80}, and {stated!r:.80} in {first.place}"
            )
            raise ArtifactError(path, said, expected=f"one {name} per run", kind="unsound")
    return stated


def without_seed(run: str, seed: int | None) -> str:
    """The name of a run without the part that names its seed, such as ``-seed42`` or ``_rng42``; else the name."""
    if seed is None:
        return run
    return re.sub(rf"[-_./ ](?:seed|rng|s)[-_=]?{seed}(?![0-9])", "", run) or run
