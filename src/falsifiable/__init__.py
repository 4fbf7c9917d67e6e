"""Falsifiable: contracts that put claims about machine-learning models to the test.

Whoever writes a falsifier needs ``falsifier``, ``Verdict`` and the artifact classes; whoever validates from a program
needs ``validate`` and the ``open_*`` functions. Each is imported when first used: a verb that only reads contracts
waits for none of them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falsifiable.artifacts import CONFIG_FIELDS as CONFIG_FIELDS
    from falsifiable.artifacts import ArtifactError as ArtifactError
    from falsifiable.artifacts import Command as Command
    from falsifiable.artifacts import Corpus as Corpus
    from falsifiable.artifacts import Curve as Curve
    from falsifiable.artifacts import Curves as Curves
    from falsifiable.artifacts import FileSet as FileSet
    from falsifiable.artifacts import Finding as Finding
    from falsifiable.artifacts import Model as Model
    from falsifiable.artifacts import Race as Race
    from falsifiable.artifacts import RaceRun as RaceRun
    from falsifiable.artifacts import Run as Run
    from falsifiable.artifacts import Sample as Sample
    from falsifiable.artifacts import Table as Table
    from falsifiable.artifacts import Tokenizer as Tokenizer
    from falsifiable.artifacts import closed_form as closed_form
    from falsifiable.artifacts import configuration_findings as configuration_findings
    from falsifiable.artifacts import inspect_safety as inspect_safety
    from falsifiable.artifacts import open_corpus as open_corpus
    from falsifiable.artifacts import open_curves as open_curves
    from falsifiable.artifacts import open_files as open_files
    from falsifiable.artifacts import open_model as open_model
    from falsifiable.artifacts import open_race as open_race
    from falsifiable.artifacts import open_run as open_run
    from falsifiable.artifacts import open_table as open_table
    from falsifiable.artifacts import open_tokenizer as open_tokenizer
    from falsifiable.artifacts import template_findings as template_findings
    from falsifiable.contracts.model import Criterion as Criterion
    from falsifiable.contracts.model import Scalar as Scalar
    from falsifiable.falsifier import NotApplicable as NotApplicable
    from falsifiable.falsifier import Verdict as Verdict
    from falsifiable.falsifier import falsifier as falsifier
    from falsifiable.race.judging.precision import NUMBER_FORMATS as NUMBER_FORMATS
    from falsifiable.race.judging.precision import Representation as Representation
    from falsifiable.race.judging.precision import RoundingReport as RoundingReport
    from falsifiable.race.judging.precision import quantise as quantise
    from falsifiable.race.judging.precision import representation as representation
    from falsifiable.race.judging.precision import rounding_of as rounding_of
    from falsifiable.race.ledger.names import name_fault as name_fault
    from falsifiable.validation import validate as validate

__version__ = "0.1.0"

_LATE = {
    "ArtifactError": "falsifiable.artifacts",
    "closed_form": "falsifiable.artifacts",
    "Command": "falsifiable.artifacts",
    "CONFIG_FIELDS": "falsifiable.artifacts",
    "configuration_findings": "falsifiable.artifacts",
    "Corpus": "falsifiable.artifacts",
    "Curve": "falsifiable.artifacts",
    "Curves": "falsifiable.artifacts",
    "FileSet": "falsifiable.artifacts",
    "Finding": "falsifiable.artifacts",
    "inspect_safety": "falsifiable.artifacts",
    "Model": "falsifiable.artifacts",
    "open_corpus": "falsifiable.artifacts",
    "open_curves": "falsifiable.artifacts",
    "open_files": "falsifiable.artifacts",
    "open_model": "falsifiable.artifacts",
    "open_race": "falsifiable.artifacts",
    "open_run": "falsifiable.artifacts",
    "open_table": "falsifiable.artifacts",
    "open_tokenizer": "falsifiable.artifacts",
    "Race": "falsifiable.artifacts",
    "RaceRun": "falsifiable.artifacts",
    "Run": "falsifiable.artifacts",
    "Sample": "falsifiable.artifacts",
    "Table": "falsifiable.artifacts",
    "template_findings": "falsifiable.artifacts",
    "Tokenizer": "falsifiable.artifacts",
    "Criterion": "falsifiable.contracts.model",
    "Scalar": "falsifiable.contracts.model",
    "falsifier": "falsifiable.falsifier",
    "NotApplicable": "falsifiable.falsifier",
    "Verdict": "falsifiable.falsifier",
    "NUMBER_FORMATS": "falsifiable.race.judging.precision",
    "quantise": "falsifiable.race.judging.precision",
    "Representation": "falsifiable.race.judging.precision",
    "representation": "falsifiable.race.judging.precision",
    "rounding_of": "falsifiable.race.judging.precision",
    "RoundingReport": "falsifiable.race.judging.precision",
    "name_fault": "falsifiable.race.ledger.names",
    "validate": "falsifiable.validation",
}

__all__ = [
    "CONFIG_FIELDS",
    "NUMBER_FORMATS",
    "ArtifactError",
    "Command",
    "Corpus",
    "Criterion",
    "Curve",
    "Curves",
    "FileSet",
    "Finding",
    "Model",
    "NotApplicable",
    "Race",
    "RaceRun",
    "Representation",
    "RoundingReport",
    "Run",
    "Sample",
    "Scalar",
    "Table",
    "Tokenizer",
    "Verdict",
    "closed_form",
    "configuration_findings",
    "falsifier",
    "inspect_safety",
    "name_fault",
    "open_corpus",
    "open_curves",
    "open_files",
    "open_model",
    "open_race",
    "open_run",
    "open_table",
    "open_tokenizer",
    "quantise",
    "representation",
    "rounding_of",
    "template_findings",
    "validate",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """The public object ``name``, imported from its room when first asked for."""
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'falsifiable' has no attribute {name!r}; it offers {', '.join(sorted(__all__))}")


class _Package(ModuleType):
    """This package: the import system binds each submodule under its name, and here ``falsifier`` is the decorator."""

    def __setattr__(self, name: str, value: Any) -> None:
        decorates = name == "falsifier" and isinstance(value, ModuleType)
        super().__setattr__(name, value.falsifier if decorates else value)


sys.modules[__name__].__class__ = _Package
