"""Tokenizers: what is read from each form, what hostile files are refused for, and what mutations change."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError, Tokenizer, open_tokenizer
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.tokenizers.tokenizer import tokenizer_from_gguf
from falsifiable.samples import specimen, write_specimens

SMALL: dict[str, Any] = {
    "added_tokens": [{"id": 4, "content": "<|end|>"}],
    "model": {
        "type": "BPE",
        "unk_token": "?",
        "vocab": {"?": 0, "a": 1, "b": 2, "ab": 3},
        "merges": [["a", "b"]],
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_specimens(tmp_path_factory.mktemp("specimens"))["trained"]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_tokenizer_json_is_read_with_its_added_tokens(tmp_path: Path) -> None:
    tokenizer = open_tokenizer(write(tmp_path / "tokenizer.json", SMALL))
    assert list(tokenizer.tokens) == ["?", "a", "b", "ab", "<|end|>"]
    assert tokenizer.size == 5
    assert tokenizer.type == "BPE"
    assert list(tokenizer.merges) == ["a b"]
    assert tokenizer.added_tokens == {4: "<|end|>"}
    assert tokenizer.unk_token_id == 0
    assert tokenizer.eos_token_id is None  # tokenizer.json does not say which token ends a sequence


def test_an_id_without_a_token_is_an_empty_text(tmp_path: Path) -> None:
    sparse = {"added_tokens": [{"id": 6, "content": "<|end|>"}], "model": SMALL["model"]}
    tokenizer = open_tokenizer(write(tmp_path / "tokenizer.json", sparse))
    assert tokenizer.size == 7
    assert tokenizer.tokens[5] == ""


def test_merges_written_as_text_are_the_same_merges(tmp_path: Path) -> None:
    older = copy.deepcopy(SMALL)
    older["model"]["merges"] = ["a b"]
    assert list(open_tokenizer(write(tmp_path / "tokenizer.json", older)).merges) == ["a b"]


def test_a_unigram_vocabulary_is_a_list_with_scores(tmp_path: Path) -> None:
    unigram = {"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.5]]}}
    tokenizer = open_tokenizer(write(tmp_path / "tokenizer.json", unigram))
    assert tokenizer.type == "Unigram"
    assert list(tokenizer.tokens) == ["<unk>", "a"]
    assert tokenizer.unk_token_id == 0


def test_a_folder_adds_special_tokens_and_chat_template(folder: Path, tmp_path: Path) -> None:
    assert open_tokenizer(folder).eos_token_id == 0
    assert open_tokenizer(folder).pad_token_id == 1
    write(tmp_path / "tokenizer.json", SMALL)
    templates = [{"name": "tools", "template": "no"}, {"name": "default", "template": "{{ messages }}"}]
    config = {"eos_token": {"content": "<|end|>"}, "bos_token": "absent", "chat_template": templates}
    write(tmp_path / "tokenizer_config.json", config)
    tokenizer = open_tokenizer(tmp_path)
    assert tokenizer.eos_token_id == 4
    assert tokenizer.bos_token_id is None
    assert tokenizer.chat_template == "{{ messages }}"
    (tmp_path / "chat_template.jinja").write_text("{{ newer }}")
    assert open_tokenizer(tmp_path).chat_template == "{{ newer }}"


def test_a_file_is_identified_by_its_bytes_and_a_folder_by_the_files_read(folder: Path) -> None:
    import hashlib

    file = folder / "tokenizer.json"
    assert open_tokenizer(file).digest == hashlib.sha256(file.read_bytes()).hexdigest()
    opened = open_tokenizer(folder)
    assert set(opened.file_digests) == {"tokenizer.json", "tokenizer_config.json"}
    lines = sorted(f"{digest}  {name}\n" for name, digest in opened.file_digests.items())
    assert opened.digest == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_embedded_tokenizer_is_the_original_one_padded() -> None:
    original, embedded = specimen("tokenizer"), specimen("tokenizer", "embedded")
    assert isinstance(original, Tokenizer)
    assert isinstance(embedded, Tokenizer)
    assert list(embedded.tokens[: original.size]) == list(original.tokens)
    assert embedded.tokens[original.size] == f"[PAD{original.size}]"
    assert list(embedded.merges) == list(original.merges)
    assert (embedded.type, embedded.pre, embedded.eos_token_id) == ("BPE", "qwen2", 0)
    assert embedded.digest != original.digest


def test_a_gguf_without_tokenizer_keys_has_none_and_one_without_tokens_an_empty_one(tmp_path: Path) -> None:
    assert tokenizer_from_gguf({"general.architecture": "qwen2"}, tmp_path) is None
    emptied = tokenizer_from_gguf({"tokenizer.ggml.model": "gpt2"}, tmp_path)
    assert emptied is not None
    assert emptied.size == 0
    assert emptied.type == "BPE"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("tokens", [1, 2], "tokenizer.ggml.tokens is not a list of texts"),
        ("tokens", "a b", "tokenizer.ggml.tokens is not a list of texts"),
        ("merges", [1], "tokenizer.ggml.merges is not a list of texts"),
        ("token_type", ["normal"], "tokenizer.ggml.token_type is not a list of integers"),
        ("eos_token_id", "0", "tokenizer.ggml.eos_token_id is '0'"),
        ("eos_token_id", -1, "tokenizer.ggml.eos_token_id is -1"),
        ("model", 7, "tokenizer.ggml.model is 7"),
    ],
)
def test_gguf_keys_of_the_wrong_type_are_unsound(key: str, value: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        tokenizer_from_gguf({f"tokenizer.ggml.{key}": value}, tmp_path)
    assert said in str(caught.value)
    assert caught.value.kind == "unsound"


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content = copy.deepcopy(SMALL)
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed(lambda t: t.update(model=[])), "'model' is not an object"),
        (changed(lambda t: t["model"].update(vocab=3)), "model.vocab is neither a mapping nor a list"),
        (changed(lambda t: t["model"]["vocab"].update(c=-1)), "model.vocab['c'] is -1"),
        (changed(lambda t: t["model"]["vocab"].update(c="4")), "model.vocab['c'] is '4'"),
        (changed(lambda t: t["model"]["vocab"].update(c=3)), "the tokens 'ab' and 'c' have the same id 3"),
        (changed(lambda t: t["model"]["vocab"].update(c=10**12)), "the highest token id is 1000000000000"),
        (changed(lambda t: t["model"].update(merges="a b")), "model.merges is not a list"),
        (changed(lambda t: t["model"].update(merges=[["a"]])), "model.merges[0] is ['a']"),
        (changed(lambda t: t["model"].update(vocab=[["a", 0], ["a", 0]])), "model.vocab[1] is the token 'a'"),
        (changed(lambda t: t["model"].update(type=1)), "model.type is 1"),
        (changed(lambda t: t.update(added_tokens={"id": 1})), "added_tokens is not a list"),
        (changed(lambda t: t.update(added_tokens=[{"id": 9}])), "added_tokens[0]"),
        (changed(lambda t: t["added_tokens"].append({"id": 4, "content": "x"})), "added_tokens[1] has id 4"),
        (
            changed(lambda t: t["added_tokens"][0].update(id=2)),
            "the added token '<|end|>' has the id 2 of the token 'b'",
        ),
    ],
)
def test_a_tokenizer_that_contradicts_itself_is_unsound(content: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_tokenizer(write(tmp_path / "tokenizer.json", content))
    assert said in str(caught.value)
    assert "tokenizer.json" in str(caught.value)
    assert caught.value.kind == "unsound"


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "unreadable", "not JSON"),
        (b"<html>", "unreadable", "not JSON"),
        (b"[]", "unreadable", "has no key 'model'"),
        (b'{"version": "1.0"}', "unreadable", "has no key 'model'"),
        (b"GGUF\x03\x00\x00\x00", "unreadable", "is a GGUF file"),
        (b'{"model": {"vocab": {"a": 0, "a": 1}}}', "unsound", "the key 'a' stands twice"),
        (b'{"model": {"vocab": {"a": NaN}}}', "unsound", "NaN is not a JSON number"),
        (b'{"model": {"vocab": {"\xff": 0}}}', "unsound", "not UTF-8"),
        (b'{"model": ' + b"[" * 200_000, "unsound", "nested deeper than"),
    ],
    ids=["empty", "html", "list", "no-model", "gguf", "duplicate", "nan", "not-utf-8", "deep"],
)
def test_bytes_that_are_no_tokenizer(content: bytes, kind: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        open_tokenizer(path)
    assert said in str(caught.value)
    assert caught.value.kind == kind


def test_an_absent_file_and_an_empty_folder_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        open_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(ArtifactError, match=r"holds no tokenizer\.json"):
        open_tokenizer(tmp_path)


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path / "tokenizer.json", SMALL)
    with pytest.raises(ArtifactError, match="at most 10 bytes"):
        open_tokenizer(path, limits=Limits(json_bytes=10))


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.0, 0.999))
def test_a_cut_tokenizer_is_refused_wherever_it_is_cut(share: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = json.dumps(SMALL).encode()
    path = tmp_path_factory.mktemp("cut") / "tokenizer.json"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ArtifactError):
        open_tokenizer(path)


@given(count=st.integers(0, 700))
def test_with_tokens_has_exactly_that_many_ids(count: int) -> None:
    for variant in ("tokenizer", "embedded"):
        tokenizer = specimen("tokenizer", variant)
        assert isinstance(tokenizer, Tokenizer)
        mutant = tokenizer.with_tokens(count)
        assert mutant.size == count
        kept = min(count, tokenizer.size)
        assert list(mutant.tokens[:kept]) == list(tokenizer.tokens[:kept])
        assert mutant.token_types is None or len(mutant.token_types) == count
        assert all(token_id < count for token_id in mutant.added_tokens)


def test_mutants_name_what_they_are_made_of_and_leave_the_original_alone() -> None:
    tokenizer = specimen("tokenizer")
    assert isinstance(tokenizer, Tokenizer)
    mutant = tokenizer.with_eos_token_id(99_999).without_merges()
    assert mutant.digest == f"mutant:{tokenizer.digest}+eos_token_id=99999+no-merges"
    assert mutant.eos_token_id == 99_999
    assert list(mutant.merges) == []
    assert tokenizer.eos_token_id is None
    assert len(tokenizer.merges) == 42


def test_single_tokens_and_fields_can_be_replaced() -> None:
    tokenizer = specimen("tokenizer")
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.with_token(1, "x").tokens[1] == "x"
    assert tokenizer.with_token(1, "x").added_tokens[1] == "x"
    assert tokenizer.with_token(310, "far").size == 311
    assert tokenizer.with_field("type", "Unigram").type == "Unigram"
    assert tokenizer.without_tokens().size == 0
    with pytest.raises(TypeError):
        tokenizer.with_field("vocabulary", 1)
