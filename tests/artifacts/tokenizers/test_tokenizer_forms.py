"""One tokenizer in every form: tokenizer.json, vocab.json with merges.txt, vocab.txt, and SentencePiece models."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts import ArtifactError, Tokenizer, detect_kind, open_tokenizer
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.tokenizers.folder import holds_tokenizer
from falsifiable.samples.tokenizer import MERGES, tokenizer_config_json, tokenizer_json, vocabulary

TEXT = [f"the cat number {row} sat on mat {row * 7 % 13} and ran" for row in range(200)]


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The specimen tokenizer as the tokenizers library saves it: whole, and as vocabulary and merges."""
    folder = tmp_path_factory.mktemp("forms")
    whole, parts = folder / "whole", folder / "parts"
    for one in (whole, parts):
        one.mkdir()
        (one / "tokenizer_config.json").write_text(json.dumps(tokenizer_config_json()))
    library = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json()))
    library.save(str(whole / "tokenizer.json"))
    library.model.save(str(parts))
    return {"tokenizer.json": whole, "vocab.json": parts}


def trained(algorithm: str, **options: Any) -> bytes:
    """A small SentencePiece model, trained by the library on the same text each time."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT), model_writer=model, model_type=algorithm, hard_vocab_limit=False, num_threads=1,
        minloglevel=2, **{"vocab_size": 40, **options},
    )  # fmt: skip
    return model.getvalue()


@pytest.fixture(scope="module")
def unigram() -> bytes:
    return trained("unigram", pad_id=3, user_defined_symbols=["[mask]"])


def write(folder: Path, **files: str | bytes) -> Path:
    """Files by their names, in which ``__`` stands for the dot."""
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def refused(path: Path, **options: Any) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        open_tokenizer(path, **options)
    return caught.value


# Vocabulary and merges


def test_a_vocabulary_with_its_merges_is_the_tokenizer_of_tokenizer_json(forms: dict[str, Path]) -> None:
    whole, parts = open_tokenizer(forms["tokenizer.json"]), open_tokenizer(forms["vocab.json"])
    for name in ("tokens", "size", "merges", "type", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id"):
        assert getattr(parts, name) == getattr(whole, name), name
    assert list(parts.merges) == list(MERGES)
    assert set(parts.file_digests) == {"vocab.json", "merges.txt", "tokenizer_config.json"}
    assert parts.digest != whole.digest


def test_of_several_forms_in_one_folder_tokenizer_json_is_read(forms: dict[str, Path], tmp_path: Path) -> None:
    for folder in forms.values():
        for file in folder.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    assert set(open_tokenizer(tmp_path).file_digests) == {"tokenizer.json", "tokenizer_config.json"}


def test_a_vocabulary_is_opened_by_its_own_path_and_prefix(forms: dict[str, Path], tmp_path: Path) -> None:
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / f"gpt2-{name}").write_bytes((forms["vocab.json"] / name).read_bytes())
    tokenizer = open_tokenizer(tmp_path / "gpt2-vocab.json")
    assert (tokenizer.size, len(tokenizer.merges)) == (len(vocabulary()), len(MERGES))
    assert {file.name for file in tokenizer.files} == {"gpt2-vocab.json", "gpt2-merges.txt"}


def test_the_files_beside_add_tokens_and_special_ids(tmp_path: Path) -> None:
    write(tmp_path, vocab__json='{"a": 0, "b": 1, "ab": 2}', merges__txt="#version: 0.2\na b\n")
    assert open_tokenizer(tmp_path).eos_token_id is None
    write(tmp_path, added_tokens__json='{"<|end|>": 3}', special_tokens_map__json='{"eos_token": "<|end|>"}')
    tokenizer = open_tokenizer(tmp_path)
    assert (tokenizer.size, tokenizer.eos_token_id, dict(tokenizer.added_tokens)) == (4, 3, {3: "<|end|>"})
    write(tmp_path, tokenizer_config__json='{"added_tokens_decoder": {"5": {"content": "<|pad|>", "special": true}}, '
          '"pad_token": {"content": "<|pad|>"}}')  # fmt: skip
    tokenizer = open_tokenizer(tmp_path)
    assert list(tokenizer.tokens) == ["a", "b", "ab", "<|end|>", "", "<|pad|>"]
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (5, 3)


def test_line_breaks_of_windows_and_an_empty_last_line_change_nothing(tmp_path: Path) -> None:
    write(tmp_path, vocab__json='{"a": 0, "b": 1, "ab": 2}', merges__txt="#version: 0.2\r\na b\r\n\r\n")
    assert list(open_tokenizer(tmp_path).merges) == ["a b"]


def test_characters_that_other_readers_take_for_line_breaks_are_part_of_tokens(tmp_path: Path) -> None:
    write(tmp_path, vocab__json='{"\\u0085": 0, "\\u2028": 1, "\\u0085\\u2028": 2}', merges__txt="\x85 \u2028\n")
    assert list(open_tokenizer(tmp_path).merges) == ["\x85 \u2028"]


def test_word_pieces_are_the_lines_of_vocab_txt(tmp_path: Path) -> None:
    library = tokenizers.models.WordPiece({"[PAD]": 0, "[UNK]": 1, "play": 2, "##ing": 3}, unk_token="[UNK]")
    library.save(str(tmp_path))
    tokenizer = open_tokenizer(tmp_path)
    assert (list(tokenizer.tokens), tokenizer.type) == (["[PAD]", "[UNK]", "play", "##ing"], "WordPiece")
    assert tokenizer.unk_token_id == 1


VOCABULARY = '{"a": 0, "b": 1, "ab": 2}'


@pytest.mark.parametrize(
    ("vocabulary", "merges", "said"),
    [
        (VOCABULARY, "#version: 0.2\na  b\n", "line 2 is 'a  b'"),
        (VOCABULARY, "#version: 0.2\na\n", "line 2 is 'a'"),
        (VOCABULARY, "a b c\n", "line 1 is 'a b c'"),
        (VOCABULARY, "#version: 0.2\n\na b\n", "line 2 is ''"),
        (VOCABULARY, "a b\na b\n", "line 2 is the merge 'a b', as line 1 is"),
        (VOCABULARY, "b a\n", "the merge 'b a' needs the token 'ba', and vocab.json lacks it"),
        (VOCABULARY, "a b\r\nb a\n", "mixes line breaks"),
        (VOCABULARY, "\ufeffa b\n", "byte order mark"),
        (VOCABULARY, b"a b\n\xff b\n", "line 2: not UTF-8"),
        (VOCABULARY, "<html>\n</html>\n", "line 1 is '<html>'"),
        ('{"a": 0, "b": 0}', "", "the tokens 'a' and 'b' have the same id 0"),
        ('{"a": 0, "a": 1}', "", "the key 'a' stands twice"),
        ('{"a": 1e9}', "", "['a'] is 1000000000.0"),
        ('{"a": true}', "", "['a'] is True"),
        ('{"a": -1}', "", "['a'] is -1"),
        (f'{{"a": {10**12}}}', "", "the highest token id is 1000000000000"),
        ('{"a": ' + "[" * 100_000, "", "nested deeper"),
        ('{"a": ' + "9" * 5_000 + "}", "", "a number of 5000 digits"),
        ('{"a": NaN}', "", "NaN is not a JSON number"),
        ('{"a": 0', "", "not JSON"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_broken_vocabulary_is_unsound(vocabulary: str, merges: str | bytes, said: str, tmp_path: Path) -> None:
    error = refused(write(tmp_path, vocab__json=vocabulary, merges__txt=merges))
    assert said in str(error)
    assert error.kind == "unsound"


@pytest.mark.parametrize(
    ("files", "kind", "said"),
    [
        ({"vocab__json": VOCABULARY}, "unreadable", "has no merges.txt beside it"),
        ({"vocab__json": "[]", "merges__txt": ""}, "unreadable", "is not an object"),
        ({"vocab__txt": "a\n\nb\n"}, "unsound", "line 2 is empty"),
        ({"vocab__txt": "a\nb\na\n"}, "unsound", "line 3 is the token 'a', as line 1 is"),
        ({"a__model": b"\n", "b__model": b"\n"}, "unreadable", "holds the models a.model, b.model"),
        ({"vocab__txt": "a\n", "added_tokens__json": '{"x": 0}'}, "unsound", "'x' has the id 0 of the token 'a'"),
        ({"vocab__txt": "a\n", "added_tokens__json": '{"x": 99999999}'}, "unsound", "the highest added id"),
        ({"vocab__txt": "a\n", "added_tokens__json": "[1]"}, "unsound", "is not an object"),
        (
            {"vocab__txt": "a\n", "tokenizer_config__json": '{"added_tokens_decoder": {"one": {"content": "x"}}}'},
            "unsound", "added_tokens_decoder['one']",
        ),
        (
            {"vocab__txt": "a\n", "tokenizer_config__json": '{"added_tokens_decoder": {"%s": "x"}}' % ("9" * 5000)},
            "unsound", "added_tokens_decoder['999",
        ),
        ({"vocab__txt": "a\n", "tokenizer_config__json": '{"added_tokens_decoder": [1]}'}, "unsound", "not an object"),
    ],
    ids=str,
)  # fmt: skip
def test_a_folder_that_contradicts_itself(files: dict[str, Any], kind: str, said: str, tmp_path: Path) -> None:
    error = refused(write(tmp_path, **files))
    assert said in str(error)
    assert error.kind == kind


def test_more_lines_than_the_limit_are_not_split(tmp_path: Path) -> None:
    error = refused(write(tmp_path, vocab__txt="\n" * 5), limits=Limits(tokenizer_ids=4))
    assert "5 lines; expected at most 4" in str(error)
    assert error.kind == "unreadable"


def test_merges_alone_are_no_tokenizer(forms: dict[str, Path]) -> None:
    assert "holds merges and no tokens" in str(refused(forms["vocab.json"] / "merges.txt"))


# SentencePiece


@pytest.mark.parametrize("algorithm", ["unigram", "bpe", "char", "word"])
@pytest.mark.parametrize("options", [{}, {"pad_id": 3}, {"bos_id": -1, "eos_id": -1}, {"byte_fallback": True}], ids=str)
def test_a_model_is_what_the_library_says_it_is(algorithm: str, options: dict[str, Any], tmp_path: Path) -> None:
    if algorithm in ("char", "word") and "byte_fallback" in options:
        options = {"user_defined_symbols": ["[mask]"], "control_symbols": ["<ctl>"]}
    else:
        options = {**options, **({"vocab_size": 300} if "byte_fallback" in options else {})}
    model = trained(algorithm, **options)
    path = tmp_path / "tokenizer.model"
    path.write_bytes(model)
    library = sentencepiece.SentencePieceProcessor(model_proto=model)
    tokenizer = open_tokenizer(path)
    rows = range(library.get_piece_size())
    assert list(tokenizer.tokens) == [library.id_to_piece(row) for row in rows]
    stated = [tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id]
    wanted = [library.unk_id(), library.bos_id(), library.eos_id(), library.pad_id()]
    assert [-1 if row is None else row for row in stated] == wanted
    assert tokenizer.token_types is not None
    assert [kind == 2 for kind in tokenizer.token_types] == [library.is_unknown(row) for row in rows]
    assert [kind == 3 for kind in tokenizer.token_types] == [library.is_control(row) for row in rows]
    assert [kind == 6 for kind in tokenizer.token_types] == [library.is_byte(row) for row in rows]
    named = {"unigram": "Unigram", "bpe": "SentencePiece", "char": "Char", "word": "WordLevel"}
    assert tokenizer.type == named[algorithm]


def test_a_unigram_model_is_the_tokenizer_that_is_made_of_it(unigram: bytes, tmp_path: Path) -> None:
    library = sentencepiece.SentencePieceProcessor(model_proto=unigram)
    pieces = [(library.id_to_piece(row), library.get_score(row)) for row in range(library.get_piece_size())]
    converted = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=library.unk_id()))
    converted.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "spiece.model").write_bytes(unigram)
    whole, model = open_tokenizer(tmp_path / "tokenizer.json"), open_tokenizer(tmp_path / "spiece.model")
    for name in ("tokens", "size", "merges", "type", "unk_token_id"):
        assert getattr(model, name) == getattr(whole, name), name


def test_a_folder_with_a_model_takes_special_ids_from_the_configuration(unigram: bytes, tmp_path: Path) -> None:
    size = sentencepiece.SentencePieceProcessor(model_proto=unigram).get_piece_size()
    decoder = {size + 1: {"content": "<|user|>", "special": True}, 1: {"content": "<s>", "special": True}}
    config = {"added_tokens_decoder": decoder, "eos_token": "<|user|>", "bos_token": None}
    write(tmp_path, tokenizer__model=unigram, tokenizer_config__json=json.dumps(config))
    tokenizer = open_tokenizer(tmp_path)
    assert (tokenizer.size, tokenizer.eos_token_id, tokenizer.bos_token_id) == (size + 2, size + 1, 1)
    assert tokenizer.token_types is not None
    assert list(tokenizer.token_types[size:]) == [5, 3]
    assert set(tokenizer.file_digests) == {"tokenizer.model", "tokenizer_config.json"}


def test_a_class_that_shifts_the_ids_of_a_model_cannot_be_followed(unigram: bytes, tmp_path: Path) -> None:
    config = {"added_tokens_decoder": {"1": {"content": "<pad>"}}}  # as XLM-RoBERTa's tokenizer has it
    error = refused(write(tmp_path, tokenizer__model=unigram, tokenizer_config__json=json.dumps(config)))
    assert "'<pad>' has the id 1 of the token '<s>'" in str(error)
    assert error.kind == "unreadable"


def varint(value: int) -> bytes:
    low = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
    return low + varint(value >> 7) if value > 0x7F else low


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def piece(text: bytes, kind: int = 1) -> bytes:
    return message(1, message(1, text) + b"\x15" + struct.pack("<f", -1.0) + b"\x18" + varint(kind))


UNKNOWN = piece(b"<unk>", 2)


def test_fields_in_another_order_and_unknown_fields_are_read_too(tmp_path: Path) -> None:
    reordered = message(1, b"\x18\x03" + message(1, b"<s>") + message(200, b"later"))
    long = piece(b"x" * 200)
    content = UNKNOWN + reordered + message(2, b"\x18\x02" + message(46, b"<s>")) + long + message(300, b"?")
    (tmp_path / "tokenizer.model").write_bytes(content)
    tokenizer = open_tokenizer(tmp_path)
    assert (list(tokenizer.tokens), tokenizer.type) == (["<unk>", "<s>", "x" * 200], "SentencePiece")
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (1, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (UNKNOWN[:-1], "field 1 takes"),
        (UNKNOWN + b"\x0a", "a varint is cut"),
        (UNKNOWN + b"\x0a\x80", "a varint is cut"),
        (UNKNOWN + b"\x0a" + b"\xff" * 9 + b"\x01", "takes 18446744073709551615 bytes"),
        (UNKNOWN + b"\x0a" + b"\xff" * 20, "longer than 64 bits"),
        (UNKNOWN + b"\xff" * 9 + b"\x7f", "longer than 64 bits"),
        (UNKNOWN + b"\x0a\xff\xff\xff\xff\x07", "takes 2147483647 bytes"),
        (UNKNOWN + b"\x1b" * 1_000_000, "field 3 is a group"),
        (UNKNOWN + b"\x1f\x00", "field 3 is the wire type 7"),
        (UNKNOWN + b"\x02\x00", "has the field number 0"),
        (UNKNOWN + b"\x08\x01", "field 1 has the wire type 0"),
        (UNKNOWN + b"\x0a\x00", "piece 1 is ''"),
        (UNKNOWN + piece(b""), "piece 1 is ''"),
        (UNKNOWN + piece(b"a") + piece(b"a"), "piece 2 is 'a', as piece 1 is"),
        (UNKNOWN + piece(b"\xff\xfe"), "piece 1 is not UTF-8"),
        (UNKNOWN + piece(b"a", 7), "piece 1 is 'a' of type 7"),
        (UNKNOWN + piece(b"a", 200), "piece 1 is 'a' of type 200"),
        (UNKNOWN + piece(b"<0x-1>", 6), "type byte is '<0x-1>'"),
        (UNKNOWN + message(1, message(1, b"a") * 2), "field 1 is of another type, or stands twice"),
        (UNKNOWN + message(1, b"\x08\x01"), "field 1 is of another type"),
        (UNKNOWN + message(1, message(1, message(1, b"a" * 9))[:-4]), "field 1 takes"),
        (UNKNOWN + UNKNOWN.replace(b"unk", b"two"), "has 2 pieces of the type unknown"),
        (piece(b"a"), "has 0 pieces of the type unknown"),
        (UNKNOWN + message(2, b"\x18\x09"), "model_type is none of 1 to 4"),
        (UNKNOWN + message(2, b"") * 2, "has its trainer_spec twice"),
        (UNKNOWN + message(2, message(46, b"\xff")), "trainer_spec.bos_piece is not UTF-8"),
        (UNKNOWN + message(2, b"\xf0\x02\x01"), "trainer_spec.bos_piece is no text"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_model_that_breaks_its_format_is_unsound(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    error = refused(path)
    assert said in str(error)
    assert error.kind == "unsound"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with a piece"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-LFS pointer"),
        (b"<!doctype html>", "an HTML page"),
        (b"IQ== 0\nIg== 1\n", "does not begin with a piece"),
        (b'{"model": {}}', "a JSON text"),
    ],
    ids=["empty", "lfs", "html", "tiktoken", "json"],
)
def test_bytes_that_are_no_model(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    error = refused(path)
    assert said in str(error)
    assert error.kind == "unreadable"


def test_a_model_beyond_the_limits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(UNKNOWN + piece(b"a") + piece(b"b"))
    assert "more than 2 pieces" in str(refused(path, limits=Limits(sentencepiece_pieces=2)))
    assert "at most 9 bytes" in str(refused(path, limits=Limits(sentencepiece_bytes=9)))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_damaged_model_is_refused_or_read_and_nothing_else(
    data: st.DataObject, unigram: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(unigram[: data.draw(st.integers(1, 1_000))])  # the pieces; behind them are no tokens
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "tokenizer.model"
    path.write_bytes(content)
    try:
        tokenizer = open_tokenizer(path)
    except ArtifactError:
        return
    assert isinstance(tokenizer, Tokenizer)
    assert len(set(tokenizer.tokens)) == tokenizer.size


@pytest.mark.parametrize(
    ("name", "kind"),
    [("tokenizer.model", "tokenizer"), ("vocab.json", "tokenizer"), ("vocab.txt", "tokenizer"),
     ("trainer_state.json", "run"), ("run.yaml", "run"), ("manifest.json", "corpus"), ("notes.txt", "model")],
)  # fmt: skip
def test_the_kind_of_an_artifact_is_told_by_its_files(name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    assert detect_kind(tmp_path / name) == kind
    assert detect_kind(tmp_path) == kind


@pytest.mark.parametrize(
    ("names", "held"),
    [(["tokenizer.json"], True), (["spiece.model"], True), (["vocab.json", "merges.txt"], True), (["vocab.txt"], True),
     (["vocab.json"], False), (["config.json", "tokenizer_config.json"], False), ([], False)],
    ids=str,
)  # fmt: skip
def test_which_names_make_a_tokenizer(names: list[str], held: bool) -> None:
    assert holds_tokenizer(names) == held


def test_a_checkpoint_of_a_trainer_is_a_model_that_has_a_tokenizer(tmp_path: Path) -> None:
    write(tmp_path, config__json="{}", trainer_state__json="{}", tokenizer__model=b"")
    assert detect_kind(tmp_path) == "model"
    assert detect_kind(tmp_path / "trainer_state.json") == "run"
