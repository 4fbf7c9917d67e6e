"""What a tokenizer says about itself holds together: its special tokens, and its merges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from falsifiable import Model, NotApplicable, Tokenizer, Verdict, falsifier
from falsifiers.codec import halves

_NOT_TEXT = (2, 3, 4)  # tokenizer.ggml.token_type of unknown, control and user-defined tokens (GGUF specification)
_NAMES = ("bos", "eos", "pad", "unk")


@falsifier("vocabulary.special-tokens")
def special_tokens(
    model: Model, *, required: tuple[str, ...] = ("eos",), distinct: tuple[str, ...] = ("eos", "pad")
) -> Verdict:
    """The special tokens are there, mean one id each wherever they are named, and are no ordinary text.

    Padding that is the end of a sequence is masked from the loss together with it, and the model never learns to stop.
    A special token that is not marked as one falls apart when text is encoded.

    Args:
        required: which of bos, eos, pad and unk must be named.
        distinct: which must have different ids where they are named; the reference tokenizer contract asks it of all
            four, published models often begin and end with one token.
    """
    tokenizer = model.tokenizer
    if tokenizer is None or not tokenizer.size:
        return Verdict.inconclusive(f"{model.path}: has no tokenizer; bind the folder or file that carries it")
    unknown = sorted({*required, *distinct} - set(_NAMES))
    if unknown:
        return Verdict.inconclusive(f"required or distinct names {', '.join(unknown)}; expected {', '.join(_NAMES)}")
    ids = {name: one for name in _NAMES if (one := _special_id(model, tokenizer, name)) is not None}
    faults = [
        *(f"{name}_token_id is named nowhere" for name in required if name not in ids),
        *_not_distinct(ids, tokenizer, distinct),
        *(said for name, one in ids.items() if (said := _not_special(tokenizer, name, one))),
        *_named_differently(model, tokenizer),
    ]
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". Generation does not stop, or special tokens are read as text",
        examined=(len(ids) + len(set(required) - set(ids)), "special tokens"),
    )


def _special_id(model: Model, tokenizer: Tokenizer, name: str) -> int | None:
    own = getattr(tokenizer, f"{name}_token_id")
    stated = model.metadata.get(f"{name}_token_id")
    return own if isinstance(own, int) else stated if isinstance(stated, int) else None


def _not_distinct(ids: dict[str, int], tokenizer: Tokenizer, distinct: tuple[str, ...]) -> Iterator[str]:
    for one, other in itertools.combinations([name for name in distinct if name in ids], 2):
        if ids[one] == ids[other]:
            yield f"{one} and {other} are both id {ids[one]} ({_text(tokenizer, ids[one])!r}), expected two tokens"


def _not_special(tokenizer: Tokenizer, name: str, token_id: int) -> str:
    """Why an id that is called special is an ordinary one, or none."""
    text = _text(tokenizer, token_id)
    if not text:
        return f"{name} is id {token_id}, which no token has"
    types = tokenizer.token_types
    if types is not None and token_id < len(types):
        marked = types[token_id] in _NOT_TEXT
    elif tokenizer.added_tokens:
        marked = token_id in tokenizer.added_tokens
    else:
        return ""  # the form does not mark tokens
    return "" if marked else f"{name} is id {token_id} ({text!r}), an ordinary token and not marked as special"


def _text(tokenizer: Tokenizer, token_id: int) -> str:
    return tokenizer.tokens[token_id] if 0 <= token_id < tokenizer.size else ""


def _named_differently(model: Model, tokenizer: Tokenizer) -> Iterator[str]:
    """Ids that config.json or generation_config.json states otherwise than the tokenizer; each may list several."""
    for name in _NAMES:
        own = getattr(tokenizer, f"{name}_token_id")
        for key in (f"{name}_token_id", f"generation_config.{name}_token_id"):
            stated = model.metadata.get(key)
            listed = stated if isinstance(stated, (list, tuple)) else [stated]
            if isinstance(own, int) and stated is not None and own not in listed:
                yield f"{key} is {stated}, and {own} ({_text(tokenizer, own)!r}) for the tokenizer"


@special_tokens.counterexample
def padding_is_the_end(model: Model, *, distinct: tuple[str, ...]) -> Model:
    """A padding token that is the end of a sequence."""
    own = model.tokenizer
    if own is None or own.eos_token_id is None or not {"eos", "pad"} <= set(distinct):
        raise NotApplicable("no end of a sequence is named, or the two may be one")
    return model.with_tokenizer(own.with_field("pad_token_id", own.eos_token_id))


@special_tokens.counterexample
def an_end_that_is_a_word(model: Model) -> Model:
    """An end of a sequence that is an ordinary token."""
    own = model.tokenizer
    if own is None or not own.size:
        raise NotApplicable("there is no tokenizer")
    ordinary = next(
        (row for row in range(own.size) if _text(own, row) and _not_special(own, "eos", row)),
        None,
    )
    if ordinary is None:
        raise NotApplicable("the tokenizer does not mark special tokens")
    return model.with_tokenizer(own.with_eos_token_id(ordinary))


@special_tokens.counterexample
def an_end_without_a_token(model: Model) -> Model:
    """An end of a sequence whose id is beyond the list."""
    if model.tokenizer is None:
        raise NotApplicable("there is no tokenizer")
    return model.with_tokenizer(model.tokenizer.with_eos_token_id(model.tokenizer.size))


@falsifier("vocabulary.merges-consistent")
def merges_consistent(
    tokenizer: Tokenizer | None = None, model: Model | None = None, *, ordered: bool = True
) -> Verdict:
    """Every merge joins two tokens to a third, none stands twice, and none comes before those it builds on.

    A merge's rank is its place in the list. In a tokenizer as it was trained a merge joins what letters or earlier
    merges have made; a list in another order applies other merges first, and known words fall apart into rare pieces.

    Args:
        ordered: whether the order is asked for; a list that was put together from several may lack it.
    """
    own = tokenizer or (model.tokenizer if model is not None else None)
    if own is None or own.type != "BPE" or not own.size:
        return Verdict.inconclusive(
            f"{own.path if own is not None else 'nothing'}: no byte-pair encoding with a list of tokens, which "
            "alone has merges"
        )
    tokens = set(own.tokens)
    faults = list(_faulty_merges(own, tokens, ordered))
    return Verdict.of(
        not faults,
        found=f"{faults[0] if faults else ''} ({len(faults)} of {len(own.merges)} merges); tokens or merges were left "
        "out, or the list was put in another order",
        examined=(len(own.merges), "merges"),
        faulty_merges=len(faults),
    )


def _faulty_merges(tokenizer: Tokenizer, tokens: set[str], ordered: bool) -> Iterator[str]:
    ranks: dict[str, int] = {}
    made: set[str] = set()
    for rank, merge in enumerate(tokenizer.merges):
        parts = halves(merge, tokens)
        if parts is None:
            yield f"merge {rank} is {merge!r}, expected two tokens"
            continue
        if "".join(parts) not in tokens:
            yield f"merge {rank} is {merge!r}, but {''.join(parts)!r} is no token"
        elif ranks.setdefault(merge, rank) != rank:
            yield f"merge {rank} is {merge!r}, as merge {ranks[merge]} is"
        elif ordered and (early := next((part for part in parts if len(part) > 1 and part not in made), None)):
            yield f"merge {rank} is {merge!r}, and no merge before it makes {early!r}"
        made.add("".join(parts))


def _with_merges(tokenizer: Tokenizer | None, model: Model | None, least: int) -> Tokenizer:
    own = tokenizer or (model.tokenizer if model is not None else None)
    if own is None or own.type != "BPE" or len(own.merges) < least:
        raise NotApplicable("there are too few merges")
    return own


@merges_consistent.counterexample
def a_part_that_is_no_token(tokenizer: Tokenizer | None = None, model: Model | None = None) -> dict[str, Any]:
    """A token that merges make, under another text."""
    own = _with_merges(tokenizer, model, 1)
    made = own.merges[0].replace(" ", "")
    return {"tokenizer": own.with_token(list(own.tokens).index(made), "[LOST]")}


@merges_consistent.counterexample
def a_merge_that_stands_twice(tokenizer: Tokenizer | None = None, model: Model | None = None) -> dict[str, Any]:
    """The first merge a second time at the end."""
    own = _with_merges(tokenizer, model, 1)
    return {"tokenizer": own.with_field("merges", [*own.merges, own.merges[0]])}


@merges_consistent.counterexample
def merges_backwards(
    tokenizer: Tokenizer | None = None, model: Model | None = None, *, ordered: bool
) -> dict[str, Any]:
    """The list from its end to its beginning."""
    own = _with_merges(tokenizer, model, 2)
    if not ordered:
        raise NotApplicable("the order is not asked for")
    return {"tokenizer": own.with_field("merges", list(reversed(own.merges)))}
