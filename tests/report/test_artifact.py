"""An artifact described, as data and as text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from falsifiable.artifacts.safety.inspection import Finding, SafetyReport
from falsifiable.report.artifact import describe, print_description
from falsifiable.samples import specimen


def as_text(described: dict) -> str:
    out = io.StringIO()
    print_description(described, out)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["model", "tokenizer", "run", "corpus", "command", "table", "files", "curves", "race"])
def test_every_kind_can_be_described_as_json(kind):
    described = describe(specimen(kind))
    assert described["kind"] == kind
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def test_a_vocabulary_is_shown_by_its_length():
    described = describe(specimen("model", "export"))
    assert described["metadata"]["tokenizer.ggml.tokens"] == "[320 values]"
    assert describe(specimen("model", "trained"))["metadata"]["architectures"] == ["Qwen2ForCausalLM"]


def test_what_json_cannot_say_becomes_text():
    run = specimen("run").with_field("metrics.val_loss.value", float("nan"))
    assert describe(run)["metrics"]["val_loss"]["value"] == "nan"


def test_text_is_aligned_indented_and_safe():
    described = {"a": None, "longer": True, "none": [], "some": ["x", 1], "in": {"side": "\x1b[2J"},
                 "rows": [{"name": "w", "shape": [2, 3]}, {"name": "bias", "shape": [2]}]}  # fmt: skip
    assert as_text(described) == (
        "a       not stated\n"
        "longer  yes\n"
        "none    none\n"
        "some    x, 1\n"
        "in\n"
        "  side  \\x1b[2J\n"
        "rows\n"
        "  w     2, 3\n"
        "  bias  2\n"
    )


def test_the_safety_of_an_artifact_stands_before_its_tensors():
    finding = Finding("chat-template", "dangerous", "chat_template.jinja", 3, "what", "why")
    report = SafetyReport(Path("model"), "dangerous", (finding,), 4)
    described = describe(specimen("model"), tensors=True, safety=report)
    assert list(described)[-2:] == ["safety", "tensor_list"]
    assert described["safety"]["verdict"] == "dangerous"
    assert json.loads(json.dumps(described["safety"]))["findings"][0]["offset"] == 3
    assert "  chat-template  dangerous  chat_template.jinja  3  what  why\n" in as_text(described)
