"""A folder that a tokenizer was saved to: which of its files is the tokenizer, and what those beside it add."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.sources.files import Source, read_small_file
from falsifiable.artifacts.sources.json_reader import read_json
from falsifiable.artifacts.tokenizers.sentencepiece import CONTROL, UNUSED, USER_DEFINED, tokenizer_from_sentencepiece
from falsifiable.artifacts.tokenizers.token_ids import checked_ids, token_id, unsound
from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer
from falsifiable.artifacts.tokenizers.tokenizer_json import tokenizer_from_json
from falsifiable.artifacts.tokenizers.vocabulary import (
    MERGES,
    VOCABULARY,
    WORD_PIECES,
    tokenizer_from_vocabulary,
    tokenizer_from_word_pieces,
)

JSON, SENTENCEPIECE = "tokenizer.json", "tokenizer.model"
CONFIG, SPECIAL, ADDED, TEMPLATE = (
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
)  # fmt: skip
_SPECIAL_IDS = ("bos_token", "eos_token", "pad_token", "unk_token")


def holds_tokenizer(names: Collection[str]) -> bool:
    """Whether a folder with files of these names holds a tokenizer in one of the forms that are read."""
    whole = any(name in (JSON, WORD_PIECES) or name.endswith(".model") for name in names)
    return whole or {VOCABULARY, MERGES} <= set(names)


def tokenizer_in_file(path: Path, limits: Limits) -> Tokenizer:
    """The tokenizer in one file, told by its name; of ``vocab.json``, the ``merges.txt`` beside it is a part."""
    return _read_from(*_read_file(path, limits))


def _read_file(path: Path, limits: Limits) -> tuple[Tokenizer, list[Source]]:
    is_sentencepiece = path.name.endswith(".model")
    source, content = read_small_file(path, limits.sentencepiece_bytes if is_sentencepiece else limits.json_bytes)
    sources = [source]
    if is_sentencepiece:
        tokenizer = tokenizer_from_sentencepiece(content, path, limits)
    elif path.name.endswith(VOCABULARY):
        beside = path.with_name(path.name.removesuffix(VOCABULARY) + MERGES)
        if not beside.exists():
            raise ArtifactError(path, f"has no {beside.name} beside it", hint="Fetch or copy it next to the vocabulary")
        merged, merges = read_small_file(beside, limits.json_bytes)
        sources.append(merged)
        tokenizer = tokenizer_from_vocabulary(content, merges, path, limits)
    elif path.name.endswith(WORD_PIECES):
        tokenizer = tokenizer_from_word_pieces(content, path, limits)
    elif path.name.endswith(MERGES):
        raise ArtifactError(path, "holds merges and no tokens", hint=f"Bind the role to the {VOCABULARY} beside it")
    else:
        tokenizer = tokenizer_from_json(content, path, limits)
    return tokenizer, sources


def tokenizer_in_folder(folder: Path, limits: Limits) -> Tokenizer:
    """The tokenizer in a folder: ``tokenizer.json``, else a SentencePiece model, else a vocabulary; and its settings.

    ``tokenizer_config.json`` and ``special_tokens_map.json`` say which tokens begin, end and pad a sequence. What
    ``added_tokens.json`` and the configuration add to the other forms stands in ``tokenizer.json`` already.
    """
    path = _tokenizer_file(folder)
    tokenizer, sources = _read_file(path, limits)
    files = _FilesBeside(folder, limits, sources)
    config = files.object(CONFIG)
    if path.name != JSON:
        config = {**files.object(SPECIAL), **config}
        added = _added_tokens(config, files.object(ADDED), folder, limits)
        tokenizer = _with_added(tokenizer, added, folder, limits)
    tokenizer = _with_special_ids(tokenizer, config, is_json=path.name == JSON)
    template = _default_template(config.get("chat_template"))
    if (folder / TEMPLATE).exists():
        template = files.content(TEMPLATE, limits.chat_template_bytes).decode("utf-8", "replace")
    return _read_from(replace(tokenizer, path=folder, chat_template=template), sources)


def _tokenizer_file(folder: Path) -> Path:
    models = sorted(file.name for file in folder.glob("*.model")) if not (folder / SENTENCEPIECE).exists() else []
    for name in (JSON, SENTENCEPIECE, *models[:1], VOCABULARY, WORD_PIECES):
        if (folder / name).exists():
            if name in models and len(models) > 1:
                raise ArtifactError(folder, f"holds the models {', '.join(models[:5])}", expected="one of them")
            return folder / name
    forms = f"{SENTENCEPIECE}, {VOCABULARY} with {MERGES}, or {WORD_PIECES}"
    raise ArtifactError(
        folder, f"holds no {JSON}", expected=f"a folder that transformers saved a tokenizer to, or with {forms}"
    )


class _FilesBeside:
    """The files beside a tokenizer, each noted in ``sources`` when it is read."""

    def __init__(self, folder: Path, limits: Limits, sources: list[Source]) -> None:
        self._folder = folder
        self._limits = limits
        self._sources = sources

    def content(self, name: str, limit_bytes: int) -> bytes:
        source, content = read_small_file(self._folder / name, limit_bytes)
        self._sources.append(source)
        return content

    def object(self, name: str) -> dict[str, Any]:
        """The JSON object of that name; empty where there is no such file."""
        path = self._folder / name
        if not path.exists():
            return {}
        stored = read_json(self.content(name, self._limits.json_bytes), path, limits=self._limits, kind="unsound")
        if not isinstance(stored, dict):
            raise unsound(path, "is not an object")
        return stored


@dataclass(frozen=True, slots=True)
class _Added:
    """Tokens that files beside a model add to it: id -> text, and the ids of those that are no text to a reader."""

    texts: Mapping[int, str]
    special: frozenset[int]


def _added_tokens(config: Mapping[str, Any], added: Mapping[str, Any], folder: Path, limits: Limits) -> _Added:
    """What the files beside add, in either of the two ways that transformers has written it."""
    texts = {row: text for text, row in checked_ids(added, "the id of token ", folder / ADDED).items()}
    decoder = config.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict):
        raise unsound(folder / CONFIG, "added_tokens_decoder is not an object")
    special = set()
    for key, entry in decoder.items():
        where = f"added_tokens_decoder[{key!r:.80}]"
        is_number = key.isascii() and key.isdigit() and len(key) <= limits.json_number_characters
        row, text = token_id(int(key) if is_number else key, where, folder / CONFIG), _token_text(entry)
        if not text or texts.setdefault(row, text) != text:
            raise unsound(folder / CONFIG, f"{where} is {entry!r:.80}", "an object with content, the same everywhere")
        if isinstance(entry, dict) and entry.get("special") is True:
            special.add(row)
    return _Added(MappingProxyType(texts), frozenset(special))


def _with_added(tokenizer: Tokenizer, added: _Added, folder: Path, limits: Limits) -> Tokenizer:
    size = max(tokenizer.size, max(added.texts, default=-1) + 1)
    if size > limits.tokenizer_ids:
        raise unsound(folder, f"the highest added id is {size - 1}", f"an id below {limits.tokenizer_ids}")
    tokens = [*tokenizer.tokens, *[""] * (size - tokenizer.size)]
    for row, text in added.texts.items():
        if tokens[row] not in ("", text):
            raise _other_ids(tokenizer, row, text, tokens[row], folder)
        tokens[row] = text
    types = tokenizer.token_types
    if types is not None:
        beyond = range(tokenizer.size, size)
        types = (
            *types,
            *(CONTROL if row in added.special else USER_DEFINED if row in added.texts else UNUSED for row in beyond),
        )
    return replace(tokenizer, tokens=tuple(tokens), token_types=types, added_tokens=added.texts)


def _other_ids(tokenizer: Tokenizer, row: int, text: str, held: str, folder: Path) -> ArtifactError:
    """Some classes of transformers shift the ids of a SentencePiece model; only they know how, so nothing is wrong."""
    said = f"the added token {text!r:.80} has the id {row} of the token {held!r:.80}"
    if tokenizer.token_types is None:
        return unsound(folder, said)
    hint = "Save the tokenizer as tokenizer.json: its class in transformers gives the pieces other ids"
    return ArtifactError(folder, said, expected=f"the ids of {tokenizer.path.name}", hint=hint)


def _with_special_ids(tokenizer: Tokenizer, config: Mapping[str, Any], *, is_json: bool) -> Tokenizer:
    """Special ids by the tokens that the configuration names; what it does not name stays as the tokenizer says."""
    if not config and not is_json:
        return tokenizer
    ids = {token: row for row, token in enumerate(tokenizer.tokens)} if config else {}
    found: dict[str, Any] = {}
    for name in _SPECIAL_IDS:
        stated = getattr(tokenizer, f"{name}_id")
        found[f"{name}_id"] = ids.get(_token_text(config[name])) if config.get(name) is not None else stated
    return replace(tokenizer, **found)


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


def _read_from(tokenizer: Tokenizer, sources: list[Source]) -> Tokenizer:
    return replace(
        tokenizer,
        files=tuple(source.path for source in sources),
        file_digests=MappingProxyType({source.relative: source.sha256() for source in sources}),
    )
