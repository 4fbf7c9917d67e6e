"""A judgement as a test shows it: the counterexample, and nothing of how it was found."""

from __future__ import annotations

from falsifiable.contracts import FalsifierDeclaration
from falsifiable.evidence import short
from falsifiable.report.console import measured
from falsifiable.report.text import clean
from falsifiable.validation.results import Judgement


def falsified_text(judgement: Judgement, declared: FalsifierDeclaration, place: str) -> str:
    """Several lines, the first of which is the counterexample: it is what short summaries keep.

    No line begins with what a file says: the log of a build server takes one that begins with ``::`` for a command.
    """
    lines = [f"found: {explained(judgement.verdict.found) or 'it does not hold'}"]
    lines.append(f"  falsified: {judgement.falsifier} of {judgement.contract}, check {judgement.check}")
    lines.append(f"  claim:     {clean(judgement.claim)}")
    if declared.if_falsified and judgement.falsifier == declared.id:
        lines.append(f"  means:     {clean(declared.if_falsified)}")
    lines += [
        f"  on:        {one.role} = {clean(one.path) or 'a command'} ({short(one.digest)})"
        for one in judgement.artifacts
    ]
    if judgement.verdict.measurements:
        lines.append(f"  measured:  {measured(judgement.verdict)}")
    lines.append(f"  claimed:   {place}")
    lines.append(f"  next:      contract explain {judgement.check}")
    return "\n".join(lines)


def vacuous_text(judgement: Judgement) -> str:
    """Why a verdict that held counts for nothing."""
    survivors = [one.counterexample for one in judgement.challenges if one.outcome == "survived"]
    why = f"it let through {', '.join(survivors)}" if survivors else "it ships no counterexample"
    return f"vacuous: check {judgement.check} cannot fail ({why}), so that it held counts for nothing"


def inconclusive_text(judgement: Judgement) -> str:
    """Why nothing could be said, on one line."""
    said = explained(judgement.verdict.found) or "no reason was given"
    for option, here in (("--run-commands", "--contracts-commands"), ("--artifact ", "--contracts-artifact ")):
        said = said.replace(option, here)
    return f"inconclusive: {said}"


def explained(text: str) -> str:
    """A text of a file or a worker on one line, safe to print."""
    return clean(text).strip()
