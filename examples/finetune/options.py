"""What a user may ask of the fine-tune."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from examples.pretrain.model import Recipe


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as data."""

    source: Path = Path("runs") / "others" / "smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    output: Path = Path("runs") / "finetune"
    device: str = "cpu"
    seed: int = 0
    steps: int = 500
    learning_rate: float = 3e-5  # at its peak
    threads: int = 2

    @property
    def recipe(self) -> Recipe:
        """How the model is trained.

        One window of 128 tokens per update, because 500 of them must fit into a quarter of an hour on two cores. A
        tenth of the steps warms up, and a peak of 3e-5 is what is usual for the fine-tune of a trained model: thirty
        times less than where the small model begins from scratch.
        """
        return Recipe(
            steps=self.steps,
            peak_learning_rate=self.learning_rate,
            warmup_steps=max(1, self.steps // 10),
            sequences_per_step=1,
            weight_decay=0.01,
            steps_between_evaluations=100,
            evaluation_sequences=32,
        )
