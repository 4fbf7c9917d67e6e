"""Two readers agree: what falsifiable makes of a file is what the libraries that consume it make of it.

Every other verdict rests on the readers of this package, and a file that two parsers understand differently is an old
way past a check. The partners are the libraries themselves: ``safetensors``, ``gguf``, ``tokenizers``, Python's
``json`` (what ``transformers`` reads configurations with) and ``torch.load(weights_only=True)``. They read the file on
disk, and only one that the strict readers here have accepted: ``gguf`` 0.19 does not return from some of 49 bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from falsifiable import Model, NotApplicable, Tokenizer, Verdict, falsifier
from falsifiers.partners import Reading, Refusal, StoredTensor, read_model, read_tokenizer, tokenizer_file

_MOST_SHOWN = 80  # characters of a value in a message


@falsifier(
    "artifact.readers-agree",
    needs="fingerprints",
    imports=("numpy", "blake3", "gguf", "safetensors", "tokenizers"),
    compares_copies=True,
)
def readers_agree(model: Model) -> Verdict:
    """The library that consumes this format finds the same tensors, metadata and tokens in it as falsifiable does.

    Compared are the names, shapes, element types and places of all tensors, a hash of every tensor's bytes as the
    library hands them out, all metadata, and the tokenizer that the model carries. A file that the library refuses and
    falsifiable accepts is a difference too. Of a PyTorch checkpoint only names, shapes, types and bytes are compared,
    for torch tells no more. No second library reads APR, so there the verdict is inconclusive.
    """
    try:
        theirs = read_model(model)
    except Refusal as refusal:
        if model.format == "pytorch":  # many sound checkpoints hold classes that weights_only does not know
            return Verdict.inconclusive(f"{refusal}; save its state_dict alone, and it can be compared")
        return Verdict.of(False, found=str(refusal), examined=(len(model.files), "files"))
    except FileNotFoundError:
        return Verdict.inconclusive(f"{model.path}: the files lie elsewhere, and libraries read those of this machine")
    except ModuleNotFoundError as absent:
        return Verdict.inconclusive(f"{absent.name} is not installed; it is the second reader of {model.format} files")
    if theirs is None:
        return Verdict.inconclusive(f"{model.path}: no second library reads the format {model.format}")
    differences = [*_in_tensors(model, theirs), *_in_metadata(model, theirs), *_in_tokenizer_of(model, theirs)]
    return Verdict.of(
        not differences,
        found=_told(differences, theirs.made_by),
        examined=(len(theirs.tensors) + len(theirs.metadata), "tensors and metadata keys"),
        differences=len(differences),
        tensor_bytes=(sum(one.nbytes for one in theirs.tensors.values()), "B"),
    )


def _told(differences: Sequence[str], library: str) -> str:
    if not differences:
        return ""
    more = f" ({len(differences)} differences in all)" if len(differences) > 1 else ""
    return f"{differences[0]}{more}; {library} and falsifiable do not understand the same file"


def _in_tensors(model: Model, theirs: Reading) -> Iterator[str]:
    for name, one in theirs.tensors.items():
        if name not in model.tensors:
            yield f"tensor {name} is found by {theirs.made_by} and not by falsifiable"
        elif said := _in_tensor(model, name, one):
            yield f"tensor {name}: {said}"
    for name in model.tensors:
        if name not in theirs.tensors:
            yield f"tensor {name} is found by falsifiable and not by {theirs.made_by}"


def _in_tensor(model: Model, name: str, theirs: StoredTensor) -> str:
    """What differs in one tensor, or "" where nothing does; bytes are hashed only where they lie in the same place."""
    mine = model.tensors[name]
    for what, ours, other in (
        ("shape", list(mine.shape), list(theirs.shape)),
        ("element type", mine.dtype, theirs.dtype),
        ("bytes", mine.nbytes, theirs.nbytes),
        ("file", mine.file.name, theirs.file.name),
        ("offset", mine.offset, theirs.offset),
    ):
        if ours != other and (what not in ("bytes", "offset") or (theirs.offset is not None and theirs.nbytes)):
            return f"{what} {_told_apart(ours, other)}"
    if theirs.nbytes and model.fingerprints[name].blake3 != theirs.blake3():
        return "its bytes are others for falsifiable than for the library"
    return ""


def _in_metadata(model: Model, theirs: Reading) -> Iterator[str]:
    for key in dict.fromkeys([*theirs.metadata, *model.metadata]):
        if key not in model.metadata:
            yield f"{key} is found by {theirs.made_by} and not by falsifiable"
        elif key not in theirs.metadata:
            if theirs.metadata_is_complete:
                yield f"{key} is found by falsifiable and not by {theirs.made_by}"
        elif not _same(model.metadata[key], theirs.metadata[key]):
            yield f"{key} is {_told_apart(model.metadata[key], theirs.metadata[key])}"
        elif not _same_item_type(model.metadata[key], theirs.item_types.get(key)):
            yield f"{key} has items of another type for falsifiable than {theirs.item_types[key]}"


def _same(mine: object, theirs: object) -> bool:
    """Whether two values are the same value of the same type, all the way down; NaN is itself."""
    if isinstance(theirs, Mapping):
        return (
            isinstance(mine, Mapping)
            and mine.keys() == theirs.keys()
            and all(_same(mine[key], value) for key, value in theirs.items())
        )
    if isinstance(theirs, list):
        return _is_list(mine) and _same_items(list(mine), theirs)  # type: ignore[call-overload]
    if isinstance(theirs, float) and isinstance(mine, float) and math.isnan(theirs):
        return math.isnan(mine)
    return type(mine) is type(theirs) and mine == theirs


def _same_items(mine: list[Any], theirs: list[Any]) -> bool:
    if len(mine) != len(theirs):
        return False
    if {*map(type, theirs)} == {str} == {*map(type, mine)}:  # a vocabulary, at once
        return mine == theirs
    return all(map(_same, mine, theirs))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _same_item_type(mine: object, theirs: str | None) -> bool:
    """A mutation replaces an array by a list, which states no type; an empty array has none for the library."""
    stated = getattr(mine, "element_type", None)
    return theirs is None or stated is None or stated == theirs


def _told_apart(mine: object, theirs: object) -> str:
    return f"{_shown(mine)} for falsifiable, {_shown(theirs)} for the library"


def _shown(value: object) -> str:
    text = f"a list of {len(value)}: {value!r}" if isinstance(value, list) else repr(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."


# Field of a tokenizer -> key of GGUF (specification, section "Tokenizer").
_GGUF_TOKENIZER = {
    "tokens": "tokens",
    "merges": "merges",
    "bos_token_id": "bos_token_id",
    "eos_token_id": "eos_token_id",
    "pad_token_id": "padding_token_id",
    "unk_token_id": "unknown_token_id",
}


def _in_tokenizer_of(model: Model, theirs: Reading) -> Iterator[str]:
    """The tokenizer as falsifiers see it, against the keys or the file that it comes from."""
    stored = {name: theirs.metadata.get(f"tokenizer.ggml.{key}") for name, key in _GGUF_TOKENIZER.items()}
    if model.format == "gguf" and any(value is not None for value in stored.values()):
        for name, value in stored.items():
            mine = getattr(model.tokenizer, name, None)
            if not _same(mine or None, value or None):
                yield f"the tokenizer's {name}: {_told_apart(mine, value)}"
    file = next((one for one in model.files if one.name == "tokenizer.json"), None)
    if file is not None and model.tokenizer is None:
        yield f"{file.name} is in the folder, and falsifiable finds no tokenizer"
    elif file is not None and model.tokenizer is not None:
        yield from _in_tokenizer(model.tokenizer, file)


@falsifier("vocabulary.readers-agree", imports=("tokenizers",), compares_copies=True)
def tokenizer_readers_agree(tokenizer: Tokenizer) -> Verdict:
    """The ``tokenizers`` library finds the same tokens under the same ids in the file as falsifiable does.

    Compared are every id with its token, the added tokens, the merges, the algorithm, the size of the vocabulary and
    the special ids. The library renumbers added tokens in silence: one whose id is not the next free one, or whose text
    is a token already, has another id once it is loaded than in the file.
    """
    file = tokenizer_file(tokenizer)
    if file is None:
        return Verdict.inconclusive(
            f"{tokenizer.path}: no tokenizer.json; the tokens in a GGUF file are compared by artifact.readers-agree"
        )
    try:
        differences = list(_in_tokenizer(tokenizer, file))
    except FileNotFoundError:
        return Verdict.inconclusive(f"{file}: lies elsewhere, and libraries read the files of this machine")
    return Verdict.of(
        not differences,
        found=_told(differences, "tokenizers"),
        examined=(tokenizer.size, "tokens"),
        differences=len(differences),
    )


def _in_tokenizer(mine: Tokenizer, file: Path) -> Iterator[str]:
    try:
        theirs = read_tokenizer(mine, file)
    except Refusal as refusal:
        yield str(refusal)
        return
    size = max(theirs.tokens, default=-1) + 1
    if mine.size != size:
        yield f"{mine.size} tokens for falsifiable, {size} for the library"
    for place in range(min(mine.size, size)):
        if mine.tokens[place] != theirs.tokens.get(place, ""):
            yield f"token {place} is {_told_apart(mine.tokens[place], theirs.tokens.get(place))}"
    for what, ours, other in (
        ("added tokens", dict(mine.added_tokens), theirs.added_tokens),
        ("merges", list(mine.merges), theirs.merges),
        ("type", mine.type or theirs.type, theirs.type),  # files from before 0.13 do not state it
        *((name, getattr(mine, name), token_id) for name, token_id in theirs.special_ids.items()),
    ):
        if ours != other:
            yield f"{what}: {_told_apart(ours, other)}"


# Counterexamples: the libraries read the file, so whatever is changed in memory is a difference they must show.


def _smallest(model: Model) -> str:
    """The tensor that is changed: the smallest with values, so that a counterexample costs little."""
    _require_partner(model)
    names = [name for name, info in model.tensors.items() if info.nbytes]
    if not names:
        raise NotApplicable("the model holds no tensor with values")
    return min(names, key=lambda name: model.tensors[name].nbytes)


def _require_partner(model: Model) -> None:
    if model.format == "apr":
        raise NotApplicable("no second library reads APR")


@readers_agree.counterexample
def one_value_changed(model: Model) -> Model:
    """One weight that is another number: nothing but the bytes differ."""
    return model.with_tensor(_smallest(model), _first_value_changed)


def _first_value_changed(values: Any) -> Any:
    changed = values.copy()
    changed.flat[0] = not changed.flat[0]
    return changed


@readers_agree.counterexample
def a_tensor_renamed(model: Model) -> Model:
    """A tensor under another name, in the same place."""
    name = _smallest(model)
    return model.renamed_tensor(name, name + "_")


@readers_agree.counterexample
def a_tensor_left_out(model: Model) -> Model:
    """A tensor of the file that the reader does not see."""
    return model.without_tensor(_smallest(model))


@readers_agree.counterexample
def a_tensor_made_up(model: Model) -> Model:
    """A tensor that the file does not hold."""
    _require_partner(model)
    return model.with_extra_tensor("made.up.weight", (2, 3), "F32")


@readers_agree.counterexample
def a_tensor_elsewhere(model: Model) -> Model:
    """A tensor of another shape, in another place, under the name of one in the file."""
    name = _smallest(model)
    return model.with_extra_tensor(name, (*model.tensors[name].shape, 1), "F32")


def _require_keys_compared(model: Model) -> None:
    _require_partner(model)
    if model.format == "pytorch":
        raise NotApplicable("torch.load tells no metadata to compare")


@readers_agree.counterexample
def a_key_made_up(model: Model) -> Model:
    """Metadata that the file does not state."""
    _require_keys_compared(model)
    return model.with_metadata({"general.made_up" if model.format == "gguf" else "made_up": "x"})


@readers_agree.counterexample
def another_value(model: Model) -> Model:
    """A key of the file with another value."""
    _require_keys_compared(model)
    if not model.metadata:
        raise NotApplicable("the model states no metadata")
    return model.with_metadata({next(iter(model.metadata)): "another value"})


@readers_agree.counterexample
def a_key_left_out(model: Model) -> Model:
    """A key of the file that the reader does not see."""
    _require_keys_compared(model)
    if not model.metadata:
        raise NotApplicable("the model states no metadata")
    return model.without_metadata(next(iter(model.metadata)))


@readers_agree.counterexample
def another_token(model: Model) -> Model:
    """A vocabulary with one token spelled otherwise."""
    _require_partner(model)
    if model.tokenizer is None or not model.tokenizer.size:
        raise NotApplicable("the model carries no tokenizer")
    return model.with_tokenizer(model.tokenizer.with_token(model.tokenizer.size - 1, "another token"))


@tokenizer_readers_agree.counterexample
def a_token_too_many(tokenizer: Tokenizer) -> Tokenizer:
    """One id above those of the library."""
    return _in_a_file(tokenizer).with_tokens(tokenizer.size + 1)


@tokenizer_readers_agree.counterexample
def two_tokens_renamed(tokenizer: Tokenizer) -> Tokenizer:
    """The last token spelled otherwise."""
    return _in_a_file(tokenizer).with_token(tokenizer.size - 1, "another token")


@tokenizer_readers_agree.counterexample
def no_merges(tokenizer: Tokenizer) -> Tokenizer:
    """A BPE model that merges nothing."""
    if not tokenizer.merges:
        raise NotApplicable("the tokenizer has no merges")
    return _in_a_file(tokenizer).without_merges()


@tokenizer_readers_agree.counterexample
def another_end_of_sequence(tokenizer: Tokenizer) -> Tokenizer:
    """A special id that no file states."""
    return _in_a_file(tokenizer).with_eos_token_id((tokenizer.eos_token_id or 0) + 1)


def _in_a_file(tokenizer: Tokenizer) -> Tokenizer:
    if tokenizer_file(tokenizer) is None:
        raise NotApplicable("the tokenizer is not read from a tokenizer.json")
    return tokenizer
