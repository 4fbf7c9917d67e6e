"""Curves and gates that the tests of gates share."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.judging.gates import Gate
from falsifiable.race.judging.plausibility import Tripwires
from falsifiable.race.judging.significance import Significance
from falsifiable.race.ledger.ledger import LEDGER_FILE, CorpusPin, Entry, Ledger, Sample

CORPUS = CorpusPin("tiny", "a" * 64, "b" * 64)
CEILING = 7.0
WIRES = Tripwires(floor=1.89, family_floors={"HYBRID": 2.19}, implausible_below=0.1)
GATE_2 = Gate(below=1.85, min_step=4000, min_distinct_steps=5, seeds=(43, 44, 45), quorum=3)
FINAL = Gate(below=1.50, min_step=4000, seeds=(43, 44, 45), significance=Significance(1.55, 0.01, 0.05))
STEPS = tuple(range(1000, 13000, 1000))

CORRUPTED = (0.0003, 0.0001, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.2781, 1.6935, 1.7399, 1.5492)
"""The trajectory behind the first Gate-2 pass that the reference race published: steps 1000 to 12000 of one seed."""


def curve(seed: int | None, final: float, *, recipe: str = "wsd", run: str = "", planned: int | None = 12000) -> Curve:
    """A plausible curve that ends at ``final``; on the way it scatters, and otherwise for every seed."""
    fall = [4.0 * (1 / (n + 1) - 1 / len(STEPS)) for n in range(len(STEPS))]
    values = [final + one + (0.004 * math.sin(7 * n * n + (seed or 0)) if one else 0.0) for n, one in enumerate(fall)]
    return Curve(run or f"{recipe}-s{seed}", recipe, seed, "bits_per_char", STEPS, tuple(values), planned)


def genuine() -> list[Curve]:
    """A pass of Gate-2 as it should be: three seeds, three finals, one recipe."""
    return [curve(43, 1.84), curve(44, 1.83), curve(45, 1.82)]


GATED_PLAN = {
    "unit": "bits_per_char",
    "vocabulary_size": 128,
    "recipes": {"wsd": {"model": "TRAIN_V2", "number_format": "FP32", "tag": "WSD"}},
    "spaces": {"production": {"first_id": 5, "last_id": 499, "first_seed": 0, "last_seed": 499}},
    "gates": {
        "gate-0": {"min_distinct_steps": 10},
        "gate-2": {"below": 1.85, "min_step": 4000, "min_distinct_steps": 5, "seeds": [43, 44, 45], "quorum": 3},
        "gate-final": {
            "below": 1.5,
            "min_step": 4000,
            "seeds": [43, 44, 45],
            "significance": {"baseline": 1.55, "alpha": 0.01, "effect": 0.05},
        },
    },
    "tripwires": {"floor": 1.89, "family_floors": {"HYBRID": 2.19}},
}
"""What ``race.yaml`` says of gates, as a ledger keeps it."""

RACE_YAML = """\
race: champions
unit: bits_per_char
vocabulary_size: 128
steps: 12000
evaluate_every: 1000
seeds: [43, 44, 45]
recipes:
  base: {model: TRAIN_V2, number_format: FP32, tag: CHAMP}
  wsd: {model: TRAIN_V2, number_format: FP32, tag: WSD}
rungs: [{share: 1.0}]
states: [{state: ANY, when: [{}], action: keep}]
gates:
  gate-2: {below: 1.85, min_step: 4000, min_distinct_steps: 5, seeds: [43, 44, 45], quorum: 3}
tripwires: {floor: 1.89, family_floors: {HYBRID: 2.19}, implausible_below: 0.1}
phases:
  smoke: {title: Fourteen criteria on short runs}
  champion:
    title: What is expected to help
    requires: [smoke]
    green: [SMOKE-01]
    count: 1
    experiments: [{recipe: wsd, exp_id: 5, seed: 43, against: base, gain: 0.02, minimum: true}]
blockers:
  corpus: {what: the corpus is not pinned by digest, blocks: [champion]}
"""


def write_ledger(
    folder: Path,
    curves: Iterable[Curve],
    plan: Mapping[str, Any] = GATED_PLAN,
    *,
    echoed: Mapping[str, Any] | None = None,
) -> Path:
    """The ledger of a race whose runs logged these curves and are done; the folder that holds it.

    Every run was asked for a width of 384, and echoes that or ``echoed``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    with Ledger.create(folder / LEDGER_FILE, "champions", plan, clock=lambda: moment) as ledger:
        for one in curves:
            entry = Entry(one.run, one.recipe, one.seed or 0, "production", {"h": 384}, one.last_step, CORPUS)
            run = ledger.claim(entry, account="acc1", worker="host:1", idempotency_key=one.run).run
            ledger.start(run)
            ledger.echo(run, echoed or {"h": 384}, corpus=CORPUS.name, seconds=0.5)
            points = zip(one.steps, one.values, strict=True)
            ledger.record(run, [Sample(step, value, str(step), step / 10) for step, value in points])
            ledger.finish(run, "done", steps_done=one.steps[-1], seconds=9.0, reason="all steps ran")
    return folder
