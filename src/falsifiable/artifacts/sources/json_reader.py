"""Strict, bounded JSON: a document means one thing, or it is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from falsifiable.artifacts.errors import ArtifactError, Fault
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits


class _RefusedError(ValueError):
    """Why a document that Python's parser would accept is refused."""


def read_json(
    content: bytes,
    path: Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    kind: Fault = "unreadable",
    base_offset: int = 0,
) -> Any:
    """The value of a JSON document.

    Refused with an :class:`ArtifactError` of the given ``kind``: text that is not UTF-8, a key that stands twice in
    one object, NaN and infinities, numbers of absurd length, and nesting beyond ``limits``. ``base_offset`` is where
    ``content`` begins in the file, so that reported offsets are those of the file.
    """
    if len(content) > limits.json_bytes:
        raise ArtifactError(path, f"{len(content)} bytes of JSON", expected=f"at most {limits.json_bytes} bytes")
    text = _decoded(content, path, kind, base_offset)
    check_counts(text, path, limits)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=lambda digits: _finite_float(digits, limits),
            parse_int=_integer_parser(text, limits),
        )
    except json.JSONDecodeError as fault:
        offset = base_offset + len(text[: fault.pos].encode())
        place = f"line {fault.lineno}, column {fault.colno}"
        raise ArtifactError(path, f"not JSON ({place}): {fault.msg}", offset=offset, kind=kind) from fault
    except _RefusedError as fault:
        raise ArtifactError(path, str(fault), kind=kind) from None
    except RecursionError:
        raise _too_deep(path, limits, kind) from None
    if _depth_exceeds(value, limits.json_depth_levels):
        raise _too_deep(path, limits, kind)
    return value


def check_counts(text: str, path: Path, limits: Limits) -> None:
    """Bound what parsing would build, before it does; marks inside strings count too, which real files can bear."""
    for mark, count, limit in (
        ("lists and objects", text.count("[") + text.count("{"), limits.json_containers),
        ("commas", text.count(","), limits.json_commas),
    ):
        if count > limit:
            raise ArtifactError(path, f"JSON with {count} {mark}", expected=f"at most {limit}")


def _decoded(content: bytes, path: Path, kind: Fault, base_offset: int) -> str:
    if content.startswith(b"\xef\xbb\xbf"):
        raise ArtifactError(path, "JSON begins with a byte order mark", offset=base_offset, kind=kind)
    try:
        return content.decode()
    except UnicodeDecodeError as fault:
        offset = base_offset + fault.start
        raise ArtifactError(path, "not UTF-8", offset=offset, expected="JSON in UTF-8", kind=kind) from fault


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _RefusedError(f"the key {twice!r} stands twice in one JSON object")
    return mapping


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not a JSON number")


def _finite_float(digits: str, limits: Limits) -> float:
    if len(digits) > limits.json_number_characters:
        raise _RefusedError(f"a number of {len(digits)} characters (the limit is {limits.json_number_characters})")
    value = float(digits)
    if not math.isfinite(value):
        raise _RefusedError(f"{digits} is beyond the range of a 64-bit float")
    return value


def _integer_parser(text: str, limits: Limits) -> Callable[[str], int]:
    """``int`` itself, or a function that refuses long numbers where the text holds a run of so many digits.

    A vocabulary holds an integer per token, and calling a Python function for each takes as long as all other parsing.
    """
    stride = max(1, limits.json_number_characters // 8)  # a longer run of digits shows in every stride-th character
    if re.search(rf"[0-9]{{{max(1, limits.json_number_characters // stride)}}}", text[::stride]) is None:
        return int
    return lambda digits: _bounded_integer(digits, limits)


def _bounded_integer(digits: str, limits: Limits) -> int:
    if len(digits) > limits.json_number_characters:
        raise _RefusedError(f"a number of {len(digits)} digits (the limit is {limits.json_number_characters})")
    return int(digits)


def _depth_exceeds(value: Any, levels: int) -> bool:
    """Whether lists and objects nest deeper than ``levels``; they are walked level by level, without recursion."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(levels):
        inner = [one.values() if type(one) is dict else one for one in level]
        level = [child for one in inner for child in one if type(child) is dict or type(child) is list]
        if not level:
            return False
    return True


def _too_deep(path: Path, limits: Limits, kind: Fault) -> ArtifactError:
    return ArtifactError(path, f"JSON nested deeper than {limits.json_depth_levels} levels", kind=kind)
