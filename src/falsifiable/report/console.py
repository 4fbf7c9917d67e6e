"""The console report: what was falsified first, then what could not be asked, then the scoreboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TextIO

from falsifiable.evidence import short
from falsifiable.falsifier import Verdict
from falsifiable.report.text import clean, counted, shortened
from falsifiable.validation.results import COULD_NOT_RUN, ContractResult, Judgement

MARKS = {"held": "held", "falsified": "FALSIFIED", "inconclusive": "inconclusive"}


def print_results(
    results: Sequence[ContractResult], out: TextIO, *, verbose: bool = False, only_faults: bool = False,
    strict: bool = False,
) -> None:  # fmt: skip
    """Write the report of a validation to ``out``: findings in full, then one line per falsifier and the counts.

    With ``only_faults`` what held is in the counts alone, and so is what nothing was there to be asked of; with
    ``strict`` too, that is a fault.
    """
    judgements = [judgement for result in results for judgement in result.judgements]
    told = set()
    for judgement in judgements:
        # The same broken file falsifies every contract that binds it; a person needs to hear of it once.
        told_as = (judgement.falsifier, judgement.verdict.found)
        if judgement.verdict.outcome == "falsified" and told_as not in told:
            told.add(told_as)
            _print_falsified(judgement, out, with_hint=not only_faults)
    for judgement in judgements:
        if judgement.vacuous and judgement.verdict.outcome == "held":
            _print_vacuous(judgement, out)
    for result in results:
        if not only_faults:
            _print_contract(result, out, verbose=verbose)
        elif failed := tuple(one for one in result.judgements if _failed_to_judge(one, strict=strict)):
            _print_contract(replace(result, judgements=failed), out, verbose=verbose)
    out.write(summary(judgements) + "\n")


def _failed_to_judge(judgement: Judgement, *, strict: bool) -> bool:
    return judgement.cause in COULD_NOT_RUN or (strict and judgement.verdict.outcome == "inconclusive")


def summary(judgements: Sequence[Judgement]) -> str:
    """The counted last line, such as ``31 falsifiers: 30 held, 1 falsified, 0 inconclusive; 12 judged now``.

    What held and could not have fallen is counted by itself.
    """
    counts = {outcome: sum(one.verdict.outcome == outcome for one in judgements) for outcome in MARKS}
    vacuous = sum(one.vacuous and one.verdict.outcome == "held" for one in judgements)
    if vacuous:
        counts |= {"held": counts["held"] - vacuous, "vacuous": vacuous}
    fresh = sum(not one.known and one.verdict.outcome != "inconclusive" for one in judgements)
    said = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
    return f"{counted(len(judgements), 'falsifier')}: {said}; {fresh} judged now, the rest known or not to be judged"


def _print_falsified(judgement: Judgement, out: TextIO, *, with_hint: bool) -> None:
    out.write(f"FALSIFIED {judgement.falsifier} ({judgement.contract}, check {judgement.check})\n")
    out.write(f"  claim:    {clean(judgement.claim)}\n")
    out.write(f"  found:    {clean(judgement.verdict.found)}\n")
    for artifact in judgement.artifacts:
        out.write(f"  on:       {artifact.role} = {clean(artifact.path) or 'a command'} ({short(artifact.digest)})\n")
    if judgement.verdict.measurements:
        out.write(f"  measured: {measured(judgement.verdict)}\n")
    out.write(f"  next:     contract explain {judgement.check}\n\n" if with_hint else "\n")


def _print_vacuous(judgement: Judgement, out: TextIO) -> None:
    survivors = [one.counterexample for one in judgement.challenges if one.outcome == "survived"]
    why = f"it let through {', '.join(survivors)}" if survivors else "it ships no counterexample"
    out.write(f"VACUOUS {judgement.falsifier} ({judgement.contract}): check {judgement.check} cannot fail: {why}.\n")
    out.write("  Its verdict counts for nothing until every counterexample is falsified.\n\n")


def _print_contract(result: ContractResult, out: TextIO, *, verbose: bool) -> None:
    out.write(f"{result.contract} {result.version}\n")
    for judgement in result.judgements:
        counts_for_nothing = judgement.vacuous and judgement.verdict.outcome == "held"
        mark = "vacuous" if counts_for_nothing else MARKS[judgement.verdict.outcome]
        out.write(f"  {mark:<13} {judgement.falsifier:<24} {shortened(clean(judgement.claim), 78)}\n")
        if judgement.verdict.outcome == "inconclusive":
            out.write(f"  {'':<13} {'':<24} because {shortened(clean(judgement.verdict.found), 220)}\n")
        if verbose and judgement.verdict.measurements:
            out.write(f"  {'':<13} {'':<24} {measured(judgement.verdict)}\n")
        for lost in judgement.challenges:
            if lost.outcome == "inconclusive":
                why = shortened(clean(lost.said), 160)
                out.write(f"  {'':<13} {'':<24} counterexample {lost.counterexample} proved nothing: {why}\n")
    out.write("\n")


def measured(verdict: Verdict) -> str:
    """The measurements and how much was examined, in one line."""
    said = ", ".join(clean(str(one)) for one in verdict.measurements)
    unit = verdict.examined_unit or "things"
    return f"{said} (examined {verdict.examined} {unit})"
