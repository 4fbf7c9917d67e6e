"""``python -m examples.race.sweep``: many recipes trained to the end, as curves in one tidy JSONL file.

The finished curves that a predictor is calibrated and tested on: recipes drawn at random, each with several seeds. One
line per evaluation: run, recipe, seed, step, value, unit, planned_steps.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from examples.race.corpus import read_bytes
from examples.race.options import MODELS, SCHEDULES, Options

SEEDS = (11, 12, 13)
_DRAWN_WITH = 20_26


def main(arguments: Sequence[str] | None = None) -> int:
    """Train all recipes with all seeds, several processes at once; always 0."""
    parser = argparse.ArgumentParser(prog="python -m examples.race.sweep", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the JSONL file to write")
    parser.add_argument("--recipes", type=int, default=40, help="how many recipes to draw (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes at once (default %(default)s)")
    asked = parser.parse_args(arguments)
    runs = [replace(recipe, seed=seed) for recipe in draw(asked.recipes) for seed in SEEDS]
    with (
        asked.output.open("w", encoding="utf-8") as file,
        multiprocessing.get_context("spawn").Pool(asked.workers) as pool,
    ):
        for number, rows in enumerate(pool.imap(curve, runs), start=1):
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            print(f"{number}/{len(runs)} {rows[-1]['run']} {rows[-1]['value']}", file=sys.stderr)
    return 0


def draw(count: int) -> Iterator[Options]:
    """Recipes of every kind of model in turn, everything else drawn at random, the same on every call."""
    source = random.Random(_DRAWN_WITH)
    for number in range(count):
        model = MODELS[number % len(MODELS)]
        yield Options(
            name=f"R{number:02d}",
            model=model,
            steps=source.choice((400, 500, 600)),
            hidden_size=source.choice((64, 96, 128) if model == "NCA" else (128, 192, 256, 384, 512)),
            context=source.choice((2, 3)) if model == "NCA" else source.choice((3, 4, 6, 8)),
            batch_size=source.choice((2, 4, 8)),
            learning_rate=round(math.exp(source.uniform(math.log(5e-4), math.log(1.5e-2))), 5),
            schedule=source.choice(SCHEDULES),
            warmup=source.choice((10, 50)),
            ema=source.choice((0, 0, 0, 10, 50)),
        )


def curve(options: Options) -> list[dict[str, Any]]:
    """One run trained to its end: a row per evaluation."""
    from examples.race.training import Training

    training = Training(options, read_bytes(options.corpus))
    recipe = recipe_name(options)
    shared = {"run": f"{recipe}-seed{options.seed}", "recipe": recipe, "seed": options.seed}
    return [
        shared
        | {
            "step": step,
            "value": round(training.evaluate(), 4),
            "unit": "bits_per_byte",
            "planned_steps": options.steps,
        }
        for step, _ in training.steps()
        if step % options.evaluate_every == 0
    ]


def recipe_name(options: Options) -> str:
    """Everything but the seed that tells one drawn recipe from another."""
    return (
        f"{options.name}-{options.model}-h{options.hidden_size}-c{options.context}-b{options.batch_size}"
        f"-lr{options.learning_rate:g}-{options.schedule}-w{options.warmup}-ema{options.ema}"
    )


if __name__ == "__main__":
    sys.exit(main())
