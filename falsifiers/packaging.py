"""What a client needs in order to load a model file: names, metadata, token list, tensors, provenance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from falsifiable import Model, NotApplicable, Verdict, falsifier
from falsifiers.inventory import (
    DERIVED_TABLES,
    FAMILIES,
    Shapes,
    config_values,
    expected_tensors,
    is_biased,
    missing_sizes,
)

# What a client reads of every model; the size of the vocabulary it counts where the token list is embedded.
_STATED = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size",
    "max_position_embeddings", "rope_theta", "rms_norm_eps",
)  # fmt: skip
# Families with rotary positions, RMS norms and grouped queries: those of which a client reads every size below.
_STATING_ALL = (
    *FAMILIES, "mixtral", "qwen2_moe", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3_text", "phi3", "granite",
    "smollm3", "arcee", "seed_oss",
)  # fmt: skip
_PLACEHOLDERS = frozenset(
    {"unknown", "proprietary", "tbd", "todo", "none", "other", "n/a", "na", "(missing)", "null", "?"}
)
_SPDX_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-+")


@falsifier("packaging.architecture-name")
def architecture_name(export: Model) -> Verdict:
    """The architecture is named as its clients know it: in GGUF a lower-case name that llama.cpp has, not an HF class.

    llama.cpp answers `unknown model architecture: 'LlamaForCausalLM'` and loads nothing.
    """
    stored, known_as = export.architecture.stored, export.architecture.gguf
    if stored is None:
        found = f"{export.path.name} names no architecture: {_unnamed(export)}"
    elif export.format == "gguf" and stored != known_as:
        hint = f"expected {known_as!r}" if known_as else "expected a name from llama.cpp's list"
        found = f"general.architecture is {stored!r}, {hint}; the exporter wrote the HF class or a name of its own"
    elif export.architecture.family is None:
        return Verdict.inconclusive(f"{export.path}: architecture {stored} is not in the table of families")
    else:
        found = ""
    return Verdict.of(not found, found=found, examined=(1, "names"), architecture=stored)


def _unnamed(export: Model) -> str:
    """What stands where the name of the architecture belongs, each key with its value."""
    keys = ("general.architecture",) if export.format == "gguf" else ("architectures", "architecture", "model_type")
    odd = {key: export.metadata[key] for key in keys if export.metadata.get(key) is not None}
    if odd:
        return ", ".join(f"{key} is {value!r}, expected a text" for key, value in odd.items())
    return f"{' and '.join(keys)} absent; the exporter left out what a client reads first"


@architecture_name.counterexample
def the_class_name(export: Model) -> Model:
    """A GGUF file that carries the Hugging Face class name."""
    if export.format != "gguf":
        raise NotApplicable("a Hugging Face folder is right to carry a class name")
    return export.with_architecture(export.architecture.hf_class or "LlamaForCausalLM")


@architecture_name.counterexample
def no_name(export: Model) -> Model:
    """A file that does not say what it is."""
    return export.without_architecture()


@falsifier("packaging.metadata-complete")
def metadata_complete(model: Model) -> Verdict:
    """Every size that a client reads is stated, ``num_key_value_heads`` included: what is absent becomes a default.

    llama.cpp refuses a file without most of these keys; without the number of key-value heads it takes the number of
    heads, and without the rotary base 10,000, in silence.
    """
    prefix = model.architecture.stored
    if model.architecture.family not in _STATING_ALL:
        return Verdict.inconclusive(
            f"{model.path}: which sizes a model of architecture {prefix} must state is not known here"
        )
    if model.format == "gguf" and (prefix is None or prefix != model.architecture.gguf):
        return Verdict.inconclusive(
            f"general.architecture is {prefix!r}, which no client knows, so which keys it reads is open"
        )
    fields = _STATED if model.embeds_tokenizer else (*_STATED, "vocab_size")
    wrong = []
    for name in fields:
        value = getattr(model.config, name)
        key = model.config.sources.get(name) or model.config_key(name)
        if value is None:
            wrong.append(f"{key} is {'no number' if name in model.config.sources else 'absent'}")
        elif value <= 0:
            wrong.append(f"{key} is {value}, expected more than 0")
    return Verdict.of(
        not wrong,
        found="; ".join(wrong) + ". The exporter left it out; a client refuses the file or takes a default",
        examined=(len(fields), "keys"),
        missing_keys=len(wrong),
    )


@metadata_complete.counterexample
def no_hidden_size(model: Model) -> Model:
    """A file that does not say how wide it is."""
    return _without_field(model, "hidden_size")


@metadata_complete.counterexample
def no_key_value_heads(model: Model) -> Model:
    """A file that leaves the number of key-value heads to a default."""
    return _without_field(model, "num_key_value_heads")


def _without_field(model: Model, name: str) -> Model:
    key = model.config.sources.get(name)
    if key is None:
        raise NotApplicable(f"the model states no {name}")
    return model.without_metadata(key.removeprefix("config.json:"))


@falsifier("packaging.token-list-padded")
def token_list_padded(export: Model) -> Verdict:
    """The embedded token list is exactly as long as the embedding has rows.

    llama.cpp takes the size of the vocabulary from the list: `token_embd.weight has wrong shape; expected 896, 151643,
    got 896, 151936`.
    """
    if not export.embeds_tokenizer:
        return Verdict.inconclusive(f"{export.path}: keeps its tokenizer beside the weights, where nothing is padded")
    rows, tokens = export.embedding_rows, export.tokenizer.size if export.tokenizer is not None else 0
    if not rows:
        return Verdict.inconclusive(f"{export.path}: has no embedding to compare the token list with")
    cause = (
        "the list was not padded with placeholders" if tokens < rows else "a token was added without an embedding row"
    )
    return Verdict.of(
        tokens == rows,
        found=f"tokenizer.ggml.tokens has {tokens} entries, the embedding {rows} rows, expected as many; {cause}",
        examined=(rows, "rows"),
        tokens=tokens,
        embedding_rows=rows,
    )


@token_list_padded.counterexample
def one_token_more_than_rows(export: Model) -> Model:
    """A token list one longer than the embedding."""
    if export.tokenizer is None:
        raise NotApplicable("the model holds no tokenizer")
    return export.with_tokenizer(export.tokenizer.with_tokens((export.embedding_rows or 0) + 1))


@token_list_padded.counterexample
def a_list_not_padded(export: Model) -> Model:
    """A token list that ends where the tokenizer ends, below the reserved rows."""
    if export.tokenizer is None:
        raise NotApplicable("the model holds no tokenizer")
    return export.with_tokenizer(export.tokenizer.with_tokens((export.embedding_rows or 2) - 1))


@falsifier("packaging.tensor-inventory")
def tensor_inventory(model: Model, *, tied_output: Literal["shared", "any"] = "shared") -> Verdict:
    """The tensors are exactly those that the configuration implies, each in its shape: none missing, none too many.

    A GGUF file has no key for tying: there an absent output means that the embedding serves as output.

    Args:
        tied_output: whether a model that says its output is tied may store it a second time (``any``).
    """
    config = config_values(model)
    lacking = missing_sizes(model, config)
    if lacking:
        return Verdict.inconclusive(f"{model.path}: {lacking}; which tensors it should have is open")
    tied, stored = config["tie_word_embeddings"], model.has_tensor("output")
    separate = stored if tied is None or (tied and tied_output == "any") else not tied
    try:
        expected = expected_tensors(config, biased=is_biased(model), separate_output=separate)
    except ValueError as error:
        return Verdict.of(False, found=f"{model.path.name}: {error}; a field was edited", examined=(1, "fields"))
    missing, extra, reshaped = _differences(model, expected)
    found = "; ".join(_in_words(model, expected, missing, extra, reshaped))
    return Verdict.of(
        not found, found=found, examined=(len(expected), "tensors"), missing_tensors=len(missing),
        extra_tensors=len(extra), wrong_shapes=len(reshaped),
    )  # fmt: skip


def _differences(model: Model, expected: Shapes) -> tuple[list[str], list[str], list[str]]:
    stored = model.canonical_names
    missing = [name for name in expected if name not in stored]
    known = {stored[name] for name in expected if name in stored}
    extra = [name for name in model.tensors if name not in known and not name.endswith(DERIVED_TABLES)]
    reshaped = [
        name for name in expected if name in stored and tuple(model.tensors[stored[name]].shape) != expected[name]
    ]
    return missing, extra, reshaped


def _in_words(
    model: Model, expected: Shapes, missing: list[str], extra: list[str], reshaped: list[str]
) -> Iterator[str]:
    if missing:
        yield (
            f"tensor {missing[0]} {list(expected[missing[0]])} is missing ({len(missing)} in all); "
            "the export skipped it, or the configuration names more layers than there are"
        )
    if extra:
        tied = model.canonical_names.get("output") == extra[0]
        cause = (
            "the configuration says it is tied to the embedding" if tied else "a client that counts tensors refuses it"
        )
        yield f"tensor {extra[0]} is not implied by the configuration ({len(extra)} in all); {cause}"
    if reshaped:
        name = model.canonical_names[reshaped[0]]
        yield (
            f"tensor {name} has shape {list(model.tensors[name].shape)}, the configuration implies "
            f"{list(expected[reshaped[0]])} ({len(reshaped)} in all); a configured size was edited, or the tensor"
        )


@tensor_inventory.counterexample
def one_tensor_missing(model: Model) -> Model:
    """A file without its final norm."""
    return model.without_tensor("final_norm")


@tensor_inventory.counterexample
def one_tensor_too_many(model: Model) -> Model:
    """A tensor that the configuration does not imply."""
    return model.with_extra_tensor("unexpected.weight", (8, 8), "F32")


@tensor_inventory.counterexample
def another_feed_forward_width(model: Model) -> Model:
    """A configuration whose feed-forward block is wider than the tensors."""
    if model.config.intermediate_size is None:
        raise NotApplicable("the model states no intermediate_size")
    return model.with_config(intermediate_size=model.config.intermediate_size + 1)


@falsifier("packaging.provenance-named")
def provenance_named(
    model: Model,
    *,
    fields: tuple[str, ...] = ("license", "data_source", "data_license"),
    licenses: tuple[str, ...] = ("license", "data_license"),
) -> Verdict:
    """The file says under which licence it stands and what it was trained on; a field that is absent is not skipped.

    Args:
        fields: the last part of a metadata key, such as ``general.license`` or ``__metadata__.license``.
        licenses: those of them that must read like an SPDX licence expression, and not be a placeholder.
    """
    wrong = []
    for name in fields:
        named = {key: value for key, value in model.metadata.items() if key.rpartition(".")[2] == name}
        if not named:
            wrong.append(f"{name} is (missing)")
        for key, value in named.items():
            if not isinstance(value, str) or value.strip().lower() in _PLACEHOLDERS | {""}:
                wrong.append(f"{key} is {value!r}, expected a name")
            elif name in licenses and not _reads_like_spdx(value):
                wrong.append(f"{key} is {value!r}, expected an SPDX expression such as Apache-2.0 or MIT AND CC0-1.0")
    return Verdict.of(
        not wrong,
        found="; ".join(wrong) + ". The exporter was not told, or dropped the checkpoint's metadata",
        examined=(len(fields), "fields"),
        fields_wrong=len(wrong),
    )


def _reads_like_spdx(value: str) -> bool:
    """Whether ``value`` is identifiers joined by AND, OR and WITH, with balanced brackets around parts."""
    if value.count("(") != value.count(")"):
        return False
    words = value.replace("(", " ").replace(")", " ").split()
    identifiers, joints = words[::2], words[1::2]
    return (
        len(words) % 2 == 1
        and all(joint in ("AND", "OR", "WITH") for joint in joints)
        and all(set(one) <= _SPDX_CHARACTERS and one.lower() not in _PLACEHOLDERS for one in identifiers)
    )


@provenance_named.counterexample
def licence_to_be_decided(model: Model, *, fields: tuple[str, ...] = ("license",)) -> Model:
    """A first field that was filled in with a placeholder."""
    key = next((key for key in model.metadata if key.rpartition(".")[2] == fields[0]), None)
    if key is None:
        raise NotApplicable(f"the model names no {fields[0]}")
    return model.with_metadata({key: "TBD"})


@provenance_named.counterexample
def licence_left_out(model: Model, *, fields: tuple[str, ...] = ("license",)) -> Model:
    """A first field that is nowhere in the file."""
    without = model
    for key in [key for key in model.metadata if key.rpartition(".")[2] == fields[0]]:
        without = without.without_metadata(key)
    return without
