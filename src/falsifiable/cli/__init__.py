"""The command ``contract``: one thin module per verb, imported only when that verb is used."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

import click

from falsifiable.cli.exit_codes import ExitCode

VERBS = {
    "init": "Start a workspace: write artifacts.yaml and a first contract for the files found here.",
    "check": "Check one file or folder for the programs that must load it; no YAML needed.",
    "validate": "Run every falsifier whose artifacts are bound, and say what was falsified.",
    "record": "Write the evidence of a validation, and the statuses it earned into the spec.",
    "evidence": "Sign, verify, review and show evidence.",
    "status": "Show the status each claim has earned, and what it still needs.",
    "next": "Show what can be dispatched now, by points per hour, and what the rest waits for.",
    "why": "Walk a percentage, a criterion or a status back to the bytes it rests on.",
    "graph": "Draw contracts, criteria and steps, and what each of them leans on.",
    "amend": "Write, list, preview and release amendments of a spec.",
    "gate": "Refuse a change that moves a status or a percentage without evidence.",
    "diagnose": "Say what a training run suffers from, before anyone tunes.",
    "report": "Write the promotion packet of a run, or a ship percentage by version.",
    "preflight": "Check the plan of a run before it costs GPU hours.",
    "race": "Predict many runs early, stop losers, promote leaders, judge by quorum over seeds.",
    "challenge": "Prove that falsifiers can fail, and list what none of them guards.",
    "diff": "Show how contracts changed, and the version each change demands.",
    "import": "Write a contract of ours for each that was written for pv.",
    "inspect": "Show what a model, tokenizer, run, corpus or table holds.",
    "explain": "Explain a check, a claim, a rule, a status or a verb; print a guide.",
    "schema": "Print the path of the JSON Schema for contract files.",
    "limits": "Show how much of a file the readers accept before they refuse it.",
    "cache": "Show or empty the cache of digests, fingerprints and verdicts.",
}


OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Python looks for cycles after every 700 objects, which is a tenth of the time that reading contracts takes."""


class Failure(Exception):
    """A verb that cannot go on: a message for the person, and the exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.INVALID) -> None:
        super().__init__(message)
        self.code = code


class Verbs(click.Group):
    """Verbs by name, each imported from the module of that name when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All verbs, in the order a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, imported now."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"falsifiable.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of verbs, from the table above: help imports no verb."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is answered with the nearest."""
        if args and args[0] not in VERBS:
            from falsifiable.contracts import suggestion

            raise click.UsageError(f"no verb {args[0]!r}; {suggestion(args[0], VERBS, 'verbs')}", ctx)
        return super().resolve_command(ctx, args)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="falsifiable", prog_name="contract")
def contract() -> None:
    """Put claims about machine-learning models to the test.

    A contract states claims about the files a training run leaves behind; its falsifiers try to refute them, and the
    status a claim has is the one its evidence earned.

    \b
    A first answer, without any YAML:   contract check PATH
    A workspace of your own:            contract init, then contract validate
    What a word or a message means:     contract explain ID
    Completion in your shell:           eval "$(_CONTRACT_COMPLETE=bash_source contract)"

    Exit codes: 0 all held, 1 something is falsified, 2 something could not be run, 3 nothing was examined, 4 wrong
    usage or invalid contract, 5 the gate refused, 130 interrupted.
    """


def main() -> NoReturn:
    """Run the command and exit with its code. A traceback is shown only with ``--debug``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character still gets the rest
    signal.signal(signal.SIGTERM, _end_like_control_c)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    sys.exit(run(sys.argv[1:]))


def _end_like_control_c(*_: object) -> NoReturn:
    """Who is told to end (by a CI runner that gives up) keeps what had finished, and takes the workers along."""
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """Run the command on ``arguments`` and return its exit code; messages go to stdout and stderr."""
    try:
        code = contract.main(arguments, prog_name="contract", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.INVALID
    except Failure as failure:
        click.echo(f"contract: {_printable(str(failure))}", err=True)
        return failure.code
    except (KeyboardInterrupt, click.Abort):
        click.echo("contract: interrupted; what had finished is kept", err=True)
        return ExitCode.INTERRUPTED
    except SystemExit as done:
        return _left_by_click(done)
    except Exception as error:  # the last door: a person sees a sentence, a developer asks for the traceback
        if "--debug" in arguments:
            raise
        click.echo(f"contract: {_in_words(error)}; run again with --debug to see where", err=True)
        return ExitCode.COULD_NOT_RUN
    return code if isinstance(code, int) else ExitCode.HELD


def _printable(message: str) -> str:
    """A message line by line: what it quotes from somebody's file must not steer the terminal."""
    from falsifiable.report.text import clean

    return "\n".join(clean(line) for line in message.split("\n"))


def _in_words(error: Exception) -> str:
    """What went wrong: a full disk or a missing permission is no defect of ours, and names the file."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return f"unexpected {type(error).__name__}: {error}"


def _left_by_click(done: SystemExit) -> int:
    """Click exits by itself in two cases: a completion script was printed, or whoever read our output has gone."""
    if not done.code:
        return ExitCode.HELD
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that nothing is written again at exit
    return ExitCode.COULD_NOT_RUN  # nobody heard the answer, so there is none
