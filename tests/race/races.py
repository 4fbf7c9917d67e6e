"""Small races of the tiny trainer, as files and as plans."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.race.deciding.plan import RacePlan
from falsifiable.race.deciding.read_race import read_race
from falsifiable.race.predicting.prediction import Prediction

TRAINER = Path(__file__).with_name("tiny_trainer.py")
STATES = yaml.safe_load("""
- {state: DIVERGED, when: [{evidence: [diverged]}], action: stop}
- {state: UNDECIDED, when: [{evidence: [missing]}], action: keep}
- {state: LEADING, when: [{evidence: [comparable], gap: [leader]}], action: promote}
- {state: BEHIND, when: [{evidence: [comparable], gap: [tied, behind]}], action: rank}
""")


class LastValue:
    """Predicts that a run ends where it is."""

    name = "last-value"

    def predict(self, curves: Sequence[Curve]) -> tuple[Prediction, ...]:
        nan = float("nan")
        return tuple(
            Prediction(
                one.run, one.steps[-1], one.last_step, one.final, one.final - 1, one.final + 1, nan, nan, nan,
                self.name, may_stop=True,
            )
            for one in curves
        )  # fmt: skip


def race_document(recipes: Mapping[str, Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """What race.yaml of a small race holds: five evaluations per run, a rung after the third and at the end."""
    return {
        "race": "small",
        "unit": "bits_per_byte",
        "vocabulary_size": 256,
        "steps": 50,
        "evaluate_every": 10,
        "seeds": [500, 501],
        "recipes": {
            name: {"model": "HYBRID", "number_format": "FP32", "tag": name.upper(), "config": dict(config)}
            for name, config in recipes.items()
        },
        "rungs": [{"step": 30, "keep": {"share": 0.5}}, {"share": 1.0, "keep": {"count": 1}}],
        "states": STATES,
        "corpus": {"name": "sample", "train_sha256": "1" * 64, "validation_sha256": "2" * 64},
        "spaces": {
            "smoke": {"first_id": 500, "last_id": 599, "first_seed": 500, "last_seed": 599},
            "production": {"first_id": 1, "last_id": 99},
        },
        "space": "smoke",
        "champions": {"the-champion": {"space": "production", "exp_id": 4}},
        "accounts": {"acc1": {"slots": 8}, "acc2": {"slots": 8}},
        "command": [sys.executable, str(TRAINER), "--seed={seed}", "--steps={steps}", "--every=10",
                    "--folder={folder}", "{settings}"],
        "log": {"pattern": r"^step=(?P<step>\d+) evaluation=(?P<evaluation>\d+) BPB=(?P<value>\d+\.\d+)"},
        "limits": {"wall_clock_seconds": 30, "grace_seconds": 1, "first_value_seconds": 20},
    } | more  # fmt: skip


def write_race(folder: Path, recipes: Mapping[str, Mapping[str, Any]], **more: Any) -> Path:
    """The race as a file."""
    path = folder / "race.yaml"
    path.write_text(yaml.safe_dump(race_document(recipes, **more), sort_keys=False), encoding="utf-8")
    return path


def read_plan(path: Path) -> RacePlan:
    """The plan of a race file that has no fault."""
    read = read_race(path)
    assert read.plan is not None, read.diagnostics
    return read.plan
