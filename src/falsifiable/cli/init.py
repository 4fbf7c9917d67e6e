"""``contract init``: a first workspace around the files that are here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import traceback_option
from falsifiable.cli.exit_codes import ExitCode

DEPTH = 4
"""How many folders deep ``init`` looks for models."""

MENTIONED = 5
"""How many of the models that were found beside the bound one are named."""

CONTRACT = """\
{modeline}contract: {name}
version: 0.1.0
title: What must be true of the model before anyone uses it

artifacts:
  model: {{kind: model, description: the file or folder that is shipped}}

# Each claim names a check that could refute it. `contract explain` lists the checks that are installed.
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
    with: {{tied_output: any}}
    if_falsified: A loader refuses the file, or fills what is missing with random numbers

  - id: FALSIFY-{tag}-003
    claim: Every weight is a finite number
    check: weights.finite
    on: {{model: model}}
    if_falsified: The model emits nothing, or nonsense, without an error

  - id: FALSIFY-{tag}-004
    claim: Every special id is a token with an embedding row
    check: vocabulary.special-ids-inside
    on: {{model: model}}
    if_falsified: Generation never ends
"""

BINDINGS = """\
# Which file each role of the contracts is bound to: ROLE or CONTRACT/ROLE, a path below this folder.
{name}/model: {path}
"""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@traceback_option
def command(folder: Path) -> None:
    """Start a workspace in FOLDER (by default this one): artifacts.yaml and a first contract for the model found there.

    A model is a .gguf file, or a folder with config.json and safetensors. Nothing that exists is overwritten.

    \b
    Examples:
        contract init
        contract init exports/ && contract validate --root exports/
    """
    bindings = folder / "artifacts.yaml"
    if bindings.exists():
        raise Failure(f"{bindings} exists already; this folder is a workspace. Next: {_next(folder)}")
    nameable = (one for one in _models(folder) if _can_be_bound(one.relative_to(folder)))
    found = list(islice(nameable, MENTIONED + 1))
    if not found:
        raise Failure(
            f"no .gguf file and no folder with config.json and safetensors, {DEPTH} levels deep in {folder.resolve()}; "
            "go to the folder that holds your model",
            ExitCode.NOTHING_EXAMINED,
        )
    contract, told = _write(folder, bindings, found[0])
    click.echo(f"wrote {contract} and {bindings}, which binds {found[0]}")
    if len(found) > 1:
        click.echo(f"also found: {', '.join(map(str, found[1:]))}; bind another by changing {bindings}")
    if told:
        click.echo(told)
    click.echo(f"Next: {_next(folder)}")


def _write(folder: Path, bindings: Path, model: Path) -> tuple[Path, str]:
    """Write schema and contract, then the file that binds ``model``; the contract, and what to say of the schema."""
    from falsifiable.cli.modeline import modeline, schema_beside_contracts
    from falsifiable.evidence import write_atomically

    words = _words(folder.resolve().name)
    name = "-".join([*words, "usable"])  # the last word keeps `2024`, `true` and `con` from being names of their own
    contract = folder / "contracts" / f"{name}.yaml"
    if contract.exists():
        raise Failure(f"{contract} exists already; nothing was written. Next: {_next(folder)}")
    tag = "".join(words).upper()[:12]
    path = json.dumps(model.relative_to(folder).as_posix(), ensure_ascii=False)
    try:
        contract.parent.mkdir(exist_ok=True)
        schema, told = schema_beside_contracts(folder)
        first = modeline(contract, schema)
        write_atomically(contract, CONTRACT.format(modeline=first, name=name, tag=tag).encode())
        write_atomically(bindings, BINDINGS.format(name=name, path=path).encode())
    except OSError as error:
        raise Failure(
            f"{error.filename or folder} cannot be written: {error.strerror}; choose a folder that you may write to",
            ExitCode.COULD_NOT_RUN,
        ) from error
    return contract, told


def _next(folder: Path) -> str:
    return "contract validate" if folder == Path() else f"contract validate --root {folder}"


def _models(folder: Path) -> Iterator[Path]:
    """GGUF files and Hugging Face folders in and below ``folder``, nearest first; hidden folders are left out."""
    if _is_checkpoint(folder):
        yield folder
    level = [folder]
    for _ in range(DEPTH + 1):
        entries = [entry for one in level for entry in _entries(one)]
        yield from (one for one in entries if (one.is_file() and one.suffix == ".gguf") or _is_checkpoint(one))
        level = [one for one in entries if one.is_dir() and not one.is_symlink()]


def _entries(folder: Path) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        return []
    return sorted(one for one in folder.iterdir() if not one.name.startswith("."))


def _is_checkpoint(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _can_be_bound(path: Path) -> bool:
    """Whether artifacts.yaml, which is UTF-8 and means the same on every system, can hold this path."""
    from falsifiable.contracts.bindings import path_fault

    return path.as_posix().isprintable() and not path_fault(path.as_posix())


def _words(text: str) -> list[str]:
    """``text`` as the words of a contract's name."""
    return re.findall(r"[a-z0-9]+", text.lower()[:60]) or ["model"]
