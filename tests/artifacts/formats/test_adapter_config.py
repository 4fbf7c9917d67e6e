"""What an adapter says of itself, under one set of names for PEFT and MLX."""

from __future__ import annotations

from falsifiable import open_model
from falsifiable.artifacts.adapter_config import AdapterConfig, config_of_mlx, config_of_peft
from falsifiable.samples import specimen

QUERY = "model.layers.{}.self_attn.q_proj"


def test_the_configuration_of_peft() -> None:
    stated = {
        "base_model_name_or_path": "base", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"],
        "layers_to_transform": [2, 3], "__metadata__.iteration": "80",
    }  # fmt: skip
    expected = AdapterConfig("base", 8, 2.0, ("q_proj", "v_proj"), (2, 3), None, 80)
    assert config_of_peft(stated) == expected
    assert config_of_peft({**stated, "use_rslora": True, "r": 16}).scale == 4.0
    assert config_of_peft({**stated, "layers_to_transform": 3}).layers == (3,)


def test_the_configuration_of_mlx() -> None:
    stated = {
        "model": "base", "num_layers": 2, "iters": 80,
        "lora_parameters": {"rank": 8, "scale": 20.0, "keys": ["self_attn.q_proj"]},
    }  # fmt: skip
    assert config_of_mlx(stated) == AdapterConfig("base", 8, 20.0, ("self_attn.q_proj",), None, 2, 80)
    assert config_of_mlx({**stated, "lora_parameters": {"rank": 8, "alpha": 16}}).scale == 2.0


def test_what_is_not_stated_is_none_and_no_default() -> None:
    assert config_of_peft({}) == config_of_mlx({}) == AdapterConfig()
    strange = {"r": True, "lora_alpha": "16", "target_modules": "all-linear", "__metadata__.iteration": "9" * 40}
    assert config_of_peft(strange) == AdapterConfig()
    assert config_of_mlx({"lora_parameters": [8], "iters": 1.5}) == AdapterConfig()


def test_which_modules_are_adapted() -> None:
    peft = AdapterConfig(targets=("q_proj",), layers=(2, 3))
    assert [layer for layer in range(4) if peft.adapts(QUERY.format(layer), 4)] == [2, 3]
    assert not peft.adapts("model.layers.2.mlp.up_proj", 4)
    last = AdapterConfig(targets=("self_attn.q_proj",), last_layers=1)
    assert [layer for layer in range(4) if last.adapts(QUERY.format(layer), 4)] == [3]
    every = AdapterConfig(targets=("self_attn.q_proj",), last_layers=-1)
    assert every.layers_of(4) == (0, 1, 2, 3)
    assert AdapterConfig(targets=("lm_head",)).adapts("lm_head", 4)


def test_a_model_that_is_no_adapter_says_nothing() -> None:
    trained = specimen("model", "trained")
    assert trained.adapter is None  # type: ignore[union-attr]
    assert not trained.low_rank_pairs  # type: ignore[union-attr]


def test_the_pairs_of_both_layouts_name_the_same_modules() -> None:
    adapter, twin = (open_model(specimen("model", name).path) for name in ("adapter", "twin"))
    assert list(adapter.low_rank_pairs) == list(twin.low_rank_pairs)
    first, second = twin.low_rank_pairs["model.layers.1.self_attn.q_proj"]
    assert (first.rpartition(".")[2], second.rpartition(".")[2]) == ("lora_a", "lora_b")
    assert not adapter.without_tensor(adapter.low_rank_pairs["model.layers.1.self_attn.q_proj"][1]).low_rank_pairs.get(
        "model.layers.1.self_attn.q_proj"
    )
