"""Every command that the documentation shows is one that the command line accepts: its verbs, options and choices.

What they print is shown by other tests, as far as it can be run; here nothing is.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from falsifiable.cli.program import contract

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")))
PROMPT = "$ contract "
SHELL = {"|", "||", "&&", ";", ">", ">>", "2>"}
"""Words that end what is handed to the command."""


def typed(page: str) -> list[str]:
    """Every line of ``page`` that types ``contract`` after a prompt, without the prompt."""
    return [line.strip().removeprefix("$ ") for line in page.splitlines() if line.strip().startswith(PROMPT)]


def refused(line: str) -> str:
    """Why the command line would not accept ``line``; "" where it would."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((number for number, word in enumerate(words) if word in SHELL), None)]
    command: click.Command = contract
    context = click.Context(command, info_name="contract")
    try:
        while isinstance(command, click.Group):
            _, found, words = command.resolve_command(context, words)
            assert found is not None
            command, context = found, click.Context(found, context, found.name)
        values, left_over, _ = command.make_parser(context).parse_args(words)
        for parameter in command.params:
            if isinstance(parameter.type, click.Choice) and isinstance(values.get(parameter.name or ""), str):
                parameter.type.convert(values[parameter.name or ""], parameter, context)
    except click.UsageError as error:
        return error.format_message()
    return f"unexpected {' '.join(left_over)}" if left_over else ""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_documentation_is_accepted(page: str) -> None:
    lines = typed((ROOT / page).read_text(encoding="utf-8"))
    assert {line: why for line in lines if (why := refused(line))} == {}


def test_there_are_commands_to_look_at() -> None:
    shown = [line for page in PAGES for line in typed((ROOT / page).read_text(encoding="utf-8"))]
    assert any(line.startswith("contract why ship-two") for line in shown)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("contract wy ship-two", "no verb 'wy'"),
        ("contract evidence sing", "No such command 'sing'"),
        ("contract next --hours 10h", "No such option"),
        ("contract next --device tpu", "'tpu' is not one of 'cpu', 'cuda'"),
        ("contract next ship-two", "unexpected ship-two"),
        ("contract next --within", "Option '--within' requires an argument"),
    ],
)
def test_what_would_be_refused_is_found(line: str, said: str) -> None:
    assert said in refused(line)


def test_what_the_shell_reads_is_no_part_of_the_command() -> None:
    assert refused("contract next   # what can be dispatched now") == ""
    assert refused("contract gate --base main --format markdown >> summary.md") == ""
