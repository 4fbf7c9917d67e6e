"""A model's loss on the pinned tokens of a corpus, computed again from the weights."""

from __future__ import annotations

from falsifiable import Corpus, Model
from falsifiers.reference_decoder import UnfitError, load_decoder, mean_cross_entropy


class EvaluationError(Exception):
    """The loss could not be computed; the message says what was missing."""


def recomputed_loss(model: Model, corpus: Corpus, split: str = "validation") -> float:
    """Mean next-token cross-entropy in nats of ``model`` over the sequences that the corpus manifest names.

    The manifest's ``evaluation`` says how many sequences of how many tokens are read from the start of the split; each
    is predicted within itself. :meth:`Corpus.token_ids` has compared the tokens with their sha256.

    Raises:
        EvaluationError: no such rule or split, too few tokens, or a model that the reference decoder cannot run.
    """
    import numpy as np
    import torch

    rule = corpus.evaluation
    if rule is None or rule.sequences < 1 or rule.sequence_length < 2:
        raise EvaluationError(f"{corpus.path}: `evaluation` must give sequences and sequence_length, found {rule}")
    sequences, length = rule.sequences, rule.sequence_length
    if split not in corpus.splits:
        raise EvaluationError(f"{corpus.path}: has no split {split}, only {', '.join(corpus.splits)}")
    ids = np.asarray(corpus.token_ids(split, first=sequences * length), dtype=np.int64)
    if ids.size < sequences * length:
        raise EvaluationError(
            f"{corpus.path}: split {split} holds {ids.size} tokens, the evaluation reads {sequences * length}"
        )
    rows = model.embedding_rows or 0
    if int(ids.max()) >= rows:
        raise EvaluationError(f"{corpus.path}: holds token {int(ids.max())}, {model.path} has {rows} embedding rows")
    try:
        return mean_cross_entropy(load_decoder(model), torch.from_numpy(ids).view(sequences, length))
    except UnfitError as error:
        raise EvaluationError(f"{model.path}: {error}") from error
