"""A tensor that began anew is named, wherever it is; one that merely changed is not."""

from __future__ import annotations

import numpy as np
import pytest

from falsifiers.initialization import random_alike, stayed_close
from falsifiers.reinitialization import no_silent_reinitialization, optimizer_fresh


def test_a_norm_left_at_one_escapes_the_cosine_of_matrices_and_not_the_share(specimens):
    init, trained = specimens["init"], specimens["trained"]
    lost = trained.with_tensor("layers.1.attention_norm", np.ones_like)

    assert stayed_close(init, lost).outcome == "held"
    verdict = no_silent_reinitialization(init, lost)
    assert verdict.outcome == "falsified"
    assert verdict.found.startswith("tensor layers.1.attention_norm: 0.000 of the checkpoint's values is left")


@pytest.mark.parametrize("part", ["query", "key", "value"])
def test_biases_left_at_zero_are_told(specimens, part):
    name = f"layers.0.attention.{part}.bias"
    verdict = no_silent_reinitialization(specimens["init"], specimens["trained"].with_tensor(name, np.zeros_like))

    assert f"tensor {name}: 0.000" in verdict.found


def test_rows_that_a_grown_table_drew_anew_are_counted(specimens):
    def last_rows(values):
        values[-40:] = random_alike(values[-40:])
        return values

    init, trained = specimens["init"], specimens["trained"].with_tensor("token_embedding", last_rows)

    verdict = no_silent_reinitialization(init, trained)
    assert verdict.found.startswith("tensor token_embedding, row 28")
    assert "of 320 rows" in verdict.found


def test_a_change_as_large_as_the_tensor_itself_is_no_new_beginning(specimens):
    def far_away(values):
        return values + random_alike(values) * 1.5

    moved = specimens["trained"].with_tensor("layers.0.feed_forward.up", far_away)

    assert no_silent_reinitialization(specimens["init"], moved).outcome == "held"


def test_another_size_is_a_new_beginning(specimens):
    grown = specimens["trained"].with_extra_tensor("model.embed_tokens.weight", (400, 56))

    assert (
        "has shape [400, 56], in the checkpoint [320, 56]" in no_silent_reinitialization(specimens["init"], grown).found
    )


def test_a_checkpoint_that_is_fresh_itself_says_nothing(specimens):
    fresh = specimens["init"]
    for name in list(fresh.canonical_names):
        fresh = fresh.with_tensor(name, np.ones_like if name.endswith("norm") else np.zeros_like)

    assert no_silent_reinitialization(fresh, specimens["trained"]).outcome == "inconclusive"


def test_moments_carried_over_are_counted(specimens):
    run = specimens["run"].with_field("optimizer.state_tensors_at_step_zero", 46)

    assert "AdamW held 46 state tensors at step 0, expected 0" in optimizer_fresh(run).found
    assert optimizer_fresh(run.without_field("optimizer.class")).outcome == "inconclusive"
    assert optimizer_fresh(run.without_field("optimizer")).outcome == "inconclusive"
