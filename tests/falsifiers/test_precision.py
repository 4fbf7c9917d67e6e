"""Models that are called by a number format: cast, not cast, cut off, come through a narrower one, trained on since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from falsifiable import Model, NotApplicable, open_model, quantise
from falsifiable.race.judging.precision import NUMBER_FORMATS
from falsifiable.samples import specimen, write_safetensors
from falsifiers.precision import as_named
from falsifiers.rounding import rounded_to_nearest_even

SPECIMENS = {
    "bf16": "BF16",
    "fp8e4m3": "FP8E4M3",
    "fp8e5m2": "FP8E5M2",
    "dlfloat": "DLFLOAT",
    "gf16": "GF16-bias15",
    "export": "FP16",
}
FILES = {"bf16": "bfloat16", "fp8e4m3": "float8_e4m3fn", "fp8e5m2": "float8_e5m2"}
MATRIX = "model.layers.0.self_attn.q_proj.weight"


def model(variant: str) -> Model:
    opened = specimen("model", variant)
    assert isinstance(opened, Model)
    return opened


def written(folder: Path, name: str, **tensors: numpy.ndarray[Any, Any]) -> Model:
    return open_model(write_safetensors(folder / f"{name}.safetensors", tensors))


@pytest.fixture(scope="module")
def weights() -> numpy.ndarray[Any, Any]:
    return numpy.random.default_rng(11).normal(scale=0.02, size=(32, 33)).astype(numpy.float32)


@pytest.mark.parametrize(("variant", "claimed"), SPECIMENS.items())
def test_each_specimen_is_in_its_own_format_and_was_rounded_to_it(variant, claimed):
    named = as_named(model(variant), claimed=claimed)
    rounded = rounded_to_nearest_even(model(variant), model("trained"), claimed=claimed)

    assert (named.outcome, rounded.outcome) == ("held", "held"), (named.found, rounded.found)
    assert named.examined == rounded.examined == 69_888


# GF16 and DLFloat differ in range alone: only the specimen's smallest numbers tell that bias 15 does not reach them.
ALSO_IN = {"dlfloat": {"GF16-bias60"}, "gf16": {"DLFLOAT", "GF16-bias60"}}


@pytest.mark.parametrize("variant", SPECIMENS)
@pytest.mark.parametrize("claimed", [*SPECIMENS.values(), "GF16-bias60"])
def test_no_specimen_passes_for_another_format(variant, claimed):
    passes = {SPECIMENS[variant], *ALSO_IN.get(variant, ())}

    assert (as_named(model(variant), claimed=claimed).outcome == "held") == (claimed in passes)


@pytest.mark.parametrize(("variant", "dtype"), FILES.items())
def test_the_specimens_are_what_torch_rounds_to(variant, dtype):
    torch = pytest.importorskip("torch")
    for name in model("trained").tensors:
        original = torch.from_numpy(numpy.array(model("trained").tensor(name).numpy()))
        cast = dtype == "bfloat16" or original.ndim > 1  # norms and biases stay as they are beside FP8
        theirs = original.to(getattr(torch, dtype) if cast else torch.float32).to(torch.float32).numpy()

        assert numpy.array_equal(model(variant).tensor(name).numpy(), theirs)


def test_a_tensor_of_32_bits_that_is_called_bf16_is_refused_with_its_place():
    verdict = as_named(model("trained"), claimed="BF16")

    assert verdict.outcome == "falsified"
    assert verdict.found.startswith(
        "tensor model.embed_tokens.weight: value 0 (at [0, 0]) is 0.339508057, and BF16 has 0.33984375 next to it"
    )
    assert "(15 of 15 tensors at fault)" in verdict.found


def test_one_value_among_all_is_named():
    changed = model("bf16").with_tensor(MATRIX, lambda values: _with(values, (3, 5), 0.1))

    verdict = as_named(changed, claimed="BF16")

    assert f"tensor {MATRIX}: value {3 * 56 + 5} (at [3, 5]) is 0.1" in verdict.found
    assert "(1 of 3136 values are no BF16)" in verdict.found
    assert "(1 of 15 tensors at fault)" in verdict.found


def _with(values: Any, place: tuple[int, ...], value: float) -> Any:
    values[place] = value
    return values


def test_bf16_in_a_file_of_32_bit_floats_is_bf16_unless_the_file_is_to_say_so(tmp_path, weights):
    honest = quantise(weights, NUMBER_FORMATS["BF16"]).astype(numpy.float32)
    held = written(tmp_path, "held", matrix=honest)

    assert as_named(held, claimed="BF16").outcome == "held"
    assert "tensor matrix: stored as F32, expected BF16, 16 bits a value" in (
        as_named(held, claimed="BF16", stored="as-named").found
    )
    assert as_named(model("bf16"), claimed="BF16", stored="as-named").outcome == "held"


def test_a_format_without_a_type_in_files_cannot_be_declared_by_one():
    verdict = as_named(model("dlfloat"), claimed="DLFLOAT", stored="as-named")

    assert verdict.outcome == "inconclusive"
    assert "no file keeps DLFLOAT under a type of its own" in verdict.found


def test_a_tensor_that_came_through_8_bits_is_no_bf16(tmp_path, weights):
    target = NUMBER_FORMATS["FP8E4M3"]
    narrow = quantise(weights, target).astype(numpy.float32)
    honest = quantise(weights, NUMBER_FORMATS["BF16"]).astype(numpy.float32)
    mixed = written(tmp_path, "mixed", honest=honest, narrow=narrow)

    verdict = as_named(mixed, claimed="BF16")

    assert "tensor narrow: its 1056 values need 3 mantissa bits, BF16 has 7" in verdict.found
    assert as_named(mixed, claimed="BF16", narrower="accepted").outcome == "held"
    assert as_named(mixed, claimed="BF16", names=("honest",)).outcome == "held"


def test_signs_alone_are_no_bf16_together_and_may_be_beside_others(tmp_path, weights):
    signs = numpy.sign(weights)
    honest = quantise(weights, NUMBER_FORMATS["BF16"]).astype(numpy.float32)

    assert "no value of any tensor needs more than 0 mantissa bits, BF16 has 7" in (
        as_named(written(tmp_path, "signs", signs=signs), claimed="BF16").found
    )
    assert as_named(written(tmp_path, "both", signs=signs, honest=honest), claimed="BF16").outcome == "held"


def test_what_is_too_large_is_said_so(tmp_path, weights):
    values = quantise(weights, NUMBER_FORMATS["FP8E4M3"]).astype(numpy.float32)
    values[1, 0] = 512

    verdict = as_named(written(tmp_path, "large", matrix=values), claimed="FP8E4M3")

    assert "value 33 (at [1, 0]) is 512, and FP8E4M3 has nothing so large" in verdict.found


def test_ids_masks_and_vectors_are_not_examined(tmp_path, weights):
    ids = numpy.arange(200, dtype=numpy.int64).reshape(10, 20)
    nothing = written(tmp_path, "ids", ids=ids, mask=ids > 3, norm=weights[0])

    verdict = as_named(nothing, claimed="BF16")

    assert (verdict.outcome, verdict.found) == ("inconclusive", "it examined nothing (0 values)")
    assert as_named(nothing, claimed="BF16", which="all").outcome == "falsified"
    assert rounded_to_nearest_even(nothing, nothing, claimed="BF16").outcome == "inconclusive"
    assert as_named(model("bf16"), claimed="BF16", names=("no.such.*",)).outcome == "inconclusive"


@pytest.mark.parametrize("claimed", sorted(set(NUMBER_FORMATS) - {"FP32"}))
def test_a_copy_that_was_rounded_passes_and_one_that_was_cut_off_does_not(tmp_path, weights, claimed):
    target = NUMBER_FORMATS[claimed]
    reference = written(tmp_path, "reference", matrix=weights)
    rounded = written(tmp_path, "rounded", matrix=quantise(weights, target).astype(numpy.float32))
    cut = written(tmp_path, "cut", matrix=quantise(weights, target, "truncation").astype(numpy.float32))

    assert rounded_to_nearest_even(rounded, reference, claimed=claimed).outcome == "held"
    verdict = rounded_to_nearest_even(cut, reference, claimed=claimed)
    assert verdict.outcome == "falsified"
    assert verdict.found.startswith("tensor matrix: value ")
    assert f" rounded to {claimed} is " in verdict.found
    assert "its bits were cut off (1 of 1 tensors differ)" in verdict.found
    assert as_named(cut, claimed=claimed).outcome == "held"  # which is why there are two checks


def test_ties_that_went_away_from_zero(tmp_path):
    ties = (1 + (2 * numpy.arange(64) + 1) * 2.0**-8).astype(numpy.float32).reshape(8, 8)
    away = quantise(ties, NUMBER_FORMATS["BF16"], "nearest-away").astype(numpy.float32)

    verdict = rounded_to_nearest_even(
        written(tmp_path, "away", matrix=away), written(tmp_path, "ties", matrix=ties), claimed="BF16"
    )

    assert "value 0 is 1.0078125, and 1.00390625 rounded to BF16 is 1 (32 of 64 values)" in verdict.found
    assert "ties went away from zero" in verdict.found


def test_a_reference_that_is_in_the_format_already_tells_nothing():
    verdict = rounded_to_nearest_even(model("bf16"), model("bf16"), claimed="BF16")

    assert verdict.outcome == "inconclusive"
    assert "rounding changes none; name the model that was rounded" in verdict.found


def test_tensors_that_are_missing_or_of_another_shape(tmp_path, weights):
    reference = written(tmp_path, "reference", one=weights, two=weights)
    missing = written(tmp_path, "missing", one=quantise(weights, NUMBER_FORMATS["BF16"]).astype(numpy.float32))
    both = written(tmp_path, "both", one=missing.tensor("one").numpy(), two=weights)
    turned = written(tmp_path, "turned", one=weights.T.copy(), two=weights)

    assert "tensor two: is in the reference and missing from the model (1 of 2 tensors differ)" in (
        rounded_to_nearest_even(missing, reference, claimed="BF16").found
    )
    assert "tensor two: is in the model and missing from the reference (1 of 2 tensors differ)" in (
        rounded_to_nearest_even(both, missing, claimed="BF16").found
    )
    assert "tensor one: shape [33, 32] in the model, [32, 33] in the reference" in (
        rounded_to_nearest_even(turned, reference, claimed="BF16").found
    )


def test_what_is_not_claimed_may_be_held_to_the_reference_too():
    def judged(changed: Model) -> str:
        verdict = rounded_to_nearest_even(changed, model("trained"), claimed="FP8E4M3", others="unchanged")
        return verdict.found if verdict.outcome == "falsified" else verdict.outcome

    norm = "model.norm.weight"
    assert judged(model("fp8e4m3")) == "held"
    assert f"tensor {norm}: is not claimed to be rounded" in (
        judged(model("fp8e4m3").with_tensor(norm, lambda values: _with(values, (7,), 1.5)))
    )
    assert f"tensor {norm}: is in the reference and missing" in judged(model("fp8e4m3").without_tensor(norm))
    assert "tensor scale: is in the model and missing" in judged(model("fp8e4m3").with_extra_tensor("scale", (4,)))


def test_a_tied_output_need_not_be_stored_again():
    untied = model("trained").with_extra_tensor("lm_head.weight", (320, 56))

    assert untied.config.tie_word_embeddings
    assert rounded_to_nearest_even(model("export"), untied, claimed="FP16").outcome == "held"


def test_a_tied_output_that_is_stored_again_is_the_embedding():
    embedding = model("bf16").tensor("token_embedding").numpy()
    again = model("bf16").with_extra_tensor("lm_head.weight", (320, 56))

    assert "tensor lm_head.weight: value 0 is 0" in (
        rounded_to_nearest_even(again, model("trained"), claimed="BF16").found
    )
    filled = again.with_tensor("lm_head.weight", lambda values: embedding)
    assert rounded_to_nearest_even(filled, model("trained"), claimed="BF16").outcome == "held"


def test_packed_weights_are_no_numbers_of_a_format():
    packed = model("bf16").with_extra_tensor(MATRIX, (56, 7), "I32")

    verdict = as_named(packed, claimed="BF16")

    assert f"tensor {MATRIX}: stored as I32, whole numbers; its weights were quantised and packed" in verdict.found


@pytest.mark.parametrize("claimed", ["BF16", "FP8E4M3"])
def test_counterexamples_that_cannot_be_made_say_so(claimed, tmp_path, weights):
    tiny = written(tmp_path, "tiny", matrix=weights[:2, :2])

    with pytest.raises(NotApplicable, match="no claimed tensor has 64 values"):
        as_named.mutate("through-a-narrower-format", {"model": tiny}, _parameters(claimed))
    with pytest.raises(NotApplicable, match="no claimed tensor is in both"):
        rounded_to_nearest_even.mutate(
            "bits-cut-off", {"model": tiny, "reference": model("trained")}, _parameters(claimed)
        )


def _parameters(claimed: str) -> dict[str, Any]:
    return {"claimed": claimed, "which": "matrices", "names": (), "stored": "any", "narrower": "refused"}
