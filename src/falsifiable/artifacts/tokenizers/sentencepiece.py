"""SentencePiece models, ``tokenizer.model``: a Protocol Buffers message whose pieces stand in the order of their ids.

Field numbers are those of ``sentencepiece_model.proto`` of google/sentencepiece. Read are the text and the type of each
piece, the algorithm and the names of the special pieces; normalisation rules, scores and samples are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.magic import describe_start
from falsifiable.artifacts.tokenizers.protobuf_wire import BYTES, FOUR_BYTES, VARINT, fields_of
from falsifiable.artifacts.tokenizers.token_ids import unsound
from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer

# The types of pieces; GGUF numbers its token types in the same way.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

_PIECES, _TRAINER = 1, 2
_PIECE_FIELDS = {1: BYTES, 2: FOUR_BYTES, 3: VARINT}  # text, score, type
_MODEL_TYPE = 3
_SPECIAL_NAMES = {45: "unk", 46: "bos", 47: "eos", 48: "pad"}
# As merges are by score and not in a list, byte-pair encoding here is the algorithm that GGUF calls "llama".
_ALGORITHMS = {1: "Unigram", 2: "SentencePiece", 3: "WordLevel", 4: "Char"}
_START = bytes([_PIECES << 3 | BYTES])
_SCORE, _TYPE = 2 << 3 | FOUR_BYTES, 3 << 3 | VARINT
_SHORTEST_USUAL_BYTES = 7  # two of the text, five of the score
_BYTE_PIECE = re.compile(r"<0x[0-9A-F]{2}>")


@dataclass(slots=True)
class _Pieces:
    """The pieces as read so far."""

    texts: list[str] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    place_of: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Trainer:
    """What the model was trained as, with the defaults of the format."""

    model_type: int = 1
    names: dict[str, str] = field(default_factory=lambda: {"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"})


def tokenizer_from_sentencepiece(content: bytes, path: Path, limits: Limits) -> Tokenizer:
    """The tokenizer in the bytes of a SentencePiece model.

    A special id is that of the piece of its name, if it is of the type control, as the library resolves it.

    Raises:
        ArtifactError: ``unreadable`` for what does not begin as such a model; ``unsound`` for one that is cut, has a
            piece twice, an empty one or one that is not UTF-8, or not exactly one unknown piece.
    """
    if not content.startswith(_START):
        known = describe_start(content)
        said = f"is {known.description}" if known else "does not begin with a piece"
        hint = known.hint if known else None
        raise ArtifactError(path, said, offset=0, expected="a SentencePiece model", hint=hint)
    pieces, trainer = _Pieces(), None
    for number, wire_type, begin, end in fields_of(content, 0, len(content), path):
        if number not in (_PIECES, _TRAINER):
            continue
        if wire_type != BYTES:
            raise unsound(path, f"field {number} has the wire type {wire_type}", "a message")
        if number == _PIECES:
            _read_piece(pieces, content, begin, end, path)
            if len(pieces.texts) > limits.sentencepiece_pieces:
                raise ArtifactError(path, f"more than {limits.sentencepiece_pieces} pieces")
        elif trainer is not None:
            raise _fault(path, begin, "has its trainer_spec twice")
        else:
            trainer = _read_trainer(content, begin, end, path)
    return _tokenizer(pieces, trainer or _Trainer(), path)


def _read_piece(pieces: _Pieces, content: bytes, start: int, stop: int, path: Path) -> None:
    row = len(pieces.texts)
    raw, kind = _usual_piece(content, start, stop) or _any_piece(content, start, stop, row, path)
    text = _text(raw, start, f"piece {row}", path)
    if not text or kind not in (NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE):
        raise _fault(path, start, f"piece {row} is {text!r:.80} of type {kind}", "a text and a type from 1 to 6")
    if kind == BYTE and not _BYTE_PIECE.fullmatch(text):
        raise _fault(path, start, f"piece {row} of type byte is {text!r:.80}", "such as <0x0A>")
    if pieces.place_of.setdefault(text, row) != row:
        raise _fault(path, start, f"piece {row} is {text!r:.80}, as piece {pieces.place_of[text]} is")
    pieces.texts.append(text)
    pieces.types.append(kind)


def _usual_piece(content: bytes, start: int, stop: int) -> tuple[bytes, int] | None:
    """Text and type of a piece as the library writes it: text, score, and a type if it is not the usual one.

    This is several times as fast as reading field by field, and every piece of a published model is like this.
    """
    if stop - start < _SHORTEST_USUAL_BYTES:
        return None
    end = start + 2 + content[start + 1]
    if content[start] != _START[0] or content[start + 1] > 0x7F or end + 5 > stop or content[end] != _SCORE:
        return None
    if stop == end + 5:
        return content[start + 2 : end], NORMAL
    return (content[start + 2 : end], content[stop - 1]) if stop == end + 7 and content[end + 5] == _TYPE else None


def _any_piece(content: bytes, start: int, stop: int, row: int, path: Path) -> tuple[bytes, int]:
    raw, kind, seen = b"", NORMAL, 0
    for number, wire_type, begin, end in fields_of(content, start, stop, path):
        if _PIECE_FIELDS.get(number, wire_type) != wire_type or (number < 4 and seen >> number & 1):
            raise _fault(path, start, f"piece {row}: field {number} is of another type, or stands twice")
        seen |= 1 << number if number < 4 else 0
        if number == 1:
            raw = content[begin:end]
        elif number == 3:
            kind = begin
    return raw, kind


def _read_trainer(content: bytes, start: int, stop: int, path: Path) -> _Trainer:
    trainer = _Trainer()
    for number, wire_type, begin, end in fields_of(content, start, stop, path):
        if number == _MODEL_TYPE:
            if wire_type != VARINT or begin not in _ALGORITHMS:
                raise _fault(path, start, "trainer_spec.model_type is none of 1 to 4")
            trainer.model_type = begin
        elif number in _SPECIAL_NAMES:
            if wire_type != BYTES:
                raise _fault(path, start, f"trainer_spec.{_SPECIAL_NAMES[number]}_piece is no text")
            name = _SPECIAL_NAMES[number]
            trainer.names[name] = _text(content[begin:end], begin, f"trainer_spec.{name}_piece", path)
    return trainer


def _tokenizer(pieces: _Pieces, trainer: _Trainer, path: Path) -> Tokenizer:
    if pieces.types.count(UNKNOWN) != 1:
        raise unsound(path, f"has {pieces.types.count(UNKNOWN)} pieces of the type unknown", "exactly one")

    def control(name: str) -> int | None:
        row = pieces.place_of.get(trainer.names[name])
        return row if row is not None and pieces.types[row] == CONTROL else None

    return Tokenizer(
        path,
        tokens=tuple(pieces.texts),
        type=_ALGORITHMS[trainer.model_type],
        bos_token_id=control("bos"),
        eos_token_id=control("eos"),
        pad_token_id=control("pad"),
        unk_token_id=pieces.types.index(UNKNOWN),
        token_types=tuple(pieces.types),
    )


def _text(raw: bytes, offset: int, where: str, path: Path) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as fault:
        raise _fault(path, offset, f"{where} is not UTF-8: {raw!r:.80}") from fault


def _fault(path: Path, offset: int, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(path, message, offset=offset, expected=expected, kind="unsound")
