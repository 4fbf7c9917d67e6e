"""Tokenizers, whatever the form: what a file states, and the one door to files and folders that hold one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.sources.files import door
from falsifiable.artifacts.sources.remote_path import place_of
from falsifiable.artifacts.tokenizers.token_ids import optional_id, optional_text, unsound


# Not slotted: the digest of an embedded tokenizer is computed when first asked for, and kept.
@dataclass(frozen=True, eq=False, repr=False)
class Tokenizer:
    """What turns text into token ids, as far as a file states it. What it does not state is None or empty.

    ``tokens`` is indexed by id, added tokens included; an id that no token has is an empty text. ``type`` is the
    algorithm: ``BPE``, ``Unigram``, ``WordPiece``, ``WordLevel``, ``Char``, or ``SentencePiece``, which is byte-pair
    encoding by scores and without a list of merges. A merge is written ``"a b"``. ``pre`` exists in GGUF only,
    ``token_types`` in GGUF and SentencePiece (1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte). A chat
    template is text here and is never rendered.
    """

    path: Path
    tokens: Sequence[str] = ()
    type: str | None = None
    merges: Sequence[str] = ()
    added_tokens: Mapping[int, str] = field(default_factory=dict)
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    pad_token_id: int | None = None
    unk_token_id: int | None = None
    pre: str | None = None
    token_types: Sequence[int] | None = None
    chat_template: str | None = None
    files: tuple[Path, ...] = ()
    file_digests: Mapping[str, str] = field(default_factory=dict)
    _original: Tokenizer | None = None
    _mutation: str = ""

    kind: ClassVar[str] = "tokenizer"

    def __repr__(self) -> str:
        changed = f", {self._mutation}" if self._mutation else ""
        return f"<Tokenizer {str(self.path)!r}, {self.type}, {self.size} tokens{changed}>"

    @property
    def size(self) -> int:
        """The highest id + 1, added tokens included."""
        return len(self.tokens)

    @property
    def is_mutant(self) -> bool:
        """Whether a mutation made it, so that the files hold something else."""
        return self._original is not None

    @cached_property
    def digest(self) -> str:
        """sha256 of the file; of several, over the lines ``sha256  name``; embedded, over its fields as JSON."""
        if self._original is not None:
            return mutant_digest(self._original.digest, self._mutation)
        if self.file_digests:
            return digest_of_files(self.path, self.file_digests)
        return hashlib.sha256(json.dumps(self._fields(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def with_tokens(self, count: int) -> Tokenizer:
        """The same with exactly ``count`` ids: the highest are dropped, or new ones named ``[EXTRA300]`` appended."""
        kept = list(self.tokens[:count])
        types = None if self.token_types is None else list(self.token_types[:count])
        grown = kept + [f"[EXTRA{row}]" for row in range(len(kept), count)]
        if types is not None:
            types += [1] * (count - len(types))
        added = {row: text for row, text in self.added_tokens.items() if row < count}
        return self._mutant(f"tokens={count}", tokens=grown, token_types=types, added_tokens=added)

    def without_tokens(self) -> Tokenizer:
        """The same without any token."""
        return self._mutant("no-tokens", tokens=(), added_tokens={}, token_types=None)

    def with_token(self, token_id: int, text: str) -> Tokenizer:
        """The same with ``text`` under ``token_id``; ids in between that do not exist yet stay without a token."""
        tokens = list(self.tokens)
        tokens += [""] * (token_id + 1 - len(tokens))
        tokens[token_id] = text
        added = {row: text if row == token_id else old for row, old in self.added_tokens.items()}
        return self._mutant(f"token[{token_id}]={text}", tokens=tokens, added_tokens=added)

    def without_merges(self) -> Tokenizer:
        """The same without any merge."""
        return self._mutant("no-merges", merges=())

    def with_eos_token_id(self, token_id: int | None) -> Tokenizer:
        """The same ending sequences with ``token_id``, which need not exist."""
        return self._mutant(f"eos_token_id={token_id}", eos_token_id=token_id)

    def with_field(self, name: str, value: Any) -> Tokenizer:
        """The same with one public field replaced, such as ``pre`` or ``type``. Raises TypeError for an unknown one."""
        return self._mutant(f"{name}={value}", **{name: value})

    def rewritten(self) -> Tokenizer:
        """The same content in other bytes: the digest differs and nothing else."""
        return self._mutant("rewritten")

    def _mutant(self, mutation: str, **changes: Any) -> Tokenizer:
        return replace(self, **changes, _original=self, _mutation=mutation)

    def _fields(self) -> dict[str, Any]:
        return {
            "tokens": list(self.tokens),
            "type": self.type,
            "merges": list(self.merges),
            "bos": self.bos_token_id,
            "eos": self.eos_token_id,
            "pad": self.pad_token_id,
            "unk": self.unk_token_id,
            "pre": self.pre,
            "token_types": None if self.token_types is None else list(self.token_types),
            "chat_template": self.chat_template,
        }


@door
def open_tokenizer(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Tokenizer:
    """The tokenizer in a file or in a folder that one was saved to.

    A file is read alone: a ``tokenizer.json``; a SentencePiece model, ``*.model``; a ``vocab.txt``; or a
    ``vocab.json``, of which the ``merges.txt`` beside it is a part. A folder holds one of these, preferred in the order
    ``tokenizer.json``, SentencePiece, vocabulary, and has its ``tokenizer_config.json`` and ``chat_template.jinja``
    read too: they say which tokens begin, end and pad a sequence, which ``tokenizer.json`` does not. To the other forms
    ``added_tokens.json``, the configuration and ``special_tokens_map.json`` add tokens and special ids.

    Raises:
        ArtifactError: there is no tokenizer, or it breaks the rules of its format.
    """
    from falsifiable.artifacts.tokenizers.folder import tokenizer_in_file, tokenizer_in_folder

    path = place_of(path)
    return tokenizer_in_folder(path, limits) if path.is_dir() else tokenizer_in_file(path, limits)


# The algorithm behind the name that GGUF has for a tokenizer; a name that is not here is kept as it is.
_GGUF_TYPES = {"gpt2": "BPE", "llama": "SentencePiece", "bert": "WordPiece", "t5": "Unigram"}
_GGUF_PREFIX = "tokenizer.ggml."


def tokenizer_from_gguf(fields: Mapping[str, object], path: Path) -> Tokenizer | None:
    """The tokenizer embedded in GGUF key-values, or None where no key begins with ``tokenizer.ggml.``.

    Lists of text stay as lazy as they were given. A tokenizer that lacks its token list has no tokens.

    Raises:
        ArtifactError: of kind ``unsound``, for a key that holds another type than the format gives it.
    """
    if not any(key.startswith(_GGUF_PREFIX) for key in fields):
        return None

    def text(key: str) -> str | None:
        return optional_text(fields.get(key), key, path)

    def token_id(name: str) -> int | None:
        return optional_id(fields.get(f"{_GGUF_PREFIX}{name}_token_id"), f"{_GGUF_PREFIX}{name}_token_id", path)

    name = text(_GGUF_PREFIX + "model")
    types = fields.get(_GGUF_PREFIX + "token_type")
    return Tokenizer(
        path,
        tokens=_texts(fields, "tokens", path),
        type=None if name is None else _GGUF_TYPES.get(name, name),
        merges=_texts(fields, "merges", path),
        bos_token_id=token_id("bos"),
        eos_token_id=token_id("eos"),
        pad_token_id=token_id("padding"),
        unk_token_id=token_id("unknown"),
        pre=text(_GGUF_PREFIX + "pre"),
        token_types=None if types is None else _sequence(types, _GGUF_PREFIX + "token_type", int, path),
        chat_template=text("tokenizer.chat_template"),
    )


def _texts(fields: Mapping[str, object], name: str, path: Path) -> Sequence[str]:
    return _sequence(fields.get(_GGUF_PREFIX + name, ()), _GGUF_PREFIX + name, str, path)


def _sequence(value: object, key: str, item: type, path: Path) -> Sequence[Any]:
    """``value`` if it is a list whose items have the type ``item``; GGUF arrays are of one type throughout."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or (len(value) and not isinstance(value[0], item)):  # type: ignore[arg-type,index]
        wanted = "texts" if item is str else "integers"
        raise unsound(path, f"{key} is not a list of {wanted}")
    return value  # type: ignore[return-value]
