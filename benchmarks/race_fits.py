"""Power laws through 10,000 curves at once, beside a loop over SciPy: ``python -m benchmarks.race_fits``.

Both fit the same three parameters to the same points by least squares, from lists of numbers to parameters. SciPy's
``curve_fit`` starts each curve from values read off that curve, which is what a careful user would write.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from falsifiable import Curve
from falsifiable.race.predicting.power_law import DETERMINED_FROM, HIGHEST_POWER, fit_power_laws

TABLE = Path(__file__).parent / "RACE_FITS.md"
CURVES = 10_000
POINTS = (8, 12, 25, 50, 100)
ROUNDS = 5
SAME = 1e-6
ABOUT = """# Power laws through 10,000 curves at once

`y(t) = y_inf + a * t**-p` by least squares: all curves at once, beside a loop over `scipy.optimize.curve_fit` that
starts each curve from values read off it. The curves are drawn by a fixed seed: laws with noise, the powers from 0.05
to 1.5.
`ours`, `SciPy`: seconds for all; ours is the median of five. `same optimum`: curves whose two sums of squares agree to
one in a million; `ours lower`, `SciPy lower`: those where one sum is lower by more; `SciPy gave up`: those where
`curve_fit` raised an error. Made by `python -m benchmarks.race_fits --write`.
"""
HEADER = (
    "| curves | points each | ours | SciPy | ratio | same optimum | ours lower | SciPy lower | SciPy gave up |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Both ways to fit the same curves: seconds, and how their sums of squares compare."""

    curves: int
    points: int
    ours: float
    scipy: float
    same: int
    ours_lower: int
    scipy_lower: int
    gave_up: int


def noisy_laws(count: int, points: int, seed: int = 7) -> list[Curve]:
    """Curves as runs of a few thousand steps log them: laws with noise, evenly spaced."""
    generator = random.Random(seed)
    made = []
    for number in range(count):
        y_inf, a = generator.uniform(0.5, 3.5), generator.uniform(1.0, 30.0)
        p, noise = generator.uniform(0.05, 1.5), generator.uniform(0.001, 0.02)
        steps = tuple(range(50, 50 * points + 1, 50))
        values = tuple(y_inf + a * step**-p + generator.gauss(0, noise) for step in steps)
        made.append(Curve(f"run-{number}", "law", number, "nats_per_token", steps, values))
    return made


def compare(count: int, points: int, rounds: int = ROUNDS) -> Outcome:
    """Fit ``count`` curves of ``points`` points both ways."""
    curves = noisy_laws(count, points)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        laws = fit_power_laws(curves)
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    others = np.array([scipy_residual(one) for one in curves])
    loop = time.perf_counter() - start
    found = np.isfinite(others)
    determined = (laws.p > DETERMINED_FROM) & (laws.p < HIGHEST_POWER)
    apart = (laws.residual - others) / np.where(found, others, 1.0)
    return Outcome(
        curves=count, points=points, ours=statistics.median(seconds), scipy=loop,
        same=int((found & (np.abs(apart) <= SAME)).sum()), ours_lower=int((found & (apart < -SAME)).sum()),
        scipy_lower=int((found & (apart > SAME) & determined).sum()), gave_up=int((~found).sum()),
    )  # fmt: skip


def scipy_residual(curve: Curve) -> float:
    """The sum of squares that ``curve_fit`` leaves; infinite where it gives up."""
    from scipy.optimize import curve_fit

    steps, values = np.array(curve.steps, dtype=np.float64), np.array(curve.values)
    start = (values.min(), (values[0] - values.min()) * steps[0] ** 0.5, 0.5)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, _ = curve_fit(_law, steps, values, p0=start, maxfev=5000)
    except RuntimeError:
        return float("inf")
    return float(np.sum((values - _law(steps, *found)) ** 2))


def _law(steps: np.ndarray, y_inf: float, a: float, p: float) -> np.ndarray:
    return y_inf + a * steps**-p


def row(one: Outcome) -> str:
    """An outcome as a row of the table."""
    times = f"{one.ours:.3f} s | {one.scipy:.1f} s | {one.scipy / one.ours:.0f}x"
    counts = f"{one.same:,} | {one.ours_lower:,} | {one.scipy_lower:,} | {one.gave_up:,}"
    return f"| {one.curves:,} | {one.points} | {times} | {counts} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and write it beside the other results with --write."""
    parser = argparse.ArgumentParser(description="Fit power laws through many curves at once, beside SciPy.")
    parser.add_argument("--curves", type=int, default=CURVES, help="how many")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {TABLE.name}")
    asked = parser.parse_args(arguments)
    table = [HEADER]
    print(HEADER)
    for points in POINTS:
        table.append(row(compare(asked.curves, points)))
        print(table[-1], flush=True)
    if asked.write:
        TABLE.write_text(f"{ABOUT}\n" + "\n".join(table) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
