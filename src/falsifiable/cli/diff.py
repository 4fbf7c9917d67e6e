"""``contract diff``: how contracts changed between two files, folders or revisions, and the versions that demands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, root_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.contracts import ARTIFACTS_FILE, Contract, ContractFile, find_root, read_contract
from falsifiable.contracts.check import check_distinct
from falsifiable.contracts.places import CONTRACT_SUFFIX, CONTRACTS_FOLDER, contract_paths
from falsifiable.evidence import GitError, Repository
from falsifiable.report.text import json_text

WORKING_TREE = "the working tree"


@dataclass(frozen=True, slots=True)
class Side:
    """The contracts of one side, by name; ``alone`` says that one file was named, and not a set of them."""

    shown: str
    contracts: Mapping[str, Contract]
    alone: bool = False


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", required=False)
@root_option
@format_option
@traceback_option
def command(before: str, after: str | None, root: Path | None, form: str) -> None:
    """Show how contracts changed from A to B, and the version that each change demands.

    A and B are each a contract file, a folder (of contracts, or a workspace), or a git revision of this workspace; a
    file or folder of that name comes first. Without B, A is compared with the working tree. Contracts are matched by
    name, whatever file they lie in; where one side is a single file, only its contract is compared.

    What a contract leaves to the defaults of a check is read from the checks that are installed, for both sides.

    \b
    Examples:
        contract diff main                          what this branch changes
        contract diff v1.4.0 v1.5.0                 between two releases
        contract diff old.yaml contracts/new.yaml   between two files
        contract explain loosened                   a kind of change, and the bump it demands

    Exit codes: 0 whether or not anything differs, 3 there is no contract on either side, 4 a contract or a revision
    cannot be read.
    """
    from falsifiable.contracts.comparison import compare_sets
    from falsifiable.report.differences import Differences, print_differences
    from falsifiable.validation.catalogue import load_catalogue

    place = root or find_root(Path.cwd())
    was, now = _read(before, place), _working_tree(place) if after is None else _read(after, place)
    was, now = _only(was, now), _only(now, was)
    names = was.contracts.keys() | now.contracts.keys()
    if not names:
        raise Failure(f"there is no contract in {was.shown} nor in {now.shown}", ExitCode.NOTHING_EXAMINED)
    changed = compare_sets(was.contracts.values(), now.contracts.values(), load_catalogue().signatures)
    differences = Differences(was.shown, now.shown, len(names), changed)
    if form == "json":
        click.echo(json_text(differences.to_json()), nl=False)
    else:
        print_differences(differences, sys.stdout)


def _only(side: Side, other: Side) -> Side:
    """``side`` with the one contract of ``other``, where that is a single file."""
    if side.alone or not other.alone:
        return side
    return replace(side, contracts={name: one for name, one in side.contracts.items() if name in other.contracts})


def _read(name: str, root: Path) -> Side:
    """The contracts that ``name`` stands for. Raises Failure."""
    repository, path = Repository(root), Path(name)
    if not path.exists():
        return _revision(name, repository)
    if repository.commit_of(name) is not None:
        what = "folder" if path.is_dir() else "file"
        click.echo(f"note: {name} is a {what} and a revision; the {what} is read. Write {name}~0 otherwise", err=True)
    if path.is_dir():
        return _folder(path)
    return Side(name, _sound([read_contract(path, shown=name)]), alone=True)


def _folder(path: Path) -> Side:
    """The contracts of a workspace, or all below a folder that is none."""
    own = path / CONTRACTS_FOLDER
    is_workspace = (path / ARTIFACTS_FILE).is_file() or bool(contract_paths(own))
    found = _below(own if is_workspace else path, Path())
    if not found:
        raise Failure(f"{path} holds no contract; name a folder with {CONTRACT_SUFFIX} files, or a workspace")
    return Side(path.as_posix(), found)


def _working_tree(root: Path) -> Side:
    found = _below(root / CONTRACTS_FOLDER, root)
    if not found:
        click.echo(f"note: {root} has no {CONTRACTS_FOLDER}/; run in a workspace, or name one after --root", err=True)
    return Side(WORKING_TREE, found)


def _below(folder: Path, root: Path) -> dict[str, Contract]:
    """The contracts in the files below ``folder``, which messages name as seen from ``root``."""
    return _sound([read_contract(one, shown=one.relative_to(root).as_posix()) for one in contract_paths(folder)])


def _revision(name: str, repository: Repository) -> Side:
    """The contracts of the workspace as they were committed. Raises Failure."""
    if repository.commit_of(name) is None:
        why = f": {repository.problem}" if repository.problem else ""
        raise Failure(f"{name!r} is no file, no folder and no revision that git knows here{why}")
    try:
        files = repository.files_at(name, CONTRACTS_FOLDER, CONTRACT_SUFFIX)
    except GitError as error:
        raise Failure(f"{name} cannot be read: {error}") from error
    if not files:
        click.echo(f"note: {name} has no contracts below {CONTRACTS_FOLDER}/", err=True)
    return Side(name, _sound([read_contract(content, shown=f"{name}:{path}") for path, content in files.items()]))


def _sound(files: list[ContractFile]) -> dict[str, Contract]:
    """The contracts of ``files`` by name. Raises Failure after every fault was printed."""
    checked = check_distinct(files)
    faults = [one for file in checked for one in file.diagnostics]
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        raise Failure("nothing was compared: a contract that cannot be read has no changes. See contract explain RULE")
    return {file.contract.contract: file.contract for file in checked if file.contract is not None}
