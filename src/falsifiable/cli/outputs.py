"""Reports for programs: the formats that ``validate`` prints, and the files it writes beside what it prints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import exit_code, write_named
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.cli.pv import code_of_pv
from falsifiable.contracts.diagnostics import printable
from falsifiable.report.formats import rendered

if TYPE_CHECKING:
    from falsifiable.contracts import Diagnostic, Workspace
    from falsifiable.contracts.pv.file import PvFile
    from falsifiable.report.formats.report import Report
    from falsifiable.validation.events import Event

NEEDS_CONTEXT = "in-toto"
"""The format that names the judging commit, which git has to be asked for."""


class Outputs:
    """The listener of a validation that prints and writes its reports, whichever way it ends.

    An interrupted validation is written too, marked as such: a file left from before would pass for its result.
    """

    def __init__(self, form: str, files: Mapping[Path, str], *, strict: bool = False) -> None:
        self._form = form
        self._files = files
        self._strict = strict
        self.written = ExitCode.HELD
        """What it came to that the reports were written."""
        self._out = sys.stdout  # kept, because what happens to be stdout while machines run is not for reports

    @property
    def for_a_person(self) -> bool:
        """Whether text is printed; else a report stands in its place."""
        return self._form == "text"

    @property
    def asked(self) -> bool:
        """Whether anything but the text for a person was asked for."""
        return not self.for_a_person or bool(self._files)

    def listening(self, workspace: Workspace, pv: Sequence[PvFile] = ()) -> Callable[[Event], None]:
        """What hears of a validation of ``workspace`` and reports how it finished.

        ``pv`` are the contracts that were asked for beside it, and judged without being run.
        """

        def listen(event: Event) -> None:
            from falsifiable.validation.events import Finished

            if isinstance(event, Finished) and self.asked:
                ran = ExitCode.INTERRUPTED if event.interrupted else exit_code(event.results, strict=self._strict)
                self.report(workspace, ran, pv, results=event.results, interrupted=event.interrupted)

        return listen

    def unrun(
        self, workspace: Workspace, diagnostics: Sequence[Diagnostic] = (), pv: Sequence[PvFile] = ()
    ) -> ExitCode:
        """Report of contracts that were only read: valid ones, or those whose faults kept anything from being run.

        ``diagnostics`` are faults of other files. What follows from all of it is the exit code.
        """
        found = (*workspace.diagnostics, *diagnostics)
        invalid = any(one.severity == "error" for one in found)
        code = ExitCode.INVALID if invalid else code_of_pv(pv, strict=self._strict)
        if self.asked:
            self.report(workspace, code, pv, diagnostics=found, ran=False)
        return combined([code, self.written])

    def report(self, workspace: Workspace, code: ExitCode, pv: Sequence[PvFile], **ending: Any) -> None:
        """Write every file, then print; ``ending`` are further fields of the report."""
        pv_code = code_of_pv(pv, strict=self._strict)
        unexamined = len(pv) if pv_code == ExitCode.NOTHING_EXAMINED else 0
        report = self._report(workspace, combined([code, pv_code]), unexamined=unexamined, **ending)
        for file, form in self._files.items():
            self._write(file, rendered(report, form))
        if not self.for_a_person:
            click.echo(rendered(report, self._form), nl=False, file=self._out)

    def _write(self, file: Path, text: str) -> None:
        """Write one report; that it cannot be written costs neither the others nor what was found."""
        try:
            write_named(file, text, "--output")
        except Failure as failure:
            click.echo(f"contract: {printable(str(failure))}", err=True)
            self.written = failure.code

    def _report(self, workspace: Workspace, code: ExitCode, **ending: Any) -> Report:
        from falsifiable.report.formats.report import Report, folder_in_repository, places_of
        from falsifiable.spec.record import path_in_workspace

        folder = folder_in_repository(workspace.root)
        report = Report(
            diagnostics=workspace.diagnostics,
            folder=folder,
            places=places_of(workspace, folder),
            contract_files={one.contract: path_in_workspace(one, workspace.root) for one in workspace.contracts},
            only_read=tuple(one.path for one in workspace.pv),
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
