"""The command ``contract`` as click parses it: options, help and usage errors."""

from __future__ import annotations

from importlib import import_module

import click

from falsifiable.cli import VERBS
from falsifiable.cli.exit_codes import ExitCode


def parsed(arguments: list[str]) -> int:
    """Parse ``arguments`` and run the verb they name; its exit code.

    Raises Failure where the verb cannot go on, KeyboardInterrupt, and whatever else the verb raises.
    """
    try:
        code = contract.main(arguments, prog_name="contract", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.INVALID
    except click.Abort as interrupted:
        raise KeyboardInterrupt from interrupted
    return code if isinstance(code, int) else ExitCode.HELD


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
