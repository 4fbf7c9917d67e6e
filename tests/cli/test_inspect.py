"""``contract inspect``: what an artifact holds, for a person and for a program."""

from __future__ import annotations

import json
import shutil

import pytest


def test_a_model_is_shown_with_what_it_does_not_state(contract, specimens):
    done = contract("inspect", specimens["export"])
    assert done.code == 0, done.err
    assert "format        gguf\n" in done.out
    assert "  hidden_size              56\n" in done.out
    assert "  head_dim                 not stated\n" in done.out
    assert "  tokenizer.ggml.tokens                   [320 values]\n" in done.out


def test_every_tensor_can_be_listed(contract, specimens):
    text = contract("inspect", specimens["export"], "--tensors").out
    rows = [line.split() for line in text.partition("tensor_list\n")[2].splitlines()]
    assert ["token_embd.weight", "token_embedding", "320,", "56", "F16"] in rows
    assert len(rows) == 26


def test_a_model_can_be_read_by_a_program(contract, specimens):
    described = json.loads(contract("inspect", specimens["trained"], "--tensors", "--format", "json").out)
    assert (described["kind"], described["format"], described["tensors"]) == ("model", "huggingface", 26)
    assert described["architecture"]["family"] == "qwen2"
    assert described["config"]["num_key_value_heads"] == described["metadata"]["num_key_value_heads"]
    assert described["tokenizer"]["size"] == 300
    assert {"name": "model.norm.weight", "canonical": "final_norm", "shape": [56], "dtype": "F32"} in described[
        "tensor_list"
    ]


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("tokenizer", {"kind": "tokenizer", "type": "BPE", "size": 300, "merges": 42}),
        ("run", {"kind": "run", "end_reason": "completed", "dirty": False}),
        ("safetensors", {"kind": "model", "format": "safetensors", "tokenizer": None}),
        ("corpus", {"kind": "corpus"}),
    ],
)
def test_every_kind_is_told_by_its_files(contract, specimens, role, said):
    described = json.loads(contract("inspect", specimens[role], "--format", "json").out)
    assert {name: described[name] for name in said} == said
    assert contract("inspect", specimens[role]).out.startswith(f"kind  {' ' * (width(described) - 4)}{said['kind']}\n")


def width(described: dict) -> int:
    return max(map(len, described))


def test_a_corpus_is_shown_split_by_split(contract, specimens):
    splits = json.loads(contract("inspect", specimens["corpus"], "--format", "json").out)["splits"]
    assert set(splits) == {"pretrain", "finetune", "validation"}
    assert all(one["tokens"] > 0 and len(one["sha256"]) == 64 for one in splits.values())


def test_a_file_that_breaks_its_own_rules_ends_1(contract, here, specimens):
    whole = specimens["export"].read_bytes()
    (here / "model.gguf").write_bytes(whole[: len(whole) // 2])
    done = contract("inspect", "model.gguf")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"contract: model.gguf: at byte {len(whole) // 2}: missing ")
    assert f"; expected {len(whole)} bytes. The file was cut" in done.err


@pytest.mark.parametrize("name", ["weights.bin", "notes.txt", "empty.gguf"])
def test_bytes_of_no_known_format_end_2(contract, here, name):
    (here / name).write_bytes({"weights.bin": b"\x01" * 64, "notes.txt": b"nothing\n", "empty.gguf": b""}[name])
    done = contract("inspect", name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"contract: {name}: at byte 0: ")
    assert done.err.endswith("\nWhat can be inspected: contract inspect --help\n")


def test_a_path_that_is_not_there_ends_4(contract):
    done = contract("inspect", "nowhere")
    assert (done.code, done.out) == (4, "")
    assert "Path 'nowhere' does not exist." in done.err


@pytest.mark.bad_input(30)
def test_a_name_in_a_file_cannot_reach_the_terminal(contract, here, specimens):
    copy = shutil.copytree(specimens["trained"], here / "checkpoint")
    config = copy / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "\x1b[2Jqwen2"}))
    text = contract("inspect", copy).out
    assert "\x1b" not in text
    assert "\\x1b[2Jqwen2\n" in text


def test_the_verdict_on_safety_is_shown(contract, specimens):
    text = contract("inspect", specimens["export"]).out
    assert "safety\n  verdict          safe\n  files_looked_at  1\n  findings         none\n" in text
    safety = json.loads(contract("inspect", specimens["trained"], "--format", "json").out)["safety"]
    assert (safety["verdict"], safety["findings"]) == ("safe", [])


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors", "notes.txt"])
def test_a_dangerous_file_ends_1_with_its_verdict(contract, here, name):
    canary = here / "canary"
    (here / name).write_bytes(
        b"\x80\x02cos\nsystem\n" + f"U{chr(len(f'touch {canary}'))}touch {canary}".encode() + b"\x85R."
    )
    done = contract("inspect", name)
    assert done.code == 1
    assert "verdict          dangerous" in done.out
    assert "loading it calls os.system" in done.out
    described = json.loads(contract("inspect", name, "--format", "json").out)
    (finding,) = described["safety"]["findings"]
    assert (finding["kind"], finding["file"], finding["offset"]) == ("pickle-call", name, 2)
    assert not canary.exists()


def test_a_suspicious_file_of_no_known_format_ends_2(contract, here):
    (here / "model.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(64))
    done = contract("inspect", "model.7z")
    assert (done.code, "a 7z archive" in done.out) == (2, True)


def test_a_model_with_a_dangerous_chat_template_is_shown_and_ends_1(contract, here, specimens):
    copy = shutil.copytree(specimens["trained"], here / "checkpoint")
    (copy / "chat_template.jinja").write_text("{{ ''.__class__ }}")
    done = contract("inspect", copy)
    assert (done.code, done.out.startswith("kind ")) == (1, True)
    assert "is dangerous to load: the chat template reaches '__class__'" in done.err
