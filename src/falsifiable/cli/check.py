"""``contract check``: an answer about one file or folder, without any YAML."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import debug_option, exit_code, print_json
from falsifiable.cli.exit_codes import ExitCode

CONSUMERS = {"llama.cpp": "llama-cpp-loads", "transformers": "transformers-loads"}
"""Who must be able to load a model, and the shipped contract that says what it needs."""


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--for",
    "consumers",
    metavar="CONSUMER[,...]",
    help=f"Who must be able to load it: {', '.join(CONSUMERS)}. By default whoever reads this format.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show the measurements behind every verdict.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@debug_option
def command(path: Path, consumers: str | None, verbose: bool, form: str, debug: bool) -> int:
    """Check a model file, a Hugging Face folder or a run folder for the programs that must load it.

    No YAML is needed: what PATH is, is read from the file, and the contracts shipped with this package say what each
    consumer needs.

    \b
    Examples:
        contract check model.gguf
        contract check checkpoint/ --for transformers
        contract check runs/reference
    """
    from falsifiable.artifacts import detect_kind
    from falsifiable.contracts import load_workspace, shipped_contracts
    from falsifiable.report.console import print_results
    from falsifiable.report.progress import progress
    from falsifiable.validation import Options, validate_workspace
    from falsifiable.validation.catalogue import load_catalogue

    kind = detect_kind(path)
    if kind not in ("model", "run"):
        raise Failure(
            f"{path} is no model and no run folder but a {kind}; see contract inspect {path}", ExitCode.COULD_NOT_RUN
        )
    catalogue = load_catalogue()
    workspace = load_workspace(path.parent, catalogue.signatures, contracts_folder=shipped_contracts())
    by_name = {one.contract: one for one in workspace.contracts}
    if kind == "run":
        contracts = [one for one in workspace.contracts if any(role.kind == "run" for role in one.artifacts.values())]
        run, artifacts = path, {}
    else:
        contracts = [by_name[CONSUMERS[name]] for name in _consumers(path, consumers)]
        run, artifacts = None, {"model": path}
    with progress() as listener:
        results = validate_workspace(
            workspace, catalogue, contracts=contracts, run=run, artifacts=artifacts,
            options=Options(debug=debug), listeners=[listener],
        )  # fmt: skip
    if form == "json":
        print_json(results, sys.stdout)
    else:
        print_results(results, sys.stdout, verbose=verbose)
    return exit_code(results)


def _consumers(path: Path, asked: str | None) -> Sequence[str]:
    if asked is None:
        return ["transformers"] if path.is_dir() or path.suffix == ".safetensors" else ["llama.cpp"]
    names = [name.strip() for name in asked.split(",")]
    unknown = [name for name in names if name not in CONSUMERS]
    if unknown:
        raise Failure(f"no consumer {', '.join(unknown)} is known; --for takes {', '.join(CONSUMERS)}")
    return names
