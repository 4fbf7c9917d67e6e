"""What the result of a run depends on, so that a run whose inputs are unchanged is not repeated.

Nothing here imports a heavy library: to find that there is nothing to do takes a fraction of a second.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import examples.pretrain
import falsifiable.recorder
from examples.pretrain.corpus import Corpus
from examples.pretrain.options import Options
from falsifiable.artifacts import open_model
from falsifiable.recorder import RECORD, digest_of, library_version, size_of

_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "gguf", "numpy")
# These decide whether a run takes place and what is printed meanwhile, never what comes out of it.
_WITHOUT_EFFECT = {"__main__.py", "guards.py", "progress.py", "inputs.py"}

Inputs = dict[str, Any]


def describe_inputs(options: Options, corpus: Corpus) -> Inputs:
    """Everything that decides what a run writes, as plain data that goes into its record."""
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()}
    del asked["output"]
    return {
        "options": asked,
        "sources": sources_digest(examples.pretrain, falsifiable.recorder),
        "libraries": {library: library_version(library) for library in _LIBRARIES},
        "corpus": corpus.digest,
        "checkpoints": _checkpoints(options),
    }


def _checkpoints(options: Options) -> dict[str, str]:
    digests: dict[str, str] = {}
    if options.init is not None:
        # The digest of the files that the model consists of, which are those that the run copies.
        digests["init"] = open_model(options.init).digest
    if options.tokenizer is not None:
        digests["tokenizer"] = digest_of(options.tokenizer)
    return digests


def is_unchanged(folder: Path, inputs: Inputs) -> bool:
    """Whether ``folder`` holds a completed run with these inputs, all of its artifacts present in their recorded size.

    Sizes, because this only decides whether to train again: whoever judges the run reads every byte.
    """
    record = read_record(folder)
    if record is None or record.get("end_reason") != "completed" or record.get("inputs") != inputs:
        return False
    return all(_has_recorded_size(folder, artifact) for artifact in record["artifacts"].values())


def read_record(folder: Path) -> dict[str, Any] | None:
    """The run record in ``folder``, or None where there is none that can be read."""
    import yaml

    try:
        with (folder / RECORD).open(encoding="utf-8") as opened:
            record = yaml.load(opened, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return record if isinstance(record, dict) and "run_record" in record else None


def _has_recorded_size(folder: Path, artifact: dict[str, Any]) -> bool:
    path = folder / artifact["path"]
    return path.exists() and size_of(path) == int(artifact["size"])


def sources_digest(*packages: ModuleType) -> str:
    """sha256 over the code of packages that train and record; comments, layout and docstrings do not count."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(Path(package.__path__[0]).glob("*.py")):
            if path.name not in _WITHOUT_EFFECT:
                digest.update(f"{package.__name__}/{path.name}\n{_normalised(path)}\n".encode())
    return digest.hexdigest()


def _normalised(path: Path) -> str:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
