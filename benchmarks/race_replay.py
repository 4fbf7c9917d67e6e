"""Replay races over real curves beside Optuna, Ray and halving by today's value: ``python -m benchmarks.race_replay``.

The pools and draws are committed (``data/race_pools.json``): pools by rule, draws by seed. Every engine is given the
same draws. Each is compared with ours at the largest budget that spends no more than it did. The table says how often
the best run survived, what was lost where it did not, what was spent, and the paired differences with their intervals
(bootstrap over draws).
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.plan import Keep, RacePlan
from falsifiable.race.deciding.read_race import read_race
from falsifiable.race.deciding.replay import (
    CrossFitted,
    CurrentValue,
    Race,
    draws,
    optuna_engine,
    ray_engine,
    replay,
    replay_engine,
)

POOLS = Path(__file__).parent / "data" / "race_pools.json"
RACES = Path(__file__).parent / "data"
CURVES = Path(__file__).parents[2] / "shared" / "data" / "curves"
TABLE = Path(__file__).parent / "RACE_REPLAY.md"
RESAMPLES = 4000
Engine = Callable[[Sequence[Curve]], Race]


@dataclass(frozen=True, slots=True)
class Pool:
    """Comparable runs: one unit, and every one of the rule's steps logged.

    ``finished`` are all comparable runs of the file, those of the pool among them: what somebody who races this pool
    has from earlier. No race sees its own runs there, and no prediction the recipe that it is about.
    """

    name: str
    curves: tuple[Curve, ...]
    finished: tuple[Curve, ...]
    draw_seed: int
    races: int
    runs: int


def read_curves(path: Path) -> tuple[Curve, ...]:
    """The curves of one file of points, in the order of their names."""
    points: dict[str, list[dict[str, Any]]] = {}
    with path.open() as lines:
        for line in lines:
            point = json.loads(line)
            points.setdefault(point["run"], []).append(point)
    return tuple(_curve(run, points[run]) for run in sorted(points))


def _curve(run: str, points: Sequence[Mapping[str, Any]]) -> Curve:
    steps, values = tuple(one["step"] for one in points), tuple(one["value"] for one in points)
    first = points[0]
    return Curve(run, first["recipe"], first["seed"], first["unit"], steps, values)


def belongs(curve: Curve, rule: Mapping[str, Any]) -> bool:
    """Whether ``curve`` is in the pool that ``rule`` describes."""
    first, last = rule.get("first_step"), rule.get("last_step", [0, 10**9])
    return (
        not curve.fault
        and curve.recipe.startswith(rule["recipe_prefix"])
        and set(rule["steps"]) <= set(curve.steps)
        and last[0] <= curve.steps[-1] <= last[1]
        and (first is None or first[0] <= curve.steps[0] <= first[1])
        and curve.recipe not in rule.get("without_recipes", ())
    )


def read_pools(folder: Path = CURVES, path: Path = POOLS) -> tuple[Pool, ...]:
    """The committed pools, filled from the curves in ``folder``."""
    document = json.loads(path.read_text())
    files: dict[str, tuple[Curve, ...]] = {}
    pools = []
    for one in document["pools"]:
        name = one["rule"]["file"]
        files.setdefault(name, read_curves(folder / name))
        wide = {key: one["rule"][key] for key in ("recipe_prefix", "steps")}
        finished = tuple(curve for curve in files[name] if belongs(curve, wide))
        chosen = tuple(curve for curve in finished if belongs(curve, one["rule"]))
        pools.append(Pool(one["name"], chosen, finished, one["draw_seed"], one["races"], document["runs_of_a_race"]))
    return tuple(pools)


def read_plan(name: str) -> RacePlan:
    """A committed race of the replay."""
    file = read_race(RACES / name)
    if file.plan is None:
        raise SystemExit("\n".join(map(str, file.diagnostics)))
    return file.plan


def our_races(pool: Pool, plan: RacePlan, drawn: Sequence[Sequence[Curve]]) -> dict[str, list[Race]]:
    """Our races at every budget, each predicted by fits that saw none of its runs and no run of the predicted recipe.

    A budget is the plan with another number of places; between two whole numbers, every so many races have one more.
    Which budget a peer is compared with follows from what the peer spent, and from nothing else.
    """
    source = CrossFitted(pool.finished)
    predictors = [source.without([one.run for one in curves]) for curves in drawn]

    def raced(one: RacePlan) -> list[Race]:
        return [replay(one, curves, predictor) for curves, predictor in zip(drawn, predictors, strict=True)]

    whole = {places: raced(_with_places(plan, places)) for places in PLACES}
    mixed = {
        f"{places + more / QUARTERS:g} places": [
            (whole[places + 1] if number % QUARTERS < more else whole[places])[number] for number in range(len(drawn))
        ]
        for places in PLACES[:-1]
        for more in range(QUARTERS)
    }
    return {"ours": raced(plan), **mixed}


PLACES = range(4, 17)
QUARTERS = 4


def _with_places(plan: RacePlan, places: int) -> RacePlan:
    """The plan with so many places: its share of places by value, and its compute for each place, stay."""
    rung = plan.rungs[0]
    assert isinstance(rung.keep, Keep)
    assert rung.keep.count is not None
    assert rung.keep.compute is not None
    share = places / rung.keep.count
    by_value, compute = round(rung.keep.by_value * share), min(1.0, rung.keep.compute * share)
    keep = Keep(count=places, by_value=by_value, compute=compute)
    return replace(plan, rungs=(replace(rung, keep=keep),))


def _optuna(make: Callable[[Any], Any]) -> Engine:
    def engine(curves: Sequence[Curve]) -> Race:
        import optuna

        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return replay_engine(curves, *optuna_engine([one.run for one in curves], make(optuna.pruners)))

    return engine


def _asha(**settings: Any) -> Engine:
    def engine(curves: Sequence[Curve]) -> Race:
        from ray.tune.schedulers import ASHAScheduler

        scheduler = ASHAScheduler(time_attr="step", max_t=10**6, **settings)
        return replay_engine(curves, *ray_engine([one.run for one in curves], scheduler))

    return engine


def peers() -> dict[str, Engine]:
    """The engines of others at the rungs 500, 1000, 2000 that drop half; ASHA's later rungs drop on, as it does.

    The first is no peer: our own plan by today's value alone, which tells what the early cut gives from what the
    predictor gives.
    """
    halving, lean = read_plan("race_halving.yaml"), read_plan("race_lean.yaml")
    return {
        "(our cut, by value alone)": lambda curves: replay(lean, curves, CurrentValue()),
        "current value": lambda curves: replay(halving, curves, CurrentValue()),
        "Optuna SuccessiveHalving": _optuna(
            lambda pruners: pruners.SuccessiveHalvingPruner(min_resource=500, reduction_factor=2)
        ),
        "Optuna Hyperband": _optuna(
            lambda pruners: pruners.HyperbandPruner(min_resource=500, max_resource=4000, reduction_factor=2)
        ),
        "Ray ASHA": _asha(grace_period=500, reduction_factor=2),
    }


def run_pool(pool: Pool, races: int | None = None) -> tuple[dict[str, list[Race]], dict[str, list[Race]]]:
    """Our races at every budget, and those of every peer, over the pool's draws."""
    by_name = {one.run: one for one in pool.curves}
    names = draws(list(by_name), pool.runs, races or pool.races, pool.draw_seed)
    drawn = [[by_name[run] for run in draw] for draw in names]
    theirs = {name: [engine(curves) for curves in drawn] for name, engine in peers().items()}
    return our_races(pool, read_plan("race_lean.yaml"), drawn), theirs


def difference(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """The mean paired difference with its 95 % bootstrap interval over draws."""
    import numpy as np

    paired = np.array(ours, float) - np.array(theirs, float)
    generator = np.random.default_rng(6)
    means = [paired[generator.integers(0, len(paired), len(paired))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(paired.mean()), float(low), float(high)


def rows(pool: Pool, ours: Mapping[str, Sequence[Race]], theirs: Mapping[str, Sequence[Race]]) -> list[str]:
    """The table's rows of one pool, each peer beside our races at the largest budget that does not exceed its own."""
    found = [f"| {pool.name} ({len(pool.curves)}) | ours | {_figures(ours['ours'])} | | | |"]
    for name, several in theirs.items():
        within = [one for one in ours.values() if spent(one) <= spent(several)]
        beside = max(within, key=spent)
        survival = difference([one.survived for one in beside], [one.survived for one in several])
        regret = difference([one.regret for one in beside], [one.regret for one in several])
        shown = "{:+.1%} [{:+.1%}, {:+.1%}]".format(*survival) + " | {:+.5f} [{:+.5f}, {:+.5f}]".format(*regret)
        found.append(f"| {pool.name} | {name} | {_figures(several)} | {_figures(beside, ', ')} | {shown} |")
    return found


def spent(races: Sequence[Race]) -> float:
    """The mean share of full compute."""
    return sum(one.compute for one in races) / len(races)


def _figures(races: Sequence[Race], between: str = " | ") -> str:
    survived = sum(one.survived for one in races) / len(races)
    regret = sum(one.regret for one in races) / len(races)
    return between.join((f"{survived:.1%}", f"{regret:.5f}", f"{spent(races):.1%}"))


ABOUT = """# The race, replayed

Races of 21 runs drawn from real, finished ones, replayed through our `decide` and through the engines of others
themselves: the same draws for each, 1,000 of the widest pool and 300 of each other one. `best survived`: the run with
the lowest final value was let run to its end. `regret`: the lowest final value among those that were, less the lowest
of all, in nats per token. `compute`: steps run over the steps of running everything. `ours at no more`: these three
figures of our race at the largest budget that does not exceed what the engine in the row spent. `survival`, `regret`:
ours less theirs, paired over draws, with bootstrap intervals of 95 %.

Ours predicts each run by fits that saw no run of the race and no run of the predicted run's recipe. Where it cuts and
how much it keeps (`data/race_lean.yaml`) was chosen on draws of the same pools with other seeds (601 to 606); the draws
of this table were made once, after that. `(our cut, by value alone)` is no engine of others: our plan without its
predictor. In the three pools whose runs are about equally long the whole gain comes from cutting once and early, and
the predictor costs 1 to 5 points of survival; in the three that mix lengths it adds 31 to 45 points, because it sees
how long a run is planned.
Made by `python -m benchmarks.race_replay --write`.
"""
HEADER = (
    "| pool (runs) | engine | best survived | regret | compute | ours at no more | survival | regret |\n"
    "|---|---|---|---|---|---|---|---|"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and write it beside the other results with --write."""
    parser = argparse.ArgumentParser(description="Replay races over real curves beside Optuna and Ray.")
    parser.add_argument("--curves", type=Path, default=CURVES, help="the folder of the curves")
    parser.add_argument("--races", type=int, help="fewer races of each pool than are committed")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {TABLE.name}")
    asked = parser.parse_args(arguments)
    if not asked.curves.is_dir():
        print(f"{asked.curves} is not there; name the folder of the curves after --curves", file=sys.stderr)
        return 2
    table = [HEADER]
    print(HEADER)
    for pool in read_pools(asked.curves):
        found = rows(pool, *run_pool(pool, asked.races))
        print("\n".join(found), flush=True)
        table += found
    if asked.write:
        TABLE.write_text(f"{ABOUT}\n" + "\n".join(table) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
