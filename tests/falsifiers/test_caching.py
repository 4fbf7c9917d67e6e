"""A cache of keys and values: every position is compared, the first of them says nothing."""

from __future__ import annotations

import pytest

from falsifiers.caching import kv_cache_equals_no_cache
from falsifiers.oracle import cached_oracle_logits


@pytest.mark.parametrize("role", ["trained", "export"])
def test_transformers_cache_gives_what_one_pass_gives(specimens, role):
    verdict = kv_cache_equals_no_cache(specimens[role])

    assert verdict.outcome == "held", verdict.found
    assert verdict.examined == 16
    assert verdict.measurements[0].value < 1e-5


def test_a_cache_that_goes_wrong_late_is_told_with_its_position(specimens):
    def full_after_nine(model, decoder, ids):
        right = cached_oracle_logits(model, decoder, ids)
        right[:, 9:] = cached_oracle_logits(model, decoder, ids[:, 9:])  # what came before was pushed out
        return right

    verdict = kv_cache_equals_no_cache(specimens["trained"], decode=full_after_nine)

    assert verdict.outcome == "falsified"
    assert verdict.found.startswith("position 9: with the cache a logit differs by")
    assert "(7 of 16 positions)" in verdict.found


def test_one_position_decides_nothing(specimens):
    assert kv_cache_equals_no_cache(specimens["trained"], positions=1).outcome == "inconclusive"


def test_weights_that_are_not_finite_say_nothing_about_a_cache(specimens):
    broken = specimens["trained"].with_tensor("final_norm", lambda values: values * float("nan"))

    verdict = kv_cache_equals_no_cache(broken)

    assert verdict.outcome == "inconclusive"
    assert "not finite" in verdict.found


def test_an_encoder_generates_nothing(specimens):
    assert kv_cache_equals_no_cache(specimens["encoder"]).outcome == "inconclusive"
