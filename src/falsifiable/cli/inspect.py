"""``contract inspect``: what an artifact holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--tensors", is_flag=True, help="List every tensor: name, canonical name, shape, dtype.")
@format_option
@traceback_option
def command(path: Path, tensors: bool, form: str) -> None:
    """Show what a model, tokenizer, run or corpus holds, from its headers: no tensor data is read.

    \b
    PATH is one of
        a .gguf or .safetensors file, or a Hugging Face folder (config.json and safetensors)
        a tokenizer.json, or a folder that holds one and no model
        a run folder, or its run.yaml
        a corpus manifest, manifest.json

    \b
    Examples:
        contract inspect model.gguf --tensors
        contract inspect checkpoint/ --format json

    Exit codes: 0 it was read, 1 it breaks its own format's rules, 2 the bytes are of no known format.
    """
    from falsifiable.artifacts import ArtifactError, detect_kind, open_artifact
    from falsifiable.report.artifact import describe, print_description

    try:
        artifact = open_artifact(detect_kind(path), path)
    except ArtifactError as error:
        if error.kind == "unsound":
            raise Failure(str(error), ExitCode.FALSIFIED) from error
        raise Failure(f"{error}\nWhat can be inspected: contract inspect --help", ExitCode.COULD_NOT_RUN) from error
    described: dict[str, Any] = describe(artifact, tensors=tensors)
    if form == "json":
        json.dump(described, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        print_description(described, sys.stdout)
