"""Reports for programs: the formats that ``validate`` prints, and the files it writes beside what it prints."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import exit_code, write_named
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.report.formats import FORMATS, rendered

if TYPE_CHECKING:
    from falsifiable.contracts import Diagnostic, Workspace
    from falsifiable.report.formats.report import Report
    from falsifiable.validation.events import Event

NEEDS_CONTEXT = "in-toto"
"""The format that names the judging commit, which git has to be asked for."""


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
        multiple=True,
        metavar="FORMAT=FILE",
        callback=_outputs,
        is_eager=True,  # before anything else can be found wrong
        help=f"Also write the report to a file ({', '.join(FORMATS)}), which is removed first; may be repeated.",
    )
    return form(outputs(function))


def _outputs(context: click.Context, parameter: click.Parameter, asked: Sequence[str]) -> dict[Path, str]:
    files: dict[Path, str] = {}
    for one in asked:
        form, equals, name = one.partition("=")
        if not (form and equals and name):
            raise click.BadParameter(f"{one!r} should read FORMAT=FILE", param=parameter)
        if form not in FORMATS:
            from falsifiable.contracts import suggestion

            raise click.BadParameter(f"no format {form!r}; {suggestion(form, FORMATS, 'formats')}", param=parameter)
        if Path(name) in files:
            raise click.BadParameter(f"{name} is named twice; each report needs a file of its own", param=parameter)
        files[Path(name)] = form
    if not context.resilient_parsing:  # which is how a shell asks what could come next
        for file in files:
            _remove_report(file)
    return files


def _remove_report(file: Path) -> None:
    """Remove the report of an earlier run, which would pass for one of this run if this one came to none."""
    try:
        if stat.S_ISREG(file.lstat().st_mode):
            file.unlink()
        file.stat()  # a link to itself can never be written through
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise Failure(
            f"{file}: what lies there cannot be replaced: {error.strerror}; name another file after --output",
            ExitCode.COULD_NOT_RUN,
        ) from error


class Outputs:
    """The listener of a validation that prints and writes its reports, whichever way it ends.

    An interrupted validation is written too, marked as such: a file left from before would pass for its result.
    """

    def __init__(self, form: str, files: Mapping[Path, str], *, strict: bool = False) -> None:
        self._form = form
        self._files = files
        self._strict = strict
        self._out = sys.stdout  # kept, because what happens to be stdout while machines run is not for reports

    @property
    def for_a_person(self) -> bool:
        """Whether text is printed; else a report stands in its place."""
        return self._form == "text"

    @property
    def asked(self) -> bool:
        """Whether anything but the text for a person was asked for."""
        return not self.for_a_person or bool(self._files)

    def listening(self, workspace: Workspace, *, beside: ExitCode = ExitCode.HELD) -> Callable[[Event], None]:
        """What hears of a validation of ``workspace`` and reports how it finished.

        ``beside`` is what contracts came to that were judged without being run.
        """

        def listen(event: Event) -> None:
            from falsifiable.validation.events import Finished

            if isinstance(event, Finished) and self.asked:
                ran = ExitCode.INTERRUPTED if event.interrupted else exit_code(event.results, strict=self._strict)
                code = combined([beside, ran])
                self.report(workspace, code, results=event.results, interrupted=event.interrupted)

        return listen

    def unrun(self, workspace: Workspace, code: ExitCode, diagnostics: Sequence[Diagnostic] = ()) -> None:
        """Report of contracts that were only read: valid ones, or those whose faults kept anything from being run."""
        if self.asked:
            found = (*workspace.diagnostics, *diagnostics)
            self.report(workspace, code, diagnostics=found, ran=False)

    def report(self, workspace: Workspace, code: ExitCode, **ending: Any) -> None:
        """Write every file, then print; ``ending`` are further fields of the report."""
        report = self._report(workspace, code, **ending)
        for file, form in self._files.items():
            write_named(file, rendered(report, form), "--output")
        if not self.for_a_person:
            click.echo(rendered(report, self._form), nl=False, file=self._out)

    def _report(self, workspace: Workspace, code: ExitCode, **ending: Any) -> Report:
        from falsifiable.report.formats.report import Report, folder_in_repository, places_of
        from falsifiable.spec.record import path_in_workspace

        folder = folder_in_repository(workspace.root)
        report = Report(
            diagnostics=workspace.diagnostics,
            folder=folder,
            places=places_of(workspace, folder),
            contract_files={
                **{one.path: one.path for one in workspace.pv},
                **{one.contract: path_in_workspace(one, workspace.root) for one in workspace.contracts},
            },
            exit_code=int(code),
        )
        report = replace(report, **ending)
        wants_context = NEEDS_CONTEXT in (self._form, *self._files.values()) and report.results
        return _with_context(report, workspace) if wants_context else report


def _with_context(report: Report, workspace: Workspace) -> Report:
    from falsifiable.cli.standing import with_known_commands
    from falsifiable.evidence import Repository, context_of
    from falsifiable.falsifier import SEMANTICS

    repository = Repository(workspace.root)
    context = context_of(repository, semantics=SEMANTICS)
    return replace(report, context=context, results=with_known_commands(report.results, repository))
