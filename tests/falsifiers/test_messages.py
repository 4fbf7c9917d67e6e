"""What a falsified verdict says: key, tensor or index, the value found, the value expected, the likely cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from falsifiable import Criterion, NotApplicable
from falsifiers.architecture import heads_consistent, is_decoder, matches_declared
from falsifiers.artifact import sound
from falsifiers.convergence import loss_falls
from falsifiers.export import agrees_with_checkpoint, config_agrees
from falsifiers.fields import command, field, metric
from falsifiers.initialization import (
    config_passes_through,
    every_tensor_moved,
    from_scratch_baseline,
    stayed_close,
    weights_pass_through,
)
from falsifiers.logged_losses import loss_varies
from falsifiers.packaging import (
    architecture_name,
    metadata_complete,
    provenance_named,
    tensor_inventory,
    token_list_padded,
)
from falsifiers.record import agrees_with_files, agrees_with_log, names_these_bytes
from falsifiers.substitution import as_requested
from falsifiers.training_run import window_complete
from falsifiers.vocabulary import embedded_complete, embedded_equals_original, fits_model, special_ids_inside
from falsifiers.weights import finite


def _query(export: Any) -> str:
    return export.canonical_names["layers.1.attention.query"]


def test_a_class_name_in_a_gguf(specimens):
    verdict = architecture_name(specimens["export"].with_architecture("Qwen2ForCausalLM"))

    assert verdict.found.startswith("general.architecture is 'Qwen2ForCausalLM', expected 'qwen2'")


def test_a_name_that_llama_cpp_does_not_know(specimens):
    verdict = architecture_name(specimens["export"].with_architecture("qwen99"))

    assert "'qwen99', expected a name from llama.cpp's list" in verdict.found


def test_a_missing_key_is_named_as_the_file_would_store_it(specimens):
    verdict = metadata_complete(specimens["export"].without_metadata("qwen2.attention.head_count_kv"))

    assert verdict.found.startswith("qwen2.attention.head_count_kv is absent")


def test_which_keys_are_needed_is_open_where_the_architecture_is_unknown(specimens):
    verdict = metadata_complete(specimens["export"].with_architecture("Qwen2ForCausalLM"))

    assert verdict.outcome == "inconclusive"


def test_a_token_list_that_was_not_padded(specimens):
    export = specimens["export"]

    verdict = token_list_padded(export.with_tokenizer(specimens["tokenizer"]))

    assert verdict.found.startswith("tokenizer.ggml.tokens has 300 entries, the embedding 320 rows")


def test_a_missing_tensor_is_named_with_its_shape(specimens):
    verdict = tensor_inventory(specimens["export"].without_tensor("layers.1.feed_forward.up"))

    assert verdict.found.startswith("tensor layers.1.feed_forward.up [112, 56] is missing (1 in all)")


def test_an_output_stored_twice_is_one_tensor_too_many_where_the_model_is_tied(specimens):
    trained = specimens["trained"].with_extra_tensor("lm_head.weight", (320, 56), "F32")

    assert "lm_head.weight is not implied" in tensor_inventory(trained).found
    assert tensor_inventory(trained, tied_output="any").outcome == "held"


def test_a_gguf_may_store_the_output_or_leave_it_out(specimens):
    with_output = specimens["export"].with_extra_tensor("output.weight", (320, 56), "F16")

    assert tensor_inventory(specimens["export"]).outcome == "held"
    assert tensor_inventory(with_output).outcome == "held"


def test_a_size_edited_in_the_configuration_is_told_by_the_tensors(specimens):
    verdict = tensor_inventory(specimens["trained"].with_config(hidden_size=57))

    assert "has shape [320, 56], the configuration implies [320, 57]" in verdict.found


def test_heads_put_in_another_order_are_recognised(specimens):
    export = specimens["export"]

    def rolled(values):
        import numpy as np

        return np.roll(values, 8, axis=0)

    verdict = agrees_with_checkpoint(export.with_tensor(_query(export), rolled), specimens["trained"])

    assert "layers.1.attention.query" in verdict.found
    assert "the same rows in another order" in verdict.found


def test_noise_is_recognised(specimens):
    export = specimens["export"]

    def noise(values):
        import numpy as np

        return np.random.default_rng(1).normal(size=values.shape)

    verdict = agrees_with_checkpoint(export.with_tensor(_query(export), noise), specimens["trained"])

    assert "another tensor, or noise (1 of 26 tensors differ)" in verdict.found


@pytest.mark.bad_input(45)
def test_an_exported_nan_is_counted(specimens):
    def lost(values):
        values[3, 5] = float("nan")
        return values

    export = specimens["export"].with_tensor("layers.1.feed_forward.up", lost)

    assert "value at [3, 5] is nan in the export" in agrees_with_checkpoint(export, specimens["trained"]).found
    assert "blk.1.ffn_up.weight: 1 values are NaN or infinite, the first at index 173" in finite(export).found


def test_an_id_outside_the_vocabulary_is_named_with_its_key(specimens):
    export = specimens["export"].with_metadata({"tokenizer.ggml.eos_token_id": 999_999})

    assert special_ids_inside(export).found.startswith("tokenizer.ggml.eos_token_id is 999999, expected 0 to 319")


def test_an_id_of_the_generation_config_counts_too(specimens):
    trained = specimens["trained"].with_metadata({"generation_config.eos_token_id": [0, 300]})

    assert special_ids_inside(trained).found.startswith("generation_config.eos_token_id is 300, expected 0 to 299")


def test_reserved_rows_are_accepted_unless_they_are_forbidden(specimens):
    held = fits_model(specimens["tokenizer"], specimens["trained"])
    falsified = fits_model(specimens["tokenizer"], specimens["trained"], bound="exactly")

    assert (held.outcome, falsified.outcome) == ("held", "falsified")
    assert "20 rows belong to no token" in falsified.found


def test_the_models_own_tokenizer_is_judged_where_none_is_named(specimens):
    assert fits_model(None, specimens["trained"]).outcome == "held"
    assert fits_model(None, specimens["safetensors"]).outcome == "inconclusive"


def test_an_embedded_token_that_moved_is_named_by_its_id(specimens):
    export = specimens["export"]
    moved = export.with_tokenizer(export.tokenizer.with_token(7, "x"))

    verdict = embedded_equals_original(moved, specimens["tokenizer"])

    assert verdict.found.startswith("id 7 is 'x' in model.gguf and ")


def test_a_tokenizer_without_the_rule_that_splits_text_is_not_whole(specimens):
    export = specimens["export"]

    verdict = embedded_complete(export.with_tokenizer(export.tokenizer.with_field("pre", None)))

    assert "tokenizer.ggml.pre is absent" in verdict.found


@pytest.mark.parametrize("licence", ["TBD", "", "Apache 2.0", "MIT OR", "unknown", "MIT AND proprietary"])
def test_what_is_no_licence(specimens, licence):
    export = specimens["export"].with_metadata({"general.license": licence})

    assert "general.license is" in provenance_named(export).found


@pytest.mark.parametrize("licence", ["MIT", "Apache-2.0 AND PSF-2.0", "(MIT OR GPL-2.0+) AND CC0-1.0"])
def test_what_is_a_licence(specimens, licence):
    export = specimens["export"].with_metadata({"general.license": licence})

    assert provenance_named(export).outcome == "held"


def test_a_field_that_changed_between_checkpoints(specimens):
    trained = specimens["trained"].with_config(rope_theta=1_000_000.0)

    verdict = config_passes_through(specimens["init"], trained)

    assert "rope_theta is 1000000.0 after training, 10000.0 in the init checkpoint" in verdict.found


def test_a_weight_that_did_not_come_from_the_checkpoint(specimens):
    init = specimens["init"].with_tensor("layers.0.attention.key", lambda values: values + 1)

    verdict = weights_pass_through(specimens["run"], init)

    assert verdict.found.startswith("tensor model.layers.0.self_attn.k_proj.weight: BLAKE3 at step 0 ")
    assert "(1 of 26 tensors differ)" in verdict.found


def test_a_run_that_kept_no_state_is_no_evidence(specimens):
    run = replace(specimens["run"], state_at_step_zero=None)

    assert weights_pass_through(run, specimens["init"]).outcome == "inconclusive"


@pytest.mark.bad_input(46)
def test_a_frozen_tensor(specimens):
    verdict = every_tensor_moved(specimens["init"], specimens["init"])

    assert verdict.found.startswith("26 of 26 tensors are as in the init checkpoint, the first of them token_embedding")


def test_a_training_that_started_elsewhere(specimens):
    trained = specimens["trained"].with_tensor("layers.0.attention.key", lambda values: -values)

    verdict = stayed_close(specimens["init"], trained)

    assert verdict.found.startswith("tensor layers.0.attention.key: cosine -0.9")
    assert "(1 of 15 matrices)" in verdict.found


def test_a_first_loss_below_chance(specimens):
    run = specimens["run"].with_series("loss", lambda points: [(step, 1.0) for step, _ in points], "pretrain")

    assert "pretrain step 0: loss 1.0, expected ln(320) = 5.7683" in from_scratch_baseline(run).found


def test_a_run_without_the_phase_says_nothing_about_it(specimens):
    assert from_scratch_baseline(specimens["run"], phase="distill").outcome == "inconclusive"


def test_a_step_that_was_not_logged(specimens):
    run = specimens["run"]
    run = replace(run, rows=tuple(row for row in run.rows if row["step"] != 5))

    assert "row 5 of phase finetune is step 6, expected steps 0 to 12" in window_complete(run).found


@pytest.mark.bad_input(89)
def test_a_log_that_was_cut(specimens):
    assert "its last line is cut" in window_complete(replace(specimens["run"], torn=True)).found


def test_a_metric_that_is_not_the_last_value(specimens):
    run = specimens["run"].with_metric("val_loss", 4.0, 4)

    assert "val_loss is of step 4, expected step 12: the final value, not a better one" in agrees_with_log(run).found


def test_a_metric_that_was_never_logged(specimens):
    run = specimens["run"].with_metric("accuracy", 0.99, 12)

    assert "accuracy is 0.99, metrics.jsonl has no accuracy in phase finetune" in agrees_with_log(run).found


def test_bytes_that_the_run_did_not_write(specimens):
    export = specimens["export"].with_metadata({"general.name": "another"})

    assert "run.yaml recorded" in names_these_bytes(specimens["run"], export).found


def test_a_device_that_was_replaced(specimens):
    run = specimens["run"].with_field("device.requested", "cuda")

    assert as_requested(run).found.startswith("device: requested cuda, actual cpu")


@pytest.mark.bad_input(50)
def test_a_checkpoint_that_was_replaced(specimens):
    run = specimens["run"].with_field("init.sha256", "0" * 64)

    assert "loaded sha256 000000000000, the artifact init has " in as_requested(run).found


def test_a_checkpoint_named_by_a_path_elsewhere_is_known_by_its_digest(specimens):
    run = specimens["run"].with_field("init.requested", "/elsewhere/checkpoint")
    recorded = run.artifacts["init"].sha256

    assert as_requested(run.with_field("inputs.checkpoints", {"init": recorded})).outcome == "held"
    assert as_requested(run.with_field("inputs.checkpoints", {"init": "f" * 64})).outcome == "falsified"


def test_a_loss_that_did_not_fall(specimens):
    run = specimens["run"]
    run = run.with_metric("val_loss", run.metrics["init_val_loss"].value + 1, 12)

    assert "is not below init_val_loss" in loss_falls(run).found


def test_an_encoder_is_told_from_its_tensors_too(specimens):
    disguised = specimens["encoder"].with_architecture("Qwen2ForCausalLM")

    assert "token_type_embeddings.weight belongs to an encoder" in is_decoder(disguised).found


def test_heads_that_do_not_fill_the_hidden_size(specimens):
    trained = specimens["trained"].with_config(head_dim=16)

    assert "heads x head_dim 16 = 224, not hidden_size 56; llama.cpp refuses this" in heads_consistent(trained).found
    assert heads_consistent(trained, projection="any").outcome == "held"


@pytest.mark.parametrize(
    ("role", "path", "value"),
    [
        ("run", "device.actual", "cpu"),
        ("trained", "hidden_size", 56),
        ("trained", "architecture.family", "qwen2"),
        ("export", "general.license", "Apache-2.0"),
        ("tokenizer", "size", 300),
        ("corpus", "splits.validation.real_share", 1.0),
    ],
)
def test_a_field_of_any_artifact(specimens, role, path, value):
    kind = "model" if role in ("trained", "export") else role
    roles = [specimens[role] if kind == one else None for one in ("model", "run", "tokenizer", "corpus")]

    assert field(*roles, path=path, criterion=Criterion(equals=value)).outcome == "held"
    assert f"{path} is {value!r}, expected equal to another" in (
        field(*roles, path=path, criterion=Criterion(equals="another")).found
    )


def test_a_field_that_is_absent_meets_nothing(specimens):
    verdict = field(None, specimens["run"], path="device.wished", criterion=Criterion(below=1))

    assert "device.wished is absent" in verdict.found


def test_a_series_at_its_end_at_its_lowest_and_everywhere(specimens):
    run = specimens["run"].with_series("val_loss", lambda points: [(0, 5.0), (4, 3.0), (8, 4.0)])

    def judged(at: str, below: float) -> str:
        return metric(run, series="val_loss", at=at, phase="finetune", criterion=Criterion(below=below)).outcome

    assert (judged("final", 4.5), judged("final", 3.5)) == ("held", "falsified")
    assert (judged("minimum", 3.5), judged("every", 4.5)) == ("held", "falsified")
    assert (judged("4", 3.5), judged("5", 3.5)) == ("held", "inconclusive")


def test_a_command_that_lets_through_what_it_should_refuse(specimens, tmp_path):
    from falsifiable import Command

    trainer = Command(("python", "train.py"), tmp_path).answering(exit_code=0, written=("model.safetensors",))
    refuses = {"exit_code": Criterion(above=0), "stderr_contains": ("FALSIFY-ARCH-006",), "writes_nothing": True}

    verdict = command(trainer, **refuses)

    assert "exit code 0, expected above 0" in verdict.found
    assert 'stderr does not say "FALSIFY-ARCH-006"; its last line is "nothing"' in verdict.found
    assert "it wrote model.safetensors (1 files), expected nothing" in verdict.found


def test_a_command_that_never_ends_says_nothing(tmp_path):
    from falsifiable import Command

    sleeper = Command(("python", "-c", "import time; time.sleep(60)"), tmp_path)

    verdict = command(sleeper, timeout_seconds=0.2)

    assert verdict.outcome == "inconclusive"
    assert "ended after 0.2 s" in verdict.found


def test_which_sizes_another_family_must_state_is_open(specimens):
    assert metadata_complete(specimens["trained"].with_architecture("GPT2LMHeadModel")).outcome == "inconclusive"


def test_what_the_header_says_of_a_tensor_must_be_possible(specimens):
    trained = specimens["trained"]
    name, info = next(iter(trained.tensors.items()))

    def said(**changes: Any) -> str:
        return sound(replace(trained, tensors={**trained.tensors, name: replace(info, **changes)})).found

    assert "header contradicts itself" in said(nbytes=info.nbytes - 4)
    assert "the file was cut off" in said(offset=10**9)
    assert sound(replace(trained, tensors={})).outcome == "inconclusive"


def test_a_tensor_inside_another_is_not_sound(specimens):
    trained = specimens["trained"]
    first, second = sorted(trained.tensors.values(), key=lambda one: one.offset)[:2]
    overlapping = {**trained.tensors, second.name: replace(second, offset=first.offset)}

    assert "inside tensor" in sound(replace(trained, tensors=overlapping)).found


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("qwen2.rope.freq_base", 1e6, "qwen2.rope.freq_base is 1000000.0 in the export, expected 10000.0"),
        ("qwen2.attention.head_count", 7, "qwen2.attention.head_count is 7 in the export, expected 14"),
        ("qwen2.attention.layer_norm_rms_epsilon", 1e-5, "epsilon is 1e-05 in the export, expected 1e-06"),
        ("qwen2.context_length", 512, "qwen2.context_length is 512 in the export, expected 256"),
        ("qwen2.rope.dimension_count", 2, "qwen2.rope.dimension_count is 2, expected 4"),
        ("qwen2.rope.scaling.type", "linear", "qwen2.rope.scaling.type is linear, expected none"),
        ("tokenizer.ggml.eos_token_id", 77, "tokenizer.ggml.eos_token_id is 77 in the export, expected 0"),
        ("tokenizer.ggml.padding_token_id", 77, "tokenizer.ggml.padding_token_id is 77 in the export, expected 1"),
    ],
)
def test_a_configuration_that_the_export_changed(specimens, key, value, said):
    verdict = config_agrees(specimens["export"].with_metadata({key: value}), specimens["trained"])

    assert said in verdict.found


def test_what_the_export_may_leave_out_and_what_it_may_not(specimens):
    export, trained = specimens["export"], specimens["trained"]

    assert config_agrees(export.without_metadata("qwen2.vocab_size"), trained).outcome == "held"
    assert "rope.freq_base" not in config_agrees(export, trained).found
    assert "rope_theta is absent" in config_agrees(export.without_metadata("qwen2.rope.freq_base"), trained).found
    assert "eos_token_id is absent" in (
        config_agrees(export.without_metadata("tokenizer.ggml.eos_token_id"), trained).found
    )
    assert config_agrees(export.with_architecture("LlamaForCausalLM"), trained).outcome == "inconclusive"


def test_one_of_several_ids_that_end_a_sequence(specimens):
    trained = specimens["trained"].with_metadata({"generation_config.eos_token_id": [0, 77]})
    export = specimens["export"].with_metadata({"tokenizer.ggml.eos_token_id": 77})

    assert config_agrees(export, trained).outcome == "held"


def test_a_field_left_out_of_the_declaration(specimens):
    run = specimens["run"].without_field("architecture.rope_theta")

    assert "architecture.rope_theta is not declared, expected 10000.0" in (
        matches_declared(run, specimens["trained"]).found
    )


def test_more_steps_than_were_planned(specimens):
    run = specimens["run"].with_field("steps.planned", 5)

    assert "12 steps were done, 5 planned" in window_complete(run).found


@pytest.mark.bad_input(107)
def test_a_gpu_that_no_parameter_lay_on(specimens):
    run = specimens["run"].with_field("device", {"requested": "cuda", "actual": "cuda"})

    assert "device.actual is cuda, and environment.cuda is null" in as_requested(run).found
    assert as_requested(run.with_field("environment.cuda", "NVIDIA H200")).outcome == "held"


def test_no_field_to_compare_is_no_verdict_and_no_crash(specimens):
    assert "`fields` is empty" in as_requested(specimens["run"], fields=()).found
    for name in as_requested.counterexamples:
        with pytest.raises(NotApplicable):
            as_requested.mutate(name, {"run": specimens["run"]}, {"fields": ()})


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("parameters", 494_032_768, "parameters is 494032768, the tensors of finetuned hold"),
        ("datasets.validation.tokens", 1, "datasets.validation.tokens is 1, the corpus manifest says"),
        ("datasets.finetune.real_share", 0.5, "datasets.finetune.real_share is 0.5, the corpus manifest says 1.0"),
        ("datasets.more", {}, "datasets.more is in run.yaml and absent from the corpus manifest"),
        ("datasets.validation", None, "datasets.validation is in the corpus manifest and absent from run.yaml"),
    ],
)
def test_a_number_in_the_record_that_the_files_deny(specimens, path, value, said):
    run = specimens["run"].with_field(path, value)

    assert said in agrees_with_files(run, specimens["trained"], specimens["corpus"]).found


@pytest.mark.bad_input(94)
def test_losses_that_stand_still(specimens):
    run = specimens["run"].with_series("loss", lambda points: [(step, 1.0) for step, _ in points])

    assert loss_varies(specimens["run"]).outcome == "held"
    assert "loss is 1.0 at 13 steps in a row from step 0 of phase finetune" in loss_varies(run).found
    assert loss_varies(run, phase="pretrain").outcome == "held"
    assert loss_varies(run, phase="distill").outcome == "inconclusive"


@pytest.mark.parametrize(
    ("role", "path", "bites", "tautology"),
    [
        ("run", "steps.done", {"at_least": 1}, {"at_least": -1e309}),
        ("trained", "hidden_size", {"equals": 56}, {"at_least": -1e309}),
        ("trained", "rope_theta", {"above": 0}, {"below": 1e309}),
        ("trained", "parameters", {"at_least": 1000}, {"above": -5}),
        ("export", "embedding_rows", {"equals": 320}, {"at_least": 0}),
        ("export", "architecture.family", {"equals": "qwen2"}, None),
        ("export", "architecture.role", {"equals": "decoder"}, None),
        ("export", "general.license", {"equals": "Apache-2.0"}, None),
        ("export", "digest", {"equals": "0" * 64}, None),
        ("tokenizer", "size", {"at_least": 300}, {"at_least": 0}),
        ("tokenizer", "size", {"at_most": 200_000}, None),
        ("tokenizer", "type", {"equals": "BPE"}, None),
        ("tokenizer", "digest", {"equals": "0" * 64}, None),
        ("corpus", "splits.validation.tokens", {"at_least": 1}, {"at_least": -1e309}),
        ("export", "tokenizer.ggml.add_bos_token", {"equals": False}, {"one_of": (True, False)}),
    ],
)
def test_a_field_is_challenged_by_another_value_of_the_artifact(specimens, role, path, bites, tautology):
    kind = "model" if role in ("trained", "export") else role
    roles = {one: specimens[role] if kind == one else None for one in ("model", "run", "tokenizer", "corpus")}

    def challenged(**criterion: Any) -> str:
        mutated = field.mutate("another-value", roles, {"path": path, "criterion": Criterion(**criterion)})
        return field(*[mutated.pop(one) for one in roles], **mutated).outcome

    assert challenged(**bites) == "falsified"
    if tautology is not None:
        assert challenged(**tautology) == "held"


@pytest.mark.parametrize("path", ["no.such.field", "format"])
def test_a_field_that_cannot_be_changed_is_not_challenged(specimens, path):
    roles = {"model": specimens["trained"], "run": None, "tokenizer": None, "corpus": None}

    with pytest.raises(NotApplicable):
        field.mutate("another-value", roles, {"path": path, "criterion": Criterion(equals=1)})
