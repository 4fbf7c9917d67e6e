"""Which artifact each role of a contract is bound to.

Roles are bound by ``artifacts.yaml``, by a run folder (whose ``run.yaml`` names its artifacts by role) and by
``role=path`` options, the last winning. A run replaces the bindings of every contract that declares a run role, and
leaves roles it lacks unbound, so that two runs never mix. A contract that compares two runs declares two run roles: the
run given takes the one called ``run`` (or else the first), and the other is bound by an option.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from falsifiable.artifacts import ArtifactError, Run, open_run
from falsifiable.artifacts.sources.remote_path import RemotePath, place_of
from falsifiable.contracts import Binding, Contract, Kind, Workspace


class BindingError(Exception):
    """Wrong usage of ``--run`` or ``--artifact``; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role of one contract and what it is bound to: a path, a command, or nothing, with the reason.

    ``remote`` is where an artifact lies that has no path here; ``unbound`` then says so to whoever needs one.
    ``pattern`` says how a line is read where the path is that of a plain training log.
    """

    contract: str
    name: str
    kind: Kind
    path: Path | None = None
    pinned: str | None = None
    command: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    unbound: str = ""
    pattern: str | None = None
    remote: RemotePath | None = None


@dataclass(frozen=True, slots=True)
class _GivenRun:
    """The run folder that was given, with its record; without one ``why`` says what is wrong with it."""

    folder: Path
    record: Run | None
    why: str = ""

    @classmethod
    def read(cls, folder: Path) -> _GivenRun:
        try:
            return cls(folder, open_run(folder))
        except ArtifactError as error:
            return cls(folder, None, str(error))


def bind(
    workspace: Workspace, contract: Contract, *, run: Path | None = None, options: Mapping[str, Path] | None = None
) -> dict[str, Role]:
    """Every role of ``contract``, bound as far as can be."""
    return bind_all(workspace, [contract], run=run, options=options)[contract.contract]


def bind_all(
    workspace: Workspace,
    contracts: Sequence[Contract],
    *,
    run: Path | None = None,
    options: Mapping[str, Path] | None = None,
) -> dict[str, dict[str, Role]]:
    """Contract -> role -> what it is bound to, as far as can be; the record of ``run`` is read once for all."""
    wanted = run is not None and any(run_judged(one) is not None for one in contracts)
    given = _GivenRun.read(run) if run is not None and wanted else None
    return {one.contract: _bound(workspace, one, given, options or {}) for one in contracts}


def _bound(
    workspace: Workspace, contract: Contract, given: _GivenRun | None, options: Mapping[str, Path]
) -> dict[str, Role]:
    bound = {name: _from_workspace(workspace, contract, name) for name in contract.artifacts}
    if given is not None:
        bound = _rebound_to_run(contract, bound, given)
    for key, path in options.items():
        of_contract, _, name = key.rpartition("/")
        if name in bound and of_contract in ("", contract.contract):
            bound[name] = _at(path, contract, name)
    return {name: _with_placeholders(role, bound) for name, role in bound.items()}


def check_options(workspace: Workspace, options: Mapping[str, Path]) -> None:
    """Raise BindingError for an option that names no role of any contract, or a path that does not exist."""
    known = {f"{c.contract}/{role}" for c in workspace.contracts for role in c.artifacts}
    names = sorted({one.partition("/")[2] for one in known})
    for key, path in options.items():
        if key not in known and key not in names:
            raise BindingError(f"no contract has a role {key!r}; the roles are {', '.join(names)} (or CONTRACT/ROLE)")
        kinds = {
            c.artifacts[role].kind
            for c in workspace.contracts
            for role in c.artifacts
            if key in (role, f"{c.contract}/{role}")
        }
        if isinstance(path, RemotePath):
            if other := sorted(kinds - {"model", "tokenizer"}):
                raise BindingError(f"--artifact {key}={path}: a {other[0]} is not read from a URL; fetch it")
        elif not is_there(path):
            raise BindingError(f"--artifact {key}={path}: there is no such file or folder")


def is_there(path: Path) -> bool:
    """Whether a path leads anywhere. A name that is too long for the file system leads nowhere."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises OSError for such a name


def _at(path: Path, contract: Contract, name: str, pinned: str | None = None) -> Role:
    """A role bound to a file or folder, here or elsewhere."""
    kind = contract.artifacts[name].kind
    if not isinstance(path, RemotePath):
        return Role(contract.contract, name, kind, path, pinned)
    said = f"role {name} is bound to {path}, which has no path here; fetch it first"
    return Role(contract.contract, name, kind, pinned=pinned, unbound=said, remote=path)


def _from_workspace(workspace: Workspace, contract: Contract, name: str) -> Role:
    kind = contract.artifacts[name].kind
    binding: Binding | None = workspace.bindings.get(f"{contract.contract}/{name}") or workspace.bindings.get(name)
    if binding is None:
        reason = f"role {name} is not bound; name it in artifacts.yaml, or pass --artifact {name}=PATH"
        return Role(contract.contract, name, kind, unbound=reason)
    if (kind == "command") != bool(binding.command):
        wanted = "a command" if kind == "command" else "a path"
        return Role(
            contract.contract, name, kind, unbound=f"role {name} is a {kind}: artifacts.yaml must give it {wanted}"
        )
    if binding.url:
        return _at(place_of(binding.url), contract, name, binding.sha256)
    path = workspace.root / binding.path if binding.path else None
    return Role(
        contract.contract, name, kind, path, binding.sha256, binding.command, binding.sources, pattern=binding.pattern
    )


def _rebound_to_run(contract: Contract, bound: Mapping[str, Role], given: _GivenRun) -> dict[str, Role]:
    judged = run_judged(contract)
    if judged is None:
        return dict(bound)
    run, record, why = given.folder, given.record, given.why
    rebound = {}
    for name, declared in contract.artifacts.items():
        if declared.kind == "command":
            rebound[name] = bound[name]
        elif name == judged:
            rebound[name] = Role(contract.contract, name, declared.kind, run)
        elif declared.kind == "run":
            reason = f"{run} is to be compared with a second run; pass --artifact {name}=FOLDER"
            rebound[name] = Role(contract.contract, name, declared.kind, unbound=reason)
        elif record is not None and name in record.artifacts:
            rebound[name] = Role(contract.contract, name, declared.kind, record.folder / record.artifacts[name].path)
        else:
            reason = f"the run record could not be read: {why}" if why else f"the run {run} names no artifact {name}"
            rebound[name] = Role(contract.contract, name, declared.kind, unbound=reason)
    return rebound


def run_judged(contract: Contract) -> str | None:
    """The role of ``contract`` that a run folder given by itself takes: the one called ``run``, else the first run."""
    run_roles = [name for name, role in contract.artifacts.items() if role.kind == "run"]
    return "run" if "run" in run_roles else next(iter(run_roles), None)


def _with_placeholders(role: Role, bound: Mapping[str, Role]) -> Role:
    """A command with every ``{role}`` replaced by the path bound to it; ``{output}`` is filled in when it runs."""
    if not role.command:
        return role
    for name in _placeholders(role):
        if name not in bound or bound[name].path is None:
            why = bound[name].unbound if name in bound else f"this contract has no role {name}"
            return replace(role, command=(), unbound=f"the command of role {role.name} needs {{{name}}}: {why}")
        if not bound[name].path.exists():  # type: ignore[union-attr]
            return replace(
                role, command=(), unbound=f"the command of role {role.name} needs {bound[name].path}, which is absent"
            )
    return role


def _placeholders(role: Role) -> list[str]:
    found = re.findall(r"\{([a-z][a-z0-9-]*)\}", " ".join(role.command))
    return [name for name in found if name != "output"]


def filled_command(role: Role, bound: Mapping[str, Role]) -> tuple[str, ...]:
    """The argument vector of a command role with the paths of the roles it names filled in."""
    command = role.command
    for name in _placeholders(role):
        command = tuple(part.replace(f"{{{name}}}", str(bound[name].path)) for part in command)
    return command


def roles_read(role: Role) -> list[str]:
    """The roles whose artifacts a command reads."""
    return _placeholders(role)
