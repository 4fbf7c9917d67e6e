"""Decisions as a ledger keeps them: canonical JSON, read back into the same object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from falsifiable.evidence import canonical_json
from falsifiable.race.deciding.decision import Decision
from falsifiable.race.predicting.prediction import Prediction

_NUMBERS = tuple(one.name for one in fields(Prediction) if one.type == "float")


def decision_text(decision: Decision) -> str:
    """``decision`` as canonical JSON; numbers that are not finite are texts in it."""
    return canonical_json(asdict(decision)).decode()


def decision_from(text: str) -> Decision:
    """The decision that :func:`decision_text` wrote: the same again."""
    said = json.loads(text)
    prediction = said.pop("prediction")
    mirrors = tuple(said.pop("mirrors"))
    return Decision(**said, prediction=None if prediction is None else _prediction(prediction), mirrors=mirrors)


def _prediction(said: Mapping[str, Any]) -> Prediction:
    values: dict[str, Any] = {key: float(value) if key in _NUMBERS else value for key, value in said.items()}
    return Prediction(**values)
