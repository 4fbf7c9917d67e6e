"""Write the seed corpus anew: ``python -m tests.fuzz.make_seeds``.

A seed is a small sound input of its target, made by the writers that the samples and the libraries have; the fuzzer
starts from them. Our own writers give the same bytes on every machine; ``MADE_BY_LIBRARIES`` change with versions.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import tarfile
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from falsifiable.artifacts import folder_digest
from falsifiable.samples.apr_writer import StoredTensor, write_apr
from falsifiable.samples.formats import write_gguf, write_safetensors
from tests.fuzz.__main__ import SEEDS
from tests.fuzz.targets import SEPARATOR

SHA256 = "b179c952" * 8
Seeds = Mapping[str, bytes]

MADE_BY_LIBRARIES = {"zip", "pickle", "pytorch", "safety", "sentencepiece"}
"""Targets whose seeds torch, sentencepiece, zlib or the pickle module wrote."""


def main() -> None:
    """Replace ``seeds/`` by what the functions below make."""
    shutil.rmtree(SEEDS, ignore_errors=True)
    write_seeds(SEEDS)


def write_seeds(folder: Path) -> None:
    """Write ``folder/TARGET/NAME`` for every seed of every target."""
    for target, make in MAKERS.items():
        (folder / target).mkdir(parents=True)
        with tempfile.TemporaryDirectory() as scratch:
            for name, content in make(Path(scratch)).items():
                (folder / target / name).write_bytes(content)


def _safetensors(scratch: Path) -> Seeds:
    return {
        name: write_safetensors(scratch / name, tensors, metadata).read_bytes()
        for name, (tensors, metadata) in {
            "two-tensors": ({"a.weight": _numbers(2, 3), "b.bias": _numbers(3)}, {"format": "pt"}),
            "every-dtype": ({f"t.{one}": _numbers(2).astype(one) for one in _DTYPES}, None),
            "no-tensors": ({}, {"format": "pt"}),
            "a-scalar-and-an-empty-one": ({"scalar": _numbers(), "empty": _numbers(0, 4)}, None),
            "qwen2-layer": (_layer("model.layers.0.self_attn.{}_proj.weight", "qkvo"), None),
        }.items()
    }


def _gguf(scratch: Path) -> Seeds:
    model = {
        "general.architecture": "qwen2",
        "qwen2.attention.head_count": 2,
        "qwen2.attention.head_count_kv": 1,
        "qwen2.embedding_length": 8,
        "qwen2.rope.freq_base": 10_000.0,
    }
    tokenizer = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": ["a", "b", "ab", "\u0120"],
        "tokenizer.ggml.token_type": [1, 1, 1, 3],
        "tokenizer.ggml.scores": [0.5, -1.0, 0.0, 0.0],
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.add_bos_token": True,
    }
    tensors = {"token_embd.weight": _numbers(4, 8), **_layer("blk.0.attn_{}.weight", "qkv")}
    written = {
        "model-with-tokenizer": (model | tokenizer, tensors),
        "model-without-tokenizer": (model, {"token_embd.weight": _numbers(4, 8).astype("float16")}),
        "llama-whose-heads-are-reordered": (
            {"general.architecture": "llama", "llama.attention.head_count": 2, "llama.attention.head_count_kv": 1},
            _layer("blk.0.attn_{}.weight", "qk"),
        ),
        "no-tensors": ({"general.architecture": "bert", "general.alignment": 64}, {}),
    }
    return {name: write_gguf(scratch / name, *content).read_bytes() for name, content in written.items()}


def _huggingface(scratch: Path) -> Seeds:
    first, second = {"model.embed_tokens.weight": _numbers(4, 2)}, {"model.norm.weight": _numbers(2)}
    shards = [write_safetensors(scratch / str(n), one).read_bytes() for n, one in enumerate((first, second))]
    names = [f"model-{part:05d}-of-00002.safetensors" for part in (1, 2)]
    places = {tensor: name for name, one in zip(names, (first, second), strict=True) for tensor in one}
    index = _json({"metadata": {"total_size": 40}, "weight_map": places})
    generation = _json({"eos_token_id": 1, "bos_token_id": [0, 1]})
    configs = {
        "qwen2": {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 2, "vocab_size": 4,
                  "num_attention_heads": 2, "rope_parameters": {"rope_theta": 1e4}, "tie_word_embeddings": True},
        "bert": {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 2},
        "vision-with-a-text-model": {"model_type": "llava", "text_config": {"model_type": "llama", "head_dim": 2}},
        "quantized": {"model_type": "llama", "quantization_config": {"bits": 4, "group_size": 64}},
    }  # fmt: skip
    return {name: SEPARATOR.join((_json(one), generation, index, *shards)) for name, one in configs.items()}


def _apr(scratch: Path) -> Seeds:
    model = {"model_type": "qwen2", "hidden_size": 8, "num_heads": 2, "num_kv_heads": 1, "vocab_size": 4}
    tokenizer = {"tokenizer.vocabulary": ["a", "b", "ab"], "tokenizer.merges": ["a b"], "tokenizer.eos_token_id": 2}
    quantized = StoredTensor("Q4_K", (2, 256), bytes(range(144)) * 2)
    written: dict[str, tuple[Any, Any]] = {
        "model-with-tokenizer": (model | tokenizer, {"model.embed_tokens.weight": _numbers(4, 8)}),
        "no-metadata": ({}, {"a": _numbers(2), "b": _numbers(3).astype("float16")}),
        "quantized": (model, {"w": quantized}),
        "no-tensors": (model, {}),
    }
    return {name: write_apr(scratch / name, *content).read_bytes() for name, content in written.items()}


def _peft(scratch: Path) -> Seeds:
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    pair = {f"{module}.lora_A.weight": _numbers(2, 8), f"{module}.lora_B.weight": _numbers(4, 2)}
    config = {
        "peft_type": "LORA",
        "r": 2,
        "lora_alpha": 4,
        "target_modules": ["q_proj"],
        "base_model_name_or_path": "b",
    }
    weights = write_safetensors(scratch / "pair", pair, {"format": "pt"}).read_bytes()
    configs = {
        "low-rank": config,
        "rank-stabilised": config | {"use_rslora": True},
        "ranks-by-pattern": config | {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 8}},
    }
    return {name: SEPARATOR.join((_json(one), weights)) for name, one in configs.items()}


def _mlx(scratch: Path) -> Seeds:
    module = "model.layers.0.self_attn.q_proj"
    pair = {f"{module}.lora_a": _numbers(8, 2), f"{module}.lora_b": _numbers(2, 4)}
    weights = write_safetensors(scratch / "pair", pair).read_bytes()
    parameters = {"rank": 2, "scale": 20.0, "dropout": 0.0}
    config = {"fine_tune_type": "lora", "num_layers": 4, "model": "b", "lora_parameters": parameters}
    return {
        "low-rank": SEPARATOR.join((_json(config), weights)),
        "full": SEPARATOR.join((_json(config | {"fine_tune_type": "full"}), weights)),
    }


def _gguf_split(scratch: Path) -> Seeds:
    model = {"general.architecture": "qwen2", "qwen2.embedding_length": 8}
    parts = []
    for number, tensors in enumerate(({"token_embd.weight": _numbers(4, 8)}, {"output_norm.weight": _numbers(8)})):
        fields = {**(model if number == 0 else {}), "split.no": number, "split.count": 2, "split.tensors.count": 2}
        parts.append(write_gguf(scratch / str(number), fields, tensors).read_bytes())
    return {"two-parts": SEPARATOR.join(parts)}


def _zip(scratch: Path) -> Seeds:
    made = {
        "stored": zipped({"archive/data.pkl": b"\x80\x02}.", "archive/version": b"3\n"}),
        "deflated": zipped({"a/b": b"a" * 200}, zipfile.ZIP_DEFLATED),
    }
    return made | {"as-torch-writes-it": _torch_saved({"a": 1})}


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these members, the same bytes every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


class _Calls:
    """Unpickles by calling a function; it is pickled here, and never unpickled."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.function, self.arguments


def _pickle(scratch: Path) -> Seeds:
    values = {"a": [1, -2.5, None, True, "text", b"bytes", 2**70], "b": (1, (2, 3), {4}), "c": {"d": {}}}
    protocols = {f"values-in-protocol-{one}": pickle.dumps(values, protocol=one) for one in range(6)}
    return protocols | {
        "calls-a-program": pickle.dumps(_Calls(os.system, "true"), protocol=2),
        "calls-print": pickle.dumps(_Calls(print, "hello"), protocol=4),
        "an-ordered-mapping": pickle.dumps(OrderedDict(a=1), protocol=2),
        "breaks-off": pickle.dumps(_Calls(os.system, "true"), protocol=2)[:-1] + b"\xff",
        "a-memo-of-a-memo": b"\x80\x02]q\x00(h\x00h\x00e.",
    }


def _pytorch(scratch: Path) -> Seeds:
    import torch

    weights = {"w": torch.arange(6, dtype=torch.float32).reshape(2, 3), "b": torch.zeros(2, dtype=torch.float16)}
    shared = torch.arange(4.0)
    return {
        "state-dict": _torch_saved(weights),
        "views-of-one-storage": _torch_saved({"whole": shared, "half": shared[2:], "turned": shared.view(2, 2).t()}),
        "checkpoint": _torch_saved(
            {"model": weights, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}, "step": 3}
        ),
        "legacy": _torch_saved({"w": torch.ones(2)}, zipped_format=False),
    }


def _torch_saved(value: object, *, zipped_format: bool = True) -> bytes:
    """What ``torch.save`` writes; padding and identifiers that differ from run to run are those of this version."""
    import torch

    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=zipped_format)
    return buffer.getvalue()


def _safety(scratch: Path) -> Seeds:
    pickles = _pickle(scratch)
    config = {"auto_map": {"AutoModel": "modeling.Model"}, "chat_template": "{{ ''.__class__ }}"}
    with_pickle = {"model/data.pkl": pickles["calls-a-program"]}
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("data.pkl")
        entry.size = len(pickles["calls-a-program"])
        archive.addfile(entry, io.BytesIO(pickles["calls-a-program"]))
    return {
        "pickle": pickles["calls-a-program"],
        "zip": zipped(with_pickle),
        "gzip": gzip.compress(pickles["calls-a-program"], mtime=0),
        "tar": tarred.getvalue()[:2048],
        "configuration": _json(config),
        "keras": zipped({"config.json": _json({"class_name": "Lambda"}), "metadata.json": b"{}"}),
        "text": b"nothing to see here\n",
        "behind-other-bytes": b"\0" * 64 + pickles["calls-a-program"],
    }


def _sentencepiece(scratch: Path) -> Seeds:
    import sentencepiece

    seeds = {}
    for name, options in {
        "unigram": {"model_type": "unigram", "vocab_size": 24},
        "byte-pair": {"model_type": "bpe", "vocab_size": 24},
        "user-defined": {"model_type": "char", "vocab_size": 16, "user_defined_symbols": ["<sep>"], "pad_id": 3},
    }.items():
        written = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a rose is a rose is a rose", "the sea the sea"]), model_writer=written,
            normalization_rule_name="identity", hard_vocab_limit=False, minloglevel=2, **options,
        )  # fmt: skip
        seeds[name] = written.getvalue()
    return seeds


def _vocabulary(scratch: Path) -> Seeds:
    vocabulary = _json({"a": 0, "b": 1, "ab": 2, "<|end|>": 3})
    return {
        "with-a-version": SEPARATOR.join((vocabulary, b"#version: 0.2\na b\n")),
        "without-merges": SEPARATOR.join((vocabulary, b"")),
    }


def _word_pieces(scratch: Path) -> Seeds:
    return {"bert": b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n", "windows": b"[UNK]\r\na\r\n"}


def _trainer_state(scratch: Path) -> Seeds:
    history = [
        {"epoch": 0.5, "step": 1, "loss": 2.5, "learning_rate": 1e-3, "grad_norm": 1.0},
        {"epoch": 1.0, "step": 2, "loss": 2.25},
        {"epoch": 1.0, "step": 2, "eval_loss": 2.0},
        {"epoch": 1.0, "step": 2, "train_loss": 2.4, "train_runtime": 3.5, "total_flos": 1e9},
        {"epoch": 1.0, "step": 2, "eval_loss": 1.9},
    ]
    state = {"best_metric": 1.9, "global_step": 2, "max_steps": 2, "epoch": 1.0, "log_history": history}
    return {"finished": _json(state), "not-begun": _json({**state, "global_step": 0, "log_history": []})}


def _text_log(scratch: Path) -> Seeds:
    pattern = rb"step (?P<step>\d+).*loss[ =:]+(?P<loss>[-+.\deE]+)"
    return {
        "lines": SEPARATOR.join((pattern, b"step 1 loss: 2.5\nnoise\nstep 2 loss: 2.25e0\n")),
        "progress-bar": SEPARATOR.join((pattern, b"\x1b[2K\rstep 1 loss 2\rstep 2 loss 1.5\nstep 3 loss 1.25\n")),
        "phases": SEPARATOR.join((rb"(?P<phase>\w+) (?P<step>\d+) (?P<loss>\S+)", b"train 1 2.5\neval 1 2.25\n")),
    }


def _mlx_log(scratch: Path) -> Seeds:
    lines = [
        b"Starting training..., iters: 20\nCalculating loss...:  50%\rIter 1: Val loss 3.5, Val took 0.7s\n",
        b"Iter 10: Train loss 2.5, Learning Rate 1.000e-05, It/sec 1.2, Tokens/sec 40.5, Trained Tokens 9, "
        b"Peak mem 1.3 GB\n",
        b"Iter 10: Saved adapter weights to a/b.safetensors and a/0000010_b.safetensors.\n",
        b"Iter 20: Train loss nan, It/sec 1\nSaved final weights to a/b.safetensors.\n",
    ]
    return {"finished": b"".join(lines), "killed": b"".join(lines[:2])[:-9]}


def _tokenizer(scratch: Path) -> Seeds:
    models: dict[str, dict[str, Any]] = {
        "bpe": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]], "unk_token": None},
        "bpe-with-merges-as-texts": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
        "unigram": {"type": "Unigram", "vocab": [["<unk>", 0.0], ["a", -1.5]], "unk_id": 0},
        "wordpiece": {"type": "WordPiece", "vocab": {"[UNK]": 0, "##a": 1}, "unk_token": "[UNK]"},
        "wordlevel": {"type": "WordLevel", "vocab": {"[UNK]": 0, "word": 1}, "unk_token": "[UNK]"},
    }
    added = [{"id": 7, "content": "<|end|>", "special": True, "normalized": False}]
    config = {"eos_token": "<|end|>", "bos_token": {"content": "a"}, "chat_template": "{{ messages }}"}
    files = {
        name: {"version": "1.0", "added_tokens": added, "normalizer": {"type": "NFC"}, "model": model}
        for name, model in models.items()
    }
    return {name: SEPARATOR.join((_json(one), _json(config))) for name, one in files.items()}


def _run(scratch: Path) -> Seeds:
    state = _json({"dtype": "float32", "tensors": {"a": {"blake3": SHA256, "shape": [2, 3]}}, "val_loss": 4.5})
    log = _rows({"phase": "pretrain", "step": 0, "loss": 4.5, "val_loss": "nan"}, {"phase": "finetune", "step": 1})
    return {
        name: SEPARATOR.join((record.encode(), state, log))
        for name, record in {
            "complete": "run_record: 1\nrun_id: a\ncommit: null\ndirty: false\n"
            "device: {requested: cpu, actual: cpu}\nmetrics:\n  val_loss: {value: 4.5, step: 1}\nartifacts:\n"
            f"  step_zero: {{path: step_zero.json, size: 9, sha256: {SHA256}}}\n"
            f"  metrics: {{path: metrics.jsonl, sha256: {SHA256}}}\n",
            "smallest": "run_record: 1\nrun_id: a\nmetrics: {}\nartifacts: {}\n",
            "not-a-number": "run_record: 1\nrun_id: a\nmetrics: {loss: {value: nan, step: 0}}\nartifacts: {}\n",
        }.items()
    }


def _metrics(scratch: Path) -> Seeds:
    rows = [{"phase": "pretrain", "step": n, "loss": 4.5 - n / 8, "lr": 1e-3, "seconds": n / 4} for n in range(4)]
    return {
        "four-steps": _rows(*rows),
        "two-phases": _rows(rows[0], rows[1], {"phase": "finetune", "step": 0, "val_loss": 4.0}),
        "torn": _rows(*rows)[:-20],
        "blank-lines-and-carriage-returns": _rows(*rows).replace(b"\n", b"\r\n\n"),
        "not-finite": _rows({"step": 0, "loss": "nan"}, {"step": 1, "loss": "-inf"}),
    }


def _corpus(scratch: Path) -> Seeds:
    import hashlib

    text, tokens = b"a poem", np.array([0, 1, 2], dtype="<u2").tobytes()
    file = {"path": "poem", "sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)}
    split = {
        "sha256": folder_digest({"poem": str(file["sha256"])}), "path": "train.txt", "tokens_path": "train.tokens",
        "tokens_sha256": hashlib.sha256(tokens).hexdigest(), "tokens": 3, "real_share": 1.0, "files": [file],
    }  # fmt: skip
    evaluation = {"sequences": 1, "sequence_length": 2}
    return {
        name: SEPARATOR.join((_json(manifest), text, tokens))
        for name, manifest in {
            "one-split": {"corpus_manifest": 1, "name": "poems", "splits": {"train": split}, "evaluation": evaluation},
            "no-splits": {"corpus_manifest": 1, "splits": {}},
        }.items()
    }


def _conversations(scratch: Path) -> Seeds:
    import hashlib

    row = {"messages": [{"role": "user", "content": "a"}], "kind": "real", "source": "one"}
    rows = _rows(row, {**row, "kind": "synthetic"})
    sha256 = hashlib.sha256(rows).hexdigest()
    split = {
        "format": "chat", "kind": "partial-real", "sha256": folder_digest({"train.jsonl": sha256}), "tokens": 2,
        "real_share": 0.5, "shards": [{"path": "train.jsonl", "sha256": sha256, "bytes": len(rows), "rows": 2}],
    }  # fmt: skip
    sources = {"one": {"path": "train.jsonl", "sha256": sha256}}
    manifest = {"corpus_manifest": 1, "name": "talk", "sources": sources, "splits": {"train": split}}
    return {"two-rows": SEPARATOR.join((_json(manifest), rows))}


def _table(scratch: Path) -> Seeds:
    return {
        "lines": b'{"a": 1}\n\n{"b": [true, null]}\n',
        "array": b'[{"a": "]"},\n {"a": 2}\n,\n{}]\n',
        "object": b'{\n "type": "object"\n}\n',
        "nothing": b"\n",
    }


def _plan(scratch: Path) -> Seeds:
    rest = (
        "plan: next\ncommand: [a, --b]\ndevice: cuda:1\nsteps: 5\nbatch: {sequences: 1, sequence_length: 2}\n"
        "data: {corpus: m.json, splits: [a]}\nbudget: {tokens: seen, per_parameter: {at_least: 20}}\n"
        "checkpoints: {folder: a, saves: 1, bytes_per_parameter: 2.5}\n"
    )
    blocked = "init: a\nblockers:\n  - {what: a, until: 2026-01-01, why: b}\n"
    return {
        "from-a-checkpoint": (rest + blocked).encode(),
        "from-nothing": (rest + "shape: {parameters: 9, vocab_size: 2}\n").encode(),
    }


def _json_values(scratch: Path) -> Seeds:
    return {
        "every-kind": _json({"a": [1, -2.5e-3, True, None, "\u00e9\n\\"], "b": {"c": {}}}),
        "a-number": b"12345678901234567890",
        "nested-to-the-limit": b"[" * 32 + b"]" * 32,
        "escapes": rb'["\ud83d\ude00", "\u0000", "\/"]',
    }


def _origin(scratch: Path) -> Seeds:
    record = f"origin_record: 1\nsource: pypi:a==1\nfile: a.gguf\nversion: '1'\nsha256: {SHA256}\nsize: 98\n"
    return {"complete": record.encode(), "smallest": f"origin_record: 1\nsource: b\nsha256: {SHA256}\n".encode()}


def _contract(scratch: Path) -> Seeds:
    head = "contract: example\nversion: 1.0.0\ntitle: It loads\n"
    roles = "artifacts:\n  export: {kind: model}\n  tokenizer: {kind: tokenizer}\n"
    claims = (
        "falsifiers:\n  - id: FALSIFY-001\n    claim: Every id has a row\n    check: vocabulary.fits-model\n"
        "    on: {tokenizer: tokenizer, model: export}\n    with: {bound: at-most}\n    up_to: integration\n"
    )
    discharge = "discharge:\n  export: {parameters: {at_least: 490e6}, loss: {equals: 1.5, within: 1e-3}}\n"
    return {
        "contract": (head + roles + claims + discharge).encode(),
        "block-texts": (head.replace("It loads", ">-\n  It\n  loads") + roles + claims).encode(),
        "without-falsifiers": (head + "falsifiers: []\n").encode(),
        "bindings": b"trained: runs/a\nexample/run: {path: b, sha256: " + SHA256.encode() + b"}\n"
        b"trainer: {command: [python, -c, '{output}'], sources: [a.py]}\n",
        "quotes-and-escapes": b"a: 'it''s'\nb: \"\\x41\\u00e9\\n\"\nc: [1, 0x1F, 1e-5, .inf, ~, yes]\n",
    }


def _pv(scratch: Path) -> Seeds:
    head = "metadata: {version: 1.0.0, description: 'Sums to \u03c3', references: [Bridle (1990)]%s}\n"
    equations = "equations: {sum: {formula: sum(x), domain: all x, invariants: [it is 1]}}\n"
    proofs = (
        "proof_obligations: [{id: SM-INV-001, type: invariant, property: the outputs sum to 1, tolerance: 1e-6}]\n"
        "falsification_tests:\n"
        "  - {id: FALSIFY-SM-001, rule: sum, prediction: it is 1, test: 'a_test.py::test_a', if_fails: no maximum}\n"
        "  - {id: FALSIFY-SM-002, rule: order, prediction: it stays, test: cargo test falsify_order, if_fails: b}\n"
        "kani_harnesses: [{id: KANI-SM-001, obligation: SM-INV-001, bound: 8, harness: verify_sum}]\n"
        "qa_gate: {id: F-SM-001, name: Sum, checks: [sum], pass_criteria: all pass}\n"
    )
    summary = "verification_summary: {total_obligations: 1, l3_kani_proved: 1}\n"
    return {
        "kernel": (head % "" + equations + proofs).encode(),
        "kernel-with-a-summary": (head % ", depends_on: [exp-v1]" + equations + proofs + summary).encode(),
        "registry": (head % ", registry: true" + "equations: {}\n").encode(),
        "nothing-but-tests": ("status: proved\n" + proofs).encode(),
    }


def _evidence(scratch: Path) -> Seeds:
    from tests.evidence.builders import contract, statement

    return {"statement": statement(contract()).data}


def _spec(scratch: Path) -> Seeds:
    opening = "<!-- contract:scoreboard sha256=0f3a0f3a0f3a0f3a evidence=91ab,22cd -->"
    region = f"{opening}\n| a | b |\n<!-- /contract:scoreboard -->\n"
    log = region.replace("scoreboard", "log")
    return {
        "one-region": f"# Spec\n\n{region}\nProse.\n".encode(),
        "two-regions-with-carriage-returns": (region + log).replace("\n", "\r\n").encode(),
        "markers-in-code": f"```\n{region}```\n\n    {region}".encode(),
        "in-a-list": f"- item\n\n  {region}".encode(),
    }


_DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


def _numbers(*shape: int) -> Any:
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) / 8


def _layer(name: str, letters: str) -> dict[str, Any]:
    return {name.format(letter): _numbers(8, 8) if letter in "qo" else _numbers(4, 8) for letter in letters}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _rows(*rows: Mapping[str, object]) -> bytes:
    return b"".join(_json(row) + b"\n" for row in rows)


MAKERS: dict[str, Callable[[Path], Seeds]] = {
    "safetensors": _safetensors,
    "gguf": _gguf,
    "huggingface": _huggingface,
    "apr": _apr,
    "peft": _peft,
    "mlx": _mlx,
    "gguf-split": _gguf_split,
    "zip": _zip,
    "pickle": _pickle,
    "pytorch": _pytorch,
    "safety": _safety,
    "sentencepiece": _sentencepiece,
    "vocabulary": _vocabulary,
    "word-pieces": _word_pieces,
    "trainer-state": _trainer_state,
    "text-log": _text_log,
    "mlx-log": _mlx_log,
    "tokenizer": _tokenizer,
    "run": _run,
    "metrics": _metrics,
    "corpus": _corpus,
    "conversations": _conversations,
    "table": _table,
    "plan": _plan,
    "json": _json_values,
    "origin": _origin,
    "contract": _contract,
    "pv": _pv,
    "evidence": _evidence,
    "spec": _spec,
}

if __name__ == "__main__":
    main()
