"""Canonical JSON (RFC 8785): one sequence of bytes for one value, so that a digest names what it says.

JSON knows no NaN, no infinity and no integer that a double cannot hold, and UTF-8 knows no lone surrogate. Verdicts
meet all four: a loss that diverged, a count of bytes, a file name that is not UTF-8. They are written as text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

LARGEST_SAFE_INTEGER = 2**53 - 1
_SHORT_DIGITS = 12


class CanonicalError(ValueError):
    """Bytes that are not the canonical JSON of any value; the message says why."""


def canonical_json(value: Any) -> bytes:
    """``value`` as RFC 8785 bytes, without a newline at the end.

    Floats stay numbers; those that are not finite become "NaN", "Infinity" or "-Infinity", integers beyond 2^53 - 1
    their digits. Raises TypeError, naming the place, for a value that is not JSON data.
    """
    import rfc8785

    return rfc8785.dumps(_plain(value, "$"))


def parse_canonical(data: bytes) -> Any:
    """The value whose canonical JSON is exactly ``data``. Raises :class:`CanonicalError` for any other bytes."""
    try:
        value = json.loads(data.decode("utf-8"), parse_int=_integer, parse_constant=_no_constant)
        written = canonical_json(value)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"not JSON: {error}") from error
    if written != data:
        raise CanonicalError("not canonical JSON (RFC 8785): a key, a space or a number is written another way")
    return value


def sha256_of(data: bytes) -> str:
    """The sha256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def short(digest: str) -> str:
    """The first digits of a digest, a commit or a key id: enough to tell a person which one is meant."""
    return digest[:_SHORT_DIGITS]


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Integral):
        number = int(value)
        return number if abs(number) <= LARGEST_SAFE_INTEGER else str(number)
    if isinstance(value, Real):
        return _real(float(value))
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, f"{where}[{index}]") for index, one in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}, which is not JSON data")


def _real(number: float) -> float | str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where} has the key {key!r}; keys of JSON objects are text")
    return key.encode("utf-8", "backslashreplace").decode("utf-8")


def _integer(digits: str) -> int | float:
    """Large whole floats are written without a point; read back, they are floats again."""
    number = int(digits)
    return number if abs(number) <= LARGEST_SAFE_INTEGER else float(digits)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
