"""Vocabularies in files of their own: GPT-2's ``vocab.json`` with ``merges.txt``, and WordPiece's ``vocab.txt``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.tokenizers.token_ids import checked_ids, tokens_by_id, unsound
from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer

VOCABULARY, MERGES, WORD_PIECES = "vocab.json", "merges.txt", "vocab.txt"

_UNKNOWN = "[UNK]"  # what BERT calls the unknown token, where no configuration beside says otherwise
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def tokenizer_from_vocabulary(vocabulary: bytes, merges: bytes, path: Path, limits: Limits) -> Tokenizer:
    """The byte-pair tokenizer of a ``vocab.json`` at ``path`` and of the ``merges.txt`` beside it.

    The order of the merges is their priority. Raises ArtifactError: where one of the files is broken, or a merge is
    of tokens, or makes one, that the vocabulary lacks.
    """
    is_object = vocabulary.lstrip()[:1] == b"{"
    stored = read_json(vocabulary, path, limits=limits, kind="unsound" if is_object else "unreadable")
    if not isinstance(stored, dict):
        raise ArtifactError(path, "is not an object", expected="an object from every token to its id")
    ids = checked_ids(stored, "the id of token ", path)
    tokens = tokens_by_id(ids, {}, path, limits)
    return Tokenizer(path, tokens=tokens, type="BPE", merges=_merges(merges, path.with_name(MERGES), ids, limits))


def _merges(content: bytes, path: Path, ids: Mapping[str, int], limits: Limits) -> Sequence[str]:
    lines = _lines(content, path, limits)
    first = 1 if lines and lines[0].startswith("#version") else 0
    while len(lines) > first and not lines[-1]:
        lines.pop()
    merges: dict[str, int] = {}
    for number, line in enumerate(lines[first:], first + 1):
        parts = line.split(" ")
        if len(parts) != 2 or not all(parts):
            raise unsound(path, f"line {number} is {line!r:.80}", "two tokens with one space between them")
        absent = next((token for token in (*parts, "".join(parts)) if token not in ids), None)
        if absent is not None:
            raise unsound(
                path, f"line {number}: the merge {line!r:.80} needs the token {absent!r:.80}, and {VOCABULARY} lacks it"
            )
        if merges.setdefault(line, number) != number:
            raise unsound(path, f"line {number} is the merge {line!r:.80}, as line {merges[line]} is")
    return tuple(merges)


def tokenizer_from_word_pieces(content: bytes, path: Path, limits: Limits) -> Tokenizer:
    """The WordPiece tokenizer of a ``vocab.txt``: a token per line, whose number from 0 is the id."""
    lines = _lines(content, path, limits)
    if lines and not lines[-1]:
        lines.pop()
    ids: dict[str, int] = {}
    for row, token in enumerate(lines):
        if not token:
            raise unsound(path, f"line {row + 1} is empty", "a token in every line")
        if ids.setdefault(token, row) != row:
            raise unsound(path, f"line {row + 1} is the token {token!r:.80}, as line {ids[token] + 1} is")
    tokens = tokens_by_id(ids, {}, path, limits)
    return Tokenizer(path, tokens=tokens, type="WordPiece", unk_token_id=ids.get(_UNKNOWN))


def _lines(content: bytes, path: Path, limits: Limits) -> list[str]:
    """The lines of a text. Line breaks are those of Unix, or all of them those of Windows: others are in tokens."""
    if content.startswith(_BYTE_ORDER_MARK):
        raise unsound(path, "begins with a byte order mark, which would be part of the first token", "plain UTF-8")
    breaks = content.count(b"\n")
    if breaks > limits.tokenizer_ids:
        raise ArtifactError(path, f"{breaks} lines", expected=f"at most {limits.tokenizer_ids}")
    if b"\r\n" in content:
        if content.count(b"\r\n") != breaks:
            raise unsound(path, "mixes line breaks of Unix and of Windows", "one kind")
        content = content.replace(b"\r\n", b"\n")
    try:
        return content.decode().split("\n")
    except UnicodeDecodeError as fault:
        number = content.count(b"\n", 0, fault.start) + 1
        raise ArtifactError(
            path, f"line {number}: not UTF-8", offset=fault.start, expected="a text in UTF-8", kind="unsound"
        ) from fault
