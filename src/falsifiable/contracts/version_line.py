"""Writing the version of a contract without touching any other byte of its file."""

from __future__ import annotations

from dataclasses import replace

from falsifiable.contracts.diagnostics import Position
from falsifiable.contracts.nodes import ScalarNode
from falsifiable.contracts.reader import read_contract

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class VersionLineError(ValueError):
    """A version that stands in a way in which it cannot be replaced; the message says what to write instead."""


def with_version(data: bytes, version: str) -> bytes:
    """The contract file ``data`` with ``version`` in the place of its own: quotes, comments and layout are kept.

    ``read_contract(with_version(data, v)).contract`` is that of ``data`` but for its version.

    Raises:
        VersionLineError: ``data`` is no contract, or its version is written with escapes or as a block.
    """
    before = read_contract(data)
    node = before.node("version")
    if before.contract is None or not isinstance(node, ScalarNode):
        raise VersionLineError("this is no valid contract; run contract validate --no-run")
    start = _offset(data, node.position)
    length = len(node.text.encode())
    if data[start : start + 1] in (b'"', b"'"):
        start += 1
    written = data[:start] + version.encode() + data[start + length :]
    after = read_contract(written).contract
    if data[start : start + length] != node.text.encode() or after != replace(before.contract, version=version):
        line = node.position.line
        raise VersionLineError(f"line {line}: the version cannot be replaced there; write it plainly: 'version: 1.0.0'")
    return written


def _offset(data: bytes, position: Position) -> int:
    """The byte at which ``position``, counted in characters after a byte order mark, begins."""
    skipped = len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0
    text = data[skipped:].decode("utf-8")
    start = 0
    for _ in range(position.line - 1):
        ends = [end for end in (text.find("\n", start), text.find("\r", start)) if end >= 0]
        start = min(ends) + (2 if text.startswith("\r\n", min(ends)) else 1)
    return skipped + len(text[: start + position.column - 1].encode())
