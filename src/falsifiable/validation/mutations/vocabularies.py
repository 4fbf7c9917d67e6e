"""Mutations of tokenizers, by themselves and inside the models that carry them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from falsifiable.artifacts import Model, Tokenizer
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.configurations import decoder
from falsifiable.validation.mutations.mutation import Mutation, control

Change = Callable[[Tokenizer, Random], Tokenizer]


def _ordinary(tokenizer: Tokenizer) -> list[int]:
    """The ids of tokens that text is made of: not added, and with a text of their own."""
    types = tokenizer.token_types
    ids = [
        row
        for row, text in enumerate(tokenizer.tokens)
        if text and row not in tokenizer.added_tokens and (types is None or types[row] == 1)
    ]
    if len(ids) < 2:
        raise NotApplicable("the tokenizer has fewer than two ordinary tokens")
    return ids


def _no_tokens(tokenizer: Tokenizer, _: Random) -> Tokenizer:
    if not tokenizer.size:
        raise NotApplicable("the tokenizer has no tokens")
    return tokenizer.without_tokens()


def _token_missing(tokenizer: Tokenizer, _: Random) -> Tokenizer:
    if not tokenizer.size:
        raise NotApplicable("the tokenizer has no tokens")
    return tokenizer.with_tokens(tokenizer.size - 1)


def _tokens_added(tokenizer: Tokenizer, _: Random) -> Tokenizer:
    if not tokenizer.size:
        raise NotApplicable("the tokenizer has no tokens")
    return tokenizer.with_tokens(tokenizer.size * 2)


def _tokens_exchanged(tokenizer: Tokenizer, random: Random) -> Tokenizer:
    one, other = random.sample(_ordinary(tokenizer), 2)
    return tokenizer.with_token(one, tokenizer.tokens[other]).with_token(other, tokenizer.tokens[one])


def _token_changed(tokenizer: Tokenizer, random: Random) -> Tokenizer:
    row = random.choice(_ordinary(tokenizer))
    return tokenizer.with_token(row, f"{tokenizer.tokens[row]}\N{REPLACEMENT CHARACTER}")


def _token_repeated(tokenizer: Tokenizer, random: Random) -> Tokenizer:
    one, other = random.sample(_ordinary(tokenizer), 2)
    return tokenizer.with_token(one, tokenizer.tokens[other])


def _merges(tokenizer: Tokenizer) -> list[str]:
    if len(tokenizer.merges) < 2:
        raise NotApplicable("the tokenizer has fewer than two merges")
    return list(tokenizer.merges)


def _no_merges(tokenizer: Tokenizer, _: Random) -> Tokenizer:
    _merges(tokenizer)
    return tokenizer.without_merges()


def _merge_missing(tokenizer: Tokenizer, random: Random) -> Tokenizer:
    merges = _merges(tokenizer)
    del merges[random.randrange(len(merges))]
    return tokenizer.with_field("merges", merges)


def _merges_exchanged(tokenizer: Tokenizer, random: Random) -> Tokenizer:
    merges = _merges(tokenizer)
    one, other = random.sample(range(len(merges)), 2)
    if merges[one] == merges[other]:
        raise NotApplicable("the tokenizer has a merge twice")
    merges[one], merges[other] = merges[other], merges[one]
    return tokenizer.with_field("merges", merges)


def _another_algorithm(tokenizer: Tokenizer, _: Random) -> Tokenizer:
    if tokenizer.type is None:
        raise NotApplicable("the tokenizer names no algorithm")
    return tokenizer.with_field("type", "BPE" if tokenizer.type != "BPE" else "WordPiece")


_SAME_IDS = "Every id means the token that the model was trained with"
_SAME_MERGES = "Every merge is there and in its place"
_WHOLE = "The tokenizer is whole"

_CHANGES: tuple[tuple[str, str, str, Change], ...] = (
    ("no-tokens", "a tokenizer without tokens", _WHOLE, _no_tokens),
    ("token-missing", "the last token left out", _SAME_IDS, _token_missing),
    ("tokens-added", "twice as many tokens", "Every id has an embedding row", _tokens_added),
    ("tokens-exchanged", "two tokens under each other's id", _SAME_IDS, _tokens_exchanged),
    ("token-changed", "a token of another text", _SAME_IDS, _token_changed),
    ("token-repeated", "one token under two ids", _SAME_IDS, _token_repeated),
    ("no-merges", "a tokenizer without merges", _WHOLE, _no_merges),
    ("merge-missing", "a merge left out", _SAME_MERGES, _merge_missing),
    ("merges-exchanged", "two merges in each other's place", _SAME_MERGES, _merges_exchanged),
    (
        "another-algorithm",
        "the name of another algorithm",
        "The tokenizer is of the kind that it was",
        _another_algorithm,
    ),
)


def _inside(change: Change) -> Callable[[Model, Random], Model]:
    def make(model: Model, random: Random) -> Model:
        tokenizer = decoder(model).tokenizer
        if tokenizer is None:
            raise NotApplicable("the model carries no tokenizer")
        return model.with_tokenizer(change(tokenizer, random))

    return make


def _left_out(model: Model, _: Random) -> Model:
    if decoder(model).tokenizer is None:
        raise NotApplicable("the model carries no tokenizer")
    return model.with_tokenizer(None)


def _pre_removed(model: Model, _: Random) -> Model:
    key = "tokenizer.ggml.pre"
    if key not in decoder(model).metadata:
        raise NotApplicable("the model names no rule that splits text")
    return model.without_metadata(key)


TOKENIZER_MUTATIONS: tuple[Mutation, ...] = (
    *(Mutation(name, "tokenizer", describes, guards, change) for name, describes, guards, change in _CHANGES),
    control("tokenizer"),
)
CARRIED_TOKENIZER_MUTATIONS: tuple[Mutation, ...] = (
    *(
        Mutation(f"tokenizer-{name}", "model", f"inside the model, {describes}", guards, _inside(change))
        for name, describes, guards, change in _CHANGES
    ),
    Mutation("tokenizer-left-out", "model", "no tokenizer inside the model", _WHOLE, _left_out),
    Mutation("tokenizer-split-rule-removed", "model", "no tokenizer.ggml.pre", _WHOLE, _pre_removed),
)
