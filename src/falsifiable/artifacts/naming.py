"""Tensor names: what a file calls a tensor, and the one name under which falsifiers know it.

Canonical names are ``token_embedding``, ``output`` (the language-model head), ``final_norm`` and, in layer ``i``,
``layers.{i}.attention_norm``, ``layers.{i}.attention.query|key|value|output``, ``layers.{i}.feed_forward_norm`` and
``layers.{i}.feed_forward.gate|up|down``. The name of a bias ends in ``.bias``; that of a weight has no suffix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

Dialect = Literal["huggingface", "gguf"]

_WHOLE_MODEL = {"embed_tokens": "token_embedding", "lm_head": "output", "norm": "final_norm"}
_LAYER = {
    "input_layernorm": "attention_norm",
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.o_proj": "attention.output",
    "self_attn.q_norm": "attention.query_norm",
    "self_attn.k_norm": "attention.key_norm",
    "post_attention_layernorm": "feed_forward_norm",
    "mlp.gate_proj": "feed_forward.gate",
    "mlp.up_proj": "feed_forward.up",
    "mlp.down_proj": "feed_forward.down",
}
# Gemma 2 and 3 normalise each branch before and after, and give Llama's name to the norm *after* attention.
_LAYER_WITH_BRANCH_NORMS = {
    **_LAYER,
    "post_attention_layernorm": "attention_post_norm",
    "pre_feedforward_layernorm": "feed_forward_norm",
    "post_feedforward_layernorm": "feed_forward_post_norm",
}
_BERT_WHOLE_MODEL = {
    "embeddings.word_embeddings": "token_embedding",
    "embeddings.position_embeddings": "position_embedding",
    "embeddings.token_type_embeddings": "token_type_embedding",
    "embeddings.LayerNorm": "embedding_norm",
}
_BERT_LAYER = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "feed_forward.up",
    "output.dense": "feed_forward.down",
    "output.LayerNorm": "feed_forward_norm",
}
_GGUF_WHOLE_MODEL = {
    "token_embd": "token_embedding",
    "output": "output",
    "output_norm": "final_norm",
    "position_embd": "position_embedding",
    "token_types": "token_type_embedding",
    "token_embd_norm": "embedding_norm",
}
_GGUF_LAYER = {
    "attn_norm": "attention_norm",
    "attn_q": "attention.query",
    "attn_k": "attention.key",
    "attn_v": "attention.value",
    "attn_output": "attention.output",
    "attn_q_norm": "attention.query_norm",
    "attn_k_norm": "attention.key_norm",
    "ffn_norm": "feed_forward_norm",
    "ffn_gate": "feed_forward.gate",
    "ffn_up": "feed_forward.up",
    "ffn_down": "feed_forward.down",
    "post_attention_norm": "attention_post_norm",
    "post_ffw_norm": "feed_forward_post_norm",
    "attn_output_norm": "attention_norm",  # BERT normalises after the branch
    "layer_output_norm": "feed_forward_norm",
}

TRAINING_PREFIX = "__training__."
"""What the names of optimiser state in an APR checkpoint begin with: it is no part of the model."""

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# A base model is saved without the prefix that its causal or masked language model has.
_NAME = re.compile(r"(?P<stem>.+)\.(?P<kind>weight|bias)")
_LAYER_STEM = {
    "huggingface": re.compile(r"(?:model\.)?layers\.(?P<layer>0|[1-9]\d{0,5})\.(?P<part>.+)"),
    "bert": re.compile(r"(?:\w+\.)?encoder\.layer\.(?P<layer>0|[1-9]\d{0,5})\.(?P<part>.+)"),
    "gguf": re.compile(r"blk\.(?P<layer>0|[1-9]\d{0,5})\.(?P<part>.+)"),
}


def canonical_names(stored_names: Iterable[str], dialect: Dialect) -> Mapping[str, str]:
    """Canonical name -> stored name, for every name of a file that has one.

    Two stored names that mean the same tensor (with and without ``model.``) count once: the first keeps the name.
    """
    stored = list(stored_names)
    branch_norms = any("pre_feedforward_layernorm" in name for name in stored)
    found: dict[str, str] = {}
    for name in stored:
        canonical = _canonical_name(name, dialect, branch_norms)
        if canonical is not None:
            found.setdefault(canonical, name)
    return found


def dialect_of(stored_names: Iterable[str]) -> Dialect:
    """How tensors are named in a file that may do it either way: as in GGUF if any is in a block ``blk.``."""
    return "gguf" if any(name.startswith("blk.") for name in stored_names) else "huggingface"


def canonical_name(stored_name: str, dialect: Dialect) -> str | None:
    """The canonical name of one tensor of a Llama-like decoder or a BERT-like encoder, or None if it has none."""
    return _canonical_name(stored_name, dialect, branch_norms=False)


def stored_name(canonical: str, dialect: Dialect) -> str | None:
    """What a Llama-like decoder calls a canonical tensor: ``layers.0.attention.query`` -> ``blk.0.attn_q.weight``."""
    stem, kind = (canonical[: -len(".bias")], "bias") if canonical.endswith(".bias") else (canonical, "weight")
    in_layer = re.fullmatch(r"layers\.(\d+)\.(.+)", stem)
    if in_layer is None:
        whole = _GGUF_NAMES if dialect == "gguf" else _HUGGINGFACE_NAMES
        return f"{whole[stem]}.{kind}" if stem in whole else None
    layer, part = in_layer.groups()
    parts = _GGUF_LAYER_NAMES if dialect == "gguf" else _HUGGINGFACE_LAYER_NAMES
    prefix = "blk" if dialect == "gguf" else "model.layers"
    return f"{prefix}.{layer}.{parts[part]}.{kind}" if part in parts else None


def tensor_name_fault(name: str, limit_bytes: int) -> str | None:
    """Why ``name`` cannot name a tensor, or None: names are printed, compared and used to build paths."""
    if not name:
        return "is empty"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if length > limit_bytes:
        return f"has {length} bytes (the limit is {limit_bytes})"
    if _CONTROL_CHARACTER.search(name):
        return "contains a control character"
    if name.startswith("/") or ".." in name.replace("\\", "/").split("/"):
        return "is a path"
    return None


def _canonical_name(stored: str, dialect: Dialect, branch_norms: bool) -> str | None:
    name = _NAME.fullmatch(stored)
    if name is None or stored.startswith(TRAINING_PREFIX):
        return None
    stem = _canonical_stem(name["stem"], dialect, branch_norms)
    if stem is None:
        return None
    return stem if name["kind"] == "weight" else f"{stem}.bias"


def _canonical_stem(stem: str, dialect: Dialect, branch_norms: bool) -> str | None:
    if dialect == "gguf":
        return _in_layer(stem, "gguf", _GGUF_LAYER) or _GGUF_WHOLE_MODEL.get(stem)
    parts = _LAYER_WITH_BRANCH_NORMS if branch_norms else _LAYER
    in_layer = _in_layer(stem, "huggingface", parts) or _in_layer(stem, "bert", _BERT_LAYER)
    if in_layer is not None:
        return in_layer
    without_prefix = stem.split(".", 1)[1] if "." in stem else stem
    return (
        _WHOLE_MODEL.get(stem.removeprefix("model."))
        or _BERT_WHOLE_MODEL.get(stem)
        or _BERT_WHOLE_MODEL.get(without_prefix)
    )


def _in_layer(stem: str, pattern: str, parts: Mapping[str, str]) -> str | None:
    found = _LAYER_STEM[pattern].fullmatch(stem)
    if found is None or found["part"] not in parts:
        return None
    return f"layers.{found['layer']}.{parts[found['part']]}"


def _reversed(names: Mapping[str, str], prefix: str = "") -> dict[str, str]:
    reverse: dict[str, str] = {}
    for stored, canonical in names.items():
        reverse.setdefault(canonical, prefix + stored)
    return reverse


_GGUF_NAMES = _reversed(_GGUF_WHOLE_MODEL)
_GGUF_LAYER_NAMES = _reversed(_GGUF_LAYER)
_HUGGINGFACE_NAMES = {**_reversed(_WHOLE_MODEL, "model."), "output": "lm_head"}
_HUGGINGFACE_LAYER_NAMES = _reversed(_LAYER)
