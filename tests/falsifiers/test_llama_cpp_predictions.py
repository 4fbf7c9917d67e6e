"""The static falsifiers predict what real llama.cpp does with a file, in its own words.

``llama_cpp_verdicts.yaml`` lists variants of the reference export: those that llama.cpp refuses, with its message;
those that it takes in silence although something is wrong; and harmless ones. Every row is written, given to the
falsifiers and given to real llama.cpp in a process of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest
import yaml

import falsifiers
from falsifiable import ArtifactError, Model, open_model
from falsifiable.contracts import read_contract
from falsifiable.contracts.parameters import typed_parameters
from falsifiable.falsifier import REGISTRY
from falsifiers.export import agrees_with_checkpoint
from falsifiers.llama_cpp import Generated, generate_with_llama_cpp
from tests.falsifiers.gguf_variants import CHANGES, DAMAGES, WRITERS, Fields, Tensors, write_variant

pytest.importorskip("xllamacpp")

for module in iter_modules(falsifiers.__path__):
    import_module(f"falsifiers.{module.name}")

ROOT = Path(__file__).parents[2]
EXPORT, CHECKPOINT = ROOT / "runs/reference/export/model.gguf", ROOT / "runs/reference/finetuned"
TABLE: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "llama_cpp_verdicts.yaml").read_text())
CONTRACT = "runtime/llama-cpp-loads"  # what is judged without running a client
USABLE = "CLIENT-002"

pytestmark = pytest.mark.skipif(not EXPORT.is_file(), reason="there is no runs/reference; make validate trains it")


@dataclass(frozen=True)
class Prediction:
    """What the falsifiers say of a file: which fall, and what `packaging.usable-by` finds."""

    falsified: tuple[str, ...]
    inconclusive: tuple[str, ...] = ()
    found: str = ""


def static_claims() -> list[Any]:
    read = read_contract(ROOT / f"contracts/{CONTRACT}.yaml").contract
    return [] if read is None else list(read.falsifiers)


def predict(path: Path) -> Prediction:
    """A file that does not open is told by its kind: `unsound` (artifact.sound falls) or `unreadable`."""
    try:
        model = open_model(path)
    except ArtifactError as error:
        return Prediction((error.kind,), found=str(error))
    outcomes: dict[str, str] = {}
    found = ""
    for claim in static_claims():
        name, check = claim.id.removeprefix("FALSIFY-"), REGISTRY[claim.check]
        try:
            verdict = check(model, **typed_parameters(claim.parameters, check.signature))
        except ArtifactError as error:
            outcomes[name] = "falsified" if error.kind == "unsound" else "inconclusive"
            continue
        outcomes[name] = verdict.outcome
        found = verdict.found if name == USABLE else found
    by_outcome = {kind: tuple(one for one, outcome in outcomes.items() if outcome == kind) for kind in
                  ("falsified", "inconclusive")}  # fmt: skip
    return Prediction(by_outcome["falsified"], by_outcome["inconclusive"], found)


def run(path: Path) -> Generated:
    return generate_with_llama_cpp(path, "def fib(n):", 4, 120.0)


def in_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def reference() -> tuple[Fields, Tensors]:
    """The metadata and the tensors of the reference export."""
    return content_of(open_model(EXPORT))


def content_of(model: Model) -> tuple[Fields, Tensors]:
    fields = {
        key: value if isinstance(value, (str, int, float, bool)) else list(value)  # type: ignore[call-overload]
        for key, value in model.metadata.items()
    }
    types = {"F16": np.float16, "F32": np.float32}
    return fields, {name: model.tensor(name).numpy().astype(types[one.dtype]) for name, one in model.tensors.items()}


def test_the_table_holds_every_variant_once_and_enough_of_each() -> None:
    listed = [*TABLE["refused"], *TABLE["swallowed"], *TABLE["harmless"]]
    assert sorted(listed) == sorted({*CHANGES, *DAMAGES, *WRITERS})
    assert len(TABLE["refused"]) + len(TABLE["swallowed"]) >= 30
    assert len(TABLE["harmless"]) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE["refused"])
def test_what_llama_cpp_refuses_is_predicted_in_its_own_words(
    name: str, reference: tuple[Fields, Tensors], tmp_path: Path
) -> None:
    row = TABLE["refused"][name]
    path = write_variant(name, tmp_path / "model.gguf", *reference)
    made, prediction = run(path), predict(path)
    assert row["says"] in in_one_line(made.refusal)
    assert list(prediction.falsified) == row["falsified"]
    if USABLE in row["falsified"]:
        assert row["says"] in prediction.found


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE["swallowed"])
def test_where_llama_cpp_is_silent_the_falsifiers_are_stricter(
    name: str, reference: tuple[Fields, Tensors], tmp_path: Path
) -> None:
    row = TABLE["swallowed"][name]
    path = write_variant(name, tmp_path / "model.gguf", *reference)
    made, prediction = run(path), predict(path)
    assert not made.refusal
    assert bool(made.text and made.finite) is row["generates"]
    assert list(prediction.falsified) == row["falsified"]
    assert row["found"] in prediction.found


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE["harmless"])
def test_what_is_harmless_loads_and_holds(name: str, reference: tuple[Fields, Tensors], tmp_path: Path) -> None:
    path = write_variant(name, tmp_path / "model.gguf", *reference)
    made, prediction = run(path), predict(path)
    assert (made.refusal, made.finite, bool(made.tokens)) == ("", True, True)
    assert (prediction.falsified, prediction.inconclusive) == ((), ()), prediction.found


def test_an_output_tensor_that_was_dropped_is_missed_by_the_checkpoint_it_came_from(
    reference: tuple[Fields, Tensors], tmp_path: Path
) -> None:
    """llama.cpp takes the embedding in its place and generates another text; the file alone cannot tell."""
    fields, tensors = reference
    output = tensors["token_embd.weight"][::-1].copy()
    whole = write_variant("", tmp_path / "whole.gguf", fields, {**tensors, "output.weight": output})
    dropped = write_variant("", tmp_path / "dropped.gguf", fields, tensors)
    untied = open_model(CHECKPOINT).with_config(tie_word_embeddings=False)
    rows = untied.embedding_rows or 0
    untied = untied.with_extra_tensor("lm_head.weight", (rows, output.shape[1])).with_tensor(
        "output", lambda _: untied.tensor("token_embedding").numpy()[::-1].copy()
    )
    assert agrees_with_checkpoint(open_model(whole), untied).outcome == "held"
    assert not run(dropped).refusal
    assert run(dropped).text != run(whole).text
    assert "tensor output: is in the checkpoint and missing from the export" in (
        agrees_with_checkpoint(open_model(dropped), untied).found
    )


def test_every_unmet_requirement_is_told_in_one_run(reference: tuple[Fields, Tensors], tmp_path: Path) -> None:
    """Four defects that SHIP-TWO found one tool at a time, over days."""
    fields, tensors = dict(reference[0]), dict(reference[1])
    fields["general.architecture"] = "Qwen2ForCausalLM"
    fields["tokenizer.ggml.tokens"] = fields["tokenizer.ggml.tokens"][:-5]
    fields["tokenizer.ggml.token_type"] = fields["tokenizer.ggml.token_type"][:-5]
    del fields["qwen2.context_length"]
    del tensors["blk.1.ffn_up.weight"]
    path = write_variant("", tmp_path / "model.gguf", fields, tensors)
    found = predict(path).found
    for said in (
        "unknown model architecture: 'Qwen2ForCausalLM'",
        "key not found in model: qwen2.context_length",
        "tensor 'token_embd.weight' has wrong shape; expected 224, 4091, got 224, 4096, 1, 1",
        "tensor 'blk.1.ffn_up.weight' not found",
    ):
        assert f'it says "{said}"' in found
    assert run(path).refusal == "unknown model architecture: 'Qwen2ForCausalLM'"


@pytest.mark.slow
def test_every_pre_tokenizer_that_is_accepted_is_one_that_llama_cpp_knows(
    reference: tuple[Fields, Tensors], tmp_path: Path
) -> None:
    from falsifiers.consumer_llama_cpp_tokenizer import PRE_TOKENIZERS

    fields, tensors = reference
    for name in sorted(PRE_TOKENIZERS):
        stated = {**fields, "tokenizer.ggml.pre": name}
        made = run(write_variant("", tmp_path / "model.gguf", stated, tensors))
        assert not made.refusal, json.dumps({name: made.refusal})
