"""``contract init``: a first workspace around the files that are here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import traceback_option
from falsifiable.cli.exit_codes import ExitCode

DEPTH = 4
"""How many folders deep ``init`` looks for models."""

CONTRACT = """\
# yaml-language-server: $schema={schema}
contract: {name}
version: 0.1.0
title: What must be true of the model before anyone uses it

artifacts:
  model: {{kind: model, description: the file or folder that is shipped}}

falsifiers:
  - id: FALSIFY-{tag}-001
    claim: The file is whole and keeps the rules of its own format
    check: artifact.sound
    on: {{model: model}}
    if_falsified: No program can be trusted to load it

  - id: FALSIFY-{tag}-002
    claim: The tensors are exactly those the configuration implies
    check: packaging.tensor-inventory
    on: {{model: model}}
    if_falsified: A loader refuses the file, or fills what is missing with random numbers

  - id: FALSIFY-{tag}-003
    claim: Every weight is a finite number
    check: packaging.finite
    on: {{model: model}}
    if_falsified: The model emits nothing, or nonsense, without an error
"""

BINDINGS = """\
# Which file each role of the contracts is bound to: ROLE or CONTRACT/ROLE, a path below this folder.
{name}/model: {path}
"""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@traceback_option
def command(folder: Path) -> None:
    """Start a workspace in FOLDER: artifacts.yaml and a first contract for the model found there.

    Nothing that exists is overwritten.
    """
    from falsifiable.contracts import shipped_schema

    bindings = folder / "artifacts.yaml"
    if bindings.exists():
        raise Failure(f"{bindings} exists already; this folder is a workspace. Next: contract validate")
    model = next(_models(folder), None)
    if model is None:
        raise Failure(
            f"no .gguf file and no folder with config.json and safetensors, {DEPTH} levels deep in {folder.resolve()}; "
            "go to the folder that holds your model",
            ExitCode.NOTHING_EXAMINED,
        )
    name = _name(folder.resolve().name)
    contract = folder / "contracts" / f"{name}.yaml"
    if contract.exists():
        raise Failure(f"{contract} exists already; nothing was written")
    contract.parent.mkdir(exist_ok=True)
    tag = name.upper().replace("-", "")[:12]
    contract.write_text(CONTRACT.format(schema=shipped_schema(), name=name, tag=tag), encoding="utf-8")
    bindings.write_text(BINDINGS.format(name=name, path=model.relative_to(folder).as_posix()), encoding="utf-8")
    click.echo(f"wrote {contract} and {bindings}, which binds {model}")
    click.echo("Next: contract validate")


def _models(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """GGUF files and Hugging Face folders below ``folder``, nearest first; hidden folders are left out."""
    entries = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    for one in entries:
        if (one.is_file() and one.suffix == ".gguf") or (
            one.is_dir() and (one / "config.json").is_file() and any(one.glob("*.safetensors"))
        ):
            yield one
    for one in entries:
        if depth and one.is_dir() and not one.is_symlink():
            yield from _models(one, depth - 1)


def _name(text: str) -> str:
    """``text`` as a contract name: lower-case words joined by dashes."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "model"
