"""Every guard refuses what it is for, names its falsifier, and lets through what fits."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.pretrain import guards
from examples.pretrain.__main__ import main
from examples.pretrain.guards import Refusal, guarded
from examples.pretrain.options import Options

HIDDEN, INNER, HEADS, KV_HEADS, ROWS, LAYERS = 8, 16, 2, 1, 12, 1
CONFIG: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "vocab_size": ROWS,
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "tie_word_embeddings": True,
}
WIDTH = HIDDEN // HEADS
LAYER = {
    "self_attn.q_proj": (HEADS * WIDTH, HIDDEN),
    "self_attn.k_proj": (KV_HEADS * WIDTH, HIDDEN),
    "self_attn.v_proj": (KV_HEADS * WIDTH, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HEADS * WIDTH),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
SHAPES: dict[str, tuple[int, ...]] = {
    "model.embed_tokens.weight": (ROWS, HIDDEN),
    "model.norm.weight": (HIDDEN,),
    "model.layers.0.input_layernorm.weight": (HIDDEN,),
    "model.layers.0.post_attention_layernorm.weight": (HIDDEN,),
    **{f"model.layers.0.{name}.weight": shape for name, shape in LAYER.items()},
}
WORDS = [f"w{index}" for index in range(10)]  # two of the twelve rows are reserved


def write_weights(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """A safetensors file of zeros."""
    header: dict[str, Any] = {}
    offset = 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    content = json.dumps(header).encode()
    content += b" " * (-len(content) % 8)
    path.write_bytes(struct.pack("<Q", len(content)) + content + bytes(offset))


def write_tokenizer(path: Path, words: Sequence[str]) -> Path:
    vocabulary = {word: index for index, word in enumerate(words)}
    path.write_text(json.dumps({"version": "1.0", "model": {"type": "BPE", "vocab": vocabulary, "merges": []}}))
    return path


def write_checkpoint(folder: Path, config: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    write_weights(folder / "model.safetensors", SHAPES)
    write_tokenizer(folder / "tokenizer.json", WORDS)
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A sound little checkpoint with its tokenizer."""
    return write_checkpoint(tmp_path / "checkpoint", CONFIG)


@pytest.fixture
def options(checkpoint: Path, tmp_path: Path) -> Options:
    return Options(output=tmp_path / "run", init=checkpoint)


def refusal(options: Options) -> str:
    with pytest.raises(Refusal) as refused:
        guarded(options)
    return str(refused.value)


def test_a_checkpoint_with_its_own_tokenizer_passes(options: Options) -> None:
    assert "10 tokens in 12 embedding rows" in str(guarded(options))


def test_reserved_slots_may_be_used_up_but_not_exceeded(options: Options, tmp_path: Path) -> None:
    full = write_tokenizer(tmp_path / "full.json", [*WORDS, "a", "b"])
    assert "12 tokens in 12 embedding rows" in str(guarded(replace(options, tokenizer=full)))
    over = write_tokenizer(tmp_path / "over.json", [*WORDS, "a", "b", "c"])
    said = refusal(replace(options, tokenizer=over))
    assert said.startswith("FALSIFY-ARCH-010")
    assert "FALSIFY-ARCH-006" not in said
    assert "emits ids up to 12" in said


@pytest.mark.parametrize("words", [[*WORDS[:4], "other", *WORDS[5:]], WORDS[:4]])
def test_a_tokenizer_whose_ids_mean_other_tokens_is_refused(options: Options, tmp_path: Path, words: list[str]) -> None:
    other = write_tokenizer(tmp_path / "other.json", words)
    said = refusal(replace(options, tokenizer=other))
    assert said.startswith("FALSIFY-ARCH-006")
    assert "id 4" in said


def test_from_scratch_the_tokenizer_must_be_of_the_declared_size(tmp_path: Path) -> None:
    scratch = Options(output=tmp_path / "run")
    assert "from scratch" in str(guarded(scratch))
    exact = write_tokenizer(tmp_path / "exact.json", [f"w{index}" for index in range(4_000)])
    assert "4,000 tokens" in str(guarded(replace(scratch, tokenizer=exact)))
    small = write_tokenizer(tmp_path / "small.json", WORDS)
    said = refusal(replace(scratch, tokenizer=small))
    assert "FALSIFY-ARCH-006" in said
    assert "FALSIFY-ARCH-010" not in said
    large = write_tokenizer(tmp_path / "large.json", [f"w{index}" for index in range(4_097)])
    said = refusal(replace(scratch, tokenizer=large))
    assert "FALSIFY-ARCH-006" in said
    assert "FALSIFY-ARCH-010" in said


def test_an_encoder_is_refused(options: Options, checkpoint: Path) -> None:
    encoder = {**CONFIG, "architectures": ["BertModel"], "model_type": "bert"}
    (checkpoint / "config.json").write_text(json.dumps(encoder))
    said = refusal(options)
    assert said.startswith("FALSIFY-ARCH-007")
    assert "BertModel" in said


def test_a_missing_checkpoint_is_refused(options: Options, tmp_path: Path) -> None:
    assert refusal(replace(options, init=tmp_path / "nowhere")).startswith("FALSIFY-ARCH-012")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04pickle", b"GGUF\x03\x00\x00\x00"])
def test_a_file_that_is_no_checkpoint_is_refused(options: Options, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bogus").write_bytes(content)
    assert refusal(replace(options, init=tmp_path / "bogus")).startswith("FALSIFY-ARCH-012")


def test_weights_without_their_config_are_refused(options: Options, checkpoint: Path) -> None:
    said = refusal(replace(options, init=checkpoint / "model.safetensors"))
    assert said.startswith("FALSIFY-ARCH-012")
    assert "expected a Hugging Face folder" in said


def test_weights_that_are_cut_off_are_refused(options: Options, checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert refusal(options).startswith("FALSIFY-ARCH-012")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"hidden_size": 9}, "shape [12, 8]"),
        ({"num_hidden_layers": 2}, "layers.1.attention.query is missing"),
        ({"vocab_size": None}, "lacks vocab_size"),
    ],
)
def test_weights_other_than_the_config_implies_are_refused(
    options: Options, checkpoint: Path, change: dict[str, Any], found: str
) -> None:
    changed = {key: value for key, value in {**CONFIG, **change}.items() if value is not None}
    (checkpoint / "config.json").write_text(json.dumps(changed))
    said = refusal(options)
    assert said.startswith("FALSIFY-ARCH-012")
    assert found in said


def test_a_tokenizer_that_is_missing_is_refused(options: Options, tmp_path: Path) -> None:
    assert refusal(replace(options, tokenizer=tmp_path / "nowhere.json")).startswith("FALSIFY-ARCH-006")


def test_a_device_that_is_not_wired_is_refused(options: Options) -> None:
    said = refusal(replace(options, device="mps"))
    assert said.startswith("FALSIFY-ARCH-011")
    assert "--device mps" in said


def test_cuda_is_refused_where_there_is_none(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert refusal(replace(options, device="cuda")).startswith("FALSIFY-ARCH-011")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "on cuda" in str(guarded(replace(options, device="cuda")))


@pytest.mark.parametrize(
    ("guard", "falsifier", "asked"),
    [
        ("tokenizer_is_the_declared_one", "FALSIFY-ARCH-006", {"init": None, "tokenizer": "small.json"}),
        ("tokenizer_speaks_as_the_checkpoint", "FALSIFY-ARCH-006", {"tokenizer": "other.json"}),
        ("checkpoint_is_decoder", "FALSIFY-ARCH-007", {"init": "encoder"}),
        ("tokenizer_fits_rows", "FALSIFY-ARCH-010", {"tokenizer": "over.json"}),
        ("device_is_wired", "FALSIFY-ARCH-011", {"device": "tpu"}),
        ("checkpoint_fits_its_config", "FALSIFY-ARCH-012", {"init": "gap"}),
    ],
)
def test_without_its_guard_a_promise_is_broken(
    guard: str,
    falsifier: str,
    asked: dict[str, Any],
    options: Options,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_tokenizer(tmp_path / "small.json", WORDS)
    write_tokenizer(tmp_path / "other.json", [*WORDS[:9], "other"])
    write_tokenizer(tmp_path / "over.json", [*WORDS, "a", "b", "c"])
    write_checkpoint(tmp_path / "encoder", {**CONFIG, "architectures": ["BertModel"], "model_type": "bert"})
    write_checkpoint(tmp_path / "gap", {**CONFIG, "num_hidden_layers": 2})
    paths = {name: tmp_path / value if name != "device" and value else value for name, value in asked.items()}
    broken = replace(options, **paths)
    assert falsifier in refusal(broken)
    monkeypatch.setattr(guards, guard, lambda *_: None)
    guarded(broken)


def test_a_refusal_ends_non_zero_with_the_id_on_stderr_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    output.mkdir()
    assert main(["--output", str(output), "--init", str(tmp_path / "nowhere")]) == 2
    said = capsys.readouterr()
    assert "refused FALSIFY-ARCH-012" in said.err
    assert said.out == ""
    assert list(tmp_path.iterdir()) == [output]
    assert list(output.iterdir()) == []


def test_check_only_says_what_would_be_trained_and_writes_nothing(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    assert main(["--check-only", "--output", str(output), "--init", str(checkpoint)]) == 0
    assert capsys.readouterr().out.startswith(f"would train from checkpoint {checkpoint} (qwen2, ")
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments",
    [["--size", "tiny"], ["--pretrain-steps", "3"], ["--steps", "-1"], ["--output", "{inside}"]],
    ids=["size", "pretrain-steps", "negative", "output-holds-init"],
)
def test_contradictory_options_are_wrong_usage(
    arguments: list[str], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [argument.format(inside=checkpoint.parent) for argument in arguments]
    with pytest.raises(SystemExit) as ended:
        main(["--init", str(checkpoint), *arguments])
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_the_guards_import_no_torch(checkpoint: Path) -> None:
    program = (
        "import sys\nfrom examples.pretrain.__main__ import main\n"
        f"assert main(['--check-only', '--output', 'nowhere', '--init', {str(checkpoint)!r}]) == 0\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
