"""What every reader stands on: open files, and strict JSON."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from falsifiable.artifacts import (
    ArtifactError,
    Limits,
    detect_kind,
    open_corpus,
    open_model,
    open_run,
    open_tokenizer,
)
from falsifiable.artifacts.sources.files import SourceFile, folder_digest, read_small_file
from falsifiable.artifacts.sources.json_reader import read_json

PATH = Path("document.json")


def test_source_file_reads_ranges_and_hashes_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    source = SourceFile(path)
    assert (source.size, source.relative, source.known_sha256) == (10, "file", None)
    assert source.read(2, 3) == b"234"
    assert list(source.blocks(1, 5, 2)) == [b"12", b"34", b"5"]
    assert bytes(source.view(8, 2)) == b"89"
    assert source.sha256() == source.known_sha256 == hashlib.sha256(b"0123456789").hexdigest()
    with pytest.raises(ArtifactError, match="at byte 8: 3 bytes were asked of a file of 10 bytes"):
        source.read(8, 3)


@pytest.mark.bad_input(102)
def test_file_cut_under_the_reader_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    source = SourceFile(path)
    path.write_bytes(b"01")
    for read in (lambda: source.read(5, 5), source.sha256, lambda: source.view(0, 1)):
        with pytest.raises(ArtifactError, match="changed while it was read"):
            read()


def test_a_file_beyond_its_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    with pytest.raises(ArtifactError, match="100 bytes; expected at most 99 bytes"):
        read_small_file(path, 99)


@pytest.mark.parametrize(
    ("name", "reason"), [("a\0b", "not a file name"), ("a" * 5000, "a name too long for the file system")]
)
def test_a_name_that_no_file_can_have(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=reason):
        open_model(tmp_path / name)


@pytest.mark.parametrize("opens", [open_model, open_tokenizer, open_run, open_corpus])
def test_every_door_refuses_a_name_too_long(opens: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="too long for the file system"):
        opens(tmp_path / ("x" * 300))
    assert detect_kind(tmp_path / ("x" * 300)) == "model"


def test_folder_digest_does_not_depend_on_the_order() -> None:
    one, two = {"b": "22", "a": "11"}, {"a": "11", "b": "22"}
    assert folder_digest(one) == folder_digest(two) == hashlib.sha256(b"11  a\n22  b\n").hexdigest()


def test_artifact_error_says_all_it_knows_and_survives_pickling() -> None:
    error = ArtifactError("m.gguf", "cut", offset=7, expected="more", hint="Fetch it again", kind="unsound")
    assert str(error) == "m.gguf: at byte 7: cut; expected more. Fetch it again"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.kind, again.offset) == (str(error), "unsound", 7)


def test_json_is_read() -> None:
    text = '{"a": [1, -2.5, true, null, "é"], "b": {"[[[": "{\\"{{"}}'
    assert read_json(text.encode(), PATH) == {"a": [1, -2.5, True, None, "é"], "b": {"[[[": '{"{{'}}


REFUSED = {
    "byte order mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "UTF-16": ("{}".encode("utf-16"), "at byte 0: not UTF-8"),
    "empty": (b"", "not JSON"),
    "trailing comma": (b"[1,]", "not JSON (line 1, column"),
    "two documents": (b"{} {}", "at byte 3: not JSON"),
    "duplicate deep inside": (b'[{"a": {"b": 1, "c": 2, "b": 3}}]', "'b' stands twice"),
    "infinity": (b"[-Infinity]", "-Infinity is not a JSON number"),
    "beyond a float": (b"[1e400]", "1e400 is beyond the range"),
    "long integer": (b"[" + b"1" * 5000 + b"]", "a number of 5000 digits"),
    "long float": (b"[0." + b"1" * 5000 + b"]", "a number of 5002 characters"),
    "33 levels": (b"[" * 33 + b"]" * 33, "nested deeper than 32 levels"),
    "100,000 levels": (b"[" * 100_000, "nested deeper than 32 levels"),
    "many lists": (b"[" + b"[]," * 1_000_001 + b"0]", "JSON with 1000002 lists and objects"),
    "many numbers": (b"[" + b"0," * 4_000_001 + b"0]", "JSON with 4000001 commas"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_json_that_is_refused(case: str) -> None:
    content, said = REFUSED[case]
    with pytest.raises(ArtifactError) as caught:
        read_json(content, PATH)
    assert said in str(caught.value)
    assert caught.value.kind == "unreadable"


def test_brackets_in_strings_are_not_levels() -> None:
    assert read_json(b'["' + b"[{" * 50 + b'\\"[", []]', PATH) == ["[{" * 50 + '"[', []]


def test_limits_can_be_lowered() -> None:
    with pytest.raises(ArtifactError, match="7 bytes of JSON; expected at most 6 bytes"):
        read_json(b"[1,2,3]", PATH, limits=Limits(json_bytes=6))
