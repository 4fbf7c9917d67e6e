"""Tokenizers: ``tokenizer.json``, a Hugging Face folder that holds one, or the fields embedded in a GGUF file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.files import SourceFile, read_small_file
from falsifiable.artifacts.identity import digest_of_files, mutant_digest
from falsifiable.artifacts.json_reader import read_json
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits


# Not slotted: the digest of an embedded tokenizer is computed when first asked for, and kept.
@dataclass(frozen=True, eq=False, repr=False)
class Tokenizer:
    """What turns text into token ids, as far as a file states it. What it does not state is None or empty.

    ``tokens`` is indexed by id, added tokens included; an id that no token has is an empty text. ``type`` is the
    algorithm: ``BPE``, ``Unigram``, ``WordPiece``, ``WordLevel``, ``SentencePiece``. A merge is written ``"a b"``.
    ``pre`` and ``token_types`` exist in GGUF only. A chat template is text here and is never rendered.
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


def open_tokenizer(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Tokenizer:
    """The tokenizer in a ``tokenizer.json``, or in a folder that holds one.

    A file is read alone. A folder also has ``tokenizer_config.json`` and ``chat_template.jinja`` read where they exist:
    they say which tokens begin, end and pad a sequence, which ``tokenizer.json`` does not.

    Raises:
        ArtifactError: there is no tokenizer, or it breaks the rules of its format.
    """
    path = Path(path)
    if not path.is_dir():
        source, content = read_small_file(path, limits.json_bytes)
        return _from_json(_parsed(content, path, limits), path, [source], limits)
    file = path / "tokenizer.json"
    if not file.exists():
        raise ArtifactError(path, "holds no tokenizer.json", expected="a folder that transformers saved a tokenizer to")
    source, content = read_small_file(file, limits.json_bytes)
    tokenizer = _from_json(_parsed(content, file, limits), file, [source], limits)
    return _with_folder(tokenizer, path, source, limits)


def _parsed(content: bytes, path: Path, limits: Limits) -> Any:
    if content.startswith(b"GGUF"):
        raise ArtifactError(path, "is a GGUF file", expected="a tokenizer.json", hint="Bind it to a role of kind model")
    # What begins like a JSON object and then breaks is a tokenizer that is not whole, and not some other format.
    is_object = content.lstrip()[:1] == b"{"
    return read_json(content, path, limits=limits, kind="unsound" if is_object else "unreadable")


def _from_json(stored: Any, path: Path, sources: list[SourceFile], limits: Limits) -> Tokenizer:
    if not isinstance(stored, dict) or "model" not in stored:
        raise ArtifactError(path, "has no key 'model' at its top", expected="a tokenizer.json")
    model = stored["model"]
    if not isinstance(model, dict):
        raise _unsound(path, "'model' is not an object")
    ids = _vocabulary(model, path)
    added = _added_tokens(stored.get("added_tokens") or [], path)
    tokens = _tokens_by_id(ids, added, path, limits)
    unknown = model.get("unk_token")
    unknown_id = ids.get(unknown) if isinstance(unknown, str) else model.get("unk_id")
    return Tokenizer(
        path,
        tokens=tokens,
        type=_optional_text(model.get("type"), "model.type", path),
        merges=tuple(_merges(model.get("merges") or [], path)),
        added_tokens=MappingProxyType(added),
        unk_token_id=_optional_id(unknown_id, "model.unk_id", path),
        files=tuple(source.path for source in sources),
        file_digests=MappingProxyType({source.relative: source.sha256() for source in sources}),
    )


def _vocabulary(model: Mapping[str, Any], path: Path) -> dict[str, int]:
    """Token -> id. A Unigram model lists ``[token, score]`` in the order of ids; the others map tokens to ids."""
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, dict):
        for token, token_id in vocabulary.items():
            _id(token_id, f"model.vocab[{token!r}]", path)
        return vocabulary
    if not isinstance(vocabulary, list):
        raise _unsound(path, "model.vocab is neither a mapping nor a list", "the tokens of the model")
    ids: dict[str, int] = {}
    for row, entry in enumerate(vocabulary):
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise _unsound(path, f"model.vocab[{row}] is {entry!r}", "[token, score]")
        if entry[0] in ids:
            raise _unsound(path, f"model.vocab[{row}] is the token {entry[0]!r}, which already has id {ids[entry[0]]}")
        ids[entry[0]] = row
    return ids


def _added_tokens(entries: Any, path: Path) -> dict[int, str]:
    if not isinstance(entries, list):
        raise _unsound(path, "added_tokens is not a list")
    added: dict[int, str] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise _unsound(path, f"added_tokens[{place}] is {entry!r}", "an object with id and content")
        token_id = _id(entry.get("id"), f"added_tokens[{place}].id", path)
        if token_id in added:
            raise _unsound(path, f"added_tokens[{place}] has id {token_id}, as {added[token_id]!r} has")
        added[token_id] = entry["content"]
    return added


def _tokens_by_id(ids: Mapping[str, int], added: Mapping[int, str], path: Path, limits: Limits) -> Sequence[str]:
    size = max([*ids.values(), *added], default=-1) + 1
    if size > limits.tokenizer_ids:
        raise _unsound(path, f"the highest token id is {size - 1}", f"an id below {limits.tokenizer_ids}")
    tokens = [""] * size
    taken: set[int] = set()
    for token, row in ids.items():
        if row in taken:
            raise _unsound(path, f"the tokens {tokens[row]!r} and {token!r} have the same id {row}")
        taken.add(row)
        tokens[row] = token
    for row, token in added.items():
        if row in taken and tokens[row] != token:
            raise _unsound(path, f"the added token {token!r} has the id {row} of the token {tokens[row]!r}")
        tokens[row] = token
    return tuple(tokens)


def _merges(entries: Any, path: Path) -> Iterable[str]:
    """``"a b"`` for every merge, which files write so or, since tokenizers 0.20, as ``["a", "b"]``."""
    if not isinstance(entries, list):
        raise _unsound(path, "model.merges is not a list")
    for place, entry in enumerate(entries):
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
            yield f"{entry[0]} {entry[1]}"
        else:
            raise _unsound(path, f"model.merges[{place}] is {entry!r}", "two tokens")


def _with_folder(tokenizer: Tokenizer, folder: Path, source: SourceFile, limits: Limits) -> Tokenizer:
    """``tokenizer`` with what the files beside it add."""
    sources = [source]
    config: Any = {}
    if (folder / "tokenizer_config.json").exists():
        file = folder / "tokenizer_config.json"
        opened, content = read_small_file(file, limits.json_bytes)
        sources.append(opened)
        config = read_json(content, file, limits=limits, kind="unsound")
        if not isinstance(config, dict):
            raise _unsound(file, "is not an object")
    template = _default_template(config.get("chat_template"))
    if (folder / "chat_template.jinja").exists():
        opened, content = read_small_file(folder / "chat_template.jinja", limits.chat_template_bytes)
        sources.append(opened)
        template = content.decode("utf-8", "replace")
    ids = {token: row for row, token in enumerate(tokenizer.tokens)} if config else {}
    return replace(
        tokenizer,
        path=folder,
        bos_token_id=ids.get(_token_text(config.get("bos_token"))),
        eos_token_id=ids.get(_token_text(config.get("eos_token"))),
        pad_token_id=ids.get(_token_text(config.get("pad_token"))),
        unk_token_id=ids.get(_token_text(config.get("unk_token")), tokenizer.unk_token_id),
        chat_template=template,
        files=tuple(one.path for one in sources),
        file_digests=MappingProxyType({one.relative: one.sha256() for one in sources}),
    )


def _token_text(stored: object) -> str:
    """A special token is stored as its text, or as an object with the text under ``content``."""
    text = stored.get("content") if isinstance(stored, Mapping) else stored
    return text if isinstance(text, str) else ""


def _default_template(stored: object) -> str | None:
    """A chat template is a text, or a list of named ones, of which ``default`` is used."""
    if isinstance(stored, list):
        named = {one.get("name"): one.get("template") for one in stored if isinstance(one, dict)}
        stored = named.get("default")
    return stored if isinstance(stored, str) else None


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
        return _optional_text(fields.get(key), key, path)

    def token_id(name: str) -> int | None:
        return _optional_id(fields.get(f"{_GGUF_PREFIX}{name}_token_id"), f"{_GGUF_PREFIX}{name}_token_id", path)

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
        raise _unsound(path, f"{key} is not a list of {wanted}")
    return value  # type: ignore[return-value]


def _id(value: object, where: str, path: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _unsound(path, f"{where} is {value!r}", "a token id, an integer of at least 0")
    return value


def _optional_id(value: object, where: str, path: Path) -> int | None:
    return None if value is None else _id(value, where, path)


def _optional_text(value: object, where: str, path: Path) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _unsound(path, f"{where} is {value!r}", "a text")
    return value


def _unsound(path: Path, message: str, expected: str | None = None) -> ArtifactError:
    return ArtifactError(path, message, expected=expected, kind="unsound")
