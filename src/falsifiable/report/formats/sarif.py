"""A validation as SARIF 2.1.0: what code scanning and editors show beside the lines of the contracts.

Results are what somebody has to look at. A claim that held is a rule without a result, and is counted in the
properties: GitHub shows every result as an alert, whatever its ``kind`` says, and demands a location of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import falsifiable
from falsifiable.contracts import Diagnostic
from falsifiable.report.console import measured
from falsifiable.report.formats.report import Mark, Place, Report, mark_of, reason_of, said_of
from falsifiable.report.text import clean, json_text
from falsifiable.validation.results import Judgement

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
INFORMATION = "https://github.com/falsifiable/falsifiable"
KINDS: dict[Mark, tuple[str, str]] = {
    "falsified": ("fail", "error"),
    "could not run": ("open", "none"),
    "vacuous": ("review", "none"),
    "inconclusive": ("open", "none"),
}
"""Kind and level of a result; SARIF section 3.27.10 has any kind but ``fail`` at level ``none``."""
MOST_RESULTS = 5000
"""GitHub keeps the first 5000 results of a run; the worst come first, and what is left out is said."""
FINGERPRINT = "contractFalsifier/v1"


def render(report: Report) -> str:
    """The log with its one run."""
    warnings = [one for one in report.diagnostics if one.severity == "warning"]
    results = [_fault(one, report) for one in report.errors]
    results += [*_judged(report), *(_fault(one, report) for one in warnings)]
    notes = list(report.troubles)
    notes += [f"{one.falsifier}: {reason_of(one)}" for one in report.judgements if mark_of(one) == "could not run"]
    if len(results) > MOST_RESULTS:
        notes.append(f"{len(results) - MOST_RESULTS} of {len(results)} results are left out; see the JSON report")
    run = {
        "tool": {"driver": _driver(report)},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The top of the repository"}}},
        "invocations": [
            {
                "executionSuccessful": not notes,
                "exitCode": report.exit_code,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": clean(one)}} for one in notes[:MOST_RESULTS]
                ],
            }
        ],
        "results": results[:MOST_RESULTS],
        "properties": {"counts": dict(report.counts)},
    }
    return json_text({"$schema": SCHEMA, "version": VERSION, "runs": [run]})


def _driver(report: Report) -> dict[str, Any]:
    rules = {one.rule: _fault_rule(one) for one in report.diagnostics}
    rules |= {one.falsifier: _rule(one) for one in report.judgements}
    return {
        "name": "falsifiable",
        "semanticVersion": falsifiable.__version__,
        "informationUri": INFORMATION,
        "rules": list(rules.values()),
    }


def _rule(judgement: Judgement) -> dict[str, Any]:
    return {
        "id": judgement.falsifier,
        "name": judgement.check,
        "shortDescription": {"text": clean(judgement.claim)},
        "help": {"text": f"Run: contract explain {judgement.check}"},
    }


def _fault_rule(diagnostic: Diagnostic) -> dict[str, Any]:
    return {"id": diagnostic.rule, "help": {"text": f"Run: contract explain {diagnostic.rule}"}}


def _judged(report: Report) -> Iterator[dict[str, Any]]:
    for judgement in report.judgements:
        if (mark := mark_of(judgement)) in KINDS:
            kind, level = KINDS[mark]
            name = f"{judgement.contract}/{judgement.falsifier}"
            yield {
                "ruleId": judgement.falsifier,
                "kind": kind,
                "level": level,
                "message": {"text": _message(judgement, mark)},
                "locations": [
                    {
                        "physicalLocation": _physical(report.place_of(judgement)),
                        "logicalLocations": [{"fullyQualifiedName": name, "kind": "claim"}],
                    }
                ],
                **_related(judgement, report),
                "partialFingerprints": {FINGERPRINT: sha256(name.encode()).hexdigest()},
                "properties": {
                    "contract": judgement.contract,
                    "check": judgement.check,
                    "mark": mark,
                    "cause": judgement.cause,
                },
            }


def _message(judgement: Judgement, mark: Mark) -> str:
    said = f"{mark[0].upper()}{mark[1:]}: {judgement.claim}: {reason_of(judgement)}"
    if mark == "falsified" and judgement.verdict.measurements:
        said += f"; measured {measured(judgement.verdict)}"
    return clean(said)


def _related(judgement: Judgement, report: Report) -> dict[str, Any]:
    """The files that were judged, as far as they are files of the workspace."""
    bound = [one for one in judgement.artifacts if one.path and "://" not in one.path]
    related = [
        {
            "id": number,
            "message": {"text": clean(f"{one.role}, sha256 {one.digest}")},
            "physicalLocation": {"artifactLocation": _artifact(one.path, report.folder)},
        }
        for number, one in enumerate(bound)
    ]
    return {"relatedLocations": related} if related else {}


def _fault(diagnostic: Diagnostic, report: Report) -> dict[str, Any]:
    return {
        "ruleId": diagnostic.rule,
        "kind": "fail",
        "level": diagnostic.severity,
        "message": {"text": said_of(diagnostic)},
        "locations": [{"physicalLocation": _physical(report.place_of_fault(diagnostic))}],
    }


def _physical(place: Place) -> dict[str, Any]:
    return {
        "artifactLocation": _artifact(place.path, ""),
        "region": {"startLine": place.line, "startColumn": place.column},
    }


def _artifact(path: str, folder: str) -> dict[str, Any]:
    """A file of the repository, or one that lies elsewhere, as a URI that says nothing else."""
    whole = path if path.startswith("/") else folder + path
    address = quote(whole.encode("utf-8", "backslashreplace"), safe="/")
    return {"uri": f"file://{address}"} if path.startswith("/") else {"uri": address, "uriBaseId": "SRCROOT"}
