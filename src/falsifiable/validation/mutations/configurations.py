"""Mutations of what a model says about itself: configuration, architecture, special ids, licence, names and types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from falsifiable.artifacts import Model
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.mutation import Mutation, one_of

# What a changed field becomes: another value that a model could have.
_CHANGES: Mapping[str, Callable[[Any], Any]] = {
    "hidden_size": lambda value: value * 2,
    "num_hidden_layers": lambda value: value + 1,
    "num_attention_heads": lambda value: value * 2,
    "num_key_value_heads": lambda value: value * 2,
    "intermediate_size": lambda value: value + 1,
    "max_position_embeddings": lambda value: value * 2,
    "rope_theta": lambda value: value * 100,
    "rms_norm_eps": lambda value: value * 10,
    "vocab_size": lambda value: value + 1,
    "tie_word_embeddings": lambda value: not value,
}
_SAME_WIDTH = {"F32": "I32", "F16": "BF16", "BF16": "F16", "F64": "I64", "Q4_0": "IQ4_NL", "I32": "F32"}
"""Element type -> another that takes as many bytes."""


def decoder(model: Model) -> Model:
    """``model`` itself, unless it is an encoder: one is bound to be refused, and a fault more in it changes nothing."""
    if model.architecture.role == "encoder":
        raise NotApplicable("it is an encoder, which is there to be refused; a fault more in it changes nothing")
    return model


def _changed(name: str) -> Mutation:
    def make(model: Model, _: Random) -> Model:
        value = getattr(decoder(model).config, name)
        if value is None:
            raise NotApplicable(f"the model states no {name}")
        return model.with_config(**{name: _CHANGES[name](value)})

    return Mutation(
        f"{name.replace('_', '-')}-changed", "model", f"another {name} in the metadata",
        f"The stated {name} is that of the weights, or of the model this one came from", make,
    )  # fmt: skip


def _removed(name: str) -> Mutation:
    def make(model: Model, _: Random) -> Model:
        key = decoder(model).config.sources.get(name)
        if key is None:
            raise NotApplicable(f"the model states no {name}")
        if name == "vocab_size" and model.embeds_tokenizer:
            raise NotApplicable("a reader of this format counts the token list instead")
        return model.with_config(**{name: None})

    return Mutation(
        f"{name.replace('_', '-')}-removed", "model", f"no {name} in the metadata",
        f"The model states its {name}, so that no client takes a default", make,
    )  # fmt: skip


def _size_as_text(model: Model, _: Random) -> Model:
    value, key = decoder(model).config.hidden_size, model.config_key("hidden_size")
    if value is None or key is None or key not in model.metadata:
        raise NotApplicable("the model states no hidden_size under a key of its own")
    return model.with_metadata({key: str(value)})


def _with_adapter_refused(change: Callable[[Model], Model]) -> Callable[[Model, Random], Model]:
    """An adapter names no architecture; what cannot be said of a format is not applicable to it."""

    def make(model: Model, _: Random) -> Model:
        if decoder(model).architecture.stored is None:
            raise NotApplicable("the model names no architecture")
        try:
            return change(model)
        except ValueError as error:
            raise NotApplicable(str(error)) from error

    return make


def _another_family(model: Model) -> Model:
    return model.with_family("llama" if model.architecture.family != "llama" else "qwen2")


def _unknown_architecture(model: Model) -> Model:
    return model.with_architecture("nosuchmodel" if model.format == "gguf" else "NoSuchModelForCausalLM")


# Special ids


def _ids(model: Model, name: str) -> list[str]:
    """The keys under which the model names the id of a special token."""
    key = decoder(model).special_id_key(name)
    return [one for one in (key, f"generation_config.{name}_token_id") if one is not None and one in model.metadata]


def _outside(name: str) -> Mutation:
    def make(model: Model, _: Random) -> Model:
        keys, rows = _ids(model, name), model.embedding_rows
        if not keys or not rows:
            raise NotApplicable(f"the model names no {name} token, or has no embedding")
        return model.with_metadata({keys[0]: rows})

    return Mutation(
        f"{name}-outside-the-embedding", "model", f"an id of the {name} token that has no embedding row",
        f"The {name} id is a token with an embedding row", make,
    )  # fmt: skip


def _another_id(name: str) -> Mutation:
    def make(model: Model, random: Random) -> Model:
        keys, rows = _ids(model, name), model.embedding_rows
        if not keys or not rows:
            raise NotApplicable(f"the model names no {name} token, or has no embedding")
        named = {model.metadata[key] for special in ("bos", "eos", "pad", "unk") for key in _ids(model, special)}
        others = [one for one in range(min(rows, 200)) if one not in named]
        return model.with_metadata({keys[0]: random.choice(others)})

    return Mutation(
        f"{name}-is-another-token", "model", f"an id of the {name} token that is some other token",
        f"The {name} id is the one that the model was trained with", make,
    )  # fmt: skip


def _end_removed(model: Model, _: Random) -> Model:
    keys = _ids(model, "eos")
    if not keys:
        raise NotApplicable("the model names no eos token")
    for key in keys:
        model = model.without_metadata(key)
    if not model.embeds_tokenizer and model.tokenizer is not None:
        model = model.with_tokenizer(model.tokenizer.with_eos_token_id(None))
    return model


# Provenance


def _provenance(name: str, value: str | None) -> Callable[[Model, Random], Model]:
    def make(model: Model, _: Random) -> Model:
        keys = [key for key in decoder(model).metadata if key.rpartition(".")[2] == name]
        if not keys:
            raise NotApplicable(f"the model names no {name}")
        if value is not None:
            return model.with_metadata(dict.fromkeys(keys, value))
        for key in keys:
            model = model.without_metadata(key)
        return model

    return make


# Names, shapes and types of tensors


def matrices(model: Model) -> list[str]:
    """The stored names of all tensors of two or more dimensions. Raises NotApplicable for an encoder."""
    return [name for name, info in decoder(model).tensors.items() if len(info.shape) >= 2]


def _missing(model: Model, random: Random) -> Model:
    return model.without_tensor(one_of(random, decoder(model).tensors, "tensor"))


def _renamed(model: Model, random: Random) -> Model:
    name = one_of(random, decoder(model).tensors, "tensor")
    return model.renamed_tensor(name, f"{name}_old")


def _extra(model: Model, _: Random) -> Model:
    return decoder(model).with_extra_tensor("left.over.weight", (4, 4), "F32")


def _exchanged(model: Model, random: Random) -> Model:
    """Two matrices of one shape and type under each other's name, so that every shape fits."""
    alike: dict[object, list[str]] = {}
    for name in matrices(model):
        alike.setdefault((model.tensors[name].shape, model.tensors[name].dtype), []).append(name)
    pairs = [names for names in alike.values() if len(names) > 1]
    if not pairs:
        raise NotApplicable("no two matrices have one shape and type")
    one, *others = random.sample(names := sorted(random.choice(pairs)), len(names))
    content = model.fingerprint(one).blake3
    unlike = next((name for name in others if model.fingerprint(name).blake3 != content), None)
    if unlike is None:
        raise NotApplicable(f"every matrix of the shape of {one} holds the same numbers")
    return model.with_names_exchanged(one, unlike)


def _layer_missing(model: Model, _: Random) -> Model:
    layers = [int(name.split(".")[1]) for name in decoder(model).canonical_names if name.startswith("layers.")]
    if not layers:
        raise NotApplicable("the model has no layers that are numbered")
    for name in [one for one in model.canonical_names if one.startswith(f"layers.{max(layers)}.")]:
        model = model.without_tensor(name)
    return model


def _row_short(model: Model, random: Random) -> Model:
    names = [name for name in matrices(model) if model.tensors[name].shape[0] > 1]
    name = one_of(random, names, "matrix of several rows")
    shape = model.tensors[name].shape
    return model.with_extra_tensor(name, (shape[0] - 1, *shape[1:]), "F32")


def _misread(model: Model, random: Random) -> Model:
    names = [name for name in matrices(model) if model.tensors[name].dtype in _SAME_WIDTH]
    name = one_of(random, names, "matrix whose type has another of its width")
    try:
        return model.with_dtype(name, _SAME_WIDTH[model.tensors[name].dtype])
    except ValueError as error:
        raise NotApplicable(str(error)) from error


_AS_IMPLIED = "The tensors are exactly those that the configuration implies, under the names that clients look for"

CONFIGURATION_MUTATIONS: tuple[Mutation, ...] = (
    *(_changed(name) for name in _CHANGES),
    *(_removed(name) for name in _CHANGES if name != "tie_word_embeddings"),
    Mutation(
        "hidden-size-as-text", "model", "a hidden size that is a text", "Every size is a number", _size_as_text
    ),
    Mutation(
        "architecture-removed", "model", "no architecture in the metadata",
        "The model says what it is, as its clients know it",
        _with_adapter_refused(lambda model: model.without_architecture()),
    ),
    Mutation(
        "architecture-unknown", "model", "an architecture that no client knows",
        "The model says what it is, as its clients know it", _with_adapter_refused(_unknown_architecture),
    ),
    Mutation(
        "architecture-of-another-family", "model", "the name of another family of decoders",
        "The family that is named is that of the tensors, or of the model this one came from",
        _with_adapter_refused(_another_family),
    ),
    Mutation(
        "architecture-of-an-encoder", "model", "the name of an encoder",
        "The model is a decoder", _with_adapter_refused(lambda model: model.with_family("bert")),
    ),
    *(_outside(name) for name in ("bos", "eos", "pad")),
    *(_another_id(name) for name in ("bos", "eos", "pad")),
    Mutation("eos-removed", "model", "no id that ends a sequence", "The model says where to stop", _end_removed),
    Mutation(
        "licence-removed", "model", "no licence in the metadata", "The model names its licence",
        _provenance("license", None),
    ),
    Mutation(
        "licence-a-placeholder", "model", "a licence that is TBD", "The licence is one that exists",
        _provenance("license", "TBD"),
    ),
    Mutation(
        "data-source-removed", "model", "no data source in the metadata", "The model names what it was trained on",
        _provenance("data_source", None),
    ),
    Mutation("tensor-missing", "model", "a tensor left out", _AS_IMPLIED, _missing),
    Mutation("tensor-renamed", "model", "a tensor under a name that nobody looks for", _AS_IMPLIED, _renamed),
    Mutation("tensor-extra", "model", "a tensor that nothing implies", _AS_IMPLIED, _extra),
    Mutation("tensor-one-row-short", "model", "a matrix of zeros, one row short", _AS_IMPLIED, _row_short),
    Mutation("layer-missing", "model", "the last layer left out", _AS_IMPLIED, _layer_missing),
    Mutation(
        "tensors-exchanged", "model", "two matrices of one shape under each other's name",
        "Every matrix is the one that its name says", _exchanged,
    ),
    Mutation(
        "dtype-misread", "model", "a matrix whose bytes are declared to be of another type",
        "The values are those of the model this one came from, or compute the recorded loss", _misread,
    ),
)  # fmt: skip
