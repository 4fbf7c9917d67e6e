"""A mutation matrix read back from the file that ``contract challenge --matrix --format json`` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from falsifiable.validation.mutation_results import ArtifactResult, ContractScore, Fate, MutationReport, MutationResult

MOST_BYTES = 64 << 20
"""Of a stored matrix: a hundred times that of all contracts which come with the package."""
_FATES = frozenset(get_args(Fate))


class MatrixError(ValueError):
    """The file holds no matrix; the message says what was found where, and what was expected."""


def parse_matrix(data: bytes) -> MutationReport:
    """The report that ``data`` says. Raises MatrixError for anything else."""
    if len(data) > MOST_BYTES:
        raise MatrixError(f"it has {len(data)} bytes, more than {MOST_BYTES}")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MatrixError(f"it is no JSON: {error}") from error
    found = _table(found, "the file")
    matrix = _table(found.get("mutations"), "mutations") if "mutations" in found else found
    return MutationReport(
        artifacts=tuple(_artifact(one, f"artifacts[{place}]") for place, one in enumerate(_list(matrix, "artifacts"))),
        contracts=tuple(_score(name, one) for name, one in _table(matrix.get("contracts"), "contracts").items()),
        left_out=_texts(matrix.get("left_out"), "left_out"),
        unknown_reasons=tuple(_text(one, "unknown_reasons") for one in _list(matrix, "unknown_reasons")),
    )


def _artifact(value: Any, where: str) -> ArtifactResult:
    fields = _table(value, where)
    return ArtifactResult(
        label=_text(fields.get("label"), f"{where}.label"),
        kind=_text(fields.get("kind"), f"{where}.kind"),
        places=tuple(_text(one, f"{where}.places") for one in _list(fields, "places", where)),
        mutations=tuple(
            _mutation(one, f"{where}.mutations[{place}]") for place, one in enumerate(_list(fields, "mutations", where))
        ),
        not_applicable=_texts(fields.get("not_applicable"), f"{where}.not_applicable"),
    )


def _mutation(value: Any, where: str) -> MutationResult:
    fields = _table(value, where)
    texts = {name: _text(fields.get(name), f"{where}.{name}") for name in ("name", "describes", "guards", "accepted")}
    fates = _texts(fields.get("fates"), f"{where}.fates")
    for one in fates.values():
        if one not in _FATES:
            raise MatrixError(f"{where}.fates holds {one!r:.40}, expected one of {', '.join(sorted(_FATES))}")
    return MutationResult(**texts, fates=fates, said=_texts(fields.get("said"), f"{where}.said"))  # type: ignore[arg-type]


def _score(name: str, value: Any) -> ContractScore:
    fields = _table(value, f"contracts.{name}")
    killed, applicable = fields.get("killed"), fields.get("applicable")
    if type(killed) is not int or type(applicable) is not int:
        raise MatrixError(f"contracts.{name:.40} counts {killed!r:.40} of {applicable!r:.40}, expected whole numbers")
    return ContractScore(name, killed, applicable)


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MatrixError(f"{where} is {_kind(value)}, expected an object")
    return value


def _list(fields: Mapping[str, Any], name: str, where: str = "the file") -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise MatrixError(f"{name} of {where} is {_kind(value)}, expected a list")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise MatrixError(f"{where} is {_kind(value)}, expected a text")
    return value


def _texts(value: Any, where: str) -> dict[str, str]:
    return {name: _text(one, f"{where}.{name}") for name, one in _table(value, where).items()}


def _kind(value: Any) -> str:
    return "absent" if value is None else f"a {type(value).__name__}"
