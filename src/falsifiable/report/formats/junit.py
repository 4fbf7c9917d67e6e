"""A validation as JUnit XML: what Jenkins, GitLab, Azure and most other CI systems show as tests.

A contract is a test suite, a falsifier a test case. Falsified is a failure, what could not be run an error, and what is
inconclusive or vacuous is skipped with the reason. Attributes are those of the common denominator (no ``file``), so
that strict readers accept them.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from falsifiable.report.console import measured
from falsifiable.report.formats.report import Mark, Report, mark_of, reason_of
from falsifiable.report.text import clean
from falsifiable.validation.results import ContractResult, Judgement

TAGS: dict[Mark, str] = {
    "falsified": "failure",
    "could not run": "error",
    "vacuous": "skipped",
    "inconclusive": "skipped",
}
"""The element inside a test case that says that it did not pass."""


def render(report: Report) -> str:
    """The whole report; a run that says nothing holds a test case that is in error."""
    suites = Element("testsuites", name="contract validate")
    _add_files(suites, report)
    for result in report.results:
        _add_contract(suites, result, report)
    if report.troubles:
        _add_troubles(suites, report.troubles)
    for total in ("tests", "failures", "errors", "skipped"):
        suites.set(total, str(sum(int(one.get(total, "0")) for one in suites)))
    suites.set("time", f"{sum(float(one.get('time', '0')) for one in suites):.3f}")
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _add_contract(suites: Element, result: ContractResult, report: Report) -> None:
    suite = SubElement(suites, "testsuite", name=result.contract)
    properties = SubElement(suite, "properties")
    for name, value in (("version", result.version), ("digest", result.digest), ("run", result.run_id)):
        if value:
            SubElement(properties, "property", name=name, value=clean(value))
    for judgement in result.judgements:
        _add_judgement(suite, judgement, report)
    _count(suite, sum(one.seconds for one in result.judgements))


def _add_judgement(suite: Element, judgement: Judgement, report: Report) -> None:
    case = _case(suite, judgement.contract, judgement.falsifier, judgement.seconds)
    mark = mark_of(judgement)
    if mark in TAGS:
        _add_outcome(case, TAGS[mark], mark, f"{judgement.claim}: {reason_of(judgement)}", _details(judgement, report))
    else:
        SubElement(case, "system-out").text = _details(judgement, report)


def _details(judgement: Judgement, report: Report) -> str:
    """All that a person needs who sees only this test case."""
    place = report.place_of(judgement)
    lines = [f"claim: {judgement.claim}"]
    if mark_of(judgement) != "held":
        lines.append(f"found: {reason_of(judgement)}")
    lines += [f"on: {one.role} = {one.path or 'a command'} (sha256 {one.digest})" for one in judgement.artifacts]
    if judgement.verdict.measurements:
        lines.append(f"measured: {measured(judgement.verdict)}")
    for one in judgement.challenges:
        if one.outcome == "inconclusive":
            lines.append(f"counterexample {one.counterexample} proved nothing: {one.said}")
    lines += [f"at: {place.path}:{place.line}", f"next: contract explain {judgement.check}"]
    return "\n".join(map(clean, lines))


def _add_files(suites: Element, report: Report) -> None:
    """The files that were only read as test cases: their faults, and where there are none, that each is valid."""
    files = {*report.only_read, *(one.path for one in report.diagnostics)}
    if report.errors or not report.ran:
        files.update(report.contract_files.values())
    else:
        files.difference_update(report.contract_files.values())
    if not files:
        return
    suite = SubElement(suites, "testsuite", name="contract files")
    for path in sorted(files):
        case = _case(suite, "contract files", path)
        faults = [one for one in report.diagnostics if one.path == path]
        errors = [one for one in faults if one.severity == "error"]
        if errors:
            _add_outcome(case, "failure", "invalid", errors[0].message, "\n".join(map(str, faults)))
        elif faults:
            SubElement(case, "system-out").text = "\n".join(map(str, faults))
    _count(suite)


def _add_troubles(suites: Element, troubles: Sequence[str]) -> None:
    suite = SubElement(suites, "testsuite", name="validation")
    for trouble in troubles:
        _add_outcome(_case(suite, "validation", trouble.partition(";")[0]), "error", "validation", trouble, trouble)
    _count(suite)


def _case(suite: Element, classname: str, name: str, seconds: float = 0.0) -> Element:
    return SubElement(suite, "testcase", classname=clean(classname), name=clean(name), time=f"{seconds:.3f}")


def _add_outcome(case: Element, tag: str, kind: str, message: str, details: str) -> None:
    outcome = SubElement(case, tag, message=clean(message), type=kind)
    outcome.text = details


def _count(suite: Element, seconds: float = 0.0) -> None:
    """Set the totals, counted in what was written."""
    suite.set("tests", str(len(suite.findall("testcase"))))
    for total, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(total, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{seconds:.3f}")
