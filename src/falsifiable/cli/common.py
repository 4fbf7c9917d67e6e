"""What several verbs share: their options, opening the workspace, running a validation, and its exit code."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from falsifiable.cli import Failure
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.contracts.places import CONTRACT_SUFFIX, YAML_SUFFIXES

if TYPE_CHECKING:
    from falsifiable.cli.fleet import Where
    from falsifiable.contracts import Contract, Diagnostic, Workspace
    from falsifiable.validation import ContractResult, Judgement
    from falsifiable.validation.cache import Cache
    from falsifiable.validation.catalogue import Catalogue
    from falsifiable.validation.events import Listener
    from falsifiable.validation.mutation_results import MutationReport

MEBIBYTE = 1 << 20
A_WEEK = 7 * 24 * 3600


class Seconds(click.FloatRange):
    """A number of seconds above 0 and up to a week; NaN, which no range excludes, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or a usage error that names the range."""
        converted = super().convert(value, param, ctx)
        return self.fail(f"{value} is no number of seconds", param, ctx) if converted != converted else converted


class Place(click.Path):
    """A file or folder, or a URL; with ``exists``, a local one must be there."""

    def __init__(self, *, exists: bool = False) -> None:
        super().__init__(exists=exists, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or a usage error that names no secret of a URL."""
        from falsifiable.artifacts.errors import ArtifactError
        from falsifiable.artifacts.sources.remote_path import RemotePath, place_of

        try:
            place = place_of(value)
        except ArtifactError as error:
            return self.fail(str(error), param, ctx)
        return place if isinstance(place, RemotePath) else super().convert(place, param, ctx)


SECONDS = Seconds(0, A_WEEK, min_open=True)
MEBIBYTES = click.IntRange(256, 1 << 24)
"""From what a worker needs to start to 16 TiB."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a validation on the command line."""

    root: Path | None
    run: Path | None
    artifacts: Mapping[str, Path]
    contracts: tuple[str, ...]
    run_commands: bool
    rehash: bool
    time_limit: float
    memory_limit: int
    debug: bool
    only_known: bool = False
    quiet: bool = False


root_option = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The workspace; by default the nearest folder above this one with contracts/ or artifacts.yaml.",
)
debug_option = click.option("--debug", is_flag=True, help="Show tracebacks and what workers print.")
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For whom to print: a person or a program.",
)
quiet_option = click.option(
    "--quiet", "-q", is_flag=True, help="No progress and no hints: only what failed, the result and the exit code."
)
traceback_option = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
"""For verbs that start no worker: whoever runs the verb looks for the word itself."""


class InvalidContracts(Failure):
    """Contracts that cannot be used; ``workspace`` holds every fault, for whoever reports them in another form."""

    def __init__(self, message: str, workspace: Workspace) -> None:
        super().__init__(message)
        self.workspace = workspace


def validation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The names of contracts and all options of a validation, handed to the verb as one ``asked``."""
    return click.argument("contracts", nargs=-1, metavar="[CONTRACT]...")(of_all_contracts(function))


def of_all_contracts(function: Callable[..., Any]) -> Callable[..., Any]:
    """All options of a validation, handed to the verb as one ``asked``; it looks at every contract."""

    @root_option
    @debug_option
    @quiet_option
    @click.option("--run", type=click.Path(exists=True, path_type=Path), help="Bind the roles of a run to this folder.")
    @click.option(
        "--artifact",
        "artifacts",
        multiple=True,
        metavar="ROLE=PATH",
        help="Bind one role (or CONTRACT/ROLE) to a file, a folder or a URL; may be repeated.",
    )
    @click.option("--run-commands", is_flag=True, help="Allow the commands that artifacts.yaml names to be run.")
    @click.option("--rehash", is_flag=True, help="Read files again even where size, time and inode are unchanged.")
    @click.option("--time-limit", type=SECONDS, default=300.0, show_default=True, help="Seconds for one falsifier.")
    @click.option(
        "--memory-limit", type=MEBIBYTES, default=8192, show_default=True, help="Mebibytes for one falsifier."
    )
    @functools.wraps(function)
    def verb(
        root: Path | None,
        run: Path | None,
        artifacts: Sequence[str],
        run_commands: bool,
        rehash: bool,
        time_limit: float,
        memory_limit: int,
        debug: bool,
        quiet: bool,
        contracts: tuple[str, ...] = (),
        **others: Any,
    ) -> Any:
        bound = _bound(artifacts)
        asked = Asked(root, run, bound, contracts, run_commands, rehash, time_limit, memory_limit, debug, quiet=quiet)
        return function(asked, **others)

    return verb


def _bound(artifacts: Sequence[str]) -> dict[str, Path]:
    bound = {}
    for one in artifacts:
        role, equals, path = one.partition("=")
        if not (role and equals and path):
            raise click.BadParameter(f"{one!r} should read ROLE=PATH", param_hint="--artifact")
        bound[role] = Place().convert(path, None, None)
    return bound


def open_workspace(root: Path | None) -> tuple[Workspace, Catalogue]:
    """The workspace around ``root`` (or this folder) and the catalogue of checks.

    Raises InvalidContracts with every fault of the contracts, each with file, line and column.
    """
    from falsifiable.contracts import find_root, load_workspace
    from falsifiable.validation.catalogue import load_catalogue

    catalogue = load_catalogue()
    workspace = load_workspace(root or find_root(Path.cwd()), catalogue.signatures)
    for diagnostic in workspace.diagnostics:
        click.echo(str(diagnostic), err=True)
    errors = sum(one.severity == "error" for one in workspace.diagnostics)
    if errors:
        for plugin, why in catalogue.failed_plugins.items():
            click.echo(
                f"note: the checks of plugin {plugin} are missing, because it could not be loaded: {why}", err=True
            )
        faults = "1 fault" if errors == 1 else f"{errors} faults"
        raise InvalidContracts(
            f"{faults} in the contracts of {workspace.root}; nothing was run. See contract explain RULE", workspace
        )
    return workspace, catalogue


def faults_told(faults: Iterable[Diagnostic]) -> ExitCode:
    """Print faults that do not keep a verb from going on; INVALID where one of them is more than a warning."""
    found = tuple(faults)
    for fault in found:
        click.echo(str(fault), err=True)
    return ExitCode.INVALID if any(one.severity == "error" for one in found) else ExitCode.HELD


def chosen_contracts(workspace: Workspace, names: Sequence[str]) -> tuple[Contract, ...]:
    """The contracts named (by name, file or folder), each once, or all. Raises Failure for one that does not exist."""
    if not names:
        return tuple(workspace.contracts)
    by_name = {one.contract: one for one in workspace.contracts}
    by_path = {os.path.realpath(one.path): one for one in workspace.contracts if one.path}
    chosen: dict[str, Contract] = {}
    for name in names:
        place = os.path.realpath(name)
        one = by_name.get(name) or by_path.get(place)
        found = [one] if one else [below for path, below in by_path.items() if path.startswith(place + os.sep)]
        if not found:
            raise Failure(_not_chosen(name, workspace))
        chosen |= {one.contract: one for one in found}
    return tuple(chosen.values())


def _not_chosen(name: str, workspace: Workspace) -> str:
    """Why nothing is found under ``name``."""
    place = Path(name)
    if not os.path.lexists(name):
        if os.sep in name or place.suffix.lower() in YAML_SUFFIXES:
            return f"{name} does not exist, and is no name of a contract of {workspace.root}"
        there = ", ".join(sorted(one.contract for one in workspace.contracts)) or "none"
        return f"there is no contract {name!r} in {workspace.root}; there are {there}"
    if place.is_dir():
        return f"{name} is a folder without a contract; name another, or a contract of {workspace.root}"
    from falsifiable.contracts.pv.dialect import speaks_pv
    from falsifiable.contracts.yaml_reader import read_yaml
    from falsifiable.validation.lint_cache import name_of_ours

    file = read_yaml(place)
    if file.root is None:
        return f"{file.diagnostics[0]}; expected the name or the file of a contract of {workspace.root}"
    if speaks_pv(file.root):
        return (
            f"{name} is written for pv, whose contracts contract validate checks where their names end in .yaml or "
            f".yml; expected a contract of {workspace.root}"
        )
    if name_of_ours(file.root) is not None:
        if place.suffix != CONTRACT_SUFFIX:
            return f"{name} is not read, because contracts are files that end in {CONTRACT_SUFFIX}; rename it"
        return f"{name} is not among the contracts of {workspace.root}; move it there, or name its own with --root"
    return f"{name} is no contract: it has neither contract: nor falsifiers:, nor is it written for pv"


def run_validation(
    asked: Asked,
    workspace: Workspace,
    catalogue: Catalogue,
    *,
    quiet: bool = False,
    cache: Cache | None = None,
    where: Where | None = None,
    listeners: Iterable[Listener] = (),
) -> tuple[ContractResult, ...]:
    """Validate what was asked, with progress on a terminal; ``listeners`` hear of it too.

    What ``cache``, by default that of the user, knows already is not judged again. ``where`` names the machines, by
    default this one.
    """
    from falsifiable.report.progress import progress
    from falsifiable.validation import validate_workspace

    arguments = validation_arguments(asked, workspace)
    if where is not None:
        arguments |= {"options": where.told(arguments["options"]), "executor": where.machines(debug=asked.debug)}
    with progress(quiet=quiet or asked.quiet) as listener, machines_told():
        return validate_workspace(workspace, catalogue, **arguments, listeners=[listener, *listeners], cache=cache)


@contextmanager
def machines_told() -> Iterator[None]:
    """Raises Failure where the machines that were asked for cannot be reached.

    Ray prints what happens to nodes from a thread of its own, and to stdout, which belongs to the report.
    """
    from falsifiable.validation.executor import ExecutorError

    try:
        with redirect_stdout(sys.stderr):
            yield
    except ExecutorError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error


def run_challenge(
    asked: Asked, workspace: Workspace, catalogue: Catalogue, *, whole_matrix: bool
) -> tuple[tuple[ContractResult, ...], MutationReport]:
    """Validate what was asked and put generic mutations to its falsifiers, with progress on a terminal."""
    from falsifiable.report.progress import progress
    from falsifiable.validation import challenge_workspace

    arguments = validation_arguments(asked, workspace)
    with progress(quiet=asked.quiet) as listener:
        return challenge_workspace(workspace, catalogue, **arguments, listeners=[listener], whole_matrix=whole_matrix)


def validation_arguments(asked: Asked, workspace: Workspace) -> dict[str, Any]:
    """What was asked, as the engine takes it. Raises Failure for a binding that cannot be."""
    from falsifiable.validation import Options
    from falsifiable.validation.binding import BindingError, check_options

    try:
        check_options(workspace, asked.artifacts)
    except BindingError as error:
        raise Failure(str(error)) from error
    options = Options(
        seconds=asked.time_limit,
        memory_bytes=asked.memory_limit * MEBIBYTE,
        run_commands=asked.run_commands,
        rehash=asked.rehash,
        debug=asked.debug,
        only_known=asked.only_known,
    )
    return {
        "contracts": chosen_contracts(workspace, asked.contracts),
        "run": asked.run,
        "artifacts": asked.artifacts,
        "options": options,
    }


def exit_code(results: Sequence[ContractResult], *, strict: bool = False) -> ExitCode:
    """The exit code that the verdicts of ``results`` imply."""
    from falsifiable.report.formats.report import was_examined
    from falsifiable.validation.results import COULD_NOT_RUN

    judgements = [judgement for result in results for judgement in result.judgements]
    codes = []
    if any(one.verdict.outcome == "falsified" for one in judgements):
        codes.append(ExitCode.FALSIFIED)
    if any(one.cause in COULD_NOT_RUN for one in judgements):
        codes.append(ExitCode.COULD_NOT_RUN)
    if not any(was_examined(one) for one in judgements) or (strict and any(map(_open, judgements))):
        codes.append(ExitCode.NOTHING_EXAMINED)
    return combined(codes)


def _open(judgement: Judgement) -> bool:
    """Neither held nor falsified; a held verdict of a vacuous falsifier counts for nothing."""
    return judgement.verdict.outcome == "inconclusive" or (judgement.verdict.outcome == "held" and judgement.vacuous)


def write_named(path: Path, text: str, option: str) -> None:
    """Write ``text`` to the file that was named after ``option``, whole or not at all, with the folders it lies in.

    A pipe or a device is written to, and stays what it is. Raises Failure where it cannot be written.
    """
    from falsifiable.evidence import write_atomically

    try:
        if path.exists() and not path.is_file():
            path.write_bytes(text.encode())
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise Failure(
            f"{error.filename or path} cannot be written: {error.strerror}; name another file after {option}",
            ExitCode.COULD_NOT_RUN,
        ) from error


def print_json(results: Sequence[ContractResult], out: TextIO) -> None:
    """The results of a validation as one JSON document."""
    from falsifiable.report.json_report import as_json

    json.dump(as_json(results), out, indent=2)
    out.write("\n")
