"""``tokenizer.json``: everything the ``tokenizers`` library needs, in one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.tokenizers.token_ids import (
    checked_ids,
    optional_id,
    optional_text,
    token_id,
    tokens_by_id,
    unsound,
)
from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer


def tokenizer_from_json(content: bytes, path: Path, limits: Limits) -> Tokenizer:
    """The tokenizer in the bytes of a ``tokenizer.json``. Raises ArtifactError."""
    stored = _parsed(content, path, limits)
    if not isinstance(stored, dict) or "model" not in stored:
        raise ArtifactError(path, "has no key 'model' at its top", expected="a tokenizer.json")
    model = stored["model"]
    if not isinstance(model, dict):
        raise unsound(path, "'model' is not an object")
    ids = _vocabulary(model, path)
    added = _added_tokens(stored.get("added_tokens") or [], path)
    unknown = model.get("unk_token")
    unknown_id = ids.get(unknown) if isinstance(unknown, str) else model.get("unk_id")
    return Tokenizer(
        path,
        tokens=tokens_by_id(ids, added, path, limits),
        type=optional_text(model.get("type"), "model.type", path),
        merges=_merges(model.get("merges") or [], path),
        added_tokens=MappingProxyType(added),
        unk_token_id=optional_id(unknown_id, "model.unk_id", path),
    )


def _parsed(content: bytes, path: Path, limits: Limits) -> Any:
    if content.startswith(b"GGUF"):
        raise ArtifactError(path, "is a GGUF file", expected="a tokenizer.json", hint="Bind it to a role of kind model")
    # What begins like a JSON object and then breaks is a tokenizer that is not whole, and not some other format.
    is_object = content.lstrip()[:1] == b"{"
    return read_json(content, path, limits=limits, kind="unsound" if is_object else "unreadable")


def _vocabulary(model: Mapping[str, Any], path: Path) -> Mapping[str, int]:
    """Token -> id. A Unigram model lists ``[token, score]`` in the order of ids; the others map tokens to ids."""
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, dict):
        return checked_ids(vocabulary, "model.vocab", path)
    if not isinstance(vocabulary, list):
        raise unsound(path, "model.vocab is neither a mapping nor a list", "the tokens of the model")
    ids: dict[str, int] = {}
    for row, entry in enumerate(vocabulary):
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise unsound(path, f"model.vocab[{row}] is {entry!r:.80}", "[token, score]")
        if ids.setdefault(entry[0], row) != row:
            raise unsound(path, f"model.vocab[{row}] is the token {entry[0]!r}, which already has id {ids[entry[0]]}")
    return ids


def _added_tokens(entries: Any, path: Path) -> dict[int, str]:
    if not isinstance(entries, list):
        raise unsound(path, "added_tokens is not a list")
    added: dict[int, str] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise unsound(path, f"added_tokens[{place}] is {entry!r:.80}", "an object with id and content")
        row = token_id(entry.get("id"), f"added_tokens[{place}].id", path)
        if row in added:
            raise unsound(path, f"added_tokens[{place}] has id {row}, as {added[row]!r} has")
        added[row] = entry["content"]
    return added


def _merges(entries: Any, path: Path) -> tuple[str, ...]:
    """``"a b"`` for every merge, which files write so or, since tokenizers 0.20, as ``["a", "b"]``."""
    if not isinstance(entries, list):
        raise unsound(path, "model.merges is not a list")
    try:
        merges = [one if type(one) is str else " ".join(one) if len(one) == 2 else None for one in entries]
    except TypeError:  # neither a text nor a list, or a list of other things
        merges = [None]
    if None not in merges and all(type(one) in (str, list) for one in entries):
        return tuple(merges)  # type: ignore[arg-type]
    place = next(place for place, entry in enumerate(entries) if not _is_merge(entry))
    raise unsound(path, f"model.merges[{place}] is {entries[place]!r:.80}", "two tokens")


def _is_merge(entry: Any) -> bool:
    pair = isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
    return pair or isinstance(entry, str)
