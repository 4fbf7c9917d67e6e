"""What a claim may not ask for: GF16 on a narrow model, and a proxy as the metric that ranks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.race.errors import LMetricNonBpb, Lr9GfTooSmall
from falsifiable.race.ledger.entry_rules import MIN_GF16_WIDTH, check_entry, check_width
from falsifiable.race.ledger.names import IGLA


def test_gf16_is_accepted_from_256_on() -> None:
    check_entry("IGLA-HYBRID-GF16-CHAMP-E0005-seed310", 310, {"hidden_size": 256})
    with pytest.raises(Lr9GfTooSmall) as refused:
        check_entry("IGLA-HYBRID-GF16-CHAMP-E0005-seed310", 310, {"hidden_size": 255})
    assert refused.value.values == {"h": 255, "min": 256}


@given(number_format=st.sampled_from(IGLA.number_formats), width=st.integers(1, 4096))
def test_no_other_format_has_a_least_width(number_format: str, width: int) -> None:
    if number_format == "GF16" and width < MIN_GF16_WIDTH:
        with pytest.raises(Lr9GfTooSmall):
            check_width(number_format, width)
    else:
        check_width(number_format, width)


def test_a_model_trained_on_embeddings_is_ranked_by_bits_per_byte() -> None:
    check_entry("IGLA-JEPA-T-FP32-GRADFIX-SMOKE-seed520", 520, {"primary_metric": "bpb"})
    with pytest.raises(LMetricNonBpb, match="mse"):
        check_entry("IGLA-JEPA-T-FP32-GRADFIX-SMOKE-seed520", 520, {"primary_metric": "mse"})


def test_a_name_that_nobody_can_parse_says_nothing_of_format_and_model() -> None:
    check_entry("probe-E0004", 7, {"hidden_size": 1, "primary_metric": "mse"})
