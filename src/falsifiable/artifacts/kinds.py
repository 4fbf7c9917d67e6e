"""Which kind of artifact a path holds, and the one door that opens each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.contracts.model import Kind

if TYPE_CHECKING:
    from falsifiable.artifacts.corpus import Corpus
    from falsifiable.artifacts.model import Model
    from falsifiable.artifacts.run import Run
    from falsifiable.artifacts.tokenizer import Tokenizer

RUN_RECORD = "run.yaml"
TOKENIZER = "tokenizer.json"
MANIFEST = "manifest.json"
CONFIG = "config.json"


def detect_kind(path: Path) -> Kind:
    """What kind of artifact ``path`` is, by the files it holds; what is nothing else is taken for a model.

    A folder with ``run.yaml`` is a run, whatever else it holds; opening says what is wrong with what is no model.
    """
    if path.name == RUN_RECORD or (path.is_dir() and (path / RUN_RECORD).is_file()):
        return "run"
    if path.name == MANIFEST or (path.is_dir() and not (path / CONFIG).exists() and (path / MANIFEST).is_file()):
        return "corpus"
    if path.name == TOKENIZER or (path.is_dir() and not (path / CONFIG).exists() and (path / TOKENIZER).is_file()):
        return "tokenizer"
    return "model"


def open_artifact(kind: Kind, path: Path) -> Model | Tokenizer | Run | Corpus:
    """Open the file or folder at ``path`` as an artifact of ``kind``. Raises ArtifactError."""
    return _doors()[kind](path)


def _doors() -> Mapping[str, Callable[[Path], Model | Tokenizer | Run | Corpus]]:
    from falsifiable.artifacts.corpus import open_corpus
    from falsifiable.artifacts.opening import open_model
    from falsifiable.artifacts.run import open_run
    from falsifiable.artifacts.tokenizer import open_tokenizer

    def refuse_command(path: Path) -> Model:
        raise ArtifactError(path, "is bound to a command role", hint="Name the command in artifacts.yaml")

    return {
        "model": open_model,
        "tokenizer": open_tokenizer,
        "run": open_run,
        "corpus": open_corpus,
        "command": refuse_command,
    }
