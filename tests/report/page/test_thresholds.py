"""Measurements beside the thresholds that the claim's own parameters name."""

from __future__ import annotations

from typing import Any

import pytest

from falsifiable.contracts.model import Criterion
from falsifiable.falsifier import Quantity, Verdict
from falsifiable.report.page.thresholds import measured, settings
from falsifiable.validation.results import Judgement


def judged(parameters: dict[str, Any], **measurements: Quantity) -> Judgement:
    """A judgement with these parameters and measurements."""
    return Judgement("c", "F-1", "check", "claim", Verdict.of(True, **measurements), parameters=parameters)


@pytest.mark.parametrize(
    ("parameters", "name", "value", "threshold", "met"),
    [
        ({"cosine": {"at_least": 0.9}}, "cosine", 0.95, "at least 0.9", True),
        ({"cosine": {"at_least": 0.9}}, "cosine", 0.85, "at least 0.9", False),
        ({"cosine": Criterion(at_least=0.9)}, "lowest_cosine", 0.95, "at least 0.9", True),
        ({"criterion": {"one_of": ["real"]}, "path": "x"}, "kind", "real", "one of real", True),
        ({"vocab_size": 56}, "vocab_size", 56, "asked for 56", None),
        ({"cosine": {"at_least": 0.9}}, "cosine_of_all", 0.1, "", None),
        ({"within": 0.1}, "val_loss", 3.0, "", None),
        ({}, "faults", 0, "", None),
        ({"cosine": {"at_least": "<b>"}}, "cosine", 0.9, "asked for at_least <b>", None),
        ({"cosine": {"one_of": 3}}, "cosine", 0.9, "asked for one_of 3", None),
    ],
)
def test_a_threshold_is_found_by_its_name(
    parameters: dict[str, Any], name: str, value: Quantity, threshold: str, met: bool | None
) -> None:
    (found,) = measured(judged(parameters, **{name: value}))

    assert (found.threshold, found.met) == (threshold, met)


def test_what_is_no_threshold_is_a_setting() -> None:
    judgement = judged({"cosine": {"at_least": 0.9}, "rows": [1, 2], "strict": True}, cosine=1.0)

    assert settings(judgement) == {"rows": "1, 2", "strict": "yes"}


def test_a_criterion_of_nothing_measured_is_shown_as_a_setting() -> None:
    assert settings(judged({"rate": {"at_least": 0.5}}, solved=8, asked=10)) == {"rate": "at least 0.5"}
