"""Cases that only a falsifier can see: one ``contract validate`` judges a damaged copy of the specimen run for each."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from falsifiable import open_model
from falsifiable.samples import write_specimens
from falsifiable.samples.apr_writer import write_apr
from tests.artifacts.formats.test_apr import native_metadata
from tests.sabotage.reference import MATRIX, WEIGHTS, rewrite_export, rewrite_weights, seal

Damage = Callable[[Path], object]
KINDS = {"run": "run", "tokenizer": "tokenizer"}
"""What a role is that is no model."""

EXPORT, TRAINED, INIT = {"export": "export/model.gguf"}, {"model": "finetuned"}, {"init": "pretrained"}
LLAMA_CPP = "{consumer: llama.cpp}"
EXPORTED, APR = {"model": "export/model.gguf"}, "export/model.apr"


@dataclass(frozen=True)
class Case:
    """A damage, the check that must see it, what the check is put on, and what it must say."""

    number: int
    damage: Damage
    check: str
    on: Mapping[str, str]
    says: str
    parameters: str = "{}"
    outcome: str = "falsified"
    falsifier: str = ""  # other than the contract's own: the built-in one, of a file that is broken further in


def fields(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Damage:
    """The export written again with other metadata."""
    return lambda run: rewrite_export(run, fields=change)


def without(*keys: str) -> Damage:
    return fields(lambda stored: {key: value for key, value in stored.items() if key not in keys})


def with_fields(**more: object) -> Damage:
    """Fields whose dots are written as double underscores."""
    return fields(lambda stored: {**stored, **{key.replace("__", "."): value for key, value in more.items()}})


def with_tokens(change: Callable[[list[str]], list[str]]) -> Damage:
    key = "tokenizer.ggml.tokens"
    return fields(lambda stored: {**stored, key: change(list(stored[key]))})


def with_matrix(change: Callable[[Any], Any]) -> Damage:
    return lambda run: rewrite_weights(run, lambda stored: {**stored, MATRIX: change(stored[MATRIX])})


def with_a_value(value: float) -> Callable[[Any], Any]:
    def changed(values: Any) -> Any:
        copy = values.copy()
        copy[3, 5] = value
        return copy

    return changed


def a_boolean_of_two(run: Path) -> None:
    rewrite_weights(run, lambda stored: {**stored, "mask": np.array([True, False, True])})
    data = bytearray((run / WEIGHTS).read_bytes())
    header = 8 + int.from_bytes(data[:8], "little")
    begin, _ = json.loads(data[8:header])["mask"]["data_offsets"]
    data[header + begin + 2] = 2
    (run / WEIGHTS).write_bytes(data)


def as_apr(
    metadata: Callable[[dict[str, Any]], dict[str, Any]] = lambda stored: stored,
) -> Damage:
    """The trained checkpoint as an APR file that states ``metadata`` of what aprender would state."""

    def written(run: Path) -> None:
        model = open_model(run / "finetuned")
        values = {name: model.tensor(name).numpy() for name in model.tensors}
        write_apr(run / "export/model.apr", metadata(native_metadata(model)), values)

    return written


def without_tokenizer(stored: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stored.items() if not key.startswith("tokenizer.")}


def as_of_an_encoder(stored: dict[str, Any]) -> dict[str, Any]:
    return {**stored, "model_type": "bert", "hf_architecture": "BertModel"}


def with_two_tokens_exchanged(stored: dict[str, Any]) -> dict[str, Any]:
    tokens = list(stored["tokenizer.vocabulary"])
    tokens[7], tokens[8] = tokens[8], tokens[7]
    return {**stored, "tokenizer.vocabulary": tokens}


def as_a_checkpoint_to_resume(**parts: object) -> Damage:
    def written(run: Path) -> None:
        import torch

        torch.save({"model": {"weight": torch.ones(2, 2)}, **parts}, run / "checkpoint.pt")

    return written


def flip_a_bit(run: Path) -> None:
    data = bytearray((run / WEIGHTS).read_bytes())
    data[-2] ^= 0x40
    (run / WEIGHTS).write_bytes(bytes(data))


def as_before_training(run: Path) -> None:
    shutil.copy(run / "pretrained/model.safetensors", run / WEIGHTS)


def losses(change: Callable[[dict[str, Any]], None]) -> Damage:
    def rewritten(run: Path) -> None:
        path = run / "metrics.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            change(row)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        seal(run)

    return rewritten


def at_the_loss_of_guessing(run: Path) -> None:
    path = run / "run.yaml"
    record = yaml.safe_load(path.read_text())
    for metric in record["metrics"].values():
        metric["value"] = math.log(320)
    path.write_text(yaml.safe_dump(record, sort_keys=False))


def as_of_another_architecture(stored: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("qwen2.embedding", "llama.embedding"): value for key, value in stored.items()}


def with_a_byte_below_zero(stored: dict[str, Any]) -> dict[str, Any]:
    tokens, types = list(stored["tokenizer.ggml.tokens"]), list(stored["tokenizer.ggml.token_type"])
    tokens[5], types[5] = "<0x-1>", 6
    return {**stored, "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types}


def nothing(run: Path) -> None:
    """The specimen as it is."""


CASES: Mapping[str, Case] = {
    "nan": Case(45, with_matrix(with_a_value(float("nan"))), "weights.finite", TRAINED,
                f"tensor {MATRIX}: 1 values are NaN or infinite, the first at index "),
    "infinity": Case(45, with_matrix(with_a_value(float("inf"))), "weights.finite", TRAINED, "1 values are NaN or"),
    "constant": Case(46, with_matrix(lambda values: values * 0 + 1), "weights.not-degenerate", TRAINED,
                     "every value is 1.0"),
    "zero": Case(46, with_matrix(lambda values: values * 0), "weights.not-degenerate", TRAINED, "every value is 0.0"),
    "untrained": Case(46, as_before_training, "initialization.every-tensor-moved", INIT | {"trained": "finetuned"},
                      "26 of 26 tensors are as in the init checkpoint"),
    "boolean": Case(47, a_boolean_of_two, "artifact.sound", TRAINED,
                    "tensor 'mask' has a boolean of value 2 at index 2"),
    "apr": Case(97, as_apr(), "vocabulary.embedded-complete", {"export": APR}, "", outcome="held"),
    "apr-without-tokenizer": Case(97, as_apr(without_tokenizer), "vocabulary.embedded-complete", {"export": APR},
                                  "model.apr holds no tokenizer"),
    "apr-without-tokens": Case(97, as_apr(lambda stored: {**stored, "tokenizer.vocabulary": []}),
                               "vocabulary.embedded-complete", {"export": APR}, "model.apr holds "),
    "apr-of-other-tokens": Case(97, as_apr(with_two_tokens_exchanged), "vocabulary.embedded-equals-original",
                                {"export": APR, "tokenizer": "finetuned/tokenizer.json"}, "id 7 is "),
    "apr-of-another-width": Case(98, as_apr(lambda stored: {**stored, "hidden_size": 64}), "packaging.tensor-inventory",
                                 {"model": APR}, "64"),
    "apr-of-another-family": Case(98, as_apr(as_of_an_encoder), "architecture.is-decoder", {"model": APR},
                                  "architecture BertModel is an encoder"),
    "bit": Case(50, flip_a_bit, "record.names-these-bytes", TRAINED | {"run": "."}, "it was changed after the run"),
    "no-architecture": Case(67, without("general.architecture"), "packaging.architecture-name", EXPORT,
                            "model.gguf names no architecture: general.architecture absent"),
    "empty-architecture": Case(67, with_fields(general__architecture=""), "packaging.architecture-name", EXPORT,
                               "general.architecture"),
    "numeric-architecture": Case(67, with_fields(general__architecture=7), "packaging.architecture-name", EXPORT,
                                 "model.gguf names no architecture: general.architecture is 7, expected a text"),
    "unknown-architecture": Case(67, with_fields(general__architecture="frobnicator"), "packaging.architecture-name",
                                 EXPORT, "frobnicator"),
    "no-width": Case(68, without("qwen2.embedding_length"), "packaging.metadata-complete", EXPORTED,
                     "qwen2.embedding_length"),
    "no-heads": Case(68, without("qwen2.attention.head_count", "qwen2.attention.head_count_kv"),
                     "packaging.metadata-complete", EXPORTED, "qwen2.attention.head_count"),
    "width-of-another": Case(68, fields(as_of_another_architecture), "packaging.metadata-complete", EXPORTED,
                             "qwen2.embedding_length"),
    "numbers-for-tokens": Case(69, with_fields(tokenizer__ggml__tokens=[1, 2, 3]), "vocabulary.embedded-complete",
                               EXPORT, "tokenizer.ggml.tokens is not a list of texts",
                               falsifier="ARTIFACT-SOUND-EXPORT"),
    "types-too-few": Case(69, with_fields(tokenizer__ggml__token_type=[1, 1]), "vocabulary.embedded-complete", EXPORT,
                          "tokenizer.ggml.token_type has 2 entries for 320 tokens"),
    "types-as-fractions": Case(69, with_fields(tokenizer__ggml__token_type=[1.0] * 320), "vocabulary.embedded-complete",
                               EXPORT, "tokenizer.ggml.token_type is not a list of integers",
                               falsifier="ARTIFACT-SOUND-EXPORT"),
    "scores-too-few": Case(69, with_fields(tokenizer__ggml__scores=[0.0, 1.0]), "packaging.usable-by", EXPORTED,
                           "Index out of array bounds for scores (2 < 320)", LLAMA_CPP),
    "types-too-many": Case(69, with_fields(tokenizer__ggml__token_type=[1] * 400), "packaging.usable-by", EXPORTED,
                           "tokenizer.ggml.token_type has 400 entries for 320 tokens", LLAMA_CPP),
    "end-outside": Case(70, with_fields(tokenizer__ggml__eos_token_id=999_999), "vocabulary.special-ids-inside",
                        EXPORTED, "tokenizer.ggml.eos_token_id is 999999, expected 0 to"),
    "end-of-another": Case(70, with_fields(tokenizer__ggml__eos_token_id=5), "export.config-agrees",
                           EXPORT | {"checkpoint": "finetuned"}, "eos_token_id"),
    "no-rule-that-splits": Case(71, without("tokenizer.ggml.pre"), "vocabulary.embedded-complete", EXPORT,
                                "tokenizer.ggml.pre is absent"),
    "no-merges": Case(71, without("tokenizer.ggml.merges"), "vocabulary.embedded-complete", EXPORT,
                      "tokenizer.ggml.merges is empty"),
    "a-token-twice": Case(71, with_tokens(lambda tokens: [*tokens[:5], tokens[7], *tokens[6:]]),
                          "vocabulary.embedded-equals-original", EXPORT | {"tokenizer": "finetuned/tokenizer.json"},
                          "id 5 is "),
    "unknown-rule-that-splits": Case(71, with_fields(tokenizer__ggml__pre="bogus"), "packaging.usable-by", EXPORTED,
                                     "unknown pre-tokenizer type: 'bogus'", LLAMA_CPP),
    "an-impossible-byte": Case(71, fields(with_a_byte_below_zero), "packaging.usable-by", EXPORTED,
                               "token 5 stands for a byte and reads '<0x-1>', expected <0x00> to <0xFF>", LLAMA_CPP),
    "a-token-twice-alone": Case(71, with_tokens(lambda tokens: [*tokens[:5], tokens[7], *tokens[6:]]),
                                "packaging.usable-by", EXPORTED,
                                "GGML_ASSERT(id_to_token.size() == token_to_id.size()) failed", LLAMA_CPP),
    "one-token-more": Case(72, with_tokens(lambda tokens: [*tokens, "[PAD320]"]), "packaging.token-list-padded", EXPORT,
                           "321"),
    "reserved-rows-undeclared": Case(72, with_tokens(lambda tokens: tokens[:300]), "packaging.token-list-padded",
                                     EXPORT, "300"),
    "uneven-share": Case(73, with_fields(qwen2__attention__head_count_kv=3), "architecture.heads-consistent", EXPORTED,
                         "14 query heads cannot be shared evenly by 3 key-value heads"),
    "more-key-value-heads": Case(73, with_fields(qwen2__attention__head_count_kv=28), "architecture.heads-consistent",
                                 EXPORTED, "cannot be shared evenly by 28"),
    "no-key-value-heads": Case(73, with_fields(qwen2__attention__head_count_kv=0), "architecture.heads-consistent",
                               EXPORTED, "14 query heads, 0 key-value heads and hidden_size 56, expected more than 0"),
    "heads-of-three-layers": Case(73, with_fields(qwen2__attention__head_count_kv=[2, 2, 2]), "packaging.usable-by",
                                  EXPORTED, "qwen2.attention.head_count_kv has wrong array length; expected 2, got 3",
                                  LLAMA_CPP),
    "another-width": Case(74, with_fields(qwen2__embedding_length=64), "packaging.tensor-inventory", EXPORTED, "64"),
    "another-head-size": Case(74, with_fields(qwen2__attention__key_length=8, qwen2__rope__dimension_count=8),
                              "packaging.tensor-inventory", EXPORTED,
                              "tensor blk.0.attn_q.weight has shape [56, 56], the configuration implies [112, 56]"),
    "a-template-that-attacks": Case(
        75, with_fields(tokenizer__chat_template="{{ ''.__class__.__mro__[1].__subclasses__() }}{{ cycler.__init__."
                        "__globals__.os.system('touch canary') }}{% for _ in range(10**9) %}x{% endfor %}"),
        "vocabulary.embedded-complete", EXPORT, "", outcome="held"),
    "a-template-of-ten-megabytes": Case(75, with_fields(tokenizer__chat_template="x" * 10 * 2**20),
                                        "vocabulary.embedded-complete", EXPORT, "", outcome="held"),
    "a-step-to-resume-at": Case(87, as_a_checkpoint_to_resume(epoch=7), "field", {"model": "checkpoint.pt"}, "",
                                "{path: epoch, criterion: {at_least: 1}}", outcome="held"),
    "no-step-to-resume-at": Case(87, as_a_checkpoint_to_resume(), "field", {"model": "checkpoint.pt"},
                                 "epoch is absent, expected at least 1", "{path: epoch, criterion: {at_least: 1}}"),
    "constant-loss": Case(94, losses(lambda row: row.update(loss=1.5)), "run.loss-varies", {"run": "."}, "1.5"),
    "the-loss-of-guessing": Case(94, at_the_loss_of_guessing, "run.loss-falls", {"run": "."},
                                 "init_val_loss 5.7683 is not below ln(320) = 5.7683"),
    "no-such-metric": Case(95, nothing, "metric", {"run": "."}, "metrics.jsonl has no accuracy",
                           "{series: accuracy, criterion: {at_least: 0}}", outcome="inconclusive"),
    "a-gap": Case(91, lambda run: drop_a_step(run), "run.window-complete", {"run": "."}, "step"),
}  # fmt: skip


def drop_a_step(run: Path) -> None:
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-3] + lines[-2:]))
    seal(run)


def contract(name: str, case: Case) -> str:
    roles = "".join(f"  {role}: {{kind: {KINDS.get(role, 'model')}}}\n" for role in case.on)
    on = ", ".join(f"{role}: {role}" for role in case.on)
    return (
        f"contract: {name}\nversion: 1.0.0\ntitle: Case {case.number}\nartifacts:\n{roles}falsifiers:\n"
        f"  - {{id: {name.upper()}, claim: It is sound, check: {case.check}, on: {{{on}}}, with: {case.parameters}}}\n"
    )


@pytest.fixture(scope="session")
def judgements(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Case -> its judgement, from one validation of one workspace that holds them all."""
    root = tmp_path_factory.mktemp("judged")
    specimens = write_specimens(root / "specimens")
    (root / "contracts").mkdir()
    bound = []
    for name, case in CASES.items():
        copy = shutil.copytree(specimens["run"], root / "damaged" / name)
        case.damage(copy)
        (root / f"contracts/{name}.yaml").write_text(contract(name, case))
        bound += [f"{name}/{role}: {os.path.normpath(f'damaged/{name}/{path}')}\n" for role, path in case.on.items()]
    (root / "artifacts.yaml").write_text("".join(bound))
    environment = {**os.environ, "FALSIFIABLE_CACHE": str(root / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "falsifiable", "validate", "--format", "json", "--memory-limit", "512"],
        cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(root.rglob("canary")), "code of a file was run"
    contracts = json.loads(done.stdout)["contracts"]
    return {f"{one['contract']}/{judged['falsifier']}": judged for one in contracts for judged in one["judgements"]}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.bad_input(case.number)) for name, case in CASES.items()]
)
def test_it_is_seen_and_named(name: str, judgements: Mapping[str, dict[str, Any]]) -> None:
    case = CASES[name]
    verdict = judgements[f"{name}/{case.falsifier or name.upper()}"]["verdict"]
    assert verdict["outcome"] == case.outcome, verdict["found"]
    assert case.says in verdict["found"]
