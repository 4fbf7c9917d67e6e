"""Which roles a test run may bind on the command line: those of contracts, and those that the fixtures stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import pytest

from falsifiable.contracts import Workspace

FixtureKind = Literal["model", "tokenizer", "run"]
ROLES: Mapping[FixtureKind, tuple[str, ...]] = {
    "model": ("model", "trained", "export"),
    "tokenizer": ("tokenizer",),
    "run": ("run",),
}
"""The roles a fixture stands for, the first that is bound."""
_OF_FIXTURES = frozenset(role for roles in ROLES.values() for role in roles)


def check_roles(given: Iterable[str], workspaces: Iterable[Workspace]) -> None:
    """Raise pytest.UsageError for a role that nothing would ask for: misspelt, it would go green unbound."""
    known, faults = set(_OF_FIXTURES), []
    for workspace in workspaces:
        known |= set(workspace.bindings) | (set() if workspace.shipped else _of_contracts(workspace))
        faults += [one.place for one in workspace.errors]
    unread = f"; a contract with faults was not read, mend them first: {faults[0]}" if faults else ""
    names = ", ".join(sorted(one for one in known if "/" not in one))
    if unknown := [one for one in given if one not in known]:
        raise pytest.UsageError(
            f"--contracts-artifact {unknown[0]}: no contract has a role {unknown[0]!r}, and artifacts.yaml binds none "
            f"of that name; the roles are {names} (or CONTRACT/ROLE){unread}"
        )


def for_contracts(given: Mapping[str, Path], workspace: Workspace) -> dict[str, Path]:
    """Of the bindings that were given those that contracts are judged by; the others are for the fixtures alone."""
    roles = _of_contracts(workspace)
    return {role: path for role, path in given.items() if role in roles or role not in _OF_FIXTURES}


def _of_contracts(workspace: Workspace) -> set[str]:
    pairs = [(one.contract, role) for one in workspace.contracts for role in one.artifacts]
    return {role for _, role in pairs} | {f"{contract}/{role}" for contract, role in pairs}
