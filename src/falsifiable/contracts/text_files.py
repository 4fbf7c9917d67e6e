"""The bytes and the text of a file that a person wrote: regular, of bounded size, UTF-8, without control characters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from falsifiable.contracts.diagnostics import Position
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import ContractLimits
from falsifiable.contracts.regular_files import NotRegularError, TooLargeError, read_regular

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
# Control characters YAML forbids, and the three line breaks that YAML 1.1 knows and YAML 1.2 and editors do not:
# a file must not have other line numbers here than in the editor.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")


class UnreadableError(Exception):
    """The file cannot be read any further; the fault has been reported."""


def read_bytes(path: Path, faults: Faults, limits: ContractLimits, shorter: str) -> bytes:
    """The bytes of a regular file; a FIFO or device is refused instead of waited for.

    ``shorter`` says how such a file becomes small enough. Raises UnreadableError after reporting why, as do the other
    functions here.
    """
    try:
        return read_regular(path, limits.max_contract_bytes)
    except TooLargeError as error:
        refuse_size(error.size, faults, limits, shorter)
    except NotRegularError as error:
        faults.add("YAML-UNREADABLE", Position(), "not a regular file", "put a regular file in its place")
        raise UnreadableError from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        faults.add("YAML-UNREADABLE", Position(), f"the file cannot be read: {reason}", "check path and permissions")
        raise UnreadableError from error


def refuse_size(size: int, faults: Faults, limits: ContractLimits, shorter: str) -> NoReturn:
    """Report a file of ``size`` bytes as too large to be read, with how it becomes ``shorter``."""
    message = f"the file has {size} bytes, more than the {limits.max_contract_bytes} that are read"
    faults.add("YAML-TOO-LARGE", Position(), message, shorter)
    raise UnreadableError


def decoded(raw: bytes, faults: Faults) -> str:
    """The text of a UTF-8 file, without its byte order mark."""
    save = "save the file as UTF-8"
    if wide := _WIDE_MARKS.get(raw[:2]):
        faults.add("YAML-ENCODING", Position(), f"the file is {wide} (byte order mark at byte 0), expected UTF-8", save)
        raise UnreadableError
    nul = raw.find(b"\0")
    if nul >= 0:
        message = f"NUL at byte {nul}: this is binary, or text that is not UTF-8"
        faults.add("YAML-ENCODING", _position_of_byte(raw, nul), message, save)
        raise UnreadableError
    skipped = len(_BYTE_ORDER_MARK) if raw.startswith(_BYTE_ORDER_MARK) else 0
    try:
        text = raw[skipped:].decode("utf-8")
    except UnicodeDecodeError as error:
        offset = error.start + skipped
        message = f"not UTF-8: byte {raw[offset]:#04x} at byte {offset} ({error.reason})"
        faults.add("YAML-ENCODING", _position_of_byte(raw, offset), message, save)
        raise UnreadableError from error
    if forbidden := _FORBIDDEN.search(text):
        before = text[: forbidden.start()]
        position = Position(before.count("\n") + 1, forbidden.start() - before.rfind("\n"))
        message = f"the character U+{ord(forbidden[0]):04X} is not allowed in the file"
        faults.add("YAML-CHARACTER", position, message, "remove it, or write it as an escape in a double-quoted text")
        raise UnreadableError
    return text


def _position_of_byte(raw: bytes, offset: int) -> Position:
    raw, offset = (raw[3:], offset - 3) if raw.startswith(_BYTE_ORDER_MARK) else (raw, offset)
    start = raw.rfind(b"\n", 0, offset) + 1
    return Position(raw.count(b"\n", 0, offset) + 1, len(raw[start:offset].decode("utf-8", "replace")) + 1)
