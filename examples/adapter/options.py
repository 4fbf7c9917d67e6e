"""What a user may ask of the window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as data.

    ``data`` is a folder with ``train.jsonl`` and ``valid.jsonl``, or None for conversations made from the standard
    library; ``after`` is the run folder of the chunk that this one continues.
    """

    output: Path = Path("runs") / "adapter"
    base: Path = Path("runs") / "reference" / "finetuned"
    data: Path | None = None
    after: Path | None = None
    seed: int = 0
    steps: int = 80
    save_every: int = 20
    rank: int = 8
    alpha: int = 16
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    layers: int = 2  # the last so many
    learning_rate: float = 2e-3
    sequences: int = 4  # of each process, per step
    sequence_length: int = 128
    ring: int = 2
    threads: int = 1  # of each process
