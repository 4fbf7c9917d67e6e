"""``contract inspect``: what an artifact holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import traceback_option
from falsifiable.cli.exit_codes import ExitCode


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--tensors", is_flag=True, help="List every tensor: name, canonical name, shape, dtype.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@traceback_option
def command(path: Path, tensors: bool, form: str) -> None:
    """Show what a model, tokenizer, run or corpus holds, from its headers.

    Exit code 1 for a file that breaks its own format's rules, 2 for bytes of no known format.
    """
    from falsifiable.artifacts import ArtifactError, detect_kind, open_artifact
    from falsifiable.report.artifact import describe, print_description

    try:
        artifact = open_artifact(detect_kind(path), path)
    except ArtifactError as error:
        code = ExitCode.FALSIFIED if error.kind == "unsound" else ExitCode.COULD_NOT_RUN
        raise Failure(str(error), code) from error
    described: dict[str, Any] = describe(artifact, tensors=tensors)
    if form == "json":
        json.dump(described, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        print_description(described, sys.stdout)
