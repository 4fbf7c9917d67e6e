"""The training itself: batches in a seeded order, an optimizer step each, and the same validation for every run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from examples.race.corpus import Bytes
from examples.race.models import ByteModel, build_model, cross_entropy
from examples.race.options import Options
from examples.race.schedule import batches, data_order, learning_rate

# Validated on: this many sequences, evenly spaced over the validation bytes, the same ones for every run.
VALIDATION_SEQUENCES = 128


class Training:
    """One run in memory. The same options give the same numbers on the same machine and build of torch.

    Attributes:
        order: the numbers of the training sequences, step after step.
        parameters: how many numbers are trained.
    """

    def __init__(self, options: Options, corpus: Bytes) -> None:
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        self._options = options
        self._train = _sequences(corpus.train, options.sequence_length)
        self._validation = validation_sequences(corpus, options)
        self._model = build_model(options)
        self._averaged = Average(self._model, options.ema) if options.ema else None
        self._optimizer = torch.optim.AdamW(self._model.parameters(), weight_decay=0.01)
        self.order = data_order(options, len(self._train))
        self.parameters = sum(parameter.numel() for parameter in self._model.parameters())

    def steps(self) -> Iterator[tuple[int, float]]:
        """Take all steps; after each its number from 1, and the cross-entropy of its batch in bits per byte."""
        for step, numbers in enumerate(batches(self._options, self.order), start=1):
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate(self._options, step)
            yield step, self._step(self._train[numbers])

    def _step(self, sequences: Tensor) -> float:
        self._optimizer.zero_grad(set_to_none=True)
        loss, nats = self._model.objective(sequences[:, :-1].long(), sequences[:, 1:].long())
        loss.backward()
        self._optimizer.step()
        if self._averaged is not None:
            self._averaged.update(self._model)
        return bpb_of(float(nats.detach()))

    def evaluate(self) -> float:
        """Mean cross-entropy of the next byte over the validation sequences, in nats."""
        with torch.no_grad():
            logits = self._evaluated(self._validation[:, :-1].long())
            return float(cross_entropy(logits, self._validation[:, 1:].long()))

    def first_offsets(self, count: int) -> list[int]:
        """Where the first training sequences begin in the training bytes."""
        return [number * (self._options.sequence_length + 1) for number in self.order[:count]]

    def save(self, path: Path) -> None:
        """Write the weights that are evaluated."""
        torch.save(self._evaluated.state_dict(), path)

    def load(self, path: Path) -> None:
        """Take up saved weights. Raises RuntimeError where they are those of another model."""
        self._evaluated.load_state_dict(torch.load(path, weights_only=True))

    @property
    def _evaluated(self) -> ByteModel:
        return self._model if self._averaged is None else self._averaged.model


class Average:
    """An exponential moving average of a model's weights over about ``steps`` steps, as a model of its own."""

    def __init__(self, model: nn.Module, steps: int) -> None:
        import copy

        self.model: ByteModel = copy.deepcopy(model)
        self._share = 1 / steps

    def update(self, model: nn.Module) -> None:
        """Take in the weights after one more step."""
        with torch.no_grad():
            for mean, last in zip(self.model.parameters(), model.parameters(), strict=True):
                mean.lerp_(last, self._share)


def bpb_of(nats: float) -> float:
    """A cross-entropy per byte in bits."""
    return nats / math.log(2)


def validation_sequences(corpus: Bytes, options: Options) -> Tensor:
    """The sequences that every run is validated on: evenly spaced over all validation bytes."""
    every = _sequences(corpus.validation, options.sequence_length)
    spacing = max(len(every) // VALIDATION_SEQUENCES, 1)
    return every[::spacing][:VALIDATION_SEQUENCES]


def _sequences(content: bytes, length: int) -> Tensor:
    """All sequences of ``length`` bytes and the byte after them, one after the other: (count, length + 1)."""
    count = len(content) // (length + 1)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[: count * (length + 1)].view(count, length + 1)
