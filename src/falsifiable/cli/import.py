"""``contract import``: a contract written for another tool, as one of ours."""  # noqa: N999 - a verb is the name of its module

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import root_option, traceback_option, write_named

if TYPE_CHECKING:
    from falsifiable.contracts.pv.doubts import Workplace
    from falsifiable.contracts.pv.file import PvFile
    from falsifiable.contracts.pv.lint import Fault


_OF_SOURCES = "# sources: all code that a test runs belongs there; its verdict is reused until one of them changes"


@click.command()
@click.argument("dialect", type=click.Choice(["pv"]), metavar="pv")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; by default contracts/NAME.yaml in the workspace.",
)
@root_option
@traceback_option
def command(dialect: str, files: tuple[Path, ...], output: Path | None, root: Path | None) -> None:  # noqa: ARG001
    """Write an equivalent contract of ours for each FILE that was written for pv. Nothing that exists is overwritten.

    Each falsification test and each kani harness becomes a claim whose check is a command. Those that name a test which
    can be run as it stands (a pytest id, a cargo command) come with a line for artifacts.yaml, and hold where a test
    passed and none was skipped. The others, and those whose test does not exist, stay PROPOSED until somebody writes
    the test. Equations and proof obligations become comments; a status that was typed is dropped.

    \b
    Example:
        contract import pv contracts/softmax-kernel-v1.yaml --output contracts/softmax.yaml
    """
    from falsifiable.cli.modeline import SCHEMA_FILE, modeline, schema_beside_contracts
    from falsifiable.contracts.places import CONTRACTS_FOLDER, find_root
    from falsifiable.contracts.pv.code import code_of
    from falsifiable.contracts.pv.doubts import Workplace
    from falsifiable.contracts.pv.reader import read_pv
    from falsifiable.contracts.pv.translation import contract_name, translated

    if output and len(files) > 1:
        raise click.UsageError(f"--output names one file, and {len(files)} are to be imported")
    read = [read_pv(path, shown=path.as_posix()) for path in files]
    for fault in (fault for one in read for fault in one.diagnostics):
        click.echo(str(fault), err=True)
    if invalid := [one.path for one in read if not one.valid]:
        raise Failure(f"{', '.join(invalid)}: not valid, so nothing was written; correct it first")
    place = root or find_root(Path.cwd())
    known = {*(contract_name(one) for one in read), *_names(place)}
    written = [(output or place / CONTRACTS_FOLDER / f"{contract_name(one)}.yaml", one) for one in read]
    _refuse_to_overwrite(written)
    bindings: list[str] = []
    workplace, code = Workplace(place), code_of(place)
    schema, told = (place / CONTRACTS_FOLDER / SCHEMA_FILE, "") if output else schema_beside_contracts(place)
    for path, one in written:
        absent = _absent_tests(one, workplace)
        if absent:
            click.echo("\n".join(str(fault.in_file(one.path)) for fault in absent), err=True)
        translation = translated(one, known, absent={fault.position for fault in absent}, code=code)
        write_named(path, modeline(path, schema) + translation.text, "--output")
        bindings += translation.bindings
        click.echo(f"wrote {path}: {_told(len(translation.bindings), translation.unbound)}")
        if translation.not_required:
            click.echo(f"  left out of 'requires', until imported too: {', '.join(translation.not_required)}")
        if translation.left_out:
            click.echo(f"  without a counterpart, and not carried over: {', '.join(translation.left_out)}")
    if told:
        click.echo(told)
    if bindings:
        click.echo("Add to artifacts.yaml, then contract validate --run-commands:")
        click.echo("\n".join((_OF_SOURCES, *bindings)))


def _absent_tests(file: PvFile, workplace: Workplace) -> list[Fault]:
    """The tests that ``file`` cites and nobody has written."""
    return list(workplace.standing(one for one in file.lint.doubts if one.question in ("test", "function")))


def _refuse_to_overwrite(written: Iterable[tuple[Path, PvFile]]) -> None:
    """Raises Failure where a file to be written is there, or two of them are one."""
    sources: dict[Path, str] = {}
    for target, one in written:
        if target.exists():
            raise Failure(f"{target} exists already, so nothing was written; name another file after --output")
        if target in sources:
            raise Failure(
                f"{sources[target]} and {one.path} would both become {target}, so nothing was written; "
                "import one of them by itself, to a file named after --output"
            )
        sources[target] = one.path


def _names(root: Path) -> list[str]:
    """The names of the contracts of ours in the workspace, whatever else is wrong with them."""
    from falsifiable.contracts import read_contract
    from falsifiable.contracts.places import CONTRACTS_FOLDER, contract_paths

    read = (read_contract(path).contract for path in contract_paths(root / CONTRACTS_FOLDER))
    return [one.contract for one in read if one is not None]


def _told(bound: int, unbound: tuple[str, ...]) -> str:
    claims = bound + len(unbound)
    said = f"{claims} claim{'' if claims == 1 else 's'}"
    return said + (f", {len(unbound)} of them without a test that can be run" if unbound else "")
