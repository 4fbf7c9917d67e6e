"""Which rows of a GGUF file's q and k tensors an exporter reordered for llama.cpp, and by how many heads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from falsifiable.artifacts.architecture import GGUF_WITH_PERMUTED_QUERY_AND_KEY, Architecture
from falsifiable.artifacts.config import ModelConfig
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.tensors import TensorInfo

_QUERY_OR_KEY = re.compile(r"layers\.(?P<layer>\d+)\.attention\.(?P<part>query|key)(\.bias)?")


def heads_to_reorder(
    info: TensorInfo, architecture: Architecture, config: ModelConfig, metadata: Mapping[str, object]
) -> int | None:
    """The number of heads in a tensor whose rows stand in llama.cpp's order, or None if they stand in the usual one.

    Raises ArtifactError where the order is llama.cpp's and the number of heads is absent or does not fit the rows.
    """
    named = _QUERY_OR_KEY.fullmatch(info.canonical or "")
    if "general.architecture" not in metadata or named is None:
        return None
    if architecture.gguf not in GGUF_WITH_PERMUTED_QUERY_AND_KEY:
        return None
    layer = int(named["layer"])
    query_heads = _heads(config.num_attention_heads, metadata, f"{architecture.stored}.attention.head_count", layer)
    heads = query_heads
    if named["part"] == "key":
        key = f"{architecture.stored}.attention.head_count_kv"
        # GGUF specification: without head_count_kv, every query head has its own key head.
        heads = _heads(config.num_key_value_heads, metadata, key, layer) if key in metadata else query_heads
    rows = info.shape[0] if info.shape else 0
    if not heads or rows % (2 * heads):
        raise ArtifactError(
            info.file,
            f"the {rows} rows of {info.name!r} cannot be put into Hugging Face order with {heads} heads",
            offset=max(info.offset, 0),
            expected="rows in a multiple of twice the number of heads that the metadata states",
            kind="unsound",
        )
    return heads


def _heads(uniform: int | None, metadata: Mapping[str, object], key: str, layer: int) -> int | None:
    """The number of heads in a layer, for metadata that states it once or per layer."""
    if uniform is not None:
        return uniform
    per_layer = metadata.get(key)
    if not isinstance(per_layer, Sequence) or isinstance(per_layer, str) or layer >= len(per_layer):
        return None
    heads = per_layer[layer]
    return heads if isinstance(heads, int) else None
