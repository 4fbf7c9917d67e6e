"""``contract challenge``: prove that every falsifier can fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import click

from falsifiable.cli.common import Asked, format_option, open_workspace, run_challenge, validation_options
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.report.mutations import mutations_as_json, mutations_as_text
from falsifiable.report.text import clean, counted, shortened
from falsifiable.validation.results import Judgement


@click.command()
@click.option("--matrix", is_flag=True, help="Ask every falsifier about every mutation, and show what killed what.")
@click.option("--specimens", is_flag=True, help="Bind nothing: judge the built-in specimens, the same everywhere.")
@click.option(
    "--at-least",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Exit 1 where a smaller share of the mutations is killed, or a survivor is not explained.",
)
@format_option
@validation_options
def command(asked: Asked, matrix: bool, specimens: bool, at_least: float | None, form: str) -> int:
    """Prove that falsifiers can fail: run their counterexamples, and generic mutations.

    A counterexample is a mutation, in memory, of whatever is bound (else of a built-in specimen). A falsifier that lets
    one through, or ships none, is vacuous: its held verdicts count for nothing.

    Generic mutations are faults that nobody had in mind when the falsifier was written: metadata, names, types, values,
    rows, tokens, lines of a log, fields of a record. What no falsifier notices is listed with the claim that nobody
    holds. See contract explain mutation.

    \b
    Exit codes: 0 every counterexample was refuted, 1 a falsifier is vacuous or --at-least was missed, 2 a
    counterexample could not be run.
    """
    workspace, catalogue = open_workspace(asked.root)
    if specimens:
        workspace = replace(workspace, bindings={})
    results, report = run_challenge(asked, workspace, catalogue, whole_matrix=matrix)
    ships = {name: len(signature.counterexamples) for name, signature in catalogue.signatures.items()}
    judgements = [one for result in results for one in result.judgements if one.check in ships]
    if form == "json":
        whole = {"falsifiers": _as_json(judgements, ships), "mutations": mutations_as_json(report)}
        json.dump(whole, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(judgements, ships, only_faults=asked.quiet)
        for line in mutations_as_text(report, matrix=matrix):
            click.echo(line)
    unexplained = report.unexplained or report.unknown_reasons
    missed = at_least is not None and (not report.reaches(at_least) or bool(unexplained))
    return combined([_exit_code(judgements, ships), *([ExitCode.FALSIFIED] if missed else [])])


def _as_json(judgements: Sequence[Judgement], ships: Mapping[str, int]) -> dict[str, object]:
    return {
        f"{one.contract}/{one.falsifier}": {
            "check": one.check,
            "vacuous": _is_vacuous(one, ships),
            "counterexamples": {
                c.counterexample: {"outcome": c.outcome, "ran_on": c.ran_on, "said": c.said} for c in one.challenges
            },
        }
        for one in judgements
    }


def _print(judgements: Sequence[Judgement], ships: Mapping[str, int], *, only_faults: bool) -> None:
    for one in judgements:
        if only_faults and one.proven:
            continue
        refuted = sum(c.outcome == "refuted" for c in one.challenges)
        mark = "VACUOUS" if _is_vacuous(one, ships) else "proven" if one.proven else "unproven"
        click.echo(f"{mark:<9}{one.falsifier:<24} {one.check}: {refuted} of {ships[one.check]} counterexamples refuted")
        if not one.challenges:
            click.echo(f"{'':<9}{_why_none(one, ships)}")
        for challenge in one.challenges:
            if challenge.outcome != "refuted":
                said = shortened(clean(challenge.said), 160) or "held"
                click.echo(f"{'':<9}{challenge.counterexample} ({challenge.ran_on}): {challenge.outcome}: {said}")
    total = sum(ships[one.check] for one in judgements)
    refuted = sum(c.outcome == "refuted" for one in judgements for c in one.challenges)
    vacuous = sum(_is_vacuous(one, ships) for one in judgements)
    shipped = f"{counted(total, 'counterexample')} of {counted(len(judgements), 'falsifier')}"
    click.echo(f"{shipped}: {refuted} refuted; {counted(vacuous, 'falsifier')} vacuous")


def _why_none(judgement: Judgement, ships: Mapping[str, int]) -> str:
    if not ships[judgement.check]:
        return "it ships no counterexample; add one with @check.counterexample"
    return f"not asked: {clean(judgement.verdict.found)}"


def _is_vacuous(judgement: Judgement, ships: Mapping[str, int]) -> bool:
    """It ships no counterexample, or let one through."""
    return not ships[judgement.check] or any(one.outcome == "survived" for one in judgement.challenges)


def _exit_code(judgements: Sequence[Judgement], ships: Mapping[str, int]) -> ExitCode:
    codes = []
    if any(_is_vacuous(one, ships) for one in judgements):
        codes.append(ExitCode.FALSIFIED)
    if any(c.outcome == "inconclusive" for one in judgements for c in one.challenges):
        codes.append(ExitCode.COULD_NOT_RUN)
    if any(not one.challenges and ships[one.check] and one.cause != "library" for one in judgements):
        codes.append(ExitCode.COULD_NOT_RUN)
    if not any(one.challenges for one in judgements):
        codes.append(ExitCode.NOTHING_EXAMINED)
    return combined(codes)
