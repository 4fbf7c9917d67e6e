"""How far predictions hold on recipes that were held out: ``python -m benchmarks.race_backtest``.

``contract race backtest`` on three public sets of curves and on the curves of this repository, one recipe left out at a
time, with every predictor side by side.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from falsifiable import open_curves
from falsifiable.race.predicting.backtest import Score, backtest, pooled_coverage

SHARED = Path(__file__).parents[2] / "shared" / "data" / "curves"
OWN = Path(__file__).parents[1] / "tests" / "race" / "data" / "own_curves.csv"
PUBLIC = ("trios_curves.jsonl", "parameter_golf_val_bpb.jsonl", "modded_nanogpt_val_loss.jsonl")
TABLE = Path(__file__).parent / "RACE_BACKTEST.md"
EVERY_RECIPE = 10**6
ABOUT = """# Predictions of finished runs, tested

Each curve of 16 points or more is cut at its first 25 %, and its value at its own last step is predicted. `calibrated`
was fitted and its interval calibrated without the curve's recipe and without whatever is nearly the same recipe (the
rule is in `race/predicting/recipes.py` and looks at no final value), anew for each. The others learn nothing from it.
`coverage` is the share of last values inside the interval, which is to be 95 %, where there is an interval (the delta
method has none where the power ends at a bound); `p` is that of the exact binomial test of it; `regret` how much higher
the run with the best prediction of each recipe ended than the best one.

What the method is (columns, lengths, shares of the blend, aiming at 96 % of scores) was chosen while looking at the
three public sets, as were the constants of `power-law`. Our own curves (120 runs of 40 recipes, trained for this) took
no part in any choice. Made by `python -m benchmarks.race_backtest --write`.
"""
HEADER = (
    "| set | unit | predictor | curves | median error | p90 | intervals | half-width | coverage | p | regret |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


def row(name: str, score: Score) -> str:
    """One predictor on one set, as a row of the table."""
    numbers = (f"{score.half_width:.4f}", f"{score.coverage:.1%}", f"{score.p_value:.2g}")
    interval = " | ".join(numbers if score.intervals else "---")
    cells = (name, score.unit, score.predictor, score.curves, f"{score.median_error:.4f}", f"{score.p90_error:.4f}")
    return " | ".join(map(str, ("", *cells, score.intervals, interval, f"{score.regret:.4f}", ""))).strip()


def lines(folder: Path) -> Iterator[str]:
    """The rows of every set, and the coverage of the public ones pooled."""
    public: list[Score] = []
    for path in (*(folder / name for name in PUBLIC), OWN):
        scores = backtest(open_curves(path).curves, most_folds=EVERY_RECIPE)
        yield from (row(path.stem, score) for score in scores)
        if path != OWN:
            public += scores
    total = sum(one.intervals for one in public if one.predictor == "calibrated")
    yield f"\nThe three public sets pooled: {pooled_coverage(public, 'calibrated'):.1%} of {total} curves."


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and write it beside the other results with --write."""
    parser = argparse.ArgumentParser(description="Test predictions on recipes that were held out.")
    parser.add_argument("--curves", type=Path, default=SHARED, help="the folder of the public curves")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {TABLE.name}")
    asked = parser.parse_args(arguments)
    if not asked.curves.is_dir():
        print(f"{asked.curves} is not there; name the folder of the curves after --curves", file=sys.stderr)
        return 2
    table = [HEADER]
    print(HEADER)
    for line in lines(asked.curves):
        print(line, flush=True)
        table.append(line)
    if asked.write:
        TABLE.write_text(f"{ABOUT}\n" + "\n".join(table) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
