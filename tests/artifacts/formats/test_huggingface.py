"""Hugging Face folders: those that transformers writes, and broken ones."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from falsifiable.artifacts import ArtifactError, open_model

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def qwen2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 checkpoint of 2 layers and 7:1 heads, as transformers saves it in bfloat16."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.Qwen2Config(
        vocab_size=64,
        hidden_size=56,
        num_hidden_layers=2,
        num_attention_heads=7,
        num_key_value_heads=1,
        intermediate_size=96,
        max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("qwen2")
    transformers.Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.fixture
def sharded_folder(tmp_path: Path) -> Path:
    """A model of two tensors in two shards."""
    folder = tmp_path / "sharded"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "hidden_size": 4}')
    for name, shard in (("a", SHARDS[0]), ("b", SHARDS[1])):
        save_file({name: numpy.ones(4, dtype=numpy.float32)}, folder / shard, metadata={"format": "pt"})
    write_index(folder)
    return folder


def write_index(folder: Path, **changed: Any) -> None:
    index = {"metadata": {"total_size": 32}, "weight_map": {"a": SHARDS[0], "b": SHARDS[1]}, **changed}
    (folder / INDEX).write_text(json.dumps(index))


def test_weights_saved_by_torch_are_the_same_model(qwen2_folder: Path, tmp_path: Path) -> None:
    """As folders from before safetensors hold them: in one file, and in shards, one of which holds the tied output."""
    import torch

    state = {name: value.contiguous() for name, value in safetensors_state(qwen2_folder).items()}
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    whole, sharded = (tmp_path / name for name in ("whole", "sharded"))
    for folder in (whole, sharded):
        folder.mkdir()
        shutil.copy(qwen2_folder / "config.json", folder)
    torch.save(state, whole / "pytorch_model.bin")
    shard_of = {name: f"pytorch_model-0000{1 + ('layers.1' in name)}-of-00002.bin" for name in state}
    for shard in set(shard_of.values()):
        torch.save({name: state[name] for name in state if shard_of[name] == shard}, sharded / shard)
    (sharded / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": shard_of}))
    original = open_model(qwen2_folder)
    for folder in (whole, sharded):
        model = open_model(folder)
        assert model.config.sources == original.config.sources
        assert model.canonical_names == original.canonical_names
        assert model.fingerprints == original.fingerprints
        assert model.metadata["__shared__.lm_head.weight"] == "model.embed_tokens.weight"
        model.verify_checksums()


def test_safetensors_come_before_what_torch_saved(qwen2_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    shutil.copytree(qwen2_folder, folder)
    (folder / "pytorch_model.bin").write_bytes(b"never looked at")
    assert open_model(folder).digest == open_model(qwen2_folder).digest


def safetensors_state(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file as load_torch

    return dict(load_torch(folder / "model.safetensors"))


def test_reads_what_transformers_saved(qwen2_folder: Path) -> None:
    model = open_model(qwen2_folder)
    assert model.format == "huggingface"
    assert model.architecture.stored == model.architecture.hf_class == "Qwen2ForCausalLM"
    assert (model.architecture.family, model.architecture.role, model.architecture.gguf) == (
        "qwen2",
        "decoder",
        "qwen2",
    )
    config = model.config
    assert (config.vocab_size, config.hidden_size, config.num_hidden_layers) == (64, 56, 2)
    assert (config.num_attention_heads, config.num_key_value_heads, config.intermediate_size) == (7, 1, 96)
    assert (config.rope_theta, config.tie_word_embeddings) == (1e6, True)
    assert config.sources["hidden_size"] == "config.json:hidden_size"
    assert config.sources["rope_theta"] == "config.json:rope_parameters.rope_theta"
    assert config.head_dim is None
    assert config.derived_head_dim() == 8
    assert model.metadata["__metadata__.format"] == "pt"
    assert "generation_config.transformers_version" in model.metadata
    assert {path.name for path in model.files} == {"config.json", "generation_config.json", "model.safetensors"}
    assert not model.has_tensor("output")  # tied: not stored
    assert model.tokenizer is None


def test_tensors_are_those_of_the_library(qwen2_folder: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file as load_with_torch

    model = open_model(qwen2_folder)
    theirs = load_with_torch(qwen2_folder / "model.safetensors")
    assert set(model.tensors) == set(theirs)
    for name, expected in theirs.items():
        assert model.tensors[name].dtype == "BF16"
        assert model.tensor(name).shape == tuple(expected.shape)
        numpy.testing.assert_array_equal(model.tensor(name).numpy(), expected.to(torch.float32).numpy())
    assert model.parameters == sum(one.numel() for one in theirs.values())


def test_every_tensor_of_a_decoder_has_a_canonical_name(qwen2_folder: Path) -> None:
    model = open_model(qwen2_folder)
    assert all(info.canonical for info in model.tensors.values())
    assert model.canonical_names["layers.1.attention.query.bias"] == "model.layers.1.self_attn.q_proj.bias"
    assert model.tensor("layers.0.feed_forward.gate").shape == (96, 56)
    assert model.tensor("layers.0.attention.key").shape == (8, 56)
    assert model.embedding_rows == 64


def test_encoder_is_known_for_one(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
    query = "encoder.layer.0.attention.self.query.weight"
    save_file({query: numpy.zeros((4, 4), dtype=numpy.float32)}, tmp_path / "model.safetensors")
    model = open_model(tmp_path)
    assert (model.architecture.family, model.architecture.role) == ("bert", "encoder")
    assert model.tensors[query].canonical == "layers.0.attention.query"


def test_what_the_config_does_not_state_is_none_and_a_wrong_type_keeps_its_source(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"hidden_size": "64", "vocab_size": true, "rope_theta": 10000, "n_layer": 2}'
    )
    save_file({"w": numpy.zeros(1, dtype=numpy.float32)}, tmp_path / "model.safetensors")
    config = open_model(tmp_path).config
    assert (config.hidden_size, config.vocab_size, config.num_key_value_heads) == (None, None, None)
    assert (config.rope_theta, config.num_hidden_layers) == (10000.0, 2)
    assert set(config.sources) == {"hidden_size", "vocab_size", "rope_theta", "num_hidden_layers"}
    assert config.sources["num_hidden_layers"] == "config.json:n_layer"


def test_digest_is_over_the_sorted_digests_of_the_files(qwen2_folder: Path) -> None:
    import hashlib

    model = open_model(qwen2_folder)
    lines = sorted(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in model.files)
    assert model.digest == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_shards_are_one_model(sharded_folder: Path) -> None:
    model = open_model(sharded_folder)
    assert list(model.tensors) == ["a", "b"]
    assert {path.name for path in model.files} == {"config.json", INDEX, *SHARDS}
    for name, shard in zip("ab", SHARDS, strict=True):
        numpy.testing.assert_array_equal(model.tensor(name).numpy(), load_file(sharded_folder / shard)[name])


def test_files_of_the_hub_cache_may_link_to_its_blobs(sharded_folder: Path, tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--x" / "snapshots" / "abc", tmp_path / "models--x" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for file in sharded_folder.iterdir():
        shutil.copy(file, blobs / f"blob-of-{file.name}")
        (snapshot / file.name).symlink_to(f"../../blobs/blob-of-{file.name}")
    assert list(open_model(snapshot).tensors) == ["a", "b"]


def cut(folder: Path) -> None:
    shard = folder / SHARDS[1]
    shard.write_bytes(shard.read_bytes()[:-2])


def duplicate_tensor(folder: Path) -> None:
    save_file({"a": numpy.ones(4, dtype=numpy.float32), "b": numpy.ones(4, dtype=numpy.float32)}, folder / SHARDS[1])


def unnamed_tensor(folder: Path) -> None:
    save_file({"b": numpy.ones(4, dtype=numpy.float32), "c": numpy.ones(4, dtype=numpy.float32)}, folder / SHARDS[1])


def link_out(folder: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    shutil.move(folder / SHARDS[1], outside)
    (folder / SHARDS[1]).symlink_to(outside)


def link_to_itself(folder: Path) -> None:
    (folder / SHARDS[1]).unlink()
    (folder / SHARDS[1]).symlink_to(SHARDS[1])


def pipe_as_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


def only_pickle(folder: Path) -> None:
    remove("model*")(folder)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02}")


def only_web_page(folder: Path) -> None:
    remove("model*")(folder)
    (folder / "pytorch_model.bin").write_bytes(b"<!DOCTYPE html><html>")


def named_shards(first: object) -> Callable[[Path], object]:
    return lambda folder: write_index(folder, weight_map={"a": first, "b": SHARDS[1]})


def with_text(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def remove(pattern: str) -> Callable[[Path], None]:
    def removing(folder: Path) -> None:
        for file in folder.glob(pattern):
            file.unlink()

    return removing


# name -> (what is done to the folder, kind, what the message says)
BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "shard cut": (cut, "unsound", "missing 2 bytes: tensor 'b'"),
    "shard missing": (remove(SHARDS[1]), "unsound", "1 of 2 shards are missing: model-0"),
    "shard left over": (
        lambda folder: shutil.copy(folder / SHARDS[0], folder / "model-00003-of-00003.safetensors"),
        "unsound",
        "shards that the index does not name: model-00003-of-00003.safetensors",
    ),
    "shard above the folder": (named_shards("../x.safetensors"), "unsound", "names the shard '../x.safetensors'"),
    "shard at an absolute path": (named_shards("/etc/passwd"), "unsound", "names the shard '/etc/passwd'"),
    "shard at a Windows path": (named_shards("C:\\x"), "unsound", "names the shard"),
    "shard with NUL": (named_shards("a\0b"), "unsound", "names the shard 'a\\x00b'"),
    "shard without a name": (named_shards(""), "unsound", "names the shard ''"),
    "shard not text": (named_shards(7), "unsound", "weight_map"),
    "shard links out of the folder": (link_out, "unsound", "is a symbolic link out of the folder"),
    "shard links to itself": (link_to_itself, "unreadable", "loop"),
    "tensor in another shard": (named_shards(SHARDS[1]), "unsound", "shards that the index does not name"),
    "tensor absent": (
        lambda folder: write_index(folder, weight_map={"a": SHARDS[0], "b": SHARDS[1], "c": SHARDS[1]}),
        "unsound",
        f"the tensor 'c' is not in {SHARDS[1]}",
    ),
    "tensor misplaced": (
        lambda folder: write_index(folder, weight_map={"a": SHARDS[1], "b": SHARDS[0]}),
        "unsound",
        f"the tensor 'a' is not in {SHARDS[1]}, which holds it in {SHARDS[0]}",
    ),
    "tensor in two shards": (duplicate_tensor, "unsound", f"'a' stands in both {SHARDS[0]} and {SHARDS[1]}"),
    "tensor not in the index": (unnamed_tensor, "unsound", "the index does not name: c"),
    "total size wrong": (lambda folder: write_index(folder, metadata={"total_size": 33}), "unsound", "take 32 bytes"),
    "no weight map": (with_text(INDEX, "{}"), "unsound", "weight_map is absent"),
    "index with NaN": (with_text(INDEX, '{"metadata": {"total_size": NaN}}'), "unreadable", "NaN"),
    "index with a duplicate": (with_text(INDEX, '{"a": 1, "a": 2}'), "unreadable", "'a' stands twice"),
    "index nested deep": (with_text(INDEX, "[" * 100_000), "unreadable", "nested deeper"),
    "index with a long number": (with_text(INDEX, '{"a": ' + "1" * 5000 + "}"), "unreadable", "5000 digits"),
    "index not an object": (with_text(INDEX, "[]"), "unreadable", "holds a JSON list"),
    "index beside one file": (with_text("model.safetensors", ""), "unsound", "holds both"),
    "config not JSON": (with_text("config.json", "hidden_size: 4"), "unreadable", "not JSON (line 1, column 1)"),
    "config a git-LFS pointer": (
        with_text("config.json", "version https://git-lfs.github.com/spec/v1"), "unreadable", "not JSON"),
    "config a pipe": (pipe_as_config, "unreadable", "is a named pipe"),
    "generation config broken": (with_text("generation_config.json", "{"), "unreadable", "generation_config.json"),
    "a cut pickle": (only_pickle, "unsound", "pytorch_model.bin: at byte 3: the pickle"),
    "a web page for a pickle": (only_web_page, "unreadable", "pytorch_model.bin: at byte 0: an HTML page"),
    "no weights": (remove("model*"), "unsound", "no weights"),
    "no index": (remove(INDEX), "unsound", "shards without their"),
    "no model": (remove("*"), "unreadable", "the folder holds nothing"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_folder_is_refused_with_the_reason(case: str, sharded_folder: Path) -> None:
    damage, kind, said = BROKEN[case]
    damage(sharded_folder)
    with pytest.raises(ArtifactError) as caught:
        open_model(sharded_folder)
    assert said in str(caught.value)
    assert caught.value.kind == kind


def test_index_itself_is_no_model(sharded_folder: Path) -> None:
    with pytest.raises(ArtifactError, match="Give the folder"):
        open_model(sharded_folder / INDEX)
