"""YAML as it is meant: version 1.2, one document, no surprises."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts import ContractLimits, Position, plain, read_yaml
from falsifiable.contracts.nodes import MappingNode, index


def value(text: str) -> Any:
    """What ``a: TEXT`` means."""
    file = read_yaml(f"a: {text}\n".encode())
    assert file.root is not None
    return plain(file.root)["a"]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1e-5", 1e-5),
        ("1E3", 1000.0),
        ("490e6", 490e6),
        (".5", 0.5),
        ("5.", 5.0),
        ("-0.5", -0.5),
        ("+7", 7),
        ("010", 10),
        ("0o10", 8),
        ("0xff", 255),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("Null", None),
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("1.2.3", "1.2.3"),
        ("0b11", "0b11"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("0.0e-400", 0.0),
        ("'.nan'", ".nan"),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, meaning: object) -> None:
    assert value(text) == meaning
    assert type(value(text)) is type(meaning)


def test_every_node_and_key_knows_its_place() -> None:
    file = read_yaml("a: 1\nlong key:\n  - x\n  - {b: é, c: [1]}\n".encode())
    assert file.root is not None
    places = index(file.root)
    assert places[("a",)][0] == Position(1, 1)
    assert places[("a",)][1].position == Position(1, 4)
    assert places[("long key", 1)][1].position == Position(4, 5)
    assert places[("long key", 1, "c")][0] == Position(4, 12)
    assert places[("long key", 1, "c", 0)][1].position == Position(4, 16)


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbfa: 1\nb: 2\n", b"a: 1\r\nb: 2\r\n", b"---\na: 1\nb: 2\n...\n"])
def test_byte_order_mark_and_windows_lines_are_fine(raw: bytes) -> None:
    file = read_yaml(raw)
    assert file.diagnostics == ()
    assert plain(file.root) == {"a": 1, "b": 2}  # type: ignore[arg-type]
    assert file.digest == hashlib.sha256(raw).hexdigest()


def test_tabs_are_fine_outside_the_indentation() -> None:
    assert value("b\t# with a comment") == "b"


def test_a_file_of_comments_may_be_an_empty_mapping() -> None:
    assert read_yaml(b"# nothing bound yet\n", may_be_empty=True).root == MappingNode(Position(), ())


def test_what_could_not_be_read_is_nothing() -> None:
    file = read_yaml(b"a: !tag {b: 1}\nc: 2\n")
    assert file.root is not None
    assert plain(file.root) == {"a": None, "c": 2}


def test_limits_are_the_callers_to_set() -> None:
    file = read_yaml(b"a: {b: {c: 1}}", limits=ContractLimits(max_nesting_depth=2))
    assert [one.rule for one in file.diagnostics] == ["YAML-TOO-DEEP"]
    assert read_yaml(b"a: {b: {c: 1}}", limits=ContractLimits(max_nesting_depth=3)).diagnostics == ()


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path), lambda path: None])
def test_what_is_no_file_is_refused_at_once(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    make(path)
    (fault,) = read_yaml(path, shown="contract.yaml").diagnostics
    assert str(fault).startswith("contract.yaml:1:1: error YAML-UNREADABLE: ")


def test_a_path_with_a_nul_is_refused() -> None:
    assert [one.rule for one in read_yaml(Path("a\0b")).diagnostics] == ["YAML-UNREADABLE"]


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(st.sampled_from("ab:-?[]{}&*!|>'\"%@`#, \n\t"), max_size=60).map(str.encode))
def test_any_bytes_give_a_tree_or_a_fault(raw: bytes) -> None:
    file = read_yaml(raw)
    assert (file.root is None) <= bool(file.diagnostics)


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_contract_gives_a_tree_or_a_fault(seed: int, base: str) -> None:
    chance = random.Random(seed)
    raw = bytearray(base.encode())
    for _ in range(seed + 1):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    file = read_yaml(bytes(raw))
    assert (file.root is None) <= bool(file.diagnostics)
