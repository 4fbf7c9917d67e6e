"""``contract gate``: whether a change may move a status or a percentage."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import Asked, of_all_contracts, open_workspace, run_validation
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.contracts import TRUST_FILE, find_root
from falsifiable.contracts.places import ARTIFACTS_FILE, CONTRACTS_FOLDER
from falsifiable.evidence import GitError, Repository
from falsifiable.report.gate import FORMATS
from falsifiable.spec.gate import Decision, Demands, decide
from falsifiable.spec.side import Side, read_side
from falsifiable.validation.cache import Cache
from falsifiable.validation.code_at import Code, CodeError, code_at, code_below, code_here
from falsifiable.validation.results import ContractResult

READ = (CONTRACTS_FOLDER, "spec", TRUST_FILE, ARTIFACTS_FILE)
"""What the gate reads of a commit, beside the code that judges."""


@click.command()
@click.option("--base", required=True, metavar="REF", help="The commit that the change starts from.")
@click.option("--head", default="HEAD", show_default=True, metavar="REF", help="The commit that it ends with.")
@click.option(
    "--require-signed", is_flag=True, help="Every claim at INTEGRATION or above must rest on signed evidence."
)
@click.option("--release", is_flag=True, help="Refuse while a claim is falsified, unless its criterion is waived.")
@click.option(
    "--accept-trust", default="", metavar="SHA256", help="You have looked at the new trust.yaml with this sha256."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="For a person, a program, a job summary, or annotations in a pull request.",
)
@of_all_contracts
def command(
    asked: Asked, base: str, head: str, require_signed: bool, release: bool, accept_trust: str, form: str
) -> ExitCode:
    """Compare two commits and refuse, with every reason, where a status or percentage moved without current evidence.

    Evidence counts above PARTIAL where a key that trust.yaml of BASE allows has signed it, or where this very job comes
    to the same verdicts on the same bytes: files are bound by artifacts.yaml, --run and --artifact as in validate, and
    judged again only where somebody has to vouch for a status that rose.

    \b
    Examples:
        contract gate --base origin/main
        contract gate --base v1.2.0 --release --require-signed
        contract gate --base origin/main --format markdown >> "$GITHUB_STEP_SUMMARY"

    Exit codes: 0 passed, 5 refused, 2 cannot be decided from here (a shallow clone), 4 wrong usage.
    """
    root = asked.root or find_root(Path.cwd())
    demands = Demands(datetime.datetime.now(tz=datetime.UTC).date(), require_signed, release, accept_trust)
    try:
        with tempfile.TemporaryDirectory(prefix="contract-gate-") as folder:
            decision = _decided(asked, root, Path(folder), (base, head), demands)
    except GitError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    click.echo(FORMATS[form](decision), nl=False)
    refused = ExitCode.GATE_REFUSED if decision.blocks else ExitCode.HELD
    return combined([refused, ExitCode.COULD_NOT_RUN if decision.undecided else ExitCode.HELD])


def _decided(asked: Asked, root: Path, folder: Path, revisions: tuple[str, str], demands: Demands) -> Decision:
    base, head = _sides(root, folder, revisions)
    decision = decide(base, head, demands)
    if not (decision.blocks and decision.unvouched) or Repository(root).head != head.commit:
        return decision
    again = _judged_again(replace(asked, contracts=decision.unvouched), Cache(folder / "nothing is known"))
    foreign = {name: one for name, one in again.items() if not _brought_along(asked, root, name, base, head)}
    return decide(base, head, demands, foreign)


def _brought_along(asked: Asked, root: Path, contract: str, base: Side, head: Side) -> bool:
    """Whether the change itself says, or brings, what ``contract`` is judged on: judged again that proves nothing.

    A run that is committed together with its evidence was made by whoever made the evidence; so was the choice of
    another file, or of a place elsewhere. What --run and --artifact bind was chosen by the job.
    """
    top = root.resolve()
    bound = [Path.cwd() / one for one in (asked.run, *asked.artifacts.values()) if one is not None]
    for role in head.contracts[contract].artifacts if asked.run is None else ():
        was, now = (one.workspace.binding(contract, role) for one in (base, head))
        if now is None or {role, f"{contract}/{role}"} & asked.artifacts.keys():
            continue
        if now.url or (was is not None and not was.binds_the_same(now)):
            return True
        bound += [top / one for one in (now.path, *now.sources) if one]
    places = {
        path.relative_to(top).as_posix()
        for one in bound
        for path in (Path(os.path.normpath(one)), one.resolve())  # a link is the change's, and what it leads to may be
        if path.is_relative_to(top)
    }
    return bool(places) and head.repository.differ(base.commit, head.commit, places)


def _sides(root: Path, folder: Path, revisions: tuple[str, str]) -> tuple[Side, Side]:
    """Both commits, exported below ``folder`` and read with the code that each of them has.

    The later commit's code runs while its checks are listed: what is judged by is exported only afterwards.
    """
    checked_out, code = Repository(root), code_below(root)
    places = (*READ, *code)
    base, head = (_known(root, revision) for revision in revisions)
    try:
        here = checked_out.head == head.head and not checked_out.dirty
        of_head = code_here() if here else _code_of(head, folder / "code", places)
        same = not checked_out.differ(str(base.head), str(head.head), code)
        of_base = of_head if same else _code_of(base, folder / "code of base", places)
    except CodeError as error:
        raise Failure(f"the checks of a commit cannot be listed: {error}", ExitCode.COULD_NOT_RUN) from error
    left_out = [one.export(folder / name, places) for name, one in (("base", base), ("head", head))]
    return (
        read_side(folder / "base", base, of_base, left_out[0]),
        read_side(folder / "head", head, of_head, left_out[1]),
    )


def _known(root: Path, revision: str) -> Repository:
    repository = Repository(root, revision)
    if repository.problem:
        raise Failure(f"{root} is in no git repository ({repository.problem}); a gate compares two commits")
    if repository.head is None:
        hint = "fetch it (git fetch, or fetch-depth: 0 in the checkout step), or name another"
        raise Failure(
            f"git knows no revision {revision!r} here; {hint}",
            ExitCode.COULD_NOT_RUN if repository.shallow else ExitCode.INVALID,
        )
    return repository


def _code_of(repository: Repository, folder: Path, places: Sequence[str]) -> Code:
    repository.export(folder, places)
    return code_at(folder, repository.root)


def _judged_again(asked: Asked, cache: Cache) -> Mapping[str, ContractResult]:
    """What this job finds on the bytes bound here, by contract, whatever an earlier job put into the user's cache."""
    from falsifiable.cli.standing import with_known_commands

    workspace, catalogue = open_workspace(asked.root)
    results = run_validation(asked, workspace, catalogue, cache=cache)
    known = with_known_commands(results, Repository(workspace.root))
    return {one.contract: one for one in known}
