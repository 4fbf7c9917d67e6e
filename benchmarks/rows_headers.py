"""Opening a file: reading its header and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from benchmarks.comparison import GB, Line, Row, Setting, Side, compared
from benchmarks.measure import prepared

MODEL_BYTES = 2 * GB
GGUF_BYTES = GB // 5  # what a header costs does not depend on what follows it
CHECKPOINT_BYTES = GB


# The works


def falsifiable_open(path: str, tiny: str) -> Callable[[], int]:
    """Our reader, of any format; returns how many tensors there are."""
    import numpy  # noqa: F401 - as all peers have; with it long lists of texts are found in blocks

    from falsifiable import open_model

    return prepared(lambda one: len(open_model(one).tensors), path, tiny)


def safetensors_open(path: str, tiny: str) -> Callable[[], int]:
    """The library's own."""
    import torch  # noqa: F401 - the library imports it when it opens the first file
    from safetensors import safe_open

    def work(one: str) -> int:
        with safe_open(one, framework="pt") as file:
            return len(file.keys())

    return prepared(work, path, tiny)


def safetensors_list(path: str, tiny: str) -> Callable[[], int]:
    """The library's own, asked for what our reader knows after opening: shape and type of every tensor."""
    import torch  # noqa: F401 - as above
    from safetensors import safe_open

    def work(one: str) -> int:
        with safe_open(one, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return len({name: (one.get_shape(), one.get_dtype()) for name, one in slices.items()})

    return prepared(work, path, tiny)


def gguf_open(path: str, tiny: str) -> Callable[[], int]:
    """The gguf package's reader."""
    from gguf import GGUFReader

    return prepared(lambda one: len(GGUFReader(one).tensors), path, tiny)


def torch_open(path: str, tiny: str) -> Callable[[], int]:
    """torch.load with everything left in the file."""
    import torch

    return prepared(lambda one: len(torch.load(one, mmap=True, weights_only=True)), path, tiny)


def falsifiable_tokens(path: str, tiny: str) -> Callable[[], Any]:
    """Our reader, all token texts."""
    from falsifiable import open_model

    def work(one: str) -> Callable[[], str]:
        tokenizer = open_model(one).tokenizer
        tokens = [] if tokenizer is None else list(tokenizer.tokens)
        return lambda: _digest_of(tokens)

    return prepared(work, path, tiny)


def gguf_tokens(path: str, tiny: str) -> Callable[[], Any]:
    """The gguf package's reader, all token texts."""
    from gguf import GGUFReader

    def work(one: str) -> Callable[[], str]:
        field = GGUFReader(one).get_field("tokenizer.ggml.tokens")
        tokens = [] if field is None else field.contents()
        return lambda: _digest_of(tokens)

    return prepared(work, path, tiny)


def _digest_of(tokens: list[str]) -> str:
    return hashlib.sha256("\n".join(tokens).encode()).hexdigest()


# The rows


def open_safetensors(setting: Setting) -> Line:
    """Header of a safetensors file."""
    return compared(
        setting, "open-safetensors", "open, 290 tensors", setting.files.safetensors(MODEL_BYTES),
        Side("safetensors.safe_open", "rows_headers:safetensors_open"), "rows_headers:falsifiable_open",
        tiny=setting.files.tiny("safetensors"), target=1.0,
    )  # fmt: skip


def list_safetensors(setting: Setting) -> Line:
    """The same, when the library is asked for what our reader knows by then."""
    return compared(
        setting, "list-safetensors", "open, shape and type of 290 tensors", setting.files.safetensors(MODEL_BYTES),
        Side("safetensors.safe_open, get_slice", "rows_headers:safetensors_list"), "rows_headers:falsifiable_open",
        tiny=setting.files.tiny("safetensors"), target=1.0,
    )  # fmt: skip


def open_gguf(setting: Setting) -> Line:
    """Header of a GGUF file with a large vocabulary."""
    return compared(
        setting, "open-gguf", "open, 151,936 tokens and 151,387 merges", setting.files.gguf(GGUF_BYTES),
        Side("gguf.GGUFReader", "rows_headers:gguf_open"), "rows_headers:falsifiable_open",
        tiny=setting.files.tiny("gguf"), target=150.0,
    )  # fmt: skip


def open_gguf_tokens(setting: Setting) -> Line:
    """Header of a GGUF file with a large vocabulary, and the text of every token."""
    return compared(
        setting, "open-gguf-tokens", "open and read all token texts", setting.files.gguf(GGUF_BYTES),
        Side("gguf.GGUFReader", "rows_headers:gguf_tokens"), "rows_headers:falsifiable_tokens",
        tiny=setting.files.tiny("gguf"), target=60.0,
    )  # fmt: skip


def open_pytorch(setting: Setting) -> Line:
    """The pickle of a PyTorch checkpoint; the tensors stay where they are."""
    return compared(
        setting, "open-pytorch", "open, 290 tensors", setting.files.pytorch(CHECKPOINT_BYTES),
        Side("torch.load(mmap=True)", "rows_headers:torch_open"), "rows_headers:falsifiable_open",
        tiny=setting.files.tiny("pt"), target=1.0,
    )  # fmt: skip


ROWS = (
    Row("open-safetensors", open_safetensors, needs=("safetensors", "torch")),
    Row("list-safetensors", list_safetensors, needs=("safetensors", "torch")),
    Row("open-gguf", open_gguf, needs=("gguf",), most_rounds=3),
    Row("open-gguf-tokens", open_gguf_tokens, needs=("gguf",), most_rounds=3),
    Row("open-pytorch", open_pytorch, needs=("torch",)),
)
