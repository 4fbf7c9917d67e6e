"""What transformers and MLX need of a Hugging Face folder, and what they take in silence."""

from __future__ import annotations

from collections.abc import Iterator

from falsifiable import Model
from falsifiers.architecture import objections_to_decoding
from falsifiers.inventory import DERIVED_TABLES, FAMILIES, config_values, expected_tensors, is_biased, missing_sizes
from falsifiers.requirements import Consumer, Fault, Requirement, finite_weights, ids_outside

# What mlx-lm demands (ModelArgs in its models/qwen2 and models/llama), and the defaults that it takes for the others.
_MLX_DEMANDS = (
    "hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "rms_norm_eps", "vocab_size",
)  # fmt: skip
_MLX_DEMANDS_ALSO = {"qwen2": ("num_key_value_heads",)}
_MLX_ROTARY_BASE = {"qwen2": 1_000_000.0, "llama": 10_000.0, "mistral": 10_000.0}
_STATED = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size",
    "max_position_embeddings", "rope_theta", "rms_norm_eps",
)  # fmt: skip


def known_to_transformers(model: Model) -> Iterator[Fault]:
    """config.json says of which type the model is, and it is a decoder."""
    kind = model.metadata.get("model_type")
    if not isinstance(kind, str) or not kind:
        yield Fault(f"config.json: model_type is {'absent' if kind is None else repr(kind)}",
                    "Should have a `model_type` key in its config.json")  # fmt: skip
    elif model.architecture.family is None and model.architecture.stored is None:
        yield Fault(f"config.json: model_type {kind} is of no family known here", f"model type `{kind}`")
    objections = objections_to_decoding(model)
    if objections:
        yield Fault(f"{objections[0]}: it adds a head of random numbers, or refuses the class")


def sizes_stated(model: Model) -> Iterator[Fault]:
    """Every size is a number of config.json; what is absent becomes a default of the class."""
    for name in _STATED if model.architecture.family in FAMILIES else ():
        value, source = getattr(model.config, name), model.config.sources.get(name)
        if source is None:
            yield Fault(f"config.json: {name} is absent: it takes the default of its class")
        elif value is None:
            yield Fault(f"{source} is no number", f"Validation error for field '{name}'")


def tensors_of_transformers(model: Model) -> Iterator[Fault]:
    """The tensors are those that the configuration implies: what is missing it fills with random numbers."""
    missing, extra, reshaped = _tensor_differences(model)
    if reshaped:
        yield Fault(f"tensor {reshaped[0]} has another shape than the configuration implies ({len(reshaped)} in all)",
                    "You set `ignore_mismatched_sizes` to `False`, thus raising an error")  # fmt: skip
    if missing:
        yield Fault(f"tensor {missing[0]} is absent ({len(missing)} in all): it fills it with random numbers")
    if extra:
        yield Fault(f"tensor {extra[0]} is none of this model ({len(extra)} in all): it leaves it out")


def _tensor_differences(model: Model) -> tuple[list[str], list[str], list[str]]:
    """Stored names of tensors that are missing, left over, and of another shape; none where it cannot be known."""
    config = config_values(model)
    if missing_sizes(model, config):
        return [], [], []
    stored, tied = model.canonical_names, config["tie_word_embeddings"]
    separate = not tied and (tied is False or "output" in stored)
    try:
        expected = expected_tensors(config, biased=is_biased(model), separate_output=separate)
    except ValueError:  # heads that do not divide, which the shapes of other tensors show as well
        return [], [], [model.usual_name("layers.0.attention.query")]
    missing = [model.usual_name(name) for name in expected if name not in stored]
    known = {stored[name] for name in (*expected, "output") if name in stored}
    extra = [name for name in model.tensors if name not in known and not name.endswith(DERIVED_TABLES)]
    reshaped = [
        stored[name]
        for name in expected
        if name in stored and tuple(model.tensors[stored[name]].shape) != expected[name]
    ]
    return missing, extra, reshaped


def tokenizer_beside(model: Model) -> Iterator[Fault]:
    """A tokenizer lies in the folder, and every one of its ids has a row."""
    size, rows = model.tokenizer.size if model.tokenizer is not None else 0, model.embedding_rows or 0
    if not size:
        yield Fault("the folder holds no tokenizer: it makes an empty one, which reads every text as nothing")
    elif rows and size > rows:
        yield Fault(f"the tokenizer has {size} tokens, the embedding {rows} rows", "index out of range in self")
    padding = model.metadata.get("pad_token_id")
    if isinstance(padding, int) and rows and padding >= rows:
        yield Fault(f"config.json: pad_token_id is {padding} of {rows} rows",
                    "Padding_idx must be within num_embeddings")  # fmt: skip


def known_to_mlx(model: Model) -> Iterator[Fault]:
    """config.json names a model type that mlx-lm has a module for, and every argument of it."""
    kind, family = model.metadata.get("model_type"), model.architecture.family
    if not isinstance(kind, str):
        yield Fault("config.json: model_type is absent", "KeyError: 'model_type'")
        return
    if family is None or model.architecture.role != "decoder":
        yield Fault(f"config.json: model_type is {kind}", f"Model type {kind} not supported.")
    if family not in FAMILIES:
        return
    for name in (*_MLX_DEMANDS, *_MLX_DEMANDS_ALSO.get(family, ())):
        if name not in model.metadata:
            yield Fault(f"config.json: {name} is absent", f"missing 1 required positional argument: '{name}'")
    yield from _mlx_defaults(model, family)


def _mlx_defaults(model: Model, family: str) -> Iterator[Fault]:
    """What it takes for a key that it does not find at the top of config.json, where that is another value."""
    base, default = model.config.rope_theta, _MLX_ROTARY_BASE[family]
    if "rope_theta" not in model.metadata and base != default:
        yield Fault(f"config.json: rope_theta {base} stands under rope_parameters, where it does not look: it takes "
                    f"{default:g}")  # fmt: skip
    if "num_key_value_heads" not in model.metadata and family not in _MLX_DEMANDS_ALSO:
        yield Fault("config.json: num_key_value_heads is absent: it takes the number of query heads")
    if "tie_word_embeddings" not in model.metadata and model.has_tensor("output"):
        yield Fault("config.json: tie_word_embeddings is absent: it drops the output tensor and uses the embedding")


def safetensors_files(model: Model) -> Iterator[Fault]:
    """The weights are safetensors under a name that begins with ``model``."""
    if not any(one.name.startswith("model") and one.suffix == ".safetensors" for one in model.files):
        yield Fault("no file is called model*.safetensors", f"No safetensors found in {model.path}")


def tensors_of_mlx(model: Model) -> Iterator[Fault]:
    """Its loading is strict: nothing may be missing, left over or of another shape."""
    missing, extra, reshaped = _tensor_differences(model)
    if extra:
        yield Fault(f"tensor {extra[0]} is none of this model", f"Received {len(extra)} parameters not in model")
    if missing:
        yield Fault(f"tensor {missing[0]} is absent", f"Missing {len(missing)} parameters")
    if reshaped:
        yield Fault(f"tensor {reshaped[0]} has another shape than the configuration implies",
                    f"for parameter {reshaped[0]}")  # fmt: skip


def _knows(model: Model) -> bool:
    return model.architecture.family in FAMILIES and not missing_sizes(model, config_values(model))


TRANSFORMERS = Consumer(
    name="transformers",
    formats=("huggingface",),
    other_format="Should have a `model_type` key in its config.json",
    requirements=(
        Requirement("a model type it knows", known_to_transformers),
        Requirement("every size", sizes_stated),
        Requirement("the tensors of the class", tensors_of_transformers),
        Requirement("a tokenizer that fits", tokenizer_beside),
        Requirement("special ids that are tokens", ids_outside),
        Requirement("finite weights", finite_weights),
    ),
    knows=_knows,
)
MLX = Consumer(
    name="mlx",
    formats=("huggingface",),
    other_format="No safetensors found",
    requirements=(
        Requirement("weights in safetensors", safetensors_files),
        Requirement("a model type it knows, and its arguments", known_to_mlx),
        Requirement("exactly the tensors of the module", tensors_of_mlx),
        Requirement("a tokenizer that fits", tokenizer_beside),
        Requirement("special ids that are tokens", ids_outside),
        Requirement("finite weights", finite_weights),
    ),
    knows=_knows,
)
