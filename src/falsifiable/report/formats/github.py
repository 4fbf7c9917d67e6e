"""A validation as workflow commands of GitHub Actions: annotations beside the claims in a pull request.

A step shows ten errors and ten warnings and drops the rest, so that the worst come first, what is inconclusive for one
reason is said once per contract, and the last annotation says how many more there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from falsifiable.report.formats.report import Place, Report, mark_of, reason_of, said_of
from falsifiable.report.text import clean, counted
from falsifiable.validation.results import Judgement

SHOWN = 10
"""How many annotations of one level GitHub shows of a step."""


@dataclass(frozen=True, slots=True)
class _Annotation:
    title: str
    message: str
    place: Place | None = None


def render(report: Report) -> str:
    """Annotations, the errors first, and a last line with the counts for whoever reads the log."""
    return _commands("error", _errors(report)) + _commands("warning", _warnings(report)) + f"{report.headline}\n"


def _errors(report: Report) -> list[_Annotation]:
    found = [_Annotation("contract validate", one) for one in report.troubles if not report.errors]
    found += [_Annotation(one.rule, said_of(one), report.place_of_fault(one)) for one in report.errors]
    bad = [one for one in report.judgements if mark_of(one) in ("falsified", "could not run")]
    return found + [_about(one, report) for one in bad]


def _warnings(report: Report) -> list[_Annotation]:
    found = [
        _Annotation(one.rule, said_of(one), report.place_of_fault(one))
        for one in report.diagnostics
        if one.severity == "warning"
    ]
    found += [_about(one, report) for one in report.judgements if mark_of(one) == "vacuous"]
    reasons: dict[tuple[str, str], list[Judgement]] = {}
    for one in report.judgements:
        if mark_of(one) == "inconclusive":
            reasons.setdefault((one.contract, one.verdict.found), []).append(one)
    return found + [_together(alike, report) for alike in reasons.values()]


def _about(judgement: Judgement, report: Report) -> _Annotation:
    title = f"{mark_of(judgement)}: {judgement.falsifier}"
    return _Annotation(title, f"{judgement.claim}: {reason_of(judgement)}", report.place_of(judgement))


def _together(alike: Sequence[Judgement], report: Report) -> _Annotation:
    first = alike[0]
    if len(alike) == 1:
        return _about(first, report)
    names = ", ".join(one.falsifier for one in alike)
    message = f"{counted(len(alike), 'claim')} of {first.contract} were not judged: {reason_of(first)} ({names})"
    return _Annotation(f"inconclusive: {first.contract}", message, report.place_of(first))


def _commands(level: str, found: Sequence[_Annotation]) -> str:
    if len(found) > SHOWN:
        more = len(found) - (SHOWN - 1)
        rest = _Annotation("contract validate", f"and {more} more {level}s; see the job summary or the JSON report")
        found = [*found[: SHOWN - 1], rest]
    return "".join(_command(level, one) for one in found)


def _command(level: str, one: _Annotation) -> str:
    where = "" if one.place is None else f"file={_property(one.place.path)},line={one.place.line},"
    return f"::{level} {where}title={_property(one.title)}::{_message(one.message)}\n"


def _message(text: str) -> str:
    return _inert(clean(text)).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _inert(text: str) -> str:
    """Without the old form of a command, which the runner obeys wherever it stands in a line."""
    return text.replace("##[", "## [")
