"""Artifacts: what a training run leaves behind, opened behind one interface whatever its format.

Everything here is imported when first used; importing this package imports no reader and no numerical library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falsifiable.artifacts.architecture import GGUF_ARCHITECTURES as GGUF_ARCHITECTURES
    from falsifiable.artifacts.architecture import Architecture as Architecture
    from falsifiable.artifacts.command import Command as Command
    from falsifiable.artifacts.command import Completed as Completed
    from falsifiable.artifacts.config import CONFIG_FIELDS as CONFIG_FIELDS
    from falsifiable.artifacts.config import ModelConfig as ModelConfig
    from falsifiable.artifacts.contents import KnownContent as KnownContent
    from falsifiable.artifacts.corpora.corpus import Corpus as Corpus
    from falsifiable.artifacts.corpora.corpus import open_corpus as open_corpus
    from falsifiable.artifacts.curves.closed_form import closed_form as closed_form
    from falsifiable.artifacts.curves.curve import Curve as Curve
    from falsifiable.artifacts.curves.curves import Curves as Curves
    from falsifiable.artifacts.curves.curves import open_curves as open_curves
    from falsifiable.artifacts.errors import ArtifactError as ArtifactError
    from falsifiable.artifacts.file_set import FileSet as FileSet
    from falsifiable.artifacts.file_set import open_files as open_files
    from falsifiable.artifacts.fingerprints.fingerprint import Fingerprint as Fingerprint
    from falsifiable.artifacts.kinds import detect_kind as detect_kind
    from falsifiable.artifacts.kinds import open_artifact as open_artifact
    from falsifiable.artifacts.limits import DEFAULT_LIMITS as DEFAULT_LIMITS
    from falsifiable.artifacts.limits import Limits as Limits
    from falsifiable.artifacts.model import Model as Model
    from falsifiable.artifacts.naming import stored_name as stored_name
    from falsifiable.artifacts.opening import open_model as open_model
    from falsifiable.artifacts.origin import OriginRecord as OriginRecord
    from falsifiable.artifacts.origin import read_origin as read_origin
    from falsifiable.artifacts.races.race import Race as Race
    from falsifiable.artifacts.races.race import open_race as open_race
    from falsifiable.artifacts.races.rows import RaceRun as RaceRun
    from falsifiable.artifacts.races.rows import Sample as Sample
    from falsifiable.artifacts.runs.run import Run as Run
    from falsifiable.artifacts.runs.run import open_run as open_run
    from falsifiable.artifacts.safety.findings import Finding as Finding
    from falsifiable.artifacts.safety.inspection import inspect_safety as inspect_safety
    from falsifiable.artifacts.safety.texts import configuration_findings as configuration_findings
    from falsifiable.artifacts.safety.texts import template_findings as template_findings
    from falsifiable.artifacts.sources.files import folder_digest as folder_digest
    from falsifiable.artifacts.table import Table as Table
    from falsifiable.artifacts.table import open_table as open_table
    from falsifiable.artifacts.tensors import Tensor as Tensor
    from falsifiable.artifacts.tensors import TensorInfo as TensorInfo
    from falsifiable.artifacts.tokenizers.tokenizer import Tokenizer as Tokenizer
    from falsifiable.artifacts.tokenizers.tokenizer import open_tokenizer as open_tokenizer

_MODULES = {
    "architecture": ("GGUF_ARCHITECTURES", "Architecture"),
    "command": ("Command", "Completed"),
    "config": ("CONFIG_FIELDS", "ModelConfig"),
    "contents": ("KnownContent",),
    "corpora.corpus": ("Corpus", "open_corpus"),
    "curves.closed_form": ("closed_form",),
    "curves.curve": ("Curve",),
    "curves.curves": ("Curves", "open_curves"),
    "errors": ("ArtifactError",),
    "sources.files": ("folder_digest",),
    "file_set": ("FileSet", "open_files"),
    "fingerprints.fingerprint": ("Fingerprint",),
    "kinds": ("detect_kind", "open_artifact"),
    "limits": ("DEFAULT_LIMITS", "Limits"),
    "model": ("Model",),
    "naming": ("stored_name",),
    "opening": ("open_model",),
    "origin": ("OriginRecord", "read_origin"),
    "races.race": ("Race", "open_race"),
    "races.rows": ("RaceRun", "Sample"),
    "runs.run": ("Run", "open_run"),
    "safety.findings": ("Finding",),
    "safety.inspection": ("inspect_safety",),
    "safety.texts": ("configuration_findings", "template_findings"),
    "table": ("Table", "open_table"),
    "tensors": ("Tensor", "TensorInfo"),
    "tokenizers.tokenizer": ("Tokenizer", "open_tokenizer"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    """The public object ``name``, imported from its module."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(sorted(__all__))}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted([*globals(), *__all__])
