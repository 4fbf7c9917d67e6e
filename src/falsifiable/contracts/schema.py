"""JSON Schema (draft-07) of the files, generated from the same shapes that the typed reader follows.

Editors read it while a contract is written. It says what the shape is; what a contract means (roles, ids, cycles) is
beyond a schema and is checked by ``check_contracts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falsifiable.contracts.bindings import BINDINGS_SHAPE
from falsifiable.contracts.check_schema import follow_checks
from falsifiable.contracts.model import Contract, Criterion
from falsifiable.contracts.plans import Plan
from falsifiable.contracts.shape_schema import SHARED, record_schema, shape_schema
from falsifiable.contracts.shapes import record_shape
from falsifiable.contracts.ship import Ship
from falsifiable.contracts.signature import CheckSignature
from falsifiable.contracts.trust import TrustPolicy

_DRAFT = "http://json-schema.org/draft-07/schema#"


def contract_schema(signatures: Mapping[str, CheckSignature] | None = None) -> dict[str, Any]:
    """The schema of a contract file.

    Given ``signatures``, ``check`` is one of their names, and ``on`` and ``with`` follow the check that is chosen.
    """
    schema = {
        "$schema": _DRAFT,
        "title": "Falsifiable contract",
        "description": "Claims about artifacts, and the falsifiers that could refute them",
        **record_schema(record_shape(Contract)),
        "definitions": {name: record_schema(shape) for shape, name in SHARED.items()},
    }
    if signatures:
        follow_checks(schema["definitions"]["falsifier"], signatures)
    return schema


def artifacts_schema() -> dict[str, Any]:
    """The schema of ``artifacts.yaml``."""
    return {
        "$schema": _DRAFT,
        "title": "Falsifiable artifacts",
        "description": "Which file, or which command, each role is",
        **shape_schema(BINDINGS_SHAPE),
    }


def ship_schema() -> dict[str, Any]:
    """The schema of ``spec/<spec>/ship.yaml``."""
    return file_schema(Ship, "Falsifiable ship file", "What a spec delivers, what each point of it takes, and the way")


def plan_schema() -> dict[str, Any]:
    """The schema of a plan for ``contract preflight``."""
    return file_schema(Plan, "Falsifiable plan", "What a run is going to be, before it costs anything")


def trust_schema() -> dict[str, Any]:
    """The schema of ``trust.yaml``."""
    return file_schema(TrustPolicy, "Falsifiable trust policy", "Whose signatures count, and for which spec")


def file_schema(cls: type, title: str, description: str) -> dict[str, Any]:
    """The schema of a file that holds the dataclass ``cls``."""
    return {
        "$schema": _DRAFT,
        "title": title,
        "description": description,
        **record_schema(record_shape(cls)),
        "definitions": {"criterion": record_schema(record_shape(Criterion))},
    }
