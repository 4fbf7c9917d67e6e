"""``contract check``: an answer about one file or folder, without any YAML."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import Place, debug_option, exit_code, format_option, print_json, quiet_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.contracts import Contract, Workspace
from falsifiable.validation.catalogue import Catalogue
from falsifiable.validation.results import ContractResult

CONSUMERS = {"llama.cpp": "llama-cpp-loads", "transformers": "transformers-loads"}
"""Who must be able to load a model, and the shipped contract that says what it needs."""
LOADED_BY: Mapping[str, frozenset[str]] = {
    "llama.cpp": frozenset({"gguf"}),
    "transformers": frozenset({"huggingface", "safetensors", "gguf", "peft"}),
}
"""The formats that each of them opens; a model in another one can only be judged for the day it is converted."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: these contracts of this model or run. ``asked_by`` maps a contract to who needs it to hold."""

    path: Path
    contracts: tuple[Contract, ...]
    asked_by: Mapping[str, str]
    is_run: bool = False


@click.command()
@click.argument("path", type=Place(exists=True))
@click.option(
    "--for",
    "consumers",
    metavar="CONSUMER[,...]",
    help=f"Who must be able to load the model: {', '.join(CONSUMERS)}. By default whoever reads this format.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show the measurements behind every verdict.")
@format_option
@quiet_option
@debug_option
def command(path: Path, consumers: str | None, verbose: bool, form: str, quiet: bool, debug: bool) -> int:
    """Check a model file, a Hugging Face folder or a run folder for the programs that must load it.

    No YAML is needed: what PATH is, is read from the file, and the contracts shipped with this package say what each
    consumer needs. Of a run folder everything is checked that its run.yaml names.

    \b
    Examples:
        contract check model.gguf
        contract check checkpoint/ --for transformers
        contract check runs/reference

    \b
    Exit codes: 0 nothing was found against it, 1 something is falsified, 2 PATH holds nothing that can be read.
    """
    from falsifiable.report.console import print_results
    from falsifiable.report.progress import progress
    from falsifiable.validation import Options, validate_workspace
    from falsifiable.validation.catalogue import load_catalogue

    catalogue = load_catalogue()
    workspace = _shipped(catalogue)
    question = _question(path, consumers, workspace)
    roles = {role for contract in question.contracts for role in contract.artifacts}
    with progress(quiet=quiet) as listener:
        results = validate_workspace(
            workspace,
            catalogue,
            contracts=question.contracts,
            run=question.path if question.is_run else None,
            artifacts={} if question.is_run else dict.fromkeys(roles, question.path),
            options=Options(debug=debug),
            listeners=[listener],
        )
    if form == "json":
        print_json(results, sys.stdout)
    else:
        print_results(results, sys.stdout, verbose=verbose, only_faults=quiet)
        _print_answer(question, results, sys.stdout)
    return exit_code(results)


def _shipped(catalogue: Catalogue) -> Workspace:
    """The shipped contracts seen from this folder, with nothing bound: no artifacts.yaml has a say here."""
    from falsifiable.contracts import load_workspace, shipped_contracts

    folder = shipped_contracts()
    workspace = load_workspace(folder, catalogue.signatures, contracts_folder=folder)
    if workspace.errors:
        why = "; ".join(f"plugin {name}: {said}" for name, said in catalogue.failed_plugins.items())
        raise Failure(
            f"the shipped contracts cannot be used: {why or workspace.errors[0]}; reinstall falsifiable",
            ExitCode.COULD_NOT_RUN,
        )
    return replace(workspace, root=Path.cwd())


def _question(path: Path, consumers: str | None, workspace: Workspace) -> Question:
    from falsifiable.artifacts import detect_kind

    asked = None if consumers is None else _consumers(consumers)
    kind = detect_kind(path)
    if kind == "run":
        return _about_run(path, asked, workspace)
    if kind == "model":
        return _about_model(path, asked, workspace)
    raise Failure(f"{path} is a {kind}, and check takes a model or a run folder. See contract inspect {path}")


def _about_run(path: Path, asked: Sequence[str] | None, workspace: Workspace) -> Question:
    """Every claim about what a run left behind.

    Not asked of its files are claims about the program that trained it, and those that compare it with another run.
    """
    from falsifiable.validation.binding import run_judged

    if asked is not None:
        raise Failure(f"--for says who must load a model, and {path} is a run folder; check one of its models instead")
    _opened(path, "run")
    about_runs = [one for one in workspace.contracts if any(role.kind == "run" for role in one.artifacts.values())]
    contracts = []
    for contract in about_runs:
        kinds = {role: one.kind for role, one in contract.artifacts.items()}
        others = {role for role, kind in kinds.items() if kind == "run"} - {run_judged(contract)}
        kept = [
            one
            for one in contract.falsifiers
            if one.on and "command" not in map(kinds.get, one.on.values()) and not others & {*one.on.values()}
        ]
        if kept:
            contracts.append(replace(contract, falsifiers=tuple(kept)))
    return Question(path, tuple(contracts), {one.contract: one.contract for one in contracts}, is_run=True)


def _about_model(path: Path, asked: Sequence[str] | None, workspace: Workspace) -> Question:
    path = _whole_model(path)
    model_format = _opened(path, "model") or ("gguf" if path.suffix == ".gguf" else "safetensors")
    consumers = asked or ["llama.cpp" if model_format == "gguf" else "transformers"]
    by_name = {one.contract: one for one in workspace.contracts}
    contracts = tuple(_needs(by_name[CONSUMERS[one]], one, model_format) for one in consumers)
    return Question(path, contracts, {CONSUMERS[one]: _answered_for(one, model_format, path) for one in consumers})


def _needs(contract: Contract, consumer: str, model_format: str) -> Contract:
    """The contract of a consumer, as far as it can be asked of a model in this format.

    ``packaging.usable-by`` says of a format that the consumer does not open only that it does not.
    """
    opens = not model_format or model_format in LOADED_BY[consumer]
    kept = [one for one in contract.falsifiers if opens or one.check != "packaging.usable-by"]
    return replace(contract, falsifiers=tuple(kept))


def _answered_for(consumer: str, model_format: str, path: Path) -> str:
    """Whom an answer is for: a format that the consumer does not open is said, and no answer may hide it."""
    if not model_format or model_format in LOADED_BY[consumer]:
        return consumer
    click.echo(
        f"note: {consumer} does not open the format of {path} ({model_format}); asked is what it needs of the model "
        "once that is converted",
        err=True,
    )
    return f"{consumer}, once converted"


def _whole_model(path: Path) -> Path:
    """The checkpoint folder that a safetensors file belongs to: its other half, the configuration, lies beside it."""
    if path.suffix != ".safetensors" or not path.is_file():
        return path
    if (path.parent / "config.json").is_file():
        click.echo(f"note: {path} belongs to the checkpoint in {path.parent}, and that is checked", err=True)
        return path.parent
    click.echo(f"note: {path} stands alone; who loads it needs config.json in the same folder", err=True)
    return path


def _opened(path: Path, kind: str) -> str:
    """The format of what is at ``path``; "" for one that breaks its own rules, which is for a check to say.

    Raises Failure for bytes of no known format: nothing can be asked of them.
    """
    from falsifiable.artifacts import ArtifactError, open_model, open_run

    try:
        return open_model(path).format if kind == "model" else str(open_run(path).kind)
    except ArtifactError as error:
        if error.kind == "unsound" and kind == "model":
            return ""
        if error.kind == "unsound":
            raise Failure(f"{error}\nNothing else can be asked of this run.", ExitCode.FALSIFIED) from error
        raise Failure(
            f"{error}\nNothing was checked. PATH may be a .gguf, .safetensors, .apr or PyTorch file, a Hugging Face "
            "folder (config.json and weights), the URL of one, or a run folder (run.yaml).",
            ExitCode.COULD_NOT_RUN,
        ) from error


def _consumers(asked: str) -> Sequence[str]:
    from falsifiable.contracts import suggestion

    names = [name.strip() for name in asked.split(",") if name.strip()]
    for name in names:
        if name not in CONSUMERS:
            raise Failure(f"no consumer {name!r} is known; {suggestion(name, CONSUMERS, '--for takes')}")
    if not names:
        raise Failure(f"--for names nobody; it takes {', '.join(CONSUMERS)}")
    return list(dict.fromkeys(names))


def _print_answer(question: Question, results: Sequence[ContractResult], out: TextIO) -> None:
    """One line per consumer: what the verdicts mean for whoever wants to use PATH."""
    from falsifiable.report.text import clean

    shown = clean(str(question.path))
    for result in results:
        outcomes = [judgement.verdict.outcome for judgement in result.judgements]
        fell, open_ones = outcomes.count("falsified"), outcomes.count("inconclusive")
        who, claims = question.asked_by[result.contract], len(outcomes)
        if fell:
            answer = f"NOT as it is: falsified {fell} of {claims} claims about {shown}; see above"
        elif open_ones:
            answer = f"nothing found against {shown}, but {open_ones} of {claims} claims could not be judged; see above"
        else:
            answer = f"nothing found against {shown}, all {claims} claims held"
        out.write(f"{who}: {answer}\n")
