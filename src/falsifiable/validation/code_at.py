"""The checks as the code of another commit has them: what a gate compares two commits by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from falsifiable.contracts.signature import CheckSignature
from falsifiable.falsifier import SEMANTICS
from falsifiable.validation.catalogue import LOAD_SECONDS, Catalogue, code_files, load_catalogue


class CodeError(Exception):
    """The checks of a folder cannot be listed; the message says why."""


@dataclass(frozen=True, slots=True)
class Code:
    """What judges at one commit: its checks, and the number under which its readers give bytes their meaning."""

    catalogue: Catalogue
    semantics: int


def code_here() -> Code:
    """The checks of this process: what is installed, and what lies in the checkout."""
    return Code(load_catalogue(), SEMANTICS)


def _judging_paths(workspace: Path) -> frozenset[Path]:
    """Where inside ``workspace`` judging code is looked for."""
    workspace = workspace.resolve()
    inside = [one for one in _searched() if one.is_relative_to(workspace)]
    files = [file.resolve() for file in code_files()]
    return frozenset(one for one in inside if any(file.is_relative_to(one) for file in files))


def code_below(workspace: Path) -> tuple[str, ...]:
    """The folders inside ``workspace``, relative to it, that judging code is imported from.

    They are the package itself where it is developed, and plugins that live beside the contracts. Where nothing below
    them changed, the code did not.
    """
    workspace = workspace.resolve()
    inside = [one for one in _searched() if one.is_relative_to(workspace)]
    found = set()
    for file in code_files():
        of_module = file.resolve()
        searched = [one for one in inside if of_module.is_relative_to(one)]
        if searched:
            nearest = max(searched, key=lambda one: len(one.parts))
            package = nearest if nearest != workspace else nearest / of_module.relative_to(nearest).parts[0]
            found.add(package.relative_to(workspace).as_posix())
    return tuple(sorted(found))


def _searched() -> list[Path]:
    return [Path(one or ".").resolve() for one in sys.path]


_LIST_CHECKS = """
import json, sys
from falsifiable.falsifier import SEMANTICS
from falsifiable.validation.catalogue import load_catalogue
known = load_catalogue()
json.dump({
    "signatures": {name: one.to_json() for name, one in known.signatures.items()},
    "source_digests": dict(known.source_digests),
    "failed_plugins": dict(known.failed_plugins),
    "semantics": SEMANTICS,
}, sys.stdout)
"""
# Only names that every version has had stand in it: it runs in the code of an older commit.


def code_at(folder: Path, workspace: Path) -> Code:
    """The checks as the commit exported to ``folder`` has them, for the workspace that it is a commit of.

    Whatever is imported from inside ``workspace`` here (the package itself, where it is developed, and plugins that
    live beside the contracts) is imported from ``folder`` there; everything else is what is installed. Its modules
    are run: a gate trusts the code of both commits as much as the tests that CI runs. Raises :class:`CodeError`.
    """
    with tempfile.TemporaryDirectory() as cache:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(_import_path(folder, workspace)),
            "FALSIFIABLE_CACHE": cache,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", _LIST_CHECKS],
                cwd=folder, env=environment, capture_output=True, text=True, timeout=2 * LOAD_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise CodeError(f"listing its checks took longer than {2 * LOAD_SECONDS} seconds") from None
    if done.returncode != 0:
        raise CodeError((done.stderr.strip().splitlines() or ["it ended without a message"])[-1])
    read = json.loads(done.stdout)
    try:
        signatures = {name: CheckSignature.from_json(one) for name, one in read["signatures"].items()}
    except (KeyError, TypeError) as error:
        raise CodeError(f"its signatures have another shape than today's ({error})") from error
    return Code(Catalogue(signatures, read["source_digests"], read["failed_plugins"]), read["semantics"])


def _import_path(folder: Path, workspace: Path) -> list[str]:
    """What is imported from the workspace is looked for in ``folder`` first; what is not there, where it always is.

    Where a folder of judging code is there in ``folder``, that of the workspace is not looked at: a plugin under a new
    name would be listed for both commits, and nobody would see what it lost.
    """
    workspace = workspace.resolve()
    here = _searched()
    moved = {one: folder / one.relative_to(workspace) for one in here if one.is_relative_to(workspace)}
    left_out = {one for one in _judging_paths(workspace) if moved[one].exists() and one != workspace}
    paths = (*moved.values(), *(one for one in here if one not in left_out))
    return [str(one) for one in paths if one.exists()]
