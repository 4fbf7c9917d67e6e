"""``--format`` and ``--output`` of ``contract validate``: what is asked for, and room for it before anything else."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.contracts.places import YAML_SUFFIXES
from falsifiable.report.formats import FORMATS, begins_like_a_report

_BEGINNING_BYTES = 256
_ANOTHER = "name another file after --output"


class _NotForHelp(click.Option):
    """An option that touches files, and is as good as absent where help is asked for."""

    def handle_parse_result(self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]) -> Any:
        """As click does it, of nothing where help is asked for."""
        helping = ctx.command.get_help_option(ctx)
        is_asked = helping is not None and opts.get(helping.name or "")
        return super().handle_parse_result(ctx, {} if is_asked else opts, args)


def report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--format`` and ``--output``, handed to the verb as ``form`` and ``outputs`` (file to format)."""
    form = click.option(
        "--format",
        "form",
        type=click.Choice(["text", *FORMATS]),
        default="text",
        show_default=True,
        help="For whom to print: a person, a program, a CI system, annotations and summary of a pull request.",
    )
    outputs = click.option(
        "--output",
        "outputs",
        cls=_NotForHelp,
        multiple=True,
        metavar="FORMAT=FILE",
        callback=_outputs,
        is_eager=True,  # before anything else can be found wrong
        help=f"Also write the report to a file ({', '.join(FORMATS)}), where only an earlier report may lie, which is "
        "removed first; may be repeated.",
    )
    return form(outputs(function))


def _outputs(context: click.Context, _: click.Parameter, asked: Sequence[str]) -> dict[Path, str]:
    files: dict[Path, str] = {}
    wrong: list[Exception] = []
    for one in asked:
        try:
            file, form = _file_and_format(one, files)
            if not context.resilient_parsing:  # which is how a shell asks what could come next
                _remove_report(file)
            files[file] = form
        except (click.BadParameter, Failure) as error:  # raised below: no other report of an earlier run may stay
            wrong.append(error)
    if wrong:
        raise wrong[0]
    return files


def _file_and_format(asked: str, before: Mapping[Path, str]) -> tuple[Path, str]:
    """What FORMAT=FILE says. Raises BadParameter."""
    form, equals, name = asked.partition("=")
    if not (form and equals and name):
        raise click.BadParameter(f"{asked!r} should read FORMAT=FILE")
    if form not in FORMATS:
        from falsifiable.contracts import suggestion

        raise click.BadParameter(f"no format {form!r}; {suggestion(form, FORMATS, 'formats')}")
    if Path(name) in before:
        raise click.BadParameter(f"{name} is named twice; each report needs a file of its own")
    if name.lower().endswith(YAML_SUFFIXES):
        raise click.BadParameter(f"{name} is named like a contract, and no report is YAML; {_ANOTHER}")
    return Path(name), form


def _remove_report(file: Path) -> None:
    """Remove the report of an earlier run, which would pass for one of this run if this one came to none.

    Raises BadParameter for what lies there and is no report, and Failure where it cannot be told or removed. Pipes and
    devices are written to.
    """
    try:
        mode = file.stat().st_mode  # a link to itself can never be written through
        if stat.S_ISDIR(mode):
            raise click.BadParameter(f"{file} is a folder; {_ANOTHER}")
        if stat.S_ISREG(mode):
            _check_is_report(file)
            if not file.is_symlink():
                file.unlink()
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise click.BadParameter(f"{file} would lie in what is no folder; {_ANOTHER}") from error
    except OSError as error:
        raise Failure(
            f"{file}: what lies there cannot be replaced: {error.strerror}; {_ANOTHER}", ExitCode.COULD_NOT_RUN
        ) from error


def _check_is_report(file: Path) -> None:
    with file.open("rb") as opened:
        beginning = opened.read(_BEGINNING_BYTES)
    if not begins_like_a_report(beginning):
        raise click.BadParameter(
            f"what lies at {file} is no report of contract validate, and is not replaced; remove it, or {_ANOTHER}"
        )
