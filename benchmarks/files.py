"""The files that are measured: deterministic, of any size, with numbers distributed as in a trained model.

Weights are a Qwen2-shaped decoder of 24 layers, 290 tensors, of the width that gives the size asked for; values are
normal with a standard deviation of 0.02, the initialisation of that family. They are cut from one pool of random values
at shifting places, for drawing a billion of them would take longer than measuring does.
"""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shapes = dict[str, tuple[int, ...]]

LAYERS = 24
BYTES_PER_VALUE = 2
QWEN2_TOKENS, QWEN2_MERGES = 151_936, 151_387  # what the GGUF of a Qwen2 model holds
_POOL_VALUES = 2**22
_VALUES_PER_SQUARE = 128 + LAYERS * 14.25  # parameters over hidden_size squared, see `shapes`; vectors are left out
_SEED = 1729


class Files:
    """Makes each file once, in ``folder``, and remembers it. ``scale`` (0 to 1) makes all of them smaller."""

    def __init__(self, folder: Path, scale: float = 1.0) -> None:
        self.folder = folder
        self.scale = scale
        self._made: dict[str, Path] = {}

    def safetensors(self, full_bytes: int) -> Path:
        """A BF16 safetensors file of about ``full_bytes`` times the scale."""
        size = round(full_bytes * self.scale)
        return self._once(f"weights-{size}.safetensors", lambda path: write_safetensors(path, size))

    def pytorch(self, full_bytes: int, *, legacy: bool = False) -> Path:
        """What ``torch.save`` writes of the same weights: a zip, or with ``legacy`` the stream of before 1.6."""
        size = round(full_bytes * self.scale)
        name = f"checkpoint-{size}{'-legacy' if legacy else ''}.pt"
        return self._once(name, lambda path: _write_pytorch(path, size, legacy=legacy))

    def gguf(self, full_bytes: int) -> Path:
        """An F16 GGUF file with as many tokens and merges as that of a Qwen2 model, times the scale."""
        size = round(full_bytes * self.scale)
        tokens = max(300, round(QWEN2_TOKENS * self.scale))
        merges = max(10, round(QWEN2_MERGES * self.scale))
        return self._once(f"model-{size}.gguf", lambda path: write_gguf(path, size, tokens, merges))

    def tiny(self, kind: str) -> Path:
        """The smallest file of the same kind, to make imports and compilation happen before the clock starts."""
        makers: dict[str, Callable[[Path], None]] = {
            "safetensors": lambda path: write_safetensors(path, 0),
            "gguf": lambda path: write_gguf(path, 0, 300, 10),
            "pt": lambda path: _write_pytorch(path, 0, legacy=False),
            "legacy.pt": lambda path: _write_pytorch(path, 0, legacy=True),
        }
        return self._once(f"tiny.{kind}", makers[kind])

    def delete(self, path: Path) -> None:
        """Give the disk back."""
        self._made.pop(path.name, None)
        path.unlink()

    def _once(self, name: str, write: Callable[[Path], None]) -> Path:
        if name not in self._made:
            path = self.folder / name
            write(path)
            with path.open("rb") as file:
                os.fsync(file.fileno())  # nothing is still being written while something is measured
            self._made[name] = path
        return self._made[name]


def shapes(size_bytes: int) -> Shapes:
    """Stored name -> shape of a Qwen2-shaped decoder that takes about ``size_bytes``, 60 kB at the least."""
    hidden = max(8, 8 * round(math.sqrt(size_bytes / BYTES_PER_VALUE / _VALUES_PER_SQUARE) / 8))
    inner, keys = 4 * hidden, hidden // 8
    tensors: Shapes = {"model.embed_tokens.weight": (128 * hidden, hidden)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name, rows in (("q", hidden), ("k", keys), ("v", keys)):
            tensors[f"{prefix}self_attn.{name}_proj.weight"] = (rows, hidden)
            tensors[f"{prefix}self_attn.{name}_proj.bias"] = (rows,)
        tensors[f"{prefix}self_attn.o_proj.weight"] = (hidden, hidden)
        tensors[f"{prefix}mlp.gate_proj.weight"] = tensors[f"{prefix}mlp.up_proj.weight"] = (inner, hidden)
        tensors[f"{prefix}mlp.down_proj.weight"] = (hidden, inner)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}{name}.weight"] = (hidden,)
    return {**tensors, "model.norm.weight": (hidden,)}


def write_safetensors(path: Path, size_bytes: int) -> None:
    """A BF16 file, written as it is made: 8 GB of it take no memory."""
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes(size_bytes).items():
        begin, end = end, end + math.prod(shape) * BYTES_PER_VALUE
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for pieces in _tensors(_bfloat16_pool(), shapes(size_bytes)):
            file.writelines(pieces)


def write_gguf(path: Path, size_bytes: int, tokens: int, merges: int) -> None:
    """An F16 GGUF file with an embedded byte-level BPE tokenizer of ``tokens`` entries and ``merges`` merges."""
    import numpy
    from gguf import GGUFWriter, TokenType

    inventory = shapes(size_bytes)
    hidden = inventory["model.norm.weight"][0]
    writer = GGUFWriter(path, "qwen2")
    writer.add_name("benchmark")
    writer.add_context_length(32768)
    writer.add_embedding_length(hidden)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(4 * hidden)
    writer.add_head_count(8)
    writer.add_head_count_kv(1)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(_words(tokens))
    writer.add_token_types([int(TokenType.NORMAL)] * tokens)
    writer.add_token_merges([f"{one[:-1] or one} {one[-1]}" for one in _words(merges)])
    pool = _pool().astype("<f2").tobytes()
    for (name, shape), pieces in zip(_gguf_names(inventory).items(), _tensors(pool, inventory), strict=True):
        writer.add_tensor(name, numpy.frombuffer(b"".join(pieces), dtype="<f2").reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _gguf_names(inventory: Shapes) -> Shapes:
    from gguf import MODEL_ARCH, get_tensor_name_map

    names = get_tensor_name_map(MODEL_ARCH.QWEN2, LAYERS)
    return {names.get_name(stored, (".weight", ".bias")) or stored: shape for stored, shape in inventory.items()}


def _words(count: int) -> list[str]:
    """Distinct texts as long as the tokens of a byte-level vocabulary: 1 to 13 characters, a third after a space."""
    import random

    source = random.Random(_SEED)
    words: dict[str, None] = {}
    while len(words) < count:
        word = "".join(source.choices("etaoinshrdlcumwfgypbvkjxqzé0123456789_", k=source.randint(1, 12)))
        words["Ġ" + word if source.random() < 1 / 3 else word] = None
    return list(words)


def _write_pytorch(path: Path, size_bytes: int, *, legacy: bool) -> None:
    """In a process of its own: one that has imported torch would fork slower for everything after it."""
    command = [sys.executable, "-m", "benchmarks.files", str(path), str(size_bytes), *(["--legacy"] if legacy else [])]
    subprocess.run(command, check=True, cwd=Path(__file__).parent.parent)


def _save_with_torch(path: str, size_bytes: int, *, legacy: bool) -> None:
    import torch

    inventory = shapes(size_bytes)
    state = {
        name: torch.frombuffer(bytearray().join(pieces), dtype=torch.bfloat16).reshape(shape)
        for (name, shape), pieces in zip(inventory.items(), _tensors(_bfloat16_pool(), inventory), strict=True)
    }
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)


def _pool() -> NDArray[Any]:
    """Normal values, float32."""
    import numpy

    return numpy.random.default_rng(_SEED).standard_normal(_POOL_VALUES, dtype=numpy.float32) * numpy.float32(0.02)


def _bfloat16_pool() -> bytes:
    """The values as BF16: the upper half of a float32, rounded to nearest (no value is near the end of the range)."""
    import numpy

    return ((_pool().view(numpy.uint32) + 0x8000) >> 16).astype("<u2").tobytes()


def _tensors(pool: bytes, inventory: Shapes) -> Iterator[list[memoryview]]:
    """Per tensor its bytes, as pieces of the pool that follow where the last tensor ended: no two are alike."""
    view = memoryview(pool)
    place = 0
    for shape in inventory.values():
        left = math.prod(shape) * BYTES_PER_VALUE
        pieces = []
        while left:
            pieces.append(view[place : place + left])
            left -= len(pieces[-1])
            place = (place + len(pieces[-1])) % len(pool)
        yield pieces


if __name__ == "__main__":
    _save_with_torch(sys.argv[1], int(sys.argv[2]), legacy="--legacy" in sys.argv)
