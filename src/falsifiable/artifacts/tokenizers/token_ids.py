"""Tokens by id: what every form of a tokenizer comes to, and the checks that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits


def tokens_by_id(ids: Mapping[str, int], added: Mapping[int, str], path: Path, limits: Limits) -> Sequence[str]:
    """The tokens in the order of their ids, added ones included; an id that no token has is an empty text.

    Raises ArtifactError (unsound) where two tokens have one id, or an id is beyond the limit.
    """
    size = max(max(ids.values(), default=-1), max(added, default=-1)) + 1
    if size > limits.tokenizer_ids:
        raise unsound(path, f"the highest token id is {size - 1}", f"an id below {limits.tokenizer_ids}")
    tokens = [""] * size
    for token, row in ids.items():
        tokens[row] = token
    taken = set(ids.values())
    if len(taken) != len(ids):
        row, first, second = _same_id(ids)
        raise unsound(path, f"the tokens {first!r} and {second!r} have the same id {row}")
    for row, token in added.items():
        if row in taken and tokens[row] != token:
            raise unsound(path, f"the added token {token!r} has the id {row} of the token {tokens[row]!r}")
        tokens[row] = token
    return tuple(tokens)


def _same_id(ids: Mapping[str, int]) -> tuple[int, str, str]:
    holder: dict[int, str] = {}
    return next((row, holder[row], token) for token, row in ids.items() if holder.setdefault(row, token) != token)


def checked_ids(vocabulary: Mapping[str, object], where: str, path: Path) -> Mapping[str, int]:
    """``vocabulary`` if it maps every token to an id. Raises ArtifactError (unsound) for the first that is none."""
    for token, row in vocabulary.items():
        if type(row) is not int or row < 0:
            token_id(row, f"{where}[{token!r}]", path)
    return vocabulary  # type: ignore[return-value]


def token_id(value: object, where: str, path: Path) -> int:
    """``value`` if it is an id. Raises ArtifactError (unsound)."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise unsound(path, f"{where} is {value!r:.80}", "a token id, an integer of at least 0")
    return value


def optional_id(value: object, where: str, path: Path) -> int | None:
    """The same where the file may leave it out."""
    return None if value is None else token_id(value, where, path)


def optional_text(value: object, where: str, path: Path) -> str | None:
    """``value`` if it is a text or absent. Raises ArtifactError (unsound)."""
    if value is not None and not isinstance(value, str):
        raise unsound(path, f"{where} is {value!r:.80}", "a text")
    return value


def unsound(path: Path, message: str, expected: str | None = None) -> ArtifactError:
    """A tokenizer that breaks the rules of its format."""
    return ArtifactError(path, message, expected=expected, kind="unsound")
