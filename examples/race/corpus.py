"""The bytes that are trained and validated on: the corpus of the reference run, in two disjoint halves of modules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from examples.pretrain.corpus import FINETUNE, NAME, PRETRAIN, VALIDATION, Corpus, read_corpus, standard_library

# Bytes between two files, so that no sequence reads on from one into the other unawares.
_BETWEEN = b"\0"


@dataclass(frozen=True, slots=True)
class Bytes:
    """A corpus as bytes.

    Attributes:
        name: of the corpus, repeated in the log of every run.
        train, validation: its bytes; a module of the library lies in one of the two.
    """

    name: str
    train: bytes
    validation: bytes

    @property
    def digests(self) -> tuple[str, str]:
        """sha256 of the bytes trained on, and of those validated on."""
        return hashlib.sha256(self.train).hexdigest(), hashlib.sha256(self.validation).hexdigest()


def read_bytes(folder: Path | None) -> Bytes:
    """The Python sources under ``folder``, None for the standard library, as bytes to train and to validate on.

    Raises:
        ValueError: the folder holds no Python sources, or so few modules that a split is empty. There is no other
            corpus to fall back to: a run on other data than it was asked for is worth nothing.
    """
    corpus = read_corpus(folder or standard_library())
    train = _joined(corpus, PRETRAIN) + _joined(corpus, FINETUNE)
    return Bytes(NAME if folder is None else folder.name, train, _joined(corpus, VALIDATION))


def _joined(corpus: Corpus, split: str) -> bytes:
    return b"".join(file.text.encode() + _BETWEEN for file in corpus.splits[split])
