"""A version is replaced where it stands; every other byte of the file is what it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.contracts import read_contract
from falsifiable.contracts.version_line import VersionLineError, with_version

REST = """
title: Größe \U0001f9ea 1.0.0
falsifiers:
  - {id: FALSIFY-001, claim: version 1.0.0 loads, check: artifact.sound}
"""


def contract(version: str = "1.0.0", before: str = "contract: example\n", after: str = REST) -> bytes:
    return f"{before}version: {version}{after}".encode()


@pytest.mark.parametrize("version", ["1.0.0", '"1.0.0"', "'1.0.0'", "  1.0.0  # as released", '"1.0.0" # "1.0.0"'])
def test_quotes_and_comments_are_kept(version: str) -> None:
    assert with_version(contract(version), "2.10.0") == contract(version.replace("1.0.0", "2.10.0", 1))


def test_a_version_inside_braces_is_found() -> None:
    data = b"{contract: example, version: 1.0.0, title: A 1.0.0, falsifiers: []}\n"
    assert with_version(data, "1.0.1") == data.replace(b"1.0.0", b"1.0.1", 1)


@given(
    comment=st.text(st.characters(codec="utf-8", categories=("L", "N", "S", "Zs")), max_size=20),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.booleans(),
    quote=st.sampled_from(["", '"', "'"]),
    last=st.booleans(),
    version=st.tuples(*[st.integers(0, 10**6)] * 3),
)
def test_nothing_else_changes(comment, newline, mark, quote, last, version) -> None:
    """Only the number is another one, and writing the first one again gives the same bytes back."""
    number = ".".join(map(str, version))
    head, line = f"# {comment}\ncontract: example\n", f"version: {quote}1.0.0{quote}  # {comment} 1.0.0\n"
    text = head + (REST.lstrip("\n") + line if last else line + REST.lstrip("\n"))
    data = (b"\xef\xbb\xbf" if mark else b"") + text.replace("\n", newline).encode()
    written = with_version(data, number)
    assert written == data.replace(f"{quote}1.0.0{quote}  #".encode(), f"{quote}{number}{quote}  #".encode())
    assert with_version(written, "1.0.0") == data


@pytest.mark.parametrize("version", ["|-\n  1.0.0", ">-\n  1.0.0", '"1.0\\x2e0"'])
def test_a_version_that_cannot_be_replaced_is_told(version: str) -> None:
    assert read_contract(contract(version)).contract is not None
    with pytest.raises(VersionLineError, match="line 2: the version cannot be replaced there; write it plainly"):
        with_version(contract(version), "2.0.0")


@pytest.mark.parametrize("data", [b"", b"contract: example\n", b"\xff", contract("[1.0.0]"), contract("one")])
def test_what_is_no_contract_is_told(data: bytes) -> None:
    with pytest.raises(VersionLineError, match="this is no valid contract"):
        with_version(data, "2.0.0")
