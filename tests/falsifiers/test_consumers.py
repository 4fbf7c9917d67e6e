"""What each consumer needs, told in its own words; those of transformers are compared with what it really says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from falsifiable import Criterion, Model, open_model
from falsifiable.samples.apr_writer import write_apr
from falsifiers.consumers import usable_by
from falsifiers.export import agrees_with_checkpoint
from falsifiers.transformers_client import load_folder
from tests.artifacts.formats.test_apr import native_metadata

Fields = dict[str, Any]
Tensors = dict[str, np.ndarray]


def config(change: Callable[[Fields], object]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        fields = json.loads((folder / "config.json").read_text())
        change(fields)
        (folder / "config.json").write_text(json.dumps(fields))

    return changed


def weights(change: Callable[[Tensors], object]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    return changed


def without_rotary_base(stated: dict[str, Any]) -> None:
    for key in ("rope_parameters", "rope_theta"):
        del stated[key]


UP, NORM = "model.layers.1.mlp.up_proj.weight", "model.norm.weight"
# Damage -> what both transformers and the verdict say, and what the verdict finds.
REFUSED: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no model type": (
        config(lambda one: one.pop("model_type")),
        "Should have a `model_type` key in its config.json", "model_type is absent"),
    "another width": (
        config(lambda one: one.update(intermediate_size=113)),
        "You set `ignore_mismatched_sizes` to `False`, thus raising an error", "another shape"),
    "more key-value heads": (
        config(lambda one: one.update(num_key_value_heads=7)),
        "You set `ignore_mismatched_sizes` to `False`, thus raising an error", "k_proj"),
    "a transposed tensor": (
        weights(lambda one: one.update({UP: one[UP].T.copy()})),
        "You set `ignore_mismatched_sizes` to `False`, thus raising an error", UP),
    "a text for a size": (
        config(lambda one: one.update(hidden_size="56")),
        "Validation error for field 'hidden_size'", "config.json:hidden_size is no number"),
    "padding beyond the rows": (
        config(lambda one: one.update(pad_token_id=999)),
        "Padding_idx must be within num_embeddings", "pad_token_id is 999 of 320 rows"),
}  # fmt: skip
# What transformers loads without a word that stops anybody, and the verdict finds.
SWALLOWED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a tensor missing": (weights(lambda one: one.pop(UP)), f"tensor {UP} is absent (1 in all): it fills it"),
    "a tensor extra": (weights(lambda one: one.update(extra=np.ones((2, 2), np.float32))), "it leaves it out"),
    "a layer more": (
        config(lambda one: one.update(num_hidden_layers=3)), "model.layers.2.input_layernorm.weight is absent"),
    "a weight lost": (weights(lambda one: one[NORM].__setitem__(0, np.nan)), f"tensor {NORM}: 1 values are NaN"),
    "no epsilon": (config(lambda one: one.pop("rms_norm_eps")), "rms_norm_eps is absent: it takes the default"),
    "no rotary base": (config(without_rotary_base), "rope_theta is absent: it takes the default"),
    "an end outside": (config(lambda one: one.update(eos_token_id=999)), "eos_token_id is 999, expected 0 to 299"),
    "an encoder": (
        config(lambda one: one.update(model_type="bert", architectures=["BertModel"])),
        "architecture BertModel is an encoder"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "the folder holds no tokenizer"),
}  # fmt: skip


@pytest.fixture
def folder(specimens: dict[str, Any], tmp_path: Path) -> Path:
    return shutil.copytree(specimens["trained"].path, tmp_path / "checkpoint")


def test_the_specimen_can_be_used(specimens: dict[str, Any], folder: Path) -> None:
    assert usable_by(specimens["trained"], consumer="transformers").outcome == "held"
    assert not isinstance(load_folder(folder), str)


@pytest.mark.parametrize("name", REFUSED)
def test_what_transformers_refuses_is_predicted_in_its_own_words(name: str, folder: Path) -> None:
    damage, said, found = REFUSED[name]
    damage(folder)
    client, verdict = load_folder(folder), usable_by(open_model(folder), consumer="transformers")
    assert isinstance(client, str)
    assert said in client
    assert f'it says "{said}' in verdict.found
    assert found in verdict.found


@pytest.mark.parametrize("name", SWALLOWED)
def test_what_transformers_makes_up_is_found(name: str, folder: Path) -> None:
    damage, found = SWALLOWED[name]
    damage(folder)
    assert not isinstance(load_folder(folder), str)
    verdict = usable_by(open_model(folder), consumer="transformers")
    assert found in verdict.found
    assert "in silence" in verdict.found


# aprender


def apr(model: Model, path: Path, change: Callable[[Fields], object] = lambda stored: None) -> Model:
    """The model as aprender would write it, and a change of its metadata."""
    metadata: Fields = dict(native_metadata(model))
    change(metadata)
    return open_model(write_apr(path, metadata, {name: model.tensor(name).numpy() for name in model.tensors}))


APRENDER: dict[str, tuple[Callable[[Fields], object], str]] = {
    "no architecture": (lambda one: one.pop("hf_architecture"), "C-01: APR model missing 'architecture' metadata"),
    "no width": (lambda one: one.pop("hidden_size"), "C-03: APR model missing 'hidden_size' metadata"),
    "no layers": (lambda one: one.update(num_layers=0), "C-03: APR model missing 'num_layers' metadata"),
    "no tokens": (lambda one: one.pop("tokenizer.vocabulary"), "Validation failed: APR missing embedded tokenizer"),
    "no merges": (lambda one: one.update({"tokenizer.merges": []}), "APR missing embedded tokenizer"),
    "key-value heads under another name": (
        lambda one: one.update(num_key_value_heads=one.pop("num_kv_heads")),
        "none of num_kv_heads, n_kv_heads is there: it takes the number of query heads, in silence"),
    "an encoder": (lambda one: one.update(hf_architecture="BertModel"), "architecture BertModel is an encoder"),
    "another width": (lambda one: one.update(intermediate_size=113), "the metadata imply [113, 56]"),
}  # fmt: skip


def test_an_apr_file_that_aprender_can_use(specimens: dict[str, Any], tmp_path: Path) -> None:
    model = apr(specimens["trained"], tmp_path / "model.apr")
    assert usable_by(model, consumer="aprender").outcome == "held"
    by_alias = apr(specimens["trained"], tmp_path / "alias.apr", lambda one: one.update(d_model=one.pop("hidden_size")))
    assert usable_by(by_alias, consumer="aprender").outcome == "held"


@pytest.mark.parametrize("name", APRENDER)
def test_what_aprender_refuses(name: str, specimens: dict[str, Any], tmp_path: Path) -> None:
    change, said = APRENDER[name]
    assert said in usable_by(apr(specimens["trained"], tmp_path / "model.apr", change), consumer="aprender").found


def test_every_counterexample_is_refuted_for_aprender_and_mlx(specimens: dict[str, Any], tmp_path: Path) -> None:
    usable = {"aprender": apr(specimens["trained"], tmp_path / "model.apr"), "mlx": specimens["trained"]}
    for consumer, model in usable.items():
        assert usable_by(model, consumer=consumer).outcome == "held"
        for name in usable_by.counterexamples:
            mutant = usable_by.mutate(name, {"model": model}, {})["model"]
            assert usable_by(mutant, consumer=consumer).outcome == "falsified", f"{consumer}: {name}"


# MLX


def test_a_rotary_base_that_mlx_does_not_see(specimens: dict[str, Any]) -> None:
    """transformers 5 writes it under rope_parameters; mlx-lm takes a default in its place and computes with that."""
    assert usable_by(specimens["trained"], consumer="mlx").outcome == "held"
    verdict = usable_by(specimens["trained"].without_metadata("rope_theta"), consumer="mlx")
    assert "rope_theta 10000.0 stands under rope_parameters, where it does not look: it takes 1e+06" in verdict.found


@pytest.mark.parametrize(
    ("mutate", "said"),
    [
        (lambda model: model.without_metadata("num_key_value_heads"),
         "missing 1 required positional argument: 'num_key_value_heads'"),
        (lambda model: model.without_metadata("model_type"), "KeyError: 'model_type'"),
        (lambda model: model.with_family("bert").with_metadata({"model_type": "bert"}),
         "Model type bert not supported."),
        (lambda model: model.without_tensor(NORM), "Missing 1 parameters"),
        (lambda model: model.with_extra_tensor("extra", (2, 2)), "Received 1 parameters not in model"),
        (lambda model: model.with_config(intermediate_size=113), "for parameter model.layers.0.mlp.gate_proj.weight"),
    ],
)  # fmt: skip
def test_what_mlx_refuses(mutate: Callable[[Model], Model], said: str, specimens: dict[str, Any]) -> None:
    assert said in usable_by(mutate(specimens["trained"]), consumer="mlx").found


# All of them


def test_a_file_of_another_format_is_of_no_use(specimens: dict[str, Any]) -> None:
    found = usable_by(specimens["trained"], consumer="llama.cpp").found
    assert found == 'llama.cpp reads gguf, finetuned is huggingface: it says "invalid magic characters"'
    assert usable_by(specimens["export"], consumer="mlx").outcome == "falsified"


def test_what_another_family_needs_is_open(specimens: dict[str, Any]) -> None:
    phi = specimens["export"].with_architecture("phi3")
    renamed = {key.replace("qwen2.", "phi3."): value for key, value in phi.metadata.items()}
    verdict = usable_by(phi.with_metadata(renamed), consumer="llama.cpp")
    assert verdict.outcome == "inconclusive"
    assert "needs of architecture phi3 is not known here" in verdict.found


def test_a_quantised_tensor_is_judged_by_what_its_type_can_keep(specimens: dict[str, Any], tmp_path: Path) -> None:
    """A cosine of 0.999 is more than 4 bits can keep, and less than 8 bits lose."""
    gguf = pytest.importorskip("gguf")
    random = np.random.default_rng(0)
    original = random.standard_normal((64, 64)).astype(np.float32)
    noise = random.standard_normal(original.shape).astype(np.float32)
    judged = {}
    for kind in ("Q8_0", "Q5_0"):
        number = gguf.GGMLQuantizationType[kind]
        writer = gguf.GGUFWriter(tmp_path / f"{kind}.gguf", "llama")
        writer.add_tensor("output.weight", gguf.quants.quantize(original + 0.04 * noise, number), raw_dtype=number)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        save_file({"lm_head.weight": original}, tmp_path / "checkpoint.safetensors")
        export, checkpoint = open_model(tmp_path / f"{kind}.gguf"), open_model(tmp_path / "checkpoint.safetensors")
        judged[kind] = agrees_with_checkpoint(export, checkpoint, quantised=Criterion(at_least=0.99))
    assert judged["Q5_0"].outcome == "held", judged["Q5_0"].found
    assert "expected at least 0.9997 for Q8_0" in judged["Q8_0"].found
