"""What a plain YAML scalar means under the YAML 1.2 core schema.

PyYAML resolves by YAML 1.1, where ``no`` is false, ``010`` is 8, ``12:30`` is 750, a date is a date, and ``1e-5`` is a
text. Under YAML 1.2 all of these are what they look like.
"""

from __future__ import annotations

import math
import re

from falsifiable.contracts.limits import ContractLimits
from falsifiable.contracts.nodes import PlainScalar

_CONSTANTS: dict[str, PlainScalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_BASES = {"0o": 8, "0x": 16}

MEANINGFUL_STARTS = frozenset({"", *"~nNtTfF", *"+-.0123456789"})
"""How a plain scalar begins that may be a constant or a number; all others are texts."""


class NumberError(ValueError):
    """A number that no check could use; the message says why."""


def resolve(text: str, limits: ContractLimits) -> PlainScalar:
    """The value of the unquoted scalar ``text``. Raises NumberError for a number that is not finite or too long."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in MEANINGFUL_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text, limits)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _NOT_FINITE.fullmatch(text):
        raise NumberError(f"{text} is not a finite number; bounds and tolerances must be finite")
    return text


def _integer(text: str, limits: ContractLimits) -> int:
    base = _BASES.get(text[:2], 10)
    digits = text[2:] if base != 10 else text.lstrip("+-")
    if len(digits) > limits.max_integer_digits:
        raise NumberError(f"a whole number of {len(digits)} digits; at most {limits.max_integer_digits} are read")
    return int(text, 0 if base != 10 else 10)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NumberError("the number is too large: its size exceeds 1.8e308, the largest that is read")
    if value == 0 and any(digit in "123456789" for digit in re.split("[eE]", text)[0]):
        raise NumberError("the number is too small: it would be read as 0; the smallest that is read is 4.9e-324")
    return value
