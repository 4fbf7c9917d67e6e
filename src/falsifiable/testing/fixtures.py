"""What the fixtures ``model``, ``tokenizer`` and ``run`` hand to a test: the artifact that a workspace binds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from falsifiable.artifacts import ArtifactError, open_run
from falsifiable.artifacts.sources.remote_path import place_of
from falsifiable.contracts import Workspace
from falsifiable.contracts.bindings import Binding
from falsifiable.contracts.places import ARTIFACTS_FILE
from falsifiable.testing.roles import ROLES, FixtureKind
from falsifiable.testing.session import ContractSession

Bound = tuple[Path, str | None]


def bound_artifact(config: pytest.Config, kind: FixtureKind, role: str | None) -> Any:
    """The artifact bound to ``role`` (else to the first of the roles that the fixture stands for), opened.

    Roles are bound as for a contract that has a run among its artifacts: by artifacts.yaml, else by
    ``--contracts-run``, which leaves unbound what its run lacks, and ``--contracts-artifact`` wins over both. The test
    is skipped where nothing is bound, and fails where what is bound cannot be read, or where nothing could be bound
    at all: a fixture that somebody forgot must not go green by this one's name. Where no role is bound for all
    contracts, one that is bound for single ones (``CONTRACT/ROLE``) is taken if all of them mean the same artifact.
    """
    from falsifiable.artifacts.kinds import open_artifact

    names = ROLES[kind] if role is None else (role,)
    session = ContractSession.of(config)
    unreadable = ""
    try:
        if bound := _first_bound(session, kind, names):
            return open_artifact(kind, bound[0], pattern=bound[1])
    except ArtifactError as error:
        unreadable = str(error)
    if unreadable:  # told outside of the handler, or pytest tells it a second time as what was being handled
        pytest.fail(unreadable, pytrace=False)
    said = (
        f"no {kind} is bound{_choices(session, names)}; name the role {' or '.join(names)} in artifacts.yaml, or pass "
        f"--contracts-artifact {names[0]}=PATH"
    )
    if not _binds_anything(session):
        nothing = f"{session.home} has neither artifacts.yaml nor contracts"
        pytest.fail(f"fixture {kind} of falsifiable: {nothing}: {said}", pytrace=False)
    pytest.skip(said)


def _binds_anything(session: ContractSession) -> bool:
    """Whether roles are spoken of at all: by an option, by artifacts.yaml or by contracts."""
    if session.asked.run is not None or session.asked.artifacts or (session.home / ARTIFACTS_FILE).is_file():
        return True
    workspace = session.place(session.home).workspace
    return bool(workspace.pv or (workspace.contracts and not workspace.shipped))


def _first_bound(session: ContractSession, kind: FixtureKind, names: tuple[str, ...]) -> Bound | None:
    """The first of the roles that is bound for all contracts, else the first that single ones agree about."""
    for name in names:
        if bound := _binding(session, kind, name):
            return bound
    for name in names:
        if of_contracts := set(_of_contracts(session, name).values()):
            return of_contracts.pop() if len(of_contracts) == 1 else None
    return None


def _of_contracts(session: ContractSession, role: str) -> dict[str, Bound]:
    """``CONTRACT/ROLE`` -> where its artifact lies, for the contracts that ``role`` is bound for one by one."""
    found: dict[str, Bound] = {}
    if session.asked.run is None:
        workspace = session.place(session.home).workspace
        found = {key: _located(workspace, one) for key, one in workspace.bindings.items() if not one.command}
    found |= {key: (path, None) for key, path in session.asked.artifacts.items()}
    return {key: bound for key, bound in found.items() if key.endswith(f"/{role}")}


def _choices(session: ContractSession, names: tuple[str, ...]) -> str:
    """Between which artifacts somebody has to choose; "" where there are none."""
    found = {key: path for name in names for key, (path, _) in _of_contracts(session, name).items()}
    said = ", ".join(f"{key} is {path}" for key, path in found.items())
    return f" for all contracts, and they differ: {said}" if found else ""


def _binding(session: ContractSession, kind: FixtureKind, role: str) -> Bound | None:
    """Where the artifact of ``role`` lies, and how a line of it is read where it is a plain log; None for nowhere."""
    asked = session.asked
    if role in asked.artifacts:
        return asked.artifacts[role], None
    if asked.run is not None:
        return _in_run(asked.run, kind, role)
    workspace = session.place(session.home).workspace
    binding = workspace.bindings.get(role)
    if binding is None or binding.command:
        return None
    return _located(workspace, binding)


def _located(workspace: Workspace, binding: Binding) -> Bound:
    return (place_of(binding.url) if binding.url else workspace.root / str(binding.path)), binding.pattern


def _in_run(folder: Path, kind: FixtureKind, role: str) -> Bound | None:
    if kind == "run":
        return (folder, None) if role == "run" else None
    record = open_run(folder)
    return (record.folder / record.artifacts[role].path, None) if role in record.artifacts else None
