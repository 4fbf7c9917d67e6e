"""``contract challenge``: prove that every falsifier can fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import click

from falsifiable.cli.common import Asked, format_option, open_workspace, run_validation, validation_options
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.validation.results import ContractResult, Judgement


@click.command()
@format_option
@validation_options
def command(asked: Asked, form: str) -> int:
    """Run the counterexamples of every falsifier: each must be falsified.

    A counterexample is a mutation, in memory, of whatever is bound (else of a built-in specimen). A falsifier that lets
    one through, or ships none, is vacuous: its held verdicts count for nothing.

    \b
    Exit codes: 0 every counterexample was refuted, 1 a falsifier is vacuous, 2 a counterexample could not be run.
    """
    workspace, catalogue = open_workspace(asked.root)
    results = run_validation(asked, workspace, catalogue)
    if form == "json":
        json.dump(_as_json(results), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(results)
    return _exit_code(results)


def _as_json(results: Sequence[ContractResult]) -> dict[str, object]:
    return {
        f"{one.contract}/{one.falsifier}": {
            "check": one.check,
            "vacuous": one.vacuous,
            "counterexamples": {
                c.counterexample: {"outcome": c.outcome, "ran_on": c.ran_on, "said": c.said} for c in one.challenges
            },
        }
        for result in results
        for one in result.judgements
    }


def _print(results: Sequence[ContractResult]) -> None:
    from falsifiable.report.text import clean, shortened

    judgements = [one for result in results for one in result.judgements]
    for one in judgements:
        refuted = sum(c.outcome == "refuted" for c in one.challenges)
        mark = "VACUOUS" if one.vacuous else "proven" if one.proven else "unproven"
        click.echo(
            f"{mark:<9}{one.falsifier:<24} {one.check}: {refuted} of {len(one.challenges)} counterexamples refuted"
        )
        if not one.challenges:
            click.echo(f"{'':<9}{_why_none(one)}")
        for challenge in one.challenges:
            if challenge.outcome != "refuted":
                said = shortened(clean(challenge.said), 160) or "held"
                click.echo(f"{'':<9}{challenge.counterexample} ({challenge.ran_on}): {challenge.outcome}: {said}")
    total = sum(len(one.challenges) for one in judgements)
    refuted = sum(c.outcome == "refuted" for one in judgements for c in one.challenges)
    vacuous = sum(_is_vacuous(one) for one in judgements)
    click.echo(
        f"{total} counterexamples of {len(judgements)} falsifiers: {refuted} refuted; {vacuous} falsifiers vacuous"
    )


def _why_none(judgement: Judgement) -> str:
    if judgement.cause in ("commands", "library"):
        return f"not asked: {judgement.verdict.found}"
    return "it ships no counterexample, or none could be run; add one with @check.counterexample"


def _is_vacuous(judgement: Judgement) -> bool:
    """Vacuous, and not merely unasked because a library or the permission to run commands was missing."""
    return judgement.vacuous and not (judgement.cause in ("commands", "library") and not judgement.challenges)


def _exit_code(results: Sequence[ContractResult]) -> ExitCode:
    judgements = [one for result in results for one in result.judgements]
    codes = []
    if any(_is_vacuous(one) for one in judgements):
        codes.append(ExitCode.FALSIFIED)
    if any(c.outcome == "inconclusive" for one in judgements for c in one.challenges):
        codes.append(ExitCode.COULD_NOT_RUN)
    if not any(one.challenges for one in judgements):
        codes.append(ExitCode.NOTHING_EXAMINED)
    return combined(codes)
