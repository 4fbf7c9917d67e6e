"""A diagnosis for a person, and as plain data."""

from __future__ import annotations

from typing import Any, TextIO

from falsifiable.report.text import clean, counted
from falsifiable.validation.diagnosis import CAUSES, NEXT_STEP, Diagnosis, Finding


def diagnosis_as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as JSON data: what binds, and per cause the evidence and what could not be judged."""
    return {
        "run": str(diagnosis.path),
        "binds": diagnosis.binds or None,
        "curve_is_masked": diagnosis.is_masked,
        "causes": {
            cause: {
                "evidence": [_finding_as_json(one) for one in diagnosis.evidence(cause)],
                "judged": [one.check for one in diagnosis.judged(cause)],
                "not_judged": [
                    {"check": one.check, "reason": one.verdict.found} for one in diagnosis.not_judged(cause)
                ],
            }
            for cause in CAUSES
        },
        "set_aside": [_finding_as_json(one) for one in diagnosis.set_aside],
        "remarks": [_finding_as_json(one) for one in diagnosis.remarks],
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    said = finding.verdict.to_json()
    return {"check": finding.check, "found": said["found"], "measurements": said["measurements"]}


def print_diagnosis(diagnosis: Diagnosis, out: TextIO) -> None:
    """The cause that binds, then the evidence for each cause with its measurements, in the order of evidence."""
    shown = clean(str(diagnosis.path))
    if diagnosis.binds:
        out.write(f"{shown}: {diagnosis.binds} binds. {NEXT_STEP[diagnosis.binds]}\n")
    elif diagnosis.examined:
        unasked = sum(len(diagnosis.not_judged(cause)) for cause in CAUSES)
        but = f", and {counted(unasked, 'check')} could not judge; see below" if unasked else ""
        out.write(f"{shown}: none of the three causes is shown{but}.\n")
    else:
        out.write(f"{shown}: nothing could be judged.\n")
    for cause in CAUSES:
        _print_cause(diagnosis, cause, out)
    for one in diagnosis.set_aside:
        out.write(
            f"\nnot read: {one.check} is falsified too, on a curve that is no curve: {clean(one.verdict.found)}\n"
        )
    for one in diagnosis.remarks:
        out.write(f"\nremark: {clean(one.verdict.found)} ({one.check})\n")


def _print_cause(diagnosis: Diagnosis, cause: str, out: TextIO) -> None:
    evidence, judged = diagnosis.evidence(cause), diagnosis.judged(cause)
    masked = cause == "optimisation defect" and diagnosis.is_masked
    if evidence:
        answer = counted(len(evidence), "check") + " falsified"
    elif masked:
        answer = "not asked, because the logged losses are no losses"
    elif judged:
        answer = f"not shown by {counted(len(judged), 'check')}"
    else:
        answer = "not judged"
    out.write(f"\n{cause}: {answer}\n")
    for one in evidence:
        out.write(f"  {one.check}: {clean(one.verdict.found)}\n")
        out.write(f"    {'  '.join(clean(str(measured)) for measured in one.verdict.measurements)}\n")
    for one in diagnosis.not_judged(cause):
        out.write(f"  not judged: {one.check}: {clean(one.verdict.found)}\n")
