"""``contract evidence``: keys, signatures and reviews, and whether all evidence is what it claims to be."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, root_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode, combined
from falsifiable.report.text import json_text

if TYPE_CHECKING:
    from falsifiable.contracts import Purpose, TrustPolicy
    from falsifiable.evidence import Docket, Evidence, SigningKey, Statement
    from falsifiable.report.statements import StatementEntry

PASSPHRASE = "FALSIFIABLE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""The environment variable that holds the passphrase of an encrypted key where nobody can be asked."""

key_option = click.option(
    "--key",
    required=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"The private key. If it is encrypted, the passphrase is taken from ${PASSPHRASE}, or asked for.",
)


@click.group()
def command() -> None:
    """Sign, verify, review and show the evidence of this workspace.

    Whose signatures count stands in trust.yaml, in the workspace root. Evidence is only ever added to.

    \b
    A first signature:
        contract evidence keygen ~/ci.pem         and copy the line it prints into trust.yaml
        contract record
        contract evidence sign --key ~/ci.pem     what was just recorded, before it is committed
        contract evidence verify --require-signed
    """


@command.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--encrypt", is_flag=True, help=f"Encrypt it with the passphrase in ${PASSPHRASE}, or one asked for.")
@traceback_option
def keygen(out: Path, encrypt: bool) -> None:
    """Make an Ed25519 key pair: the private key in OUT, for you alone, and the public one in OUT.pub.

    No file is replaced. Whoever has OUT can sign in your name: keep it out of the repository.
    """
    from falsifiable.evidence import generate_key, write_key_pair
    from falsifiable.evidence.keys import public_text

    passphrase = _passphrase(out, new=True) if encrypt else ""
    with _in_words():
        key = generate_key()
        public = write_key_pair(out, key, passphrase)
    click.echo(f"wrote {out}, which is yours alone, and {public}; key id {key.keyid}")
    click.echo("to trust it, put this line under `signers` in trust.yaml:")
    click.echo(f'  NAME: {{key: "{public_text(key.public)}"}}')


@command.command()
@click.argument("digests", nargs=-1, metavar="[DIGEST]...")
@click.option("--all", "every", is_flag=True, help="Sign every statement that nothing supersedes, committed or not.")
@key_option
@root_option
@traceback_option
def sign(digests: tuple[str, ...], every: bool, key: Path, root: Path | None) -> None:
    """Sign statements: those named by DIGEST (its first digits will do), else those not committed yet.

    The latter are what was recorded here just now. What somebody else committed is signed only when it is named, or
    with --all: a signature says that you stand by the verdicts. Who signs the same twice changes nothing.
    """
    from falsifiable.evidence import evidence_folder, short, write_signature

    if digests and every:
        raise click.UsageError("name statements or give --all, not both")
    root, evidence = _opened(root)
    chosen = [_one(evidence, digest) for digest in digests] if digests else _unnamed(root, evidence, every=every)
    if not chosen:
        click.echo("nothing to sign: every statement is committed; name those you stand by, or give --all")
        return
    policy, signing = _policy(root), _key(key)
    for spec, statement in chosen:
        path, new = write_signature(evidence_folder(root, spec), statement.data, signing)
        done = "signed" if new else "was signed before with this key:"
        click.echo(f"{done} {statement.contract} {short(statement.sha256)}: {path.relative_to(root)}")
    for spec in sorted({spec for spec, _ in chosen}):
        _warn_unless_allowed(policy, signing, spec, "evidence")


@command.command()
@click.option("--require-signed", is_flag=True, help="Current evidence without a signature that counts is an error.")
@format_option
@root_option
@traceback_option
def verify(require_signed: bool, form: str, root: Path | None) -> ExitCode:
    """Verify all evidence: that names fit bytes and bytes are canonical, every signature and review, that commits are
    of this history, and that what a statement supersedes is there. Nothing is run.

    What another statement has replaced does not have to be signed, or of this history.

    Exit codes: 0 all of it is what it claims to be, 1 something is not, 2 something cannot be told from here (a shallow
    clone, or signatures without the library to verify them), 3 there is no evidence, 4 trust.yaml or a contract is not
    valid.
    """
    from falsifiable.cli.common import open_workspace
    from falsifiable.cli.standing import judging_code, ledger_of
    from falsifiable.contracts import spec_of
    from falsifiable.evidence import Docket, audit
    from falsifiable.report.text import counted

    workspace, catalogue = open_workspace(root)
    policy = _policy(workspace.root)
    ledger = ledger_of(workspace, judging_code(catalogue))
    current = {head.sha256 for standing in ledger.standings() for head in standing.heads}
    homes = {one.contract: spec_of(one) for one in ledger.contracts}
    docket = Docket(ledger.root, ledger.evidence, policy, ledger.history, homes, current)
    with _in_words():
        found = audit(docket, require_signed=require_signed)
    if form == "json":
        click.echo(json_text(asdict(found)), nl=False)
    else:
        for one in found.findings:
            click.echo(f"{one.severity:<12}  {one}")
        errors = sum(one.severity == "error" for one in found.findings)
        said = f"{errors} not what they claim to be" if errors else "all are what they claim to be"
        looked_at = f"{counted(found.statements, 'statement')}, {found.signed} signed by someone trusted"
        click.echo(f"{looked_at}, {counted(found.reviews, 'review')}: {said}")
    if not (found.statements or found.findings):
        return ExitCode.NOTHING_EXAMINED
    codes = {"error": ExitCode.FALSIFIED, "inconclusive": ExitCode.COULD_NOT_RUN}
    return combined(codes.get(one.severity, ExitCode.HELD) for one in found.findings)


@command.command()
@click.argument("digest")
@format_option
@root_option
@traceback_option
def show(digest: str, form: str, root: Path | None) -> None:
    """Show one statement, named by the first digits of its sha256: what was judged, where, with which outcome, and who
    signed and reviewed it. Signatures are verified.
    """
    from falsifiable.report.statements import statement_as_json, statement_lines

    root, evidence = _opened(root)
    _, wanted = _one(evidence, digest)
    (entry,) = (one for one in entries_of(root, evidence) if one.statement.sha256 == wanted.sha256)
    if form == "json":
        click.echo(json_text(statement_as_json(entry)), nl=False)
    else:
        click.echo("\n".join(statement_lines(entry)))


@command.command()
@click.option("--contract", "contract", metavar="NAME", help="Only the statements about this contract.")
@format_option
@root_option
@traceback_option
def log(contract: str | None, form: str, root: Path | None) -> ExitCode:
    """List statements in the order in which they replaced each other, the oldest first: commit, run, outcome, signers.

    Statements bear no date; the order is that of what supersedes what.

    Exit codes: 0 they were listed, 2 signatures without the library to verify them, 3 there is no evidence, 4 none
    about the contract that was named, or trust.yaml is not valid.
    """
    from falsifiable.report.statements import log_as_json, log_lines

    root, evidence = _opened(root)
    about = {one.contract for spec in evidence.values() for one in spec.statements}
    if about and contract is not None and contract not in about:
        raise Failure(f"there is no evidence about {contract!r}; there is about {', '.join(sorted(about))}")
    entries = [one for one in entries_of(root, evidence) if contract in (None, one.statement.contract)]
    if form == "json":
        click.echo(json_text(log_as_json(entries)), nl=False)
    else:
        click.echo("\n".join(log_lines(entries)) or "no evidence has been recorded here")
    return ExitCode.HELD if entries else ExitCode.NOTHING_EXAMINED


@command.command()
@click.argument("digest")
@click.option("--by", required=True, metavar="NAME", help="Your name under `signers` in trust.yaml.")
@click.option("--created", metavar="TIME", help="When you reviewed it, such as 2026-11-21T17:50:00Z; by default now.")
@key_option
@root_option
@traceback_option
def review(digest: str, by: str, created: str | None, key: Path, root: Path | None) -> None:
    """Sign that you have looked at a statement and stand by it: the review that a held gate waits for.

    It is written as an in-toto Simple Verification Result beside the evidence, in spec/SPEC/reviews. It counts where
    trust.yaml names your key under NAME and allows NAME to review the spec.
    """
    from datetime import UTC, datetime

    from falsifiable.contracts.instants import instant
    from falsifiable.evidence import Review, ReviewError, short, write_review

    root, evidence = _opened(root)
    spec, statement = _one(evidence, digest)
    policy, signing = _policy(root), _key(key)
    time = created or instant(datetime.now(tz=UTC))
    try:
        path = write_review(root, Review(spec, statement.sha256, by, time), signing)
    except ReviewError as error:
        raise Failure(f"{error}; nothing was written") from error
    click.echo(f"{by} reviewed {statement.contract} {short(statement.sha256)}: {path.relative_to(root)}")
    _warn_unless_allowed(policy, signing, spec, "review", by)


def _opened(root: Path | None) -> tuple[Path, Mapping[str, Evidence]]:
    """The workspace folder and all its evidence; what is broken in it is named, and left out."""
    from falsifiable.contracts import find_root
    from falsifiable.evidence import read_all_evidence

    folder = (root or find_root(Path.cwd())).absolute()
    evidence = read_all_evidence(folder)
    for problem in (one for spec in evidence.values() for one in spec.problems):
        click.echo(f"{problem.path.relative_to(folder)}: {problem.message} ({problem.hint})", err=True)
    return folder, evidence


def _policy(root: Path) -> TrustPolicy:
    """The workspace's trust policy. Raises Failure with every fault of the file."""
    from falsifiable.contracts import TRUST_FILE, workspace_trust

    policy, faults = workspace_trust(root)
    for fault in faults:
        click.echo(str(fault), err=True)
    if policy is None:
        raise Failure(f"{TRUST_FILE} is not valid, so nobody's signature can be weighed. See contract explain RULE")
    return policy


def _one(evidence: Mapping[str, Evidence], digest: str) -> tuple[str, Statement]:
    """The statement whose sha256 begins with ``digest``, and its spec. Raises Failure where that is not exactly one."""
    from falsifiable.evidence import matching

    found = matching(evidence, digest.removesuffix(".json")) if digest else ()
    if len(found) == 1:
        return found[0]
    if not found:
        raise Failure(f"no statement's sha256 begins with {digest!r}; contract evidence log lists all")
    listed = "".join(f"\n  {one.sha256}  {one.contract} ({spec})" for spec, one in found)
    raise Failure(f"{len(found)} statements begin with {digest!r}; give more digits:{listed}")


def _unnamed(root: Path, evidence: Mapping[str, Evidence], *, every: bool) -> list[tuple[str, Statement]]:
    """What is signed where nothing is named: statements that are not committed as they are, or all current ones."""
    from falsifiable.evidence import Repository, heads, statement_path

    if every:
        return [(spec, one) for spec in evidence for one in heads(evidence[spec].statements)]
    paths = {statement_path(spec, one.sha256): (spec, one) for spec in evidence for one in evidence[spec].statements}
    return [paths[path] for path in sorted(Repository(root).changed_paths(paths))]


def entries_of(root: Path, evidence: Mapping[str, Evidence]) -> Iterator[StatementEntry]:
    """Every statement of a workspace with all that is known of it, each after what it supersedes."""
    from falsifiable.evidence import in_succession, reviews_of
    from falsifiable.report.statements import StatementEntry

    docket = _docket(root, evidence)
    lies_in = {one.sha256: spec for spec in evidence for one in evidence[spec].statements}
    ordered = in_succession(one for spec in evidence.values() for one in spec.statements)
    later: dict[str, list[str]] = {}
    for statement in ordered:
        for earlier in statement.supersedes:
            later.setdefault(earlier, []).append(statement.sha256)
    with _in_words():
        reviewers = {spec: reviews_of(root, spec, docket.policy) for spec in {*evidence, *docket.homes.values()}}
        for statement in ordered:
            spec, digest = lies_in[statement.sha256], statement.sha256
            path, verification = docket.place(spec, statement), docket.verification(spec, statement)
            replaced = tuple(sorted(later.get(digest, ())))
            reviewed = reviewers[docket.homes.get(statement.contract, spec)].get(digest, ())
            yield StatementEntry(spec, path, statement, verification, reviewed, replaced)


def _docket(root: Path, evidence: Mapping[str, Evidence]) -> Docket:
    """What the evidence is held to, as far as the contracts of the workspace can be read."""
    from falsifiable.contracts import load_workspace, spec_of
    from falsifiable.evidence import Docket, Repository, heads
    from falsifiable.validation.catalogue import load_catalogue

    contracts = load_workspace(root, load_catalogue().signatures).contracts
    homes = {one.contract: spec_of(one) for one in contracts}
    current = {head.sha256 for head in heads(one for spec in evidence.values() for one in spec.statements)}
    return Docket(root, evidence, _policy(root), Repository(root), homes, current)


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """What is wrong with a key, or with the library for them, as what could not be run."""
    from falsifiable.evidence import SigningError

    try:
        yield
    except SigningError as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error


def _key(path: Path) -> SigningKey:
    from falsifiable.evidence import read_private_key

    with _in_words():
        return read_private_key(path, lambda: _passphrase(path, new=False))


def _passphrase(path: Path, *, new: bool) -> str:
    """The passphrase of a key, from the environment or, on a terminal, from whoever sits there."""
    if given := os.environ.get(PASSPHRASE):
        return given
    if not sys.stdin.isatty():
        raise Failure(f"{path} needs a passphrase, and there is nobody to ask: set {PASSPHRASE}")
    asked: str = click.prompt(f"Passphrase of {path}", hide_input=True, confirmation_prompt=new, err=True)
    return asked


def _warn_unless_allowed(
    policy: TrustPolicy, key: SigningKey, spec: str, purpose: Purpose, by: str | None = None
) -> None:
    """Say so where the policy as it stands gives the signature no weight; it may be amended next."""
    from falsifiable.evidence import short

    named = [name for name, one in policy.signers.items() if one.public_key == key.public]
    what = "evidence" if purpose == "evidence" else "reviews"
    if by is not None and named not in ([], [by]):
        click.echo(f"note: trust.yaml names this key {named[0]}, so a review by {by} does not count", err=True)
    elif not set(named) & set(policy.allowed(spec, purpose)):
        who = named[0] if named else f"the key {short(key.keyid)}"
        click.echo(f"note: trust.yaml does not let {who} sign {what} of {spec}; it counts once it does", err=True)
