"""Rotary settings: contradictions, impossibilities, and an export that turns by other angles."""

from __future__ import annotations

import pytest

from falsifiers.rotary import rope_settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rope_theta": 1e6}, "rope_theta is 1000000.0 and rope_parameters.rope_theta is 10000.0"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_parameters.rope_type is default and rope_scaling"),
        ({"rope_parameters": {"rope_theta": 1e4, "rope_type": "yarn"}}, "scaling of kind yarn lacks factor"),
        ({"rope_parameters": {"rope_theta": 1e4, "rope_type": "spiral"}}, "scaling is of kind 'spiral'"),
        ({"rope_parameters": {"rope_theta": 1e4, "rope_type": "linear", "factor": 0.5}}, "by a factor of 0.5"),
        ({"rope_parameters": {"rope_theta": float("nan"), "rope_type": "default"}}, "expected more than 1"),
        ({"partial_rotary_factor": 0.75}, "head_dim is 3, expected an even number"),
    ],
)
def test_what_cannot_be_computed_is_told(specimens, settings, said):
    verdict = rope_settings(specimens["trained"].with_metadata(settings))

    assert verdict.outcome == "falsified"
    assert said in verdict.found


def test_an_export_without_the_base_gets_the_clients(specimens):
    export = specimens["export"]

    assert rope_settings(export, specimens["trained"]).outcome == "held"
    assert rope_settings(export.with_config(rope_theta=1e6), specimens["trained"]).outcome == "falsified"
    assert rope_settings(export.with_config(rope_theta=None), specimens["trained"]).outcome == "inconclusive"


def test_more_values_than_a_head_has_cannot_be_turned(specimens):
    verdict = rope_settings(specimens["export"].with_metadata({"qwen2.rope.dimension_count": 8}))

    assert "qwen2.rope.dimension_count is 8, but a head has 4 values" in verdict.found


def test_learnt_positions_are_no_rotary_ones(specimens):
    verdict = rope_settings(specimens["encoder"])

    assert verdict.outcome == "inconclusive"
    assert "learnt and not rotary" in verdict.found


def test_settings_for_each_kind_of_layer_are_not_judged(specimens):
    per_layer = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    verdict = rope_settings(specimens["trained"].with_metadata(rope_parameters=per_layer))

    assert verdict.outcome == "inconclusive"
