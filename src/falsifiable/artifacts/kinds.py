"""Which kind of artifact a path holds, and the one door that opens each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.contracts.model import Kind

if TYPE_CHECKING:
    from falsifiable.artifacts.corpora.corpus import Corpus
    from falsifiable.artifacts.curves.curves import Curves
    from falsifiable.artifacts.file_set import FileSet
    from falsifiable.artifacts.model import Model
    from falsifiable.artifacts.races.race import Race
    from falsifiable.artifacts.runs.run import Run
    from falsifiable.artifacts.table import Table
    from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer

    Opened = Model | Tokenizer | Run | Corpus | Table | FileSet | Curves | Race

RUN_RECORDS = ("run.yaml", "trainer_state.json")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
MANIFEST = "manifest.json"
CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
LOG_SUFFIXES = (".log", ".txt", ".out")
ROWS_SUFFIX = ".jsonl"
LEDGER = "ledger.sqlite"
LEDGER_SUFFIX = ".sqlite"


def detect_kind(path: Path) -> Kind:
    """What kind of artifact ``path`` is, by the files it holds; what is nothing else is taken for a model.

    A folder with ``run.yaml`` is a run, whatever else it holds; opening says what is wrong with what is no model. A
    checkpoint that a trainer wrote holds a model beside its ``trainer_state.json``, and is taken for the model. A text
    in which MLX-LM's trainer reports is a run.
    """
    if path.name in RUN_RECORDS or _holds(path, RUN_RECORDS[:1]):
        return "run"
    of_model = _holds(path, (CONFIG, ADAPTER_CONFIG))
    if path.name == MANIFEST or (not of_model and _holds(path, (MANIFEST,))):
        return "corpus"
    if not of_model and _holds(path, RUN_RECORDS):
        return "run"
    if path.name in TOKENIZERS or (not of_model and _holds(path, TOKENIZERS)):
        return "tokenizer"
    if path.suffix == ROWS_SUFFIX:
        return "table"
    if path.suffix == LEDGER_SUFFIX or _holds(path, (LEDGER,)):
        return "race"
    return "run" if path.suffix in LOG_SUFFIXES and _is_mlx_log(path) else "model"


def _is_mlx_log(path: Path) -> bool:
    from falsifiable.artifacts.runs.mlx_log import is_mlx_log

    return is_mlx_log(path)


def _holds(folder: Path, names: Iterable[str]) -> bool:
    try:
        return folder.is_dir() and any((folder / name).is_file() for name in names)
    except OSError:  # a name too long, a folder that may not be searched: said when it is opened
        return False


def open_artifact(kind: Kind, path: Path, *, pattern: str | None = None) -> Opened:
    """Open the file or folder at ``path`` as an artifact of ``kind``; a ``pattern`` reads a run from a plain log.

    Raises ArtifactError.
    """
    if kind == "run" and pattern is not None:
        from falsifiable.artifacts.runs.run import open_run

        return open_run(path, pattern=pattern)
    return _doors()[kind](path)


def _doors() -> Mapping[str, Callable[[Path], Opened]]:
    from falsifiable.artifacts.corpora.corpus import open_corpus
    from falsifiable.artifacts.curves.curves import open_curves
    from falsifiable.artifacts.file_set import open_files
    from falsifiable.artifacts.opening import open_model
    from falsifiable.artifacts.races.race import open_race
    from falsifiable.artifacts.runs.run import open_run
    from falsifiable.artifacts.table import open_table
    from falsifiable.artifacts.tokenizers.tokenizer import open_tokenizer

    def refuse_command(path: Path) -> Model:
        raise ArtifactError(path, "is bound to a command role", hint="Name the command in artifacts.yaml")

    return {
        "model": open_model,
        "tokenizer": open_tokenizer,
        "run": open_run,
        "corpus": open_corpus,
        "command": refuse_command,
        "table": open_table,
        "files": open_files,
        "curves": open_curves,
        "race": open_race,
    }
