"""The tokenizer and the embedding belong together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from falsifiable import Model, NotApplicable, Tokenizer, Verdict, falsifier

_WEIGHTS_ALONE = ("safetensors", "pytorch")
_UNUSED = 5  # tokenizer.ggml.token_type of a row that stands for no token (GGUF specification)
_SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")


@falsifier("vocabulary.fits-model")
def fits_model(
    tokenizer: Tokenizer | None, model: Model, *, bound: Literal["at-most", "exactly"] = "at-most"
) -> Verdict:
    """Every id the tokenizer can emit has an embedding row. Where no tokenizer is named, it is the model's own.

    Args:
        bound: ``at-most`` accepts reserved rows above the tokenizer, as published checkpoints have them (Qwen2.5:
            151,665 tokens, 151,936 rows); ``exactly`` is what training from scratch demands.
    """
    tokenizer = tokenizer or model.tokenizer
    emitted, rows = tokenizer.size if tokenizer is not None else 0, model.embedding_rows
    if tokenizer is None or not rows or not emitted:
        return Verdict.inconclusive(
            f"{model.path}: {emitted} tokens and {rows or 'no'} embedding rows; nothing to compare"
        )
    fits = emitted == rows if bound == "exactly" else emitted <= rows
    if emitted > rows:
        said = f"token id {rows} ({tokenizer.tokens[rows]!r}) and above have no row: lookups read outside the embedding"
    else:
        said = f"{rows - emitted} rows belong to no token, expected none"
    return Verdict.of(
        fits,
        found=f"the tokenizer has {emitted} tokens, the embedding {rows} rows; {said}",
        examined=(emitted, "tokens"),
        tokenizer_size=emitted,
        embedding_rows=rows,
        reserved_rows=rows - emitted,
    )


@fits_model.counterexample
def one_token_too_many(tokenizer: Tokenizer | None, model: Model) -> tuple[Tokenizer, Model]:
    """A tokenizer with one token more than the embedding has rows."""
    own = tokenizer or model.tokenizer
    if own is None or not model.embedding_rows:
        raise NotApplicable("there is no tokenizer, or no embedding")
    return own.with_tokens(model.embedding_rows + 1), model


def special_ids(model: Model) -> Iterator[tuple[str, int]]:
    """Every special token id that the files name, with the key or field that names it."""
    for key, value in model.metadata.items():
        if key.endswith("_token_id"):
            for one in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(one, int) and not isinstance(one, bool):
                    yield key, one
    if model.tokenizer is not None:
        for name in _SPECIAL:
            one = getattr(model.tokenizer, name)
            if one is not None:
                yield f"{model.tokenizer.path.name}: {name}", one


@falsifier("vocabulary.special-ids-inside")
def special_ids_inside(model: Model) -> Verdict:
    """Every begin, end, padding and unknown id that the files name is a token and has an embedding row.

    Looks at config.json, generation_config.json, the GGUF keys and the tokenizer itself.
    """
    rows = model.embedding_rows
    if not rows:
        return Verdict.inconclusive(f"{model.path}: has no embedding to look up ids in")
    tokens = model.tokenizer.size if model.tokenizer is not None and model.tokenizer.size else rows
    named = list(special_ids(model))
    outside = [(where, one) for where, one in named if not 0 <= one < min(rows, tokens)]
    found = ""
    if outside:
        where, one = outside[0]
        found = (
            f"{where} is {one}, expected 0 to {min(rows, tokens) - 1} ({tokens} tokens, {rows} embedding rows); "
            "the id is of another tokenizer, and generation never stops or reads outside the table"
        )
    return Verdict.of(not outside, found=found, examined=(len(named), "ids"), ids_outside=len(outside))


@special_ids_inside.counterexample
def an_end_of_sequence_outside(model: Model) -> Model:
    """The end-of-sequence id of a larger tokenizer."""
    rows = model.embedding_rows or 0
    for key in ("tokenizer.ggml.eos_token_id", "eos_token_id"):
        if key in model.metadata:
            return model.with_metadata({key: rows})
    if model.tokenizer is None:
        raise NotApplicable("the files name no special id and hold no tokenizer")
    return model.with_tokenizer(model.tokenizer.with_eos_token_id(rows))


@falsifier("vocabulary.embedded-complete")
def embedded_complete(export: Model) -> Verdict:
    """The tokenizer that travels with the model is whole: tokens, merges, types, kind, begin and end ids.

    llama.cpp refuses a file without tokens or without their kind, and loads one without the rule that splits text, the
    begin or the end id in silence.
    """
    tokenizer = export.tokenizer
    if tokenizer is None and export.format in _WEIGHTS_ALONE:
        return Verdict.inconclusive(f"{export.path}: a format of weights alone; bind the folder with its tokenizer")
    if tokenizer is None or not tokenizer.size:
        absent = "no tokenizer" if tokenizer is None else "an empty token list"
        found = f"{export.path.name} holds {absent}; the exporter left it out, and llama.cpp cannot load the file"
        return Verdict.of(False, found=found, examined=(1, "tokenizers"), tokens=0)
    faults = list(_incomplete(export, tokenizer))
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The exporter wrote a part of the tokenizer only",
        examined=(tokenizer.size, "tokens"),
        tokens=tokenizer.size,
        merges=len(tokenizer.merges),
    )


def _incomplete(export: Model, tokenizer: Tokenizer) -> Iterator[str]:
    in_gguf = export.format == "gguf"
    if not tokenizer.type:
        yield "tokenizer.ggml.model is absent, expected its kind (gpt2 for byte-level BPE)"
    if tokenizer.type == "BPE" and not len(tokenizer.merges):
        yield "tokenizer.ggml.merges is empty, expected the merges of a BPE tokenizer: text falls apart into bytes"
    if in_gguf and tokenizer.type == "BPE" and tokenizer.pre is None:
        yield "tokenizer.ggml.pre is absent: llama.cpp splits text by a default of its own, in silence"
    types = tokenizer.token_types
    if types is not None and len(types) != tokenizer.size:
        yield f"tokenizer.ggml.token_type has {len(types)} entries for {tokenizer.size} tokens"
    if export.embeds_tokenizer and tokenizer.eos_token_id is None:
        yield f"{export.special_id_key('eos')} is absent: generation does not know where to stop"
    if in_gguf and tokenizer.bos_token_id is None and export.metadata.get("tokenizer.ggml.add_bos_token") is not False:
        yield "tokenizer.ggml.bos_token_id is absent, and add_bos_token does not say that none is wanted"


@embedded_complete.counterexample
def no_tokens(export: Model) -> Model:
    """A model whose token list was left out."""
    return export.with_tokenizer(None if export.tokenizer is None else export.tokenizer.without_tokens())


@embedded_complete.counterexample
def no_merges(export: Model) -> Model:
    """A BPE tokenizer without its merges."""
    if export.tokenizer is None or export.tokenizer.type != "BPE":
        raise NotApplicable("only a BPE tokenizer has merges")
    return export.with_tokenizer(export.tokenizer.without_merges())


@falsifier("vocabulary.passes-through")
def passes_through(init: Model, trained: Model) -> Verdict:
    """The trained model carries the tokenizer of its init checkpoint: every id, every merge, the algorithm.

    Weights were learnt for ids: a tokenizer that was built anew, or saved by another version of a library, gives every
    embedding row another meaning, and nothing else in the checkpoint says so.
    """
    before, after = init.tokenizer, trained.tokenizer
    if before is None and after is None:
        return Verdict.inconclusive(f"{init.path} and {trained.path}: neither carries a tokenizer; save it beside them")
    if before is None or after is None:
        absent, present = (init, trained) if before is None else (trained, init)
        found = f"{absent.path} carries no tokenizer, {present.path} does; it was left out when it was saved"
        return Verdict.of(False, found=found, examined=(1, "tokenizers"))
    wrong = [*_tokens_differing(before, after), *_rules_differing(before, after)]
    return Verdict.of(
        not wrong,
        found="; ".join(wrong) + ". The fine-tune was given another tokenizer than its checkpoint's, or saved another",
        examined=(max(before.size, after.size), "tokens"),
        faults=len(wrong),
    )


def _tokens_differing(before: Tokenizer, after: Tokenizer) -> Iterator[str]:
    first, second = list(before.tokens), list(after.tokens)
    if first != second:
        at = next((i for i, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
        if at is None:
            yield f"{len(second)} tokens after training, {len(first)} before"
        else:
            yield f"id {at} is {second[at]!r} after training, {first[at]!r} before"


def _rules_differing(before: Tokenizer, after: Tokenizer) -> Iterator[str]:
    if list(before.merges) != list(after.merges):
        yield f"{len(after.merges)} merges after training, {len(before.merges)} before, not all the same and in order"
    for name in ("type", *_SPECIAL):
        if getattr(before, name) != getattr(after, name):
            yield f"{name} is {getattr(after, name)} after training, {getattr(before, name)} before"


@passes_through.counterexample
def tokens_in_another_order(init: Model, trained: Model) -> tuple[Model, Model]:
    """A fine-tune that saved two tokens under each other's id."""
    own = trained.tokenizer
    if own is None or own.size < 2:
        raise NotApplicable("the trained model carries no two tokens")
    exchanged = own.with_token(0, own.tokens[1]).with_token(1, own.tokens[0])
    return init, trained.with_tokenizer(exchanged)


@passes_through.counterexample
def merges_built_anew(init: Model, trained: Model) -> tuple[Model, Model]:
    """A fine-tune that saved one merge less."""
    own = trained.tokenizer
    if own is None or not len(own.merges):
        raise NotApplicable("the trained model carries no merges")
    return init, trained.with_tokenizer(own.with_field("merges", list(own.merges)[:-1]))


@passes_through.counterexample
def a_tokenizer_left_out(init: Model, trained: Model) -> tuple[Model, Model]:
    """A trained model that was saved without its tokenizer."""
    if init.tokenizer is None:
        raise NotApplicable("the init checkpoint carries no tokenizer")
    return init, trained.with_tokenizer(None)


@falsifier("vocabulary.embedded-equals-original")
def embedded_equals_original(export: Model, tokenizer: Tokenizer) -> Verdict:
    """The tokenizer inside the model is the original one: the algorithm, every id its token, every merge in its place.

    Entries above the original must be padding that nobody emits.
    """
    embedded = export.tokenizer
    if embedded is None and export.format in _WEIGHTS_ALONE:
        return Verdict.inconclusive(f"{export.path}: a format of weights alone; bind the folder with its tokenizer")
    if embedded is None or not embedded.size:
        found = f"{export.path.name} holds no token; expected the {tokenizer.size} of {tokenizer.path.name}"
        return Verdict.of(False, found=found, examined=(tokenizer.size, "tokens"), tokens_differing=tokenizer.size)
    ours, theirs = list(tokenizer.tokens), list(embedded.tokens)
    different = [i for i, token in enumerate(ours) if i >= len(theirs) or theirs[i] != token]
    emitted_padding = _emitted_padding(embedded, theirs, ours)
    merges, original_merges = list(embedded.merges), list(tokenizer.merges)
    found = ""
    if different:
        i = different[0]
        at = repr(theirs[i]) if i < len(theirs) else "absent"
        found = (
            f"id {i} is {at} in {export.path.name} and {ours[i]!r} in {tokenizer.path.name} "
            f"({len(different)} ids differ); an id was left out and shifted the rest, or this is another tokenizer"
        )
    elif emitted_padding is not None:
        found = f"id {emitted_padding} is {theirs[emitted_padding]!r}: above the original, yet marked as one to emit"
    elif merges != original_merges:
        i = next((i for i, pair in enumerate(merges) if original_merges[i : i + 1] != [pair]), len(merges))
        found = f"merge {i} differs: {merges[i : i + 1]} here, {original_merges[i : i + 1]} in the original"
    elif None not in (embedded.type, tokenizer.type) and embedded.type != tokenizer.type:
        found = f"the tokenizer is {embedded.type} in {export.path.name}, {tokenizer.type} in {tokenizer.path.name}"
    return Verdict.of(
        not found, found=found, examined=(max(len(ours), len(theirs)), "tokens"), tokens_differing=len(different),
        padding=max(0, len(theirs) - len(ours)),
    )  # fmt: skip


def _emitted_padding(embedded: Tokenizer, theirs: list[str], ours: list[str]) -> int | None:
    """The first id above the original that could be emitted: marked as used, or a second entry for a known token."""
    types, known = embedded.token_types, set(ours)
    for i in range(len(ours), len(theirs)):
        if theirs[i] in known or (types is not None and i < len(types) and types[i] != _UNUSED):
            return i
    return None


@embedded_equals_original.counterexample
def two_tokens_exchanged(export: Model, tokenizer: Tokenizer) -> tuple[Model, Tokenizer]:
    """An embedded list in which one id means another token."""
    if export.tokenizer is None or tokenizer.size < 2:
        raise NotApplicable("the model holds no tokenizer")
    other = tokenizer.tokens[tokenizer.size - 2]
    return export.with_tokenizer(export.tokenizer.with_token(tokenizer.size - 1, other)), tokenizer


@embedded_equals_original.counterexample
def another_algorithm(export: Model, tokenizer: Tokenizer) -> tuple[Model, Tokenizer]:
    """The same tokens and merges under the name of another algorithm."""
    if export.tokenizer is None or export.tokenizer.type is None or tokenizer.type is None:
        raise NotApplicable("one of the two names no algorithm")
    other = "WordPiece" if tokenizer.type != "WordPiece" else "BPE"
    return export.with_tokenizer(export.tokenizer.with_field("type", other)), tokenizer


@embedded_equals_original.counterexample
def merges_left_out(export: Model, tokenizer: Tokenizer) -> tuple[Model, Tokenizer]:
    """An embedded tokenizer without merges."""
    if export.tokenizer is None or not len(tokenizer.merges):
        raise NotApplicable("there are no merges to leave out")
    return export.with_tokenizer(export.tokenizer.without_merges()), tokenizer
