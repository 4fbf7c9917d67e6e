"""The twin: the same adapter in the layout of MLX-LM, and the log that its trainer would have printed.

MLX keeps a [in, rank] and b [rank, out] and multiplies by ``scale``; PEFT keeps A [rank, in] and B [out, rank] and
multiplies by alpha / rank. No MLX is needed: both are plain safetensors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from examples.adapter.lora import WEIGHTS
from examples.adapter.options import Options
from falsifiable.samples import write_safetensors

MLX_WEIGHTS = "adapters.safetensors"
_PREFIX = "base_model.model."
_SIDES = {".lora_A.weight": ".lora_a", ".lora_B.weight": ".lora_b"}


def numbered(iteration: int) -> str:
    """The name of a save along the way."""
    return f"{iteration:07}_{MLX_WEIGHTS}"


def write_twin_weights(adapter: Path, target: Path) -> None:
    """Write the weights of a PEFT folder to ``target`` under the names, and in the orientation, of MLX."""
    import numpy as np
    from safetensors.numpy import load_file

    stored = load_file(adapter / WEIGHTS)
    twin = {_name(name): np.ascontiguousarray(values.T) for name, values in stored.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(target, dict(sorted(twin.items())), {"format": "mlx"})


def _name(stored: str) -> str:
    ending = next(one for one in _SIDES if stored.endswith(one))
    return stored.removeprefix(_PREFIX).removesuffix(ending) + _SIDES[ending]


def write_twin_config(folder: Path, options: Options, keys: list[str], iterations: int) -> None:
    """Write ``adapter_config.json``: what is adapted, and the arguments that MLX-LM keeps beside it."""
    config = {
        "fine_tune_type": "lora",
        "num_layers": options.layers,
        "lora_parameters": {
            "rank": options.rank,
            "scale": options.alpha / options.rank,
            "dropout": 0.0,
            "keys": keys,
        },
        "model": options.base.as_posix(),
        "batch_size": options.sequences * options.ring,
        "iters": iterations,
        "save_every": options.save_every,
        "learning_rate": options.learning_rate,
        "max_seq_length": options.sequence_length,
        "seed": options.seed,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=4) + "\n", encoding="utf-8")


class TrainingLog:
    """The lines that MLX-LM prints while it trains, as a file: a loss is the mean since the line before."""

    def __init__(self, path: Path, iterations: int, *, every: int = 10, tokens_per_iteration: int) -> None:
        self._path = path
        self._every = every
        self._tokens = tokens_per_iteration
        self._losses: list[float] = []
        self._began = 0.0
        path.write_text(f"Starting training..., iters: {iterations}\n", encoding="utf-8")

    def trained(self, iteration: int, loss: float, learning_rate: float, seconds: float) -> None:
        """Note the loss of one iteration; every tenth prints a line."""
        self._losses.append(loss)
        if iteration % self._every:
            return
        speed = len(self._losses) / max(seconds - self._began, 1e-9)
        self._print(
            f"Iter {iteration}: Train loss {sum(self._losses) / len(self._losses):.3f}, "
            f"Learning Rate {learning_rate:.3e}, It/sec {speed:.3f}, Tokens/sec {speed * self._tokens:.3f}, "
            f"Trained Tokens {iteration * self._tokens}"
        )
        self._losses, self._began = [], seconds

    def evaluated(self, iteration: int, val_loss: float) -> None:
        """Print a validation loss; the one before the first update is that of iteration 1."""
        self._print(f"Iter {max(1, iteration)}: Val loss {val_loss:.3f}")

    def saved(self, iteration: int, folder: str) -> None:
        """Print where a save along the way went."""
        self._print(
            f"Iter {iteration}: Saved adapter weights to {folder}/{MLX_WEIGHTS} and {folder}/{numbered(iteration)}."
        )

    def ended(self, folder: str) -> None:
        """Print the last line of a run that was completed."""
        self._print(f"Saved final weights to {folder}/{MLX_WEIGHTS}.")

    def _print(self, line: Any) -> None:
        with self._path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
