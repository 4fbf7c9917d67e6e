"""Adapters: folders as PEFT and MLX lay them out, what they add to a base model, and broken ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from falsifiable.artifacts import ArtifactError, Model, open_model
from falsifiable.artifacts.fingerprints.fingerprint import fingerprint_of_values
from falsifiable.artifacts.formats.low_rank import peft_pairs
from falsifiers.artifact import sound

IN, OUT, RANK = 6, 4, 2
MODULE = "model.layers.0.self_attn.q_proj"
PEFT: Mapping[str, Any] = {
    "peft_type": "LORA",
    "r": RANK,
    "lora_alpha": 16,
    "target_modules": ["q_proj"],
    "base_model_name_or_path": "specimen",
}
MLX: Mapping[str, Any] = {
    "fine_tune_type": "lora",
    "model": "specimen",
    "num_layers": 1,
    "lora_parameters": {"rank": RANK, "scale": 20.0, "dropout": 0.0},
}


def normal(*shape: int) -> Any:
    return numpy.random.default_rng(shape).normal(size=shape).astype(numpy.float32)


def peft_names(module: str = MODULE) -> tuple[str, str]:
    return f"base_model.model.{module}.lora_A.weight", f"base_model.model.{module}.lora_B.weight"


def peft_pair(module: str = MODULE, rank: int = RANK) -> dict[str, Any]:
    first, second = peft_names(module)
    return {first: normal(rank, IN), second: normal(OUT, rank)}


def mlx_pair(module: str = MODULE) -> dict[str, Any]:
    return {f"{module}.lora_a": normal(IN, RANK), f"{module}.lora_b": normal(RANK, OUT)}


def save(folder: Path, name: str, config: Mapping[str, Any], tensors: Mapping[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file(dict(tensors), folder / name, {"format": "pt"})
    return folder


def save_peft(folder: Path, tensors: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    return save(folder, "adapter_model.safetensors", {**PEFT, **changes}, peft_pair() if tensors is None else tensors)


def save_mlx(folder: Path, tensors: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    return save(folder, "adapters.safetensors", {**MLX, **changes}, mlx_pair() if tensors is None else tensors)


def test_an_adapter_of_peft_adds_its_product_to_the_weights(tmp_path: Path) -> None:
    """What the adapted layer computes is what the base layer would compute with the update added to its weight."""
    model = open_model(save_peft(tmp_path / "adapter"))
    assert model.format == "peft"
    assert model.metadata["base_model_name_or_path"] == "specimen"
    assert set(model.tensors) == set(peft_names())
    assert list(model.updates) == ["layers.0.attention.query"]
    update = model.updates["layers.0.attention.query"]
    assert (update.name, update.shape, update.dtype) == (f"{MODULE}.weight", (OUT, IN), "F32")

    first, second = (peft_pair()[name] for name in peft_names())
    weight, inputs = normal(OUT, IN), normal(IN)
    adapted = weight @ inputs + 16 / RANK * (second @ (first @ inputs))
    numpy.testing.assert_allclose((weight + update.numpy()) @ inputs, adapted, rtol=1e-5)
    assert update.numpy().dtype == numpy.float32


def test_an_adapter_of_mlx_adds_its_product_to_the_weights(tmp_path: Path) -> None:
    model = open_model(save_mlx(tmp_path / "adapter"))
    assert model.format == "mlx"
    update = model.updates["layers.0.attention.query"]
    assert update.shape == (OUT, IN)

    first, second = mlx_pair().values()
    weight, inputs = normal(OUT, IN), normal(IN)
    adapted = weight @ inputs + 20.0 * ((inputs @ first) @ second)
    numpy.testing.assert_allclose((weight + update.numpy()) @ inputs, adapted, rtol=1e-5)


def test_the_same_adapter_in_both_layouts_adds_the_same(tmp_path: Path) -> None:
    first, second = (peft_pair()[name] for name in peft_names())
    peft = open_model(save_peft(tmp_path / "peft"))
    transposed = {f"{MODULE}.lora_a": first.T.copy(), f"{MODULE}.lora_b": second.T.copy()}
    mlx = open_model(save_mlx(tmp_path / "mlx", transposed, lora_parameters={"rank": RANK, "scale": 8.0}))
    for name, update in peft.updates.items():
        numpy.testing.assert_allclose(mlx.updates[name].numpy(), update.numpy(), rtol=1e-6)


def test_an_adapter_that_was_never_stepped_adds_nothing(tmp_path: Path) -> None:
    """Fresh adapters of both libraries have a random A and a B of zeros."""
    first, second = peft_names()
    peft = save_peft(tmp_path / "peft", {first: normal(RANK, IN), second: numpy.zeros((OUT, RANK), numpy.float32)})
    mlx_pairs = {f"{MODULE}.lora_a": normal(IN, RANK), f"{MODULE}.lora_b": numpy.zeros((RANK, OUT), numpy.float32)}
    for folder in (peft, save_mlx(tmp_path / "mlx", mlx_pairs)):
        model = open_model(folder)
        (update,) = model.updates.values()
        printed = fingerprint_of_values(update.numpy(), "F32")
        assert (printed.constant, printed.zero_share) == (True, 1.0)
        assert [model.fingerprint(name).zero_share for name in model.tensors] == [0.0, 1.0]
    stepped = open_model(save_peft(tmp_path / "stepped")).updates["layers.0.attention.query"]
    assert not fingerprint_of_values(stepped.numpy(), "F32").constant


def test_an_adapter_states_nothing_of_its_base_model(tmp_path: Path) -> None:
    model = open_model(save_mlx(tmp_path / "adapter"))
    assert model.architecture.stored is None
    assert model.config.num_hidden_layers is None  # its num_layers counts the layers that are trained
    assert model.tokenizer is None
    with pytest.raises(ValueError, match="an adapter states nothing about the shape of its base model"):
        model.with_config(hidden_size=8)
    with pytest.raises(ValueError, match="it names no architecture"):
        model.with_architecture("qwen2")


def test_files_of_an_adapter(tmp_path: Path) -> None:
    folder = save_mlx(tmp_path / "adapter")
    save_file(mlx_pair(), folder / "0000100_adapters.safetensors")
    model = open_model(folder)
    assert set(model.file_digests) == {"adapter_config.json", "adapters.safetensors"}
    assert sound(model).outcome == "held"
    assert set(open_model(folder / "0000100_adapters.safetensors").tensors) == set(mlx_pair())


def test_what_is_no_adapter_has_no_updates(tmp_path: Path) -> None:
    save_file({"model.norm.weight": normal(4)}, tmp_path / "model.safetensors")
    assert dict(open_model(tmp_path / "model.safetensors").updates) == {}


# Scale, rank and orientation


def product_over(update: Any, first: Any, second: Any) -> float:
    """The number that the product of PEFT's B and A was multiplied by."""
    values: Any = update.numpy() / (second @ first)
    assert numpy.allclose(values, values.flat[0], rtol=1e-4)
    return float(values.flat[0])


@pytest.mark.parametrize(
    ("changes", "scale"),
    [
        ({}, 8.0),
        ({"lora_alpha": 3}, 1.5),
        ({"lora_alpha": 0.5}, 0.25),
        ({"use_rslora": True}, 16 / 2**0.5),
        ({"alpha_pattern": {"q_proj": 4}}, 2.0),
        ({"alpha_pattern": {"layers.0.self_attn.q_proj": 4, "q_proj": 8}}, 2.0),
        ({"alpha_pattern": {"^model.layers.0.self_attn.q_proj": 4}}, 2.0),
        ({"alpha_pattern": {"^self_attn.q_proj": 4}}, 8.0),
        ({"alpha_pattern": {"_proj": 4, "k_proj": 4}}, 8.0),
        ({"r": 64, "rank_pattern": {"q_proj": RANK}}, 8.0),
    ],
)
def test_scale_of_peft(changes: dict[str, Any], scale: float, tmp_path: Path) -> None:
    first, second = (peft_pair()[name] for name in peft_names())
    (update,) = open_model(save_peft(tmp_path / "adapter", **changes)).updates.values()
    assert product_over(update, first, second) == pytest.approx(scale, rel=1e-4)


@pytest.mark.parametrize(
    ("parameters", "scale"),
    [
        ({"rank": RANK, "scale": 20.0}, 20.0),
        ({"rank": RANK, "alpha": 16}, 8.0),
        ({"rank": RANK, "scale": 10.0, "alpha": RANK}, 10.0),  # both readings agree
    ],
)
def test_scale_of_mlx(parameters: dict[str, Any], scale: float, tmp_path: Path) -> None:
    first, second = mlx_pair().values()
    (update,) = open_model(save_mlx(tmp_path / "adapter", lora_parameters=parameters)).updates.values()
    assert product_over(update, first.T, second.T) == pytest.approx(scale, rel=1e-4)


def test_a_layer_that_stores_its_weight_transposed_gets_the_update_transposed(tmp_path: Path) -> None:
    module = "transformer.h.0.attn.c_attn"  # GPT-2 multiplies from the other side
    folder = save_peft(tmp_path / "adapter", peft_pair(module), fan_in_fan_out=True)
    first, second = peft_pair(module).values()
    update = open_model(folder).updates[f"{module}.weight"]
    assert update.shape == (IN, OUT)
    numpy.testing.assert_allclose(update.numpy(), 8 * (second @ first).T, rtol=1e-6)


def test_an_embedding_is_updated_row_by_row(tmp_path: Path) -> None:
    rows = 10
    first, second = normal(RANK, rows), normal(OUT, RANK)
    name = "base_model.model.model.embed_tokens.lora_embedding_"
    peft = open_model(save_peft(tmp_path / "peft", {name + "A": first, name + "B": second}))
    mlx_names = {"model.embed_tokens.lora_a": first.T.copy(), "model.embed_tokens.lora_b": second.T.copy()}
    mlx = open_model(save_mlx(tmp_path / "mlx", mlx_names, lora_parameters={"rank": RANK, "scale": 8.0}))
    for model in (peft, mlx):
        update = model.updates["token_embedding"]
        assert update.shape == (rows, OUT)
        numpy.testing.assert_allclose(update.numpy(), 8 * (second @ first).T, rtol=1e-6)


def test_half_precision_is_multiplied_in_float32(tmp_path: Path) -> None:
    halves = {name: tensor.astype(numpy.float16) for name, tensor in peft_pair().items()}
    (update,) = open_model(save_peft(tmp_path / "adapter", halves)).updates.values()
    first, second = (tensor.astype(numpy.float32) for tensor in halves.values())
    numpy.testing.assert_array_equal(update.numpy(), second @ first * numpy.float32(8))


def test_mutants_of_an_adapter_change_its_updates(tmp_path: Path) -> None:
    model = open_model(save_peft(tmp_path / "adapter"))
    zeroed = model.with_tensor(peft_names()[1], numpy.zeros_like)
    assert not zeroed.updates["layers.0.attention.query"].numpy().any()
    louder = model.with_metadata(lora_alpha=32).updates["layers.0.attention.query"].numpy()
    numpy.testing.assert_allclose(louder, 2 * model.updates["layers.0.attention.query"].numpy(), rtol=1e-6)
    with pytest.raises(ArtifactError, match=f"has no partner: lora_A of {MODULE} is absent"):
        _ = model.without_tensor(peft_names()[0]).updates


@settings(deadline=None, max_examples=25)
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), rank=st.integers(1, 9), alpha=st.integers(0, 64))
def test_the_rank_of_an_update_is_at_most_that_of_the_adapter(
    rows: int, columns: int, rank: int, alpha: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, second = peft_names()
    tensors = {first: normal(rank, columns), second: normal(rows, rank)}
    model = open_model(save_peft(tmp_path_factory.mktemp("law") / "adapter", tensors, r=rank, lora_alpha=alpha))
    values = model.updates["layers.0.attention.query"].numpy()
    assert values.shape == (rows, columns)
    assert numpy.linalg.matrix_rank(values.astype(numpy.float64), rtol=1e-4) <= (
        min(rank, rows, columns) if alpha else 0
    )


# What is opened although its effect is no sum of products, and says so when it is asked for it

LAYER = "base_model.model." + MODULE
DIFFERENT: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "DoRA by its configuration": ("peft", {}, {"use_dora": True}, "DoRA, which scales by the norms of the base"),
    "DoRA by its tensors": ("peft", {f"{LAYER}.lora_magnitude_vector": normal(OUT)}, {}, "'.*lora_magnitude_vector'"),
    "QALoRA": ("peft", {}, {"use_qalora": True}, "QALoRA"),
    "experts": ("peft", {}, {"target_parameters": ["mlp.experts"]}, "parameters of several experts"),
    "tokens that activate it": ("peft", {}, {"alora_invocation_tokens": [1, 2]}, "acts on some of the tokens only"),
    "replicated layers": ("peft", {}, {"layer_replication": [[0, 2], [1, 3]]}, "replicated layers"),
    "another method": ("peft", {}, {"peft_type": "IA3"}, "peft_type is 'IA3', updates are computed for 'LORA'"),
    "a regular expression": ("peft", {}, {"rank_pattern": {".*q_proj": 2}}, r"the regular expression '\.\*q_proj'"),
    "a convolution": (
        "peft", {f"{LAYER}2.lora_A.weight": normal(2, 3, 1, 1), f"{LAYER}2.lora_B.weight": normal(3, 2, 1, 1)}, {},
        "has 4 dimensions, updates are computed for matrices"),
    "DoRA of MLX": ("mlx", {f"{MODULE}.m": normal(OUT)}, {"fine_tune_type": "dora"}, "fine_tune_type is 'dora'"),
    "both scale and alpha": (
        "mlx", {}, {"lora_parameters": {"rank": RANK, "scale": 10.0, "alpha": 16.0}}, "both scale and alpha"),
}  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENT)
def test_an_adapter_of_another_kind_opens_and_names_it(case: str, tmp_path: Path) -> None:
    library, tensors, changes, said = DIFFERENT[case]
    pair, save_it = (peft_pair(), save_peft) if library == "peft" else (mlx_pair(), save_mlx)
    model = open_model(save_it(tmp_path / "adapter", {**pair, **tensors}, **changes))
    assert set(model.tensors) == {*pair, *tensors}
    with pytest.raises(ArtifactError, match=said) as caught:
        _ = model.updates
    assert caught.value.kind == "unreadable"


def test_whole_tensors_that_come_along_are_tensors_and_no_updates(tmp_path: Path) -> None:
    head = "base_model.model.lm_head.weight"
    bias = f"base_model.model.{MODULE}.lora_B.bias"
    tensors = {**peft_pair(), head: normal(8, IN), bias: normal(OUT)}
    model = open_model(save_peft(tmp_path / "adapter", tensors, modules_to_save=["lm_head"], lora_bias=True))
    assert {head, bias} < set(model.tensors)
    assert list(model.updates) == ["layers.0.attention.query"]


def test_a_full_fine_tune_of_mlx_holds_weights_and_no_updates(tmp_path: Path) -> None:
    folder = save_mlx(tmp_path / "adapter", {f"{MODULE}.weight": normal(OUT, IN)}, fine_tune_type="full")
    model = open_model(folder)
    assert dict(model.updates) == {}
    assert dict(model.canonical_names) == {"layers.0.attention.query": f"{MODULE}.weight"}


def test_a_product_that_would_fill_the_memory_is_refused_before_it_is_made(tmp_path: Path) -> None:
    first, second = peft_names()
    size = 2**16
    tensors = {first: numpy.zeros((1, size), numpy.int8), second: numpy.zeros((size, 1), numpy.int8)}
    model = open_model(save_peft(tmp_path / "adapter", tensors, r=1))
    update = model.updates["layers.0.attention.query"]
    assert update.shape == (size, size)
    with pytest.raises(ArtifactError, match=r"has 4294967296 elements; expected at most 536870912"):
        update.numpy()


# Broken adapters

A, B = peft_names()
BROKEN: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "A without B": ("peft", {A: normal(RANK, IN)}, {}, f"lora_B of {MODULE} is absent"),
    "B without A": ("peft", {B: normal(OUT, RANK)}, {}, f"lora_A of {MODULE} is absent"),
    "a without b": ("mlx", {f"{MODULE}.lora_a": normal(IN, RANK)}, {}, f"lora_b of {MODULE} is absent"),
    "another rank than stated": ("peft", peft_pair(rank=3), {}, r"has shape \[3, 6\]; expected .* the rank 2 that"),
    "two ranks": ("peft", {A: normal(RANK, IN), B: normal(OUT, 3)}, {}, r"lora_B.weight' has shape \[4, 3\]"),
    "rank of another module": ("peft", peft_pair(), {"rank_pattern": {"q_proj": 4}}, "the rank 4 that"),
    "A and B of MLX in the layout of PEFT": ("mlx", dict(zip(mlx_pair(), peft_pair().values(), strict=True)), {},
                                             r"lora_a' has shape \[2, 6\]"),
    "a vector": ("peft", {A: normal(RANK), B: normal(OUT, RANK)}, {}, r"has shape \[2\]; expected two sizes"),
    "one tensor under two names": (
        "peft", {**peft_pair(), f"{MODULE}.lora_A.weight": normal(RANK, IN)}, {}, "are both lora_A of one module"),
    "no pair at all": ("peft", {"base_model.model.lm_head.weight": normal(4, 4)}, {}, "no low-rank pair"),
    "no rank": ("peft", peft_pair(), {"r": None}, "r is None for model.layers.0.self_attn.q_proj"),
    "rank zero": ("peft", peft_pair(), {"r": 0}, "r is 0 for"),
    "rank true": ("peft", peft_pair(rank=1), {"r": True}, "r is True for"),
    "alpha a text": ("peft", peft_pair(), {"lora_alpha": "16"}, "lora_alpha is '16'"),
    "no parameters": ("mlx", mlx_pair(), {"lora_parameters": None}, "lora_parameters.rank is None"),
    "no scale": ("mlx", mlx_pair(), {"lora_parameters": {"rank": RANK}}, r"lora_parameters.alpha \(scale is absent\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_adapter_is_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    library, tensors, changes, said = BROKEN[case]
    folder = (save_peft if library == "peft" else save_mlx)(tmp_path / "adapter", tensors, **changes)
    with pytest.raises(ArtifactError, match=said) as caught:
        open_model(folder)
    assert caught.value.kind == "unsound"


def refusal(folder: Path) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        open_model(folder)
    return caught.value


def test_an_adapter_saved_by_torch_is_the_same_adapter(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pair = peft_pair()
    folder = save_peft(tmp_path / "adapter", pair)
    update = open_model(folder).updates["layers.0.attention.query"].numpy()
    (folder / "adapter_model.safetensors").unlink()
    torch.save({name: torch.from_numpy(value) for name, value in pair.items()}, folder / "adapter_model.bin")
    assert (open_model(folder).updates["layers.0.attention.query"].numpy() == update).all()


def test_folders_that_are_not_one_adapter(tmp_path: Path) -> None:
    folder = save_peft(tmp_path / "adapter")
    save_file(mlx_pair(), folder / "adapters.safetensors")
    assert "holds both adapter_model.safetensors and adapters.safetensors" in str(refusal(folder))
    (folder / "adapters.safetensors").rename(folder / "model.safetensors")
    assert "holds both an adapter and model.safetensors" in str(refusal(folder))
    (folder / "model.safetensors").unlink()
    assert open_model(folder).format == "peft"
    (folder / "adapter_model.safetensors").unlink()
    assert "describes an adapter and the folder has no weights" in str(refusal(folder))
    (folder / "adapter_config.json").unlink()
    save_file(peft_pair(), folder / "adapter_model.safetensors")
    assert "adapter_model.safetensors without adapter_config.json" in str(refusal(folder))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "holds a JSON list; expected a JSON object"),
        ('{"r": 1, "r": 2}', "the key 'r' stands twice"),
        ("{", "not JSON"),
        ('{"a":' * 100_000, "not JSON|nested deeper"),
    ],
)
def test_broken_configuration(content: str, said: str, tmp_path: Path) -> None:
    folder = save_peft(tmp_path / "adapter")
    (folder / "adapter_config.json").write_text(content)
    with pytest.raises(ArtifactError, match=said):
        open_model(folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = save_peft(tmp_path / "adapter")
    (folder / "adapter_model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    (folder / "adapter_model.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    assert "is a symbolic link out of the folder" in str(refusal(folder))
    assert refusal(folder).kind == "unsound"


def test_pairs_are_found_from_headers_alone(tmp_path: Path) -> None:
    model: Model = open_model(save_peft(tmp_path / "adapter"))
    (pair,) = peft_pairs(model.metadata, model.tensors)
    assert (pair.target, pair.shape, pair.scale, pair.orientation) == (f"{MODULE}.weight", (OUT, IN), 8.0, "B A")
