"""Validating what lies elsewhere: from its headers, once for all falsifiers, and never as evidence.

The models claim a hundred gigabytes, in sparse files behind a real HTTP server.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy
import pytest

from falsifiable.contracts import read_bindings
from tests.conftest import Shop
from tests.range_server import Served, serving

VOCABULARY = 128_256
HIDDEN, HEADS, KEY_VALUE_HEADS, FEED_FORWARD, LAYERS = 12_288, 96, 8, 28_672, 18
TABLE = (VOCABULARY, HIDDEN)
SHAPES: Mapping[str, tuple[int, ...]] = {
    "attn_norm": (HIDDEN,),
    "attn_q": (HIDDEN, HIDDEN),
    "attn_k": (HIDDEN // HEADS * KEY_VALUE_HEADS, HIDDEN),
    "attn_v": (HIDDEN // HEADS * KEY_VALUE_HEADS, HIDDEN),
    "attn_output": (HIDDEN, HIDDEN),
    "ffn_norm": (HIDDEN,),
    "ffn_gate": (FEED_FORWARD, HIDDEN),
    "ffn_up": (FEED_FORWARD, HIDDEN),
    "ffn_down": (HIDDEN, FEED_FORWARD),
}
IN_HUGGINGFACE = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
RUNTIME = Path(__file__).parents[2] / "contracts/runtime"


def hundred_gigabytes_of_gguf(path: Path) -> None:
    """The header of a Llama in float32 with a vocabulary of the usual size, as the gguf library writes it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_license("CC0-1.0")
    writer.add_context_length(8192)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500_000.0)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([f"token{row}" for row in range(VOCABULARY)])
    writer.add_token_types([1] * VOCABULARY)
    writer.add_token_merges([f"t{row} u" for row in range(100_000)])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    ends: dict[str, tuple[int, ...]] = {"token_embd": TABLE, "output_norm": (HIDDEN,), "output": TABLE}
    tensors = {f"{name}.weight": shape for name, shape in ends.items()}
    tensors |= {f"blk.{layer}.{name}.weight": shape for layer in range(LAYERS) for name, shape in SHAPES.items()}
    held = 0
    for name, shape in tensors.items():
        nbytes = 4 * int(numpy.prod(shape))
        writer.add_tensor_info(name, shape, numpy.dtype("float32"), nbytes)
        held += nbytes
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    os.truncate(path, -(-path.stat().st_size // 32) * 32 + held)


def hundred_gigabytes_in_shards(folder: Path) -> None:
    """A Llama as transformers would save it in float32, a shard for every layer; every file as sparse as can be."""
    shards: list[Mapping[str, tuple[int, ...]]]
    shards = [{"model.embed_tokens.weight": TABLE, "model.norm.weight": (HIDDEN,), "lm_head.weight": TABLE}]
    shards += [
        {f"model.layers.{layer}.{IN_HUGGINGFACE[name]}.weight": shape for name, shape in SHAPES.items()}
        for layer in range(LAYERS)
    ]
    names = [f"model-{number:05d}-of-{len(shards):05d}.safetensors" for number in range(1, len(shards) + 1)]
    total = sum(_shard(folder / name, shard) for name, shard in zip(names, shards, strict=True))
    weight_map = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KEY_VALUE_HEADS, "intermediate_size": FEED_FORWARD,
        "vocab_size": VOCABULARY, "max_position_embeddings": 8192, "rope_theta": 500_000.0, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False, "head_dim": HIDDEN // HEADS, "bos_token_id": 0, "eos_token_id": 1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


def _shard(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> int:
    entries, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * int(numpy.prod(shape))
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    header = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    os.truncate(path, 8 + len(header) + end)
    return end


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as one:
        yield one


@pytest.fixture
def shelf(tmp_path: Path) -> Shop:
    """A workspace with the shipped contracts about loading a model, and nothing bound."""
    made = Shop(tmp_path / "shelf", {"FALSIFIABLE_CACHE": str(tmp_path / "cache")})
    (made.root / "contracts").mkdir(parents=True)
    for name in ("llama-cpp-loads", "transformers-loads"):
        (made.root / f"contracts/{name}.yaml").write_text((RUNTIME / f"{name}.yaml").read_text())
    return made


def outcomes(said: str, contract: str) -> dict[str, dict[str, Any]]:
    (found,) = [one for one in json.loads(said)["contracts"] if one["contract"] == contract]
    return {one["falsifier"]: one["verdict"] for one in found["judgements"]}


def test_a_hundred_gigabytes_are_judged_by_their_header(served: Served, shelf: Shop) -> None:
    hundred_gigabytes_of_gguf(served.folder / "model.gguf")
    assert (served.folder / "model.gguf").stat().st_size > 100e9
    bound = ["--artifact", f"llama-cpp-loads/export={served.url}/model.gguf"]
    done = shelf.contract("validate", "llama-cpp-loads", *bound, "--format", "json")
    found = outcomes(done.stdout, "llama-cpp-loads")
    by_tensor_data = [found.pop(f"FALSIFY-{name}") for name in ("LLAMACPP-009", "LLAMACPP-010", "CLIENT-002")]
    assert {name: one["outcome"] for name, one in found.items()} == dict.fromkeys(found, "held")
    assert len(found) == 9
    for one in by_tensor_data:
        assert one["outcome"] == "inconclusive"
        assert "bytes of them lie at http://127.0.0.1" in one["found"]
        assert one["found"].endswith("fetch the model and give its path")
    assert done.returncode == 0
    assert served.bytes_sent < 8e6
    sent = served.bytes_sent
    again = shelf.contract("validate", "llama-cpp-loads", *bound)
    assert "0 judged now" in again.stdout
    assert served.bytes_sent - sent < 8e6


def test_a_hundred_gigabytes_in_shards(served: Served, shelf: Shop) -> None:
    hundred_gigabytes_in_shards(served.folder)
    held = sum(file.stat().st_size for file in served.folder.glob("*.safetensors"))
    assert held > 100e9
    binding = f"transformers-loads/model: {{url: '{served.url}/', sha256: {'f' * 64}}}\n"  # a pin that is not read
    (shelf.root / "artifacts.yaml").write_text(binding)
    done = shelf.contract("validate", "transformers-loads", "--format", "json")
    found = outcomes(done.stdout, "transformers-loads")
    held_by = {name for name, one in found.items() if one["outcome"] == "held"}
    assert held_by >= {f"FALSIFY-TRANSFORMERS-00{number}" for number in (1, 2, 3, 4, 6)}
    assert not [one for one in found.values() if one["outcome"] == "falsified"]
    assert served.bytes_sent < 8e6
    weights = [name for name, _ in served.asked if name.endswith(".safetensors") and name.startswith("model-")]
    assert len(weights) == len(set(weights)) == LAYERS + 1


@pytest.fixture
def served_run(shop: Shop) -> Iterator[Served]:
    """The specimens of a shop behind HTTP."""
    with serving(shop.root) as one:
        yield one


def test_a_small_remote_model_is_judged_whole_and_earns_no_more_than_partial(shop: Shop, served_run: Served) -> None:
    shop.edit("artifacts.yaml", "trained: run/finetuned\n", f"trained: {served_run.url}/run/finetuned\n")
    done = shop.contract("validate", "--format", "json")
    found = outcomes(done.stdout, "shop")
    assert {name: one["outcome"] for name, one in found.items()} == dict.fromkeys(found, "held")
    (bound,) = json.loads(done.stdout)["contracts"][0]["judgements"][1]["artifacts"]
    assert (bound["provenance"], bound["files"]) == ("orphan", {})
    assert bound["digest"].startswith(f"remote:{served_run.url}/run/finetuned#")
    told = shop.contract("validate")
    assert "0 judged now" in told.stdout
    assert "INTEGRATION" not in told.stdout
    served_run.etag = None  # nothing tells one version from the next any more
    assert "0 judged now" not in shop.contract("validate").stdout


def test_what_lies_elsewhere_is_not_recorded(shop: Shop, served_run: Served) -> None:
    recorded = shop.contract("record")
    assert recorded.returncode == 0
    before = {file.name: file.read_bytes() for file in (shop.root / "spec/shop/evidence").iterdir()}
    bound = f"trained={served_run.url}/run/finetuned?key=hunter2"
    assert shop.contract("record", "--artifact", bound).returncode == 0
    told = shop.contract("validate", "--rehash", "--artifact", bound)
    assert "evidence speaks for bytes that were hashed, so fetch it and give its path" in told.stdout
    after = {file.name: file.read_bytes() for file in (shop.root / "spec/shop/evidence").iterdir()}
    assert after == before
    assert served_run.asked == []


def test_a_remote_tokenizer_is_not_refuted_for_where_it_lies(shop: Shop, served_run: Served) -> None:
    """The library reads files of this machine; that it finds none is no difference between two readers."""
    contract = shop.root / "contracts/shop.yaml"
    contract.write_text(
        f"{contract.read_text()}  - {{id: FALSIFY-SHOP-004, claim: Its tokens are those of the library, "
        "check: vocabulary.readers-agree, on: {tokenizer: tokenizer}}\n"
    )
    bound = f"tokenizer={served_run.url}/run/finetuned/tokenizer.json?key=hunter2"
    done = shop.contract("validate", "--format", "json", "--artifact", bound)
    found = outcomes(done.stdout, "shop")
    assert found["FALSIFY-SHOP-001"]["outcome"] == "held"
    assert found["FALSIFY-SHOP-004"]["outcome"] == "inconclusive"
    assert "tokenizer.json: lies elsewhere" in found["FALSIFY-SHOP-004"]["found"]
    assert "hunter2" not in done.stdout + done.stderr


def test_a_remote_file_that_breaks_its_format_is_falsified(shelf: Shop, served: Served) -> None:
    hundred_gigabytes_in_shards(served.folder)
    whole = served.folder / "model-00002-of-00019.safetensors"
    os.truncate(whole, whole.stat().st_size - 1)
    bound = ["--artifact", f"transformers-loads/model={served.url}/?key=hunter2"]
    done = shelf.contract("validate", "transformers-loads", *bound)
    assert done.returncode == 1
    assert "missing 1 bytes: tensor" in " ".join(done.stdout.split())
    assert "hunter2" not in done.stdout + done.stderr


def test_a_server_that_fails_is_no_verdict(shop: Shop, served_run: Served) -> None:
    bound = f"trained=http://user:hunter2@{served_run.url.removeprefix('http://')}/run/export/model.gguf?key=hunter2"
    for fault in ("status 503", "no ranges", "gzip"):
        served_run.fault = fault
        done = shop.contract("validate", "--artifact", bound)
        assert done.returncode == 2, done.stderr
        assert "/run/export/model.gguf" in done.stdout
        assert "hunter2" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_addresses_that_are_wrong_usage(shop: Shop) -> None:
    for bound, said in {
        "trained=simplecache::https://user:hunter2@example.org/a.gguf": "a chain of protocols is not read",
        "trained=ftp://user:hunter2@example.org/a.gguf": "the protocol 'ftp' is not read",
        "run=https://user:hunter2@example.org/run.yaml": "a run is not read from a URL; fetch it",
    }.items():
        done = shop.contract("validate", "--artifact", bound)
        assert done.returncode == 4
        assert said in done.stderr
        assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("trained: zip://a.gguf::https://example.org/a.zip", "ARTIFACTS-URL"),
        ("trained: https://user:hunter2@example.org/a.gguf", "ARTIFACTS-URL"),
        ("trained: file:///etc/passwd", "ARTIFACTS-URL"),
        ("run: https://example.org/run.yaml", "ARTIFACTS-URL"),
        ("trained: {url: 'ftp://example.org/a.gguf'}", "ARTIFACTS-VALUE"),
        ("trained: {path: 'https://example.org/a.gguf'}", "ARTIFACTS-PATH"),
        ("trained: {path: a.gguf, url: 'https://example.org/a.gguf'}", "ARTIFACTS-ENTRY"),
        ("trained: {url: 'https://example.org/a.gguf', pattern: '(?P<step>1)(?P<loss>2)'}", "ARTIFACTS-ENTRY"),
        ("trained: {url: 'https://example.org/a.gguf', sources: [src]}", "ARTIFACTS-ENTRY"),
    ],
)
def test_addresses_that_have_no_place_in_artifacts_yaml(line: str, rule: str) -> None:
    bindings, (said,) = read_bindings(line.encode(), {"shop": {"trained": "model", "run": "run"}})
    assert bindings == {}
    assert said.rule == rule
    assert "hunter2" not in str(said)


def test_addresses_in_artifacts_yaml() -> None:
    text = f"trained: https://example.org/a.gguf\nshop/trained: {{url: 'hf://org/model@main/', sha256: {'f' * 64}}}\n"
    bindings, said = read_bindings(text.encode(), {"shop": {"trained": "model"}})
    assert said == ()
    assert bindings["trained"].url == "https://example.org/a.gguf"
    assert (bindings["shop/trained"].url, bindings["shop/trained"].path) == ("hf://org/model@main/", None)


def test_a_contract_names_no_host(shop: Shop) -> None:
    shop.edit(
        "contracts/shop.yaml", "trained: {kind: model}", "trained: {kind: model, url: 'https://example.org/a.gguf'}"
    )
    done = shop.contract("validate", "--no-run")
    assert done.returncode == 4
    assert "url" in done.stderr
