"""``contract challenge``: prove that every falsifier can fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

import click

from falsifiable.cli.common import Asked, format_option, open_workspace, run_validation, validation_options
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.report.text import clean, counted, shortened
from falsifiable.validation.results import Judgement


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
    ships = {name: len(signature.counterexamples) for name, signature in catalogue.signatures.items()}
    judgements = [one for result in results for one in result.judgements if one.check in ships]
    if form == "json":
        json.dump(_as_json(judgements, ships), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(judgements, ships)
    return _exit_code(judgements, ships)


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


def _print(judgements: Sequence[Judgement], ships: Mapping[str, int]) -> None:
    for one in judgements:
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
