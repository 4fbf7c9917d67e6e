"""Corpora in shards: rows of JSON lines and binary tokens, streamed, and checked against the manifest first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError, Corpus, folder_digest, open_corpus
from falsifiable.artifacts.limits import Limits

ROWS = [b'{"text": "one"}\n{"text": "two", "id": 2}\n', b'{"text": "three\\u0041"}']
TOKENS = [[1, 2, 3], [], [65_535, 5]]


def shard(folder: Path, name: str, content: bytes, **held: Any) -> dict[str, Any]:
    (folder / name).write_bytes(content)
    return {"path": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), **held}


def manifest(folder: Path, shards: Sequence[Mapping[str, Any]], **fields: Any) -> Path:
    split = {"sha256": folder_digest({one["path"]: one["sha256"] for one in shards}), "shards": shards, **fields}
    content = {"corpus_manifest": 1, "name": "sharded", "splits": {"train": split}}
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def with_rows(folder: Path, contents: Sequence[bytes] = ROWS, counts: Sequence[int] = (2, 1), **fields: Any) -> Path:
    shards = [
        shard(folder, f"{place}.jsonl", content, rows=count)
        for place, (content, count) in enumerate(zip(contents, counts, strict=True))
    ]
    return manifest(folder, shards, **{"format": "jsonl", "text_field": "text", "tokens": 9, **fields})


def with_tokens(folder: Path, tokens: Sequence[Sequence[int]] = TOKENS, dtype: str = "uint16", **fields: Any) -> Path:
    stored = numpy.dtype(dtype).newbyteorder("<")
    shards = [
        shard(folder, f"{place}.bin", numpy.array(ids, stored).tobytes(), tokens=len(ids))
        for place, ids in enumerate(tokens)
    ]
    count = sum(len(ids) for ids in tokens)
    return manifest(folder, shards, **{"format": "tokens", "dtype": dtype, "tokens": count, **fields})


def refused(folder: Path) -> ArtifactError:
    """Why the corpus, or its train split, is refused."""
    with pytest.raises(ArtifactError) as caught:
        read_whole(open_corpus(folder))
    return caught.value


def read_whole(corpus: Corpus) -> Any:
    kept = corpus.splits["train"].format
    return {"jsonl": lambda: list(corpus.rows("train")), "tokens": lambda: corpus.token_ids("train")}.get(
        kept, lambda: corpus.text("train")
    )()


def test_rows_are_read_shard_by_shard_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    corpus = open_corpus(with_rows(tmp_path))
    assert list(corpus.rows("train")) == ["one", "two", "threeA"]
    assert corpus.text("train") == "one\ntwo\nthreeA"
    split = corpus.splits["train"]
    assert (split.rows, split.tokens, split.format) == (3, 9, "jsonl")
    assert [file.path for file in split.files] == ["0.jsonl", "1.jsonl"]
    assert all(corpus.has_digest(one.sha256) for one in split.shards)


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_tokens_are_read_by_shard_or_as_one(dtype: str, tmp_path: Path) -> None:
    corpus = open_corpus(with_tokens(tmp_path, dtype=dtype))
    assert [list(part) for part in corpus.token_shards("train")] == TOKENS
    ids = corpus.token_ids("train")
    assert (ids.tolist(), ids.dtype) == ([1, 2, 3, 65_535, 5], numpy.dtype(dtype))


def test_the_first_tokens_are_read_without_opening_the_shards_behind_them(tmp_path: Path) -> None:
    corpus = open_corpus(with_tokens(tmp_path))
    (tmp_path / "2.bin").unlink()
    assert corpus.token_ids("train", first=2).tolist() == [1, 2]
    assert corpus.token_ids("train", first=3).tolist() == [1, 2, 3]
    with pytest.raises(ArtifactError, match="no such file"):
        corpus.token_ids("train", first=4)


def test_text_in_several_shards_is_one_text(tmp_path: Path) -> None:
    shards = [shard(tmp_path, "a.txt", b"one "), shard(tmp_path, "b.txt", b"two")]
    assert open_corpus(manifest(tmp_path, shards, tokens=2)).text("train") == "one two"


@given(rows=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=6))
def test_any_text_comes_back_as_it_was_written(rows: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    lines = [json.dumps({"text": text}, ensure_ascii=place % 2 == 0) for place, text in enumerate(rows)]
    folder = tmp_path_factory.mktemp("rows")
    content = "".join(f"{line}\n" for line in lines).encode()
    assert list(open_corpus(with_rows(folder, [content], [len(rows)])).rows("train")) == rows


def test_a_row_longer_than_a_block_is_read_whole(tmp_path: Path) -> None:
    long = "x" * (3 * 2**20)
    content = json.dumps({"text": long}).encode() + b"\n" + b'{"text": "next"}\n'
    assert list(open_corpus(with_rows(tmp_path, [content], [2])).rows("train")) == [long, "next"]


def test_what_a_split_does_not_hold_is_unreadable(tmp_path: Path) -> None:
    tokens = open_corpus(with_tokens(tmp_path))
    with pytest.raises(ArtifactError, match="kept as tokens, which has no rows"):
        next(tokens.rows("train"))
    with pytest.raises(ArtifactError, match="was not kept"):
        tokens.text("train")
    rows = open_corpus(with_rows(tmp_path))
    with pytest.raises(ArtifactError, match="the tokens of split 'train' were not kept") as caught:
        rows.token_ids("train")
    assert caught.value.kind == "unreadable"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": 1}', "line 2: text is 1"),
        (b'{"other": "x"}', "line 2: text is None"),
        (b"[1]", "line 2: is [1]"),
        (b'{"text": "x"', "line 2: not JSON"),
        (b'{"text": "a", "text": "b"}', "line 2: the key 'text' stands twice"),
        (b'{"text": "\xff"}', "line 2: not UTF-8"),
        (b'{"text": "a\x00b"}', "line 2: not JSON"),
        (b'{"text": "\\ud800"}', "line 2: text holds half of a surrogate pair"),
        (b'{"text": "a", "n": NaN}', "line 2: NaN is not a JSON number"),
        (b"\xef\xbb\xbf{}", "line 2: JSON begins with a byte order mark"),
        (b"", "line 2: not JSON"),
        (b"[" * 100_000, "line 2: JSON nested deeper"),
    ],
    ids=repr,
)
def test_a_bad_row_is_unsound_and_named(line: bytes, said: str, tmp_path: Path) -> None:
    error = refused(with_rows(tmp_path, [b'{"text": "one"}\n' + line + b"\n"], [2]))
    assert said in str(error)
    assert "0.jsonl" in str(error)
    assert error.offset is not None
    assert error.offset >= 16
    assert error.kind == "unsound"


def test_a_row_beyond_the_limit_is_unreadable_without_being_held(tmp_path: Path) -> None:
    with (tmp_path / "0.jsonl").open("wb") as file:
        file.truncate(2**26)
    digest = hashlib.sha256(bytes(2**26)).hexdigest()
    shards = [{"path": "0.jsonl", "sha256": digest, "bytes": 2**26, "rows": 1}]
    corpus = open_corpus(manifest(tmp_path, shards, format="jsonl", text_field="text", tokens=1))
    with pytest.raises(ArtifactError, match="a row is longer than 65536 bytes") as caught:
        next(corpus.rows("train", limits=Limits(corpus_row_bytes=2**16)))
    assert caught.value.kind == "unreadable"


def test_no_row_of_a_changed_shard_is_handed_out(tmp_path: Path) -> None:
    corpus = open_corpus(with_rows(tmp_path))
    (tmp_path / "0.jsonl").write_bytes(ROWS[0].replace(b"two", b"bad"))
    with pytest.raises(ArtifactError, match="has the sha256"):
        next(corpus.rows("train"))


def test_changed_cut_or_absent_tokens_are_refused(tmp_path: Path) -> None:
    corpus = open_corpus(with_tokens(tmp_path))
    (tmp_path / "0.bin").write_bytes(b"\x01\x00\x02\x00\x04\x00")
    with pytest.raises(ArtifactError, match="has the sha256"):
        corpus.token_ids("train")
    (tmp_path / "0.bin").write_bytes(b"\x01\x00\x02\x00\x03")
    with pytest.raises(ArtifactError, match="has 5 bytes; expected 6, as the manifest says"):
        corpus.token_ids("train")


def one(**fields: Any) -> dict[str, Any]:
    return {"path": "0.bin", "sha256": "0" * 64, "bytes": 6, "tokens": 3, **fields}


@pytest.mark.parametrize(
    ("shards", "fields", "said"),
    [
        ([one(bytes=5)], {}, "shards[0] has 5 bytes; expected 2 bytes for each of 3 tokens of uint16"),
        ([one(tokens=2)], {}, "shards[0] has 6 bytes"),
        ([one()], {"tokens": 4}, "splits.train.tokens is 4; expected 3, the sum over its shards"),
        ([one(tokens=-1)], {}, "shards[0].tokens is -1"),
        ([one(tokens=10**30)], {}, "shards[0] has 6 bytes"),
        ([one(path="../0.bin")], {}, "may lie outside the folder"),
        ([one(path="/etc/passwd")], {}, "may lie outside the folder"),
        ([one(sha256="x")], {}, "shards[0].sha256 is 'x'"),
        ([one(), one()], {"tokens": 6}, "lists a file twice"),
        ([one()], {"dtype": "int16"}, "dtype is 'int16'; expected uint16 or uint32"),
        ([one()], {"dtype": ["uint16"]}, "dtype is ['uint16']"),
        ([one()], {"format": "parquet"}, "format is 'parquet'"),
        ([one()], {"format": []}, "format is []"),
        ([one()], {"format": "jsonl"}, "text_field is None"),
        ([one()], {"format": "jsonl", "text_field": "text"}, "shards[0].rows is None"),
        ([one()], {"files": []}, "stands beside files"),
        ([one()], {"sha256": "0" * 64}, "splits.train.sha256 is"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_manifest_that_contradicts_itself_is_unsound(
    shards: list[dict[str, Any]], fields: dict[str, Any], said: str, tmp_path: Path
) -> None:
    error = refused(manifest(tmp_path, shards, **{"format": "tokens", "dtype": "uint16", "tokens": 3, **fields}))
    assert said in str(error)
    assert error.kind == "unsound"


@pytest.mark.parametrize("shards", [[], "0.bin", {"a": 1}, [1]], ids=str)
def test_shards_of_the_wrong_type_are_unsound(shards: Any, tmp_path: Path) -> None:
    split = {"format": "tokens", "dtype": "uint16", "tokens": 0, "sha256": "0" * 64, "shards": shards}
    (tmp_path / "manifest.json").write_text(json.dumps({"corpus_manifest": 1, "splits": {"train": split}}))
    assert refused(tmp_path).kind == "unsound"


@pytest.mark.parametrize("counts", [(2, 2), (1, 1), (0, 1)], ids=str)
def test_a_count_of_rows_that_lies_is_unsound(counts: tuple[int, int], tmp_path: Path) -> None:
    error = refused(with_rows(tmp_path, counts=counts))
    assert "rows; expected" in str(error)
    assert error.kind == "unsound"


def test_more_shards_than_the_limit_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="has 3 shards; expected at most 2") as caught:
        open_corpus(with_tokens(tmp_path), limits=Limits(corpus_shards=2))
    assert caught.value.kind == "unreadable"


def test_a_shard_that_is_a_link_out_of_the_folder_is_unsound(tmp_path: Path) -> None:
    inner = tmp_path / "corpus"
    inner.mkdir()
    (tmp_path / "secret").write_bytes(b"\x01\x00")
    with_tokens(inner, [[1]])
    (inner / "0.bin").unlink()
    (inner / "0.bin").symlink_to(tmp_path / "secret")
    assert "may lie outside the folder" in str(refused(inner))


CONVERSATION = b'{"messages": [{"role": "user", "content": "a"}], "kind": "real", "source": "one"}\n'


def with_conversations(folder: Path, rows: bytes = CONVERSATION, **fields: Any) -> Path:
    kept = shard(folder, "train.jsonl", rows, rows=rows.count(b"\n"))
    return manifest(folder, [kept], **{"format": "chat", "tokens": 9, "kind": "real", **fields})


def test_conversations_are_rows_with_their_lines_whatever_they_hold(tmp_path: Path) -> None:
    corpus = open_corpus(with_conversations(tmp_path, CONVERSATION + b'{"text": "plain"}\n'))

    records = list(corpus.records("train"))

    assert [(one.place, sorted(one.values)) for one in records] == [
        ("train.jsonl line 1", ["kind", "messages", "source"]),
        ("train.jsonl line 2", ["text"]),
    ]
    assert corpus.splits["train"].kind == "real"


def test_rows_with_a_text_can_be_read_as_they_stand_too(tmp_path: Path) -> None:
    assert [one.values for one in open_corpus(with_rows(tmp_path)).records("train")][1] == {"text": "two", "id": 2}


def test_a_conversation_that_is_no_object_and_a_split_without_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"line 2: is \[1\]"):
        list(open_corpus(with_conversations(tmp_path, CONVERSATION + b"[1]\n")).records("train"))
    with pytest.raises(ArtifactError, match="which has no rows"):
        list(open_corpus(with_tokens(tmp_path)).records("train"))


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([], "sources is []"),
        ({"a": 1}, "sources.a is 1"),
        ({"a": {"path": "../x", "sha256": "0" * 64}}, "outside the folder"),
        ({"a": {"path": "x", "sha256": "0"}}, "64 lower-case"),
    ],
)
def test_sources_that_cannot_be_followed_are_unsound(tmp_path: Path, sources: Any, said: str) -> None:
    folder = with_conversations(tmp_path)
    content = {**json.loads((folder / "manifest.json").read_text()), "sources": sources}
    (folder / "manifest.json").write_text(json.dumps(content))

    with pytest.raises(ArtifactError, match=said.replace("[", r"\[")) as caught:
        open_corpus(folder)
    assert caught.value.kind == "unsound"


def test_a_kind_that_nobody_knows_is_unsound(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="kind is 'mostly'"):
        open_corpus(with_conversations(tmp_path, kind="mostly"))


def test_a_corpus_with_other_rows_tokens_or_sources_is_a_mutant(tmp_path: Path) -> None:
    corpus = open_corpus(with_conversations(tmp_path))

    other = corpus.with_records("train", [{"text": "x"}]).with_tokens("train", numpy.arange(3))

    assert [one.values for one in other.records("train")] == [{"text": "x"}]
    assert list(other.token_ids("train")) == [0, 1, 2]
    assert other.digest.startswith("mutant:")
