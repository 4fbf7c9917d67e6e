"""``contract amend``: changes of a spec, written down beside each other and released together."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import faults_told, format_option, open_workspace, root_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.cli.specs import chosen_spec, known_specs, spec_option
from falsifiable.cli.standing import judging_code, ledger_of
from falsifiable.contracts import AmendmentFile, KnownNames, Workspace, check_amendment, read_amendment, spec_of
from falsifiable.contracts.versions import Bump
from falsifiable.evidence import GitError, Repository, write_atomically
from falsifiable.report.text import json_text
from falsifiable.spec import AmendmentLog, HistoryMissingError, ReleaseRefusedError, amendments_of

BUMPS = ("patch", "minor", "major")
SECTION = r"[1-9][0-9]{0,5}"
"""A section's number; eight digits are a part of a file's name."""


@click.group()
def command() -> None:
    """Write, list, preview and release amendments: changes of a spec, each a file of its own.

    An amendment says what was found, why it could happen, and what follows. Any number of branches may add some; on
    the main line a release numbers them, writes the versions of the contracts they name, and shows them in the regions
    of spec.md and in CHANGELOG.md.

    \b
    Examples:
        contract amend new "The export is read before it is published" --contract packaging=minor
        contract amend preview
        contract amend release
    """


@command.command()
@click.argument("title")
@click.option(
    "--contract", "contracts", multiple=True, metavar="NAME=BUMP",
    help="A contract that this changes, and how far: patch, minor or major; may be repeated.",
)  # fmt: skip
@click.option("--bump", type=click.Choice(BUMPS), help="How far the spec moves; by default as far as its contracts.")
@click.option(
    "--created", metavar="TIME",
    help="When it was written, such as 2026-11-21T17:50:00Z, where it is brought from elsewhere; by default now.",
)  # fmt: skip
@spec_option
@root_option
@traceback_option
def new(
    title: str,
    contracts: Sequence[str],
    bump: str | None,
    created: str | None,
    spec: str | None,
    root: Path | None,
) -> None:
    """Write a pending amendment, for you to fill in where it reads '...'.

    No two people write the same file: its name holds the time, the title, and eight digits by chance.
    """
    import datetime

    from falsifiable.contracts.amendment_names import file_name
    from falsifiable.contracts.amendment_template import new_amendment
    from falsifiable.contracts.instants import instant
    from falsifiable.spec.amendments import amendments_folder

    workspace, _ = open_workspace(root)
    chosen = chosen_spec(workspace, spec)
    moves = dict(_move(one) for one in contracts)
    created = created or instant(datetime.datetime.now(tz=datetime.UTC))
    moved = Bump.of(bump) if bump else max(moves.values(), default=Bump.MINOR)
    data = new_amendment(title, created, moved, moves)
    path = f"{amendments_folder(chosen)}/{file_name(title, created, secrets.token_hex(4))}"
    _require_sound(workspace, chosen, path, data)
    write_atomically(workspace.root / path, data)
    click.echo(path)
    click.echo(f"next: fill in what reads '...', see contract amend preview --spec {chosen}, and commit it", err=True)


@command.command("list")
@spec_option
@format_option
@root_option
@traceback_option
def list_(spec: str | None, form: str, root: Path | None) -> ExitCode:
    """List the amendments of every spec: the released ones by section, then those that are pending.

    Exit codes: 0 all of them can be read, 4 one of them has a fault.
    """
    from falsifiable.report.amendments import list_as_json, print_list

    workspace, _ = open_workspace(root)
    specs = [chosen_spec(workspace, spec)] if spec else known_specs(workspace)
    logs = [amendments_of(workspace.root, one) for one in specs]
    if form == "json":
        click.echo(json_text(list_as_json(logs)), nl=False)
    else:
        print_list(logs, sys.stdout)
    return faults_told([one for log in logs for one in log.diagnostics])


@command.command()
@click.argument("which", metavar="FILE|SECTION")
@spec_option
@format_option
@root_option
@traceback_option
def show(which: str, spec: str | None, form: str, root: Path | None) -> ExitCode:
    """Show one amendment as it reads in the spec: a section by its number, or a pending file by its path.

    What is not released yet has no number; it is shown under the one it would get if it were released alone.

    Exit codes: 0 here it is, 4 there is none, or it cannot be read.
    """
    from falsifiable.report.amendments import pending_as_json, section_as_json
    from falsifiable.spec.amendment_regions import section_text
    from falsifiable.spec.amendments import Section

    workspace, _ = open_workspace(root)
    if re.fullmatch(SECTION, which):
        log = amendments_of(workspace.root, chosen_spec(workspace, spec))
        section = log.section(int(which))
        if section is None:
            held = f"{log.sections[0].number} to {log.sections[-1].number}" if log.sections else "none"
            raise Failure(f"{log.spec} has no section {which} that is kept here; kept are {held}")
        if form == "json":
            click.echo(json_text(section_as_json(section)), nl=False)
        else:
            click.echo(section_text(section, log, {}))
        return ExitCode.HELD
    file, log = _pending(workspace, which)
    if form == "json":
        click.echo(json_text(pending_as_json(file)), nl=False)
    elif file.amendment is not None:
        alone = Section(log.last_section + 1, "pending", file.path, file.amendment)
        click.echo(section_text(alone, log.with_section(alone), {}))
    return faults_told(file.diagnostics)


@command.command()
@spec_option
@format_option
@root_option
@traceback_option
def preview(spec: str | None, form: str, root: Path | None) -> ExitCode:
    """Show what a release would do, from the files as they lie here; nothing is written.

    Version, sections, the versions of contracts, the scoreboard and the ship percentage as they would stand, evidence
    that is stale, and everything that a release would be refused for.

    Exit codes: 0 it could be released, 3 nothing is pending, 4 a release would be refused.
    """
    from falsifiable.report.amendments import preview_as_json, print_preview
    from falsifiable.spec import preview as preview_of

    workspace, catalogue = open_workspace(root)
    chosen = chosen_spec(workspace, spec)
    ledger = ledger_of(workspace, judging_code(catalogue))
    seen = preview_of(ledger, chosen, catalogue.signatures, Repository(workspace.root))
    if form == "json":
        click.echo(json_text(preview_as_json(seen)), nl=False)
    else:
        print_preview(seen, sys.stdout)
    if seen.plan.refusals:
        return ExitCode.INVALID
    return ExitCode.HELD if seen.plan.moved else ExitCode.NOTHING_EXAMINED


@command.command()
@click.option("--regions", is_flag=True, help="Release on any branch, not only on main.")
@spec_option
@format_option
@root_option
@traceback_option
def release(regions: bool, spec: str | None, form: str, root: Path | None) -> ExitCode:
    """Release all pending amendments of a spec: number them, and write versions, regions and CHANGELOG.md.

    It is made from what is committed, by the dates in the amendments, and is the same in whichever order branches were
    merged. One that was interrupted is finished by running it again.

    Exit codes: 0 released, or nothing is pending; 2 the history it is compared with is missing; 4 refused, and why.
    """
    from falsifiable.report.amendments import plan_as_json, print_released
    from falsifiable.spec import release as release_spec

    workspace, catalogue = open_workspace(root)
    chosen = chosen_spec(workspace, spec)
    try:
        done = release_spec(
            workspace.root, chosen, workspace.contracts,
            code=judging_code(catalogue), signatures=catalogue.signatures, anywhere=regions,
        )  # fmt: skip
    except ReleaseRefusedError as refused:
        for finding in refused.findings:
            click.echo(str(finding), err=True)
        code = ExitCode.COULD_NOT_RUN if isinstance(refused, HistoryMissingError) else ExitCode.INVALID
        raise Failure(f"{chosen} was not released: {refused}", code) from refused
    except GitError as error:
        raise Failure(f"{chosen} was not released: {error}", ExitCode.COULD_NOT_RUN) from error
    if form == "json":
        click.echo(json_text(plan_as_json(done.plan)), nl=False)
    elif done.plan.moved:
        print_released(done, sys.stdout)
    else:
        click.echo(f"nothing to release: no amendment of {chosen} is pending at {done.plan.log.version}")
    return ExitCode.HELD


def _move(text: str) -> tuple[str, Bump]:
    name, equals, word = text.partition("=")
    if not (name and equals and word in BUMPS):
        raise click.BadParameter(
            f"{text!r} should read NAME=BUMP, BUMP one of {', '.join(BUMPS)}", param_hint="--contract"
        )
    return name, Bump.of(word)


def _require_sound(workspace: Workspace, spec: str, path: str, data: bytes) -> None:
    """Raise Failure where what would be written has a fault: a title of two lines, a contract that does not exist."""
    file = read_amendment(data, shown=path)
    contracts = {one.contract: spec_of(one) for one in workspace.contracts}
    faults = (*file.errors, *check_amendment(file, KnownNames(spec, contracts, (), 0)))
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        raise Failure("nothing was written; correct the command line. See contract explain RULE")


def _pending(workspace: Workspace, which: str) -> tuple[AmendmentFile, AmendmentLog]:
    """The amendment in the file ``which`` (a path, or a part of its name that no other has), with all of its spec."""
    logs = [amendments_of(workspace.root, one) for one in known_specs(workspace)]
    every = [(file, log) for log in logs for file in log.pending]
    wanted = Path(which).resolve()
    found = [one for one in every if (workspace.root / one[0].path).resolve() == wanted]
    found = found or [one for one in every if which in one[0].path.rpartition("/")[2]]
    if len(found) != 1:
        listed = "\n".join(f"  {file.path}" for file, _ in found or every)
        what = f"{len(found)} pending amendments are" if found else "no pending amendment is"
        raise Failure(f"{what} called {which!r}" + (f"; there are\n{listed}" if listed else ""))
    return found[0]
