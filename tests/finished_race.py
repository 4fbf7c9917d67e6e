"""A small race in a real ledger, for the tests of everything that reads races: six runs, two rungs, one end."""

from __future__ import annotations

import datetime
import math
from pathlib import Path

from falsifiable.race.deciding.decision import Action, Decision
from falsifiable.race.ledger.ledger import LEDGER_FILE, CorpusPin, Entry, Ledger, Sample
from falsifiable.race.predicting.prediction import Prediction

NOW = datetime.datetime(2026, 11, 22, 5, tzinfo=datetime.UTC)
CORPUS = CorpusPin("tiny", "a" * 64, "b" * 64)
STEPS, EVERY = 400, 20
RECIPES = {"wsd": 2.0, "h512": 2.1, "bs8": 2.4}
SEEDS = (501, 502)
RUNGS = (100, 200)
DOCUMENT = {
    "unit": "bits_per_byte",
    "vocabulary_size": 256,
    "floor": 0.1,
    "spaces": {"smoke": {"first_id": 500, "last_id": 599, "first_seed": 500, "last_seed": 599}},
}


def name_of(recipe: str, seed: int) -> str:
    """The name of a run."""
    return f"{recipe}-seed{seed}"


def value_at(recipe: str, seed: int, step: int) -> float:
    """What a run logs at a step: a power law towards the floor of its recipe, a little higher for the later seed."""
    return RECIPES[recipe] + 0.01 * (seed - SEEDS[0]) + 3.0 * step**-0.4


def decision_about(recipe: str, seed: int, rung: int, action: Action, state: str, leader: str) -> Decision:
    """A decision with a prediction a little too low, as predictions of falling curves are."""
    step, value = RUNGS[rung], value_at(recipe, seed, STEPS) - 0.02
    half = 0.2 / (rung + 1)
    predicted = Prediction(
        name_of(recipe, seed), step, STEPS, value, value - half, value + half,
        RECIPES[recipe], RECIPES[recipe] - 0.01, math.inf, "calibrated:1f0c", may_stop=True,
    )  # fmt: skip
    reason = (
        "it leads"
        if name_of(recipe, seed) == leader
        else f"{value_at(recipe, seed, STEPS) - value_at('wsd', 501, STEPS):+.4g} behind"
    )
    mirrors = (1618033, 2618033) if action == "promote" else ()
    return Decision(name_of(recipe, seed), rung, step, state, action, reason, leader, predicted, mirrors)


def write_race(folder: Path, *, until: int = STEPS, rungs: int = 2) -> Path:
    """The race as it stands at step ``until`` once ``rungs`` rungs were decided; the folder that holds its ledger."""
    folder.mkdir(parents=True, exist_ok=True)
    with Ledger.create(folder / LEDGER_FILE, "smoke", DOCUMENT, clock=lambda: NOW) as ledger:
        claimed = [(recipe, seed) for recipe in RECIPES for seed in SEEDS]
        for recipe, seed in claimed:
            entry = Entry(name_of(recipe, seed), recipe, seed, "smoke", {"tag": recipe}, STEPS, CORPUS)
            ledger.claim(entry, account="acc1", worker="host:1", idempotency_key=name_of(recipe, seed))
        for recipe, seed in claimed[: 6 if until else 0]:
            _run(ledger, recipe, seed, until, rungs)
    return folder


def _run(ledger: Ledger, recipe: str, seed: int, until: int, rungs: int) -> None:
    run = name_of(recipe, seed)
    ledger.start(run)
    stopped_at = RUNGS[0] if recipe == "bs8" and rungs else STEPS
    steps = range(EVERY, min(until, stopped_at) + 1, EVERY)
    ledger.record(run, [Sample(step, value_at(recipe, seed, step), str(step), step / 100) for step in steps])
    for rung in range(rungs if recipe != "bs8" else min(rungs, 1)):
        action: Action = "stop" if recipe == "bs8" else "promote" if (recipe, seed, rung) == ("wsd", 501, 1) else "keep"
        state = "DIVERGING" if recipe == "bs8" else "LEADING" if (recipe, seed) == ("wsd", 501) else "CATCHING_UP"
        ledger.decide(decision_about(recipe, seed, rung, action, state, "wsd-seed501"))
    if stopped_at < STEPS:
        ledger.finish(run, "stopped", steps_done=stopped_at, seconds=1.0, reason="told to stop at rung 0")
    elif until == STEPS:
        ledger.finish(run, "done", steps_done=STEPS, seconds=4.0, reason="all steps ran")
