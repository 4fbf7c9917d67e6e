"""``contract inspect``: what an artifact holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import Place, format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode


@click.command()
@click.argument("path", type=Place(exists=True))
@click.option("--tensors", is_flag=True, help="List every tensor: name, canonical name, shape, dtype.")
@format_option
@traceback_option
def command(path: Path, tensors: bool, form: str) -> None:
    """Show what a model, tokenizer, run, corpus or table holds, from its headers; tensors are not read, no code is run.

    \b
    PATH is one of
        a GGUF, safetensors, APR or PyTorch file, or the folder of a Hugging Face model or of an adapter
        a tokenizer (tokenizer.json, vocab.json, tokenizer.model), or a folder that holds one and no model
        a run folder, its run.yaml, or a trainer_state.json
        a corpus manifest, manifest.json
        a table of JSON objects, one per line (.jsonl)
        the URL of any of these

    \b
    Examples:
        contract inspect model.gguf --tensors
        contract inspect checkpoint/ --format json

    The section "safety" says what loading the files could do, even where they cannot be read: safe (none of what is
    looked for was found), suspicious, or dangerous.

    Exit codes: 0 it was read, 1 it breaks its own format's rules or is dangerous to load, 2 the bytes are of no known
    format.
    """
    from falsifiable.artifacts import ArtifactError, detect_kind, open_artifact
    from falsifiable.artifacts.safety.inspection import inspect_safety
    from falsifiable.report.artifact import describe, describe_safety

    safety = inspect_safety(path)
    try:
        artifact = open_artifact(detect_kind(path), path)
    except ArtifactError as error:
        if safety.findings:
            _print({"path": str(path), "error": str(error), "safety": describe_safety(safety)}, form)
        if error.kind == "unsound" or safety.verdict == "dangerous":
            raise Failure(str(error), ExitCode.FALSIFIED) from error
        raise Failure(f"{error}\nWhat can be inspected: contract inspect --help", ExitCode.COULD_NOT_RUN) from error
    _print(describe(artifact, tensors=tensors, safety=safety), form)
    if safety.verdict == "dangerous":
        raise Failure(f"{path}: is dangerous to load: {safety.findings[0].what}", ExitCode.FALSIFIED)


def _print(described: dict[str, Any], form: str) -> None:
    from falsifiable.report.artifact import print_description

    if form == "json":
        json.dump(described, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        print_description(described, sys.stdout)
