"""Which family of models a file belongs to: by its metadata, by its tensors, and for those who consume it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falsifiable import Model, NotApplicable, Verdict, falsifier

Marks = frozenset[str]

# What tells families apart -> how it shows in the names of tensors. In a layer, canonical names; else parts of names as
# stored, because fused and expert tensors have no canonical name.
_IN_LAYER = {
    "query bias": "attention.query.bias",
    "output bias": "attention.output.bias",
    "query norm": "attention.query_norm",
    "norm after attention": "attention_post_norm",
    "norm before attention": "attention_norm",
    "norm bias": "attention_norm.bias",
    "gate": "feed_forward.gate",
}
_IN_NAME = {
    "experts": (".experts.", "_exps.", "block_sparse_moe."),
    "fused query": ("qkv_proj.", "query_key_value.", "c_attn.", "attn_qkv."),
    "token types": ("token_type_embeddings.", "token_types."),
    "state space": (".mixer.", ".ssm_"),
}
_PLAIN = frozenset({"norm before attention", "gate"})
_EXPERTS = frozenset({"norm before attention", "experts"})
_BERT = frozenset({"norm before attention", "norm bias", "query bias", "output bias", "token types"})

# Family -> the sets of marks that transformers gives its models (a test builds one of each).
_MARKS_OF: Mapping[str, tuple[Marks, ...]] = {
    "llama": (_PLAIN, _PLAIN | {"query bias", "output bias"}),
    "mistral": (_PLAIN,),
    "gemma": (_PLAIN,),
    "granite": (_PLAIN, _PLAIN | {"query bias", "output bias"}),
    "smollm3": (_PLAIN,),
    "qwen2": (_PLAIN | {"query bias"},),
    "qwen3": (_PLAIN | {"query norm"},),
    "gemma2": (_PLAIN | {"norm after attention"},),
    "gemma3_text": (_PLAIN | {"norm after attention", "query norm"},),
    "mixtral": (_EXPERTS,),
    "qwen2_moe": (_EXPERTS | {"query bias"},),
    "qwen3_moe": (_EXPERTS | {"query norm"},),
    "phi3": (frozenset({"norm before attention", "fused query"}),),
    "starcoder2": (frozenset({"norm before attention", "norm bias", "query bias", "output bias"}),),
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert"), (_BERT,)),
}
_ONE_NAME_IN_GGUF = {"llama": ("llama", "mistral", "mixtral")}  # families that GGUF calls by one name


@falsifier("architecture.family-matches-tensors")
def family_matches_tensors(model: Model) -> Verdict:
    """The family that the metadata names is one whose models have tensors such as these.

    INV-INIT-ARCH-MATCH-001 of the reference: a checkpoint whose metadata said Llama held Qwen2's tensors, biases of
    query, key and value among them; its loader failed, and training began from random weights at a loss of 8.60. Every
    key that names a family is asked by itself: a loader follows one of them, and it need not be the first.
    """
    stated = {where: family for where, family in _stated_families(model).items() if family in _MARKS_OF}
    marks = marks_of(model)
    if not stated or not marks:
        return Verdict.inconclusive(
            f"{model.path}: what tensors a model of architecture {model.architecture.stored} has is not known here"
            if marks
            else f"{model.path}: no tensor has a name that tells its family"
        )
    inferred = [family for family, sets in _MARKS_OF.items() if marks in sets]
    wrong = {where: family for where, family in stated.items() if not _may_be(family, inferred, model)}
    where, family = next(iter(wrong.items()), ("", ""))
    return Verdict.of(
        not wrong,
        found=f"{where} says {family}, but the tensors are those of {' or '.join(inferred) or 'no family known here'}: "
        f"{_difference(marks, family)}. The metadata was written for another model; a loader that believes it leaves "
        "tensors out or begins them at random",
        examined=(len(model.tensors), "tensors"),
        inferred=", ".join(inferred),
    )


def marks_of(model: Model) -> Marks:
    """What in the names of a model's tensors tells its family."""
    parts = {name.split(".", 2)[2] for name in model.canonical_names if name.startswith("layers.")}
    found = {mark for mark, part in _IN_LAYER.items() if part in parts}
    for mark, pieces in _IN_NAME.items():
        if any(piece in name for name in model.tensors for piece in pieces):
            found.add(mark)
    return frozenset(found)


def _stated_families(model: Model) -> dict[str, str]:
    """Where a family is named -> its name; ``model_type`` of config.json is what loaders choose a class by."""
    stated: dict[str, str] = {}
    if model.architecture.family is not None:
        stated[f"architecture {model.architecture.stored}"] = model.architecture.family
    kind = model.metadata.get("model_type")
    if model.format == "huggingface" and isinstance(kind, str):
        stated["config.json:model_type"] = kind
    return stated


def _may_be(family: str, inferred: list[str], model: Model) -> bool:
    named = _ONE_NAME_IN_GGUF.get(family, (family,)) if model.format == "gguf" else (family,)
    return any(one in inferred for one in named)


def _difference(marks: Marks, family: str) -> str:
    expected = min(_MARKS_OF.get(family, (frozenset(),)), key=lambda one: len(one ^ marks))
    more, less = sorted(marks - expected), sorted(expected - marks)
    said = [f"they have {', '.join(more)}"] if more else []
    return " and ".join(said + ([f"they lack {', '.join(less)}"] if less else [])) or "they have other marks"


@family_matches_tensors.counterexample
def called_by_another_familys_name(model: Model) -> Model:
    """The same tensors under the name of Llama, or of Qwen2 where they are Llama's."""
    other = "llama" if "query bias" in marks_of(model) else "qwen2"
    renamed = model.with_family(other)
    return renamed.with_metadata(model_type=other) if "model_type" in model.metadata else renamed


@family_matches_tensors.counterexample
def tensors_of_another_family(model: Model) -> Model:
    """The same name over tensors with norms of queries, which the family does not have."""
    if not model.has_tensor("layers.0.attention.query") or marks_of(model) & {"query norm", "token types"}:
        raise NotApplicable("no decoder's query projection, or its norm is there already")
    stored = model.canonical_names["layers.0.attention.query"]
    for plain, normed in (("q_proj", "q_norm"), ("attn_q", "attn_q_norm")):
        if plain in stored:
            return model.with_extra_tensor(stored.replace(plain, normed), (model.config.derived_head_dim() or 8,))
    raise NotApplicable(f"what a norm beside {stored} would be called is not known")


# Families that mlx-lm has a model for (mlx_lm/models of ml-explore/mlx-lm); it loads mistral with the code of llama.
_IN_MLX = frozenset(
    {
        "llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "gpt2",
        "gpt_bigcode", "gpt_neox", "gpt_oss", "cohere", "cohere2", "dbrx", "deepseek", "deepseek_v2", "deepseek_v3",
        "exaone", "glm4", "granite", "granitemoe", "internlm2", "smollm3",
    }
)  # fmt: skip
# Families of falsifiable's table whose classes come with their checkpoints as code and not with transformers.
_NOT_IN_TRANSFORMERS = frozenset({"deepseek", "internlm2", "minicpm", "exaone"})


@falsifier("architecture.family-supported")
def family_supported(model: Model, *, consumers: tuple[str, ...] = ("transformers", "llama.cpp")) -> Verdict:
    """Every consumer that is named has an implementation of this family, under the name that the file gives.

    Args:
        consumers: who must be able to run the model, of transformers, llama.cpp and mlx. What llama.cpp knows is the
            list of gguf 0.19 (MODEL_ARCH_NAMES), what mlx-lm knows the modules of mlx_lm/models.
    """
    unknown = sorted(set(consumers) - set(_SUPPORTS))
    if unknown or not consumers:
        return Verdict.inconclusive(f"consumers: {', '.join(unknown) or 'none'} named; expected {', '.join(_SUPPORTS)}")
    if model.architecture.stored is None:
        return Verdict.inconclusive(f"{model.path}: names no architecture; bind a folder or file with its metadata")
    refused = [one for one in consumers if not _SUPPORTS[one](model)]
    return Verdict.of(
        not refused,
        found=f"architecture {model.architecture.stored} is not implemented by {', '.join(refused)}; it can be trained "
        "and not used there, or its name is misspelt",
        examined=(len(consumers), "consumers"),
        family=model.architecture.family,
    )


_SUPPORTS: Mapping[str, Any] = {
    "transformers": lambda model: (
        model.architecture.hf_class is not None
        and model.architecture.family is not None
        and model.architecture.family not in _NOT_IN_TRANSFORMERS
    ),
    "llama.cpp": lambda model: model.architecture.gguf is not None,
    "mlx": lambda model: model.architecture.family in _IN_MLX,
}


@family_supported.counterexample
def a_family_that_nobody_knows(model: Model) -> Model:
    """An architecture of one's own."""
    return model.with_architecture("fortytwo" if model.format == "gguf" else "FortyTwoForCausalLM")


@family_supported.counterexample
def a_misspelt_name(model: Model) -> Model:
    """The name with a letter too many."""
    return model.with_architecture(f"x{model.architecture.stored}")
