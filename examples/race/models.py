"""The models of the race: small enough for a CPU thread, of different kinds, all predicting the next byte.

Every model maps bytes of shape (sequences, bytes) to logits of shape (sequences, bytes, 256) and never looks ahead. Its
``objective`` is what is minimised; the race compares cross-entropy alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.race.options import Options

VOCABULARY = 256
_EMBEDDING = 24
_ITERATIONS = 4  # of the cell of an NCA
_AHEAD = 4  # bytes ahead that a JEPA predicts in its latent space
_LATENT_WEIGHT = 0.5


class NGram(nn.Module):  # type: ignore[misc]  # torch is not typed here
    """TRAIN_V2: a hidden layer over the last ``context`` bytes."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.context = options.context
        self.embedding = nn.Embedding(VOCABULARY, _EMBEDDING)
        self.hidden = nn.Linear(options.context * _EMBEDDING, options.hidden_size)
        self.logits = nn.Linear(options.hidden_size, VOCABULARY)

    def latent(self, ids: Tensor) -> Tensor:
        """The hidden layer at every byte, (sequences, bytes, hidden_size)."""
        return functional.gelu(self.hidden(self.windows(self.embedding(ids))))

    def windows(self, embedded: Tensor) -> Tensor:
        """The last ``context`` embeddings at every byte, side by side; before the first byte stand zeros."""
        padded = functional.pad(embedded, (0, 0, self.context - 1, 0))
        return padded.unfold(1, self.context, 1).flatten(2)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits of the byte after each."""
        logits: Tensor = self.logits(self.latent(ids))
        return logits

    def objective(self, ids: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """What is minimised, and the cross-entropy in it, in nats per byte."""
        loss = cross_entropy(self(ids), targets)
        return loss, loss


class Hybrid(NGram):
    """HYBRID: the same hidden layer, which also sees what one head of causal attention found further back."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.place = nn.Parameter(torch.zeros(options.sequence_length, _EMBEDDING))
        self.attention = nn.Linear(_EMBEDDING, 3 * _EMBEDDING)
        self.from_attention = nn.Linear(_EMBEDDING, options.hidden_size)

    def latent(self, ids: Tensor) -> Tensor:
        """The hidden layer at every byte, (sequences, bytes, hidden_size)."""
        embedded = self.embedding(ids)
        query, key, value = self.attention(embedded + self.place[: ids.shape[1]]).chunk(3, dim=-1)
        found = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return functional.gelu(self.hidden(self.windows(embedded)) + self.from_attention(found))


class JointEmbedding(Hybrid):
    """JEPA-T: a HYBRID that also predicts its own hidden layer some bytes ahead.

    The target carries no gradient, so that the hidden layer cannot be made constant to please the auxiliary loss.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.ahead = nn.Linear(options.hidden_size, options.hidden_size)

    def objective(self, ids: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy plus half of the latent error; the cross-entropy alone is reported."""
        latent = self.latent(ids)
        loss = cross_entropy(self.logits(latent), targets)
        expected = latent[:, _AHEAD:].detach()
        return loss + _LATENT_WEIGHT * functional.mse_loss(self.ahead(latent[:, :-_AHEAD]), expected), loss


class CellularAutomaton(nn.Module):  # type: ignore[misc]  # torch is not typed here
    """NCA: one cell, a causal convolution with shared weights, iterated over the states of all bytes."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.reach = options.context - 1
        self.embedding = nn.Embedding(VOCABULARY, options.hidden_size)
        self.cell = nn.Conv1d(options.hidden_size, options.hidden_size, options.context)
        self.logits = nn.Linear(options.hidden_size, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits of the byte after each."""
        state = self.embedding(ids).transpose(1, 2)
        for _ in range(_ITERATIONS):
            state = state + functional.gelu(self.cell(functional.pad(state, (self.reach, 0))))
        logits: Tensor = self.logits(state.transpose(1, 2))
        return logits

    def objective(self, ids: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """What is minimised, and the cross-entropy in it, in nats per byte."""
        loss = cross_entropy(self(ids), targets)
        return loss, loss


ByteModel = NGram | CellularAutomaton
_KINDS: dict[str, type[NGram] | type[CellularAutomaton]] = {
    "HYBRID": Hybrid,
    "JEPA-T": JointEmbedding,
    "NCA": CellularAutomaton,
    "TRAIN_V2": NGram,
}


def build_model(options: Options) -> ByteModel:
    """The model of the options, its weights drawn from their seed."""
    torch.manual_seed(options.seed)
    return _KINDS[options.model](options)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over all bytes, in nats per byte."""
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
