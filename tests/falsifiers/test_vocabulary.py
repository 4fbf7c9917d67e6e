"""Tokenizers: round trip, special tokens, merges, chat template; on specimens and on one made by others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from falsifiable import open_model, open_tokenizer
from falsifiers.chat_template import chat_template_renders
from falsifiers.codec import runnable
from falsifiers.special_tokens import merges_consistent, special_tokens
from falsifiers.tokenization import round_trip

SMOLLM2 = Path(__file__).parents[2] / "runs/others/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def smollm2():
    if not SMOLLM2.is_file():
        pytest.skip("SmolLM2 is not here; make validate fetches it")
    return open_model(SMOLLM2)


def changed_file(tokenizer, folder, change):
    """The specimen's tokenizer.json with ``change`` applied, opened."""
    stored = json.loads(tokenizer.files[0].read_text())
    change(stored)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(stored))
    return open_tokenizer(path)


def test_a_byte_that_has_no_token_is_shrunk_to_one_character(specimens):
    own = specimens["tokenizer"]
    verdict = round_trip(**round_trip.mutate("a-byte-without-a-token", {"tokenizer": own, "model": None}, {}))

    assert verdict.outcome == "falsified"
    assert verdict.found.startswith("the text '\\n' (U+000A) is encoded as ids [] and comes back as ''")


def test_a_published_tokenizer_lacks_a_byte_of_unicodes_unassigned_planes(smollm2):
    verdict = round_trip(model=smollm2)

    assert "ñ" not in smollm2.tokenizer.tokens  # byte-level encoders write the byte 0xF1 so
    assert verdict.outcome == "falsified"
    assert "U+40000" in verdict.found
    assert round_trip(model=smollm2, characters="written").outcome == "held"


@pytest.mark.parametrize(
    "normalizer",
    [
        {"type": "Lowercase"},
        {"type": "Strip", "strip_left": True, "strip_right": True},
        {"type": "NFKC"},
        {"type": "Replace", "pattern": {"String": "\r\n"}, "content": "\n"},
    ],
)
def test_a_normalizer_that_changes_text_is_falsified(specimens, tmp_path, normalizer):
    changed = changed_file(specimens["tokenizer"], tmp_path, lambda stored: stored.update(normalizer=normalizer))

    assert round_trip(changed).outcome == "falsified"


def test_composed_characters_are_the_same_text(specimens, tmp_path):
    changed = changed_file(specimens["tokenizer"], tmp_path, lambda stored: stored.update(normalizer=None))

    assert round_trip(changed).outcome == "held"
    assert round_trip(specimens["tokenizer"]).outcome == "held"  # NFC, as Qwen2's


def test_merges_that_name_no_tokens_are_refused_by_the_library_and_told(specimens):
    broken = specimens["tokenizer"].with_field("merges", ["no such"])

    assert "tokenizers refuses it" in round_trip(broken).found


def test_without_a_tokenizer_that_runs_there_is_no_verdict(specimens, tmp_path):
    assert round_trip().outcome == "inconclusive"
    gone = open_tokenizer(shutil.copy(specimens["tokenizer"].path, tmp_path / "tokenizer.json"))
    gone.path.unlink()
    assert "lies elsewhere" in round_trip(gone).found
    word_pieces = specimens["export"].tokenizer.with_field("type", "WordPiece")
    assert round_trip(word_pieces).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda own: own.with_field("pad_token_id", 0), "eos and pad are both id 0"),
        (lambda own: own.with_eos_token_id(270), "an ordinary token and not marked as special"),
        (lambda own: own.with_eos_token_id(5000), "which no token has"),
        (lambda own: own.with_token(0, ""), "which no token has"),
    ],
)
@pytest.mark.parametrize("role", ["trained", "export"])
def test_a_special_token_that_is_none_is_told(specimens, role, change, said):
    model = specimens[role]
    verdict = special_tokens(model.with_tokenizer(change(model.tokenizer)))

    assert verdict.outcome == "falsified"
    assert said in verdict.found


def test_an_id_that_the_configuration_states_otherwise_is_told(specimens):
    verdict = special_tokens(specimens["trained"].with_metadata({"generation_config.eos_token_id": 7}))

    assert verdict.found.startswith("generation_config.eos_token_id is 7, and 0 ('<|endoftext|>') for the tokenizer")
    several = specimens["trained"].with_metadata({"generation_config.eos_token_id": [7, 0]})
    assert special_tokens(several).outcome == "held"


def test_an_end_that_nothing_names_is_told(specimens):
    model = specimens["trained"]
    unnamed = model.with_tokenizer(model.tokenizer.with_eos_token_id(None)).without_metadata("eos_token_id")

    assert special_tokens(unnamed).found.startswith("eos_token_id is named nowhere")
    assert special_tokens(model, required=("cls",)).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda merges: [merges[1], merges[0], *merges[2:]], "and no merge before it makes 'Ġt'"),
        (lambda merges: [*merges, merges[0]], "as merge 0 is"),
        (lambda merges: ["zz zz", *merges], "expected two tokens"),
        (lambda merges: ["q z", *merges], "but 'qz' is no token"),
    ],
)
def test_a_merge_that_does_not_fit_is_told(specimens, change, said):
    own = specimens["tokenizer"]
    verdict = merges_consistent(own.with_field("merges", change(list(own.merges))))

    assert verdict.outcome == "falsified"
    assert said in verdict.found


def test_the_order_is_not_asked_for_where_the_claim_says_so(specimens):
    own = specimens["tokenizer"]
    backwards = own.with_field("merges", list(reversed(own.merges)))

    assert merges_consistent(backwards).outcome == "falsified"
    assert merges_consistent(backwards, ordered=False).outcome == "held"


CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (CHATML.replace("{% endfor %}", ""), "does not render: TemplateSyntaxError"),
        (CHATML.replace("message['content']", "message['text']"), "uses 'text', which nothing defines"),
        (CHATML.replace("message['content']", "message.content.upper()"), "is not in its place"),
        (CHATML.split("{% if", maxsplit=1)[0], "asked for a generation prompt"),
        (CHATML.replace("im_start", "start_header_id"), "writes '<|start_header_id|>', which is no token"),
        ("{{ raise_exception('System role not supported') }}", "System role not supported"),
        ("{{ messages.append(1) }}" + CHATML, "does not render: SecurityError"),
        ("{{ ''.__class__.__mro__ }}" + CHATML, "does not render: SecurityError"),
        (CHATML + "{% for i in range(10) %}{{ 1 // 0 }}{% endfor %}", "does not render: ZeroDivisionError"),
    ],
)
def test_a_template_that_says_something_else_is_told(smollm2, template, said):
    changed = smollm2.with_tokenizer(smollm2.tokenizer.with_field("chat_template", template))

    verdict = chat_template_renders(changed)

    assert verdict.outcome == "falsified"
    assert said in verdict.found


def test_chatml_holds_where_its_markers_are_tokens(smollm2, specimens):
    assert (
        chat_template_renders(smollm2.with_tokenizer(smollm2.tokenizer.with_field("chat_template", CHATML))).outcome
        == "held"
    )
    specimen = specimens["trained"]
    elsewhere = specimen.with_tokenizer(specimen.tokenizer.with_field("chat_template", CHATML))
    assert "writes '<|im_start|>', which is no token" in chat_template_renders(elsewhere).found


def test_a_template_that_takes_no_system_message_is_asked_without_one(smollm2):
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHATML
    changed = smollm2.with_tokenizer(smollm2.tokenizer.with_field("chat_template", refusing))

    assert chat_template_renders(changed).outcome == "falsified"
    assert chat_template_renders(changed, roles=("user", "assistant")).outcome == "held"
    assert chat_template_renders(changed, roles=("assistant",)).outcome == "inconclusive"


def test_a_special_token_is_read_as_its_own_row_wherever_it_stands(specimens):
    """The library gives a special token that its vocabulary lacks the next free row; embedded ones often come first."""
    pytest.importorskip("tokenizers")
    embedded = specimens["coder"].tokenizer
    tokens = ["<|im_start|>", *embedded.tokens[1:]]
    types = [3, *[1] * (len(tokens) - 1)]
    changed = embedded.with_field("tokens", tokens).with_field("token_types", types)
    changed = changed.with_field("added_tokens", {0: "<|im_start|>"})

    assert runnable(changed).encode("<|im_start|>a")[0] == 0
