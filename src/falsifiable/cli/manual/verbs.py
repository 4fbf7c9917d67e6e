"""The verbs of the command: their help as text, and every option of each as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from falsifiable.cli import VERBS
from falsifiable.cli.manual.markdown import code, prose, table
from falsifiable.cli.program import contract


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every verb, and every verb of a verb, as it is typed after ``contract``."""
    context = click.Context(contract, info_name="contract")
    for verb in VERBS:
        yield from _below(verb, context, contract)


def _below(
    name: str, above: click.Context, group: click.Group, path: str = ""
) -> Iterator[tuple[str, click.Command, click.Context]]:
    command = group.get_command(above, name)
    if command is None:  # a group that lists what it does not have
        return
    context = click.Context(command, info_name=name, parent=above)
    typed = f"{path} {name}".strip()
    yield typed, command, context
    if isinstance(command, click.Group):
        for one in command.list_commands(context):
            yield from _below(one, context, command, typed)


def help_of(verb: str) -> str:
    """What ``contract VERB --help`` prints, and below it the help of its own verbs."""
    context = click.Context(contract, info_name="contract", terminal_width=100)
    return "\n\n".join(command.get_help(its) for _, command, its in _below(verb, context, contract))


def verbs_reference() -> str:
    """Every verb with its arguments and options, as Markdown."""
    parts = [
        "# Verbs and their options",
        "All verbs exit alike, see [exit codes](words.md#exit-codes); each prints this with `--help`.",
        table(("verb", "what it does"), [(f"[`{verb}`](#{verb})", prose(line)) for verb, line in VERBS.items()]),
    ]
    parts += [_verb(typed, command, context) for typed, command, context in commands()]
    return "\n\n".join(parts) + "\n"


def _verb(typed: str, command: click.Command, context: click.Context) -> str:
    level = "#" * (2 + typed.count(" "))
    usage = " ".join([f"contract {typed}", *command.collect_usage_pieces(context)])
    parts = [f"{level} {typed} {{: #{typed.replace(' ', '-')} }}", code(usage, "text"), *_help(command)]
    options = [_option(one, context) for one in command.params]
    rows = [one for one in options if one is not None]
    if rows:
        parts.append(table(("option", "what it does"), rows))
    return "\n\n".join(parts)


def _help(command: click.Command) -> Iterator[str]:
    """The paragraphs of the help; click keeps the lines of one that begins with a backspace, and so does Markdown."""
    for paragraph in re.split(r"\n\s*\n", cleandoc(command.help or "")):
        kept = paragraph.startswith("\b\n")
        yield code(paragraph.removeprefix("\b\n"), "text") if kept else prose(" ".join(paragraph.split()))


def _option(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    record = parameter.get_help_record(context)
    return (f"`{record[0]}`", prose(record[1])) if record else None
