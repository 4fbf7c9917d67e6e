"""What a user may ask of the reference run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as data. None means "as the recipe says"."""

    output: Path = Path("runs") / "reference"
    size: str = "tiny"
    device: str = "cpu"
    seed: int = 0
    steps: int | None = None
    pretrain_steps: int | None = None
    stop_after: int | None = None  # fine-tune updates, of the schedule that ``steps`` are
    learning_rate: float | None = None  # of the fine-tune, at its peak
    init: Path | None = None
    tokenizer: Path | None = None
    threads: int = 2
