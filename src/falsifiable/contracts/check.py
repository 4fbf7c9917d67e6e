"""What contracts mean: do their checks, roles, parameters and conditions fit together?

Contracts are checked against the signatures of the installed checks, which are plain data; nothing is imported or run.
A file whose shape is broken in one place is still checked in all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from falsifiable.contracts.builder import INVALID, Builder
from falsifiable.contracts.criteria import compares_fraction_exactly, criterion_fault
from falsifiable.contracts.diagnostics import quoted
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.model import ArtifactDeclaration, Contract, Criterion, FalsifierDeclaration, Kind
from falsifiable.contracts.nodes import FaultyNode, MappingNode, ScalarNode, Trail
from falsifiable.contracts.parameters import PARAMETER_RULES, parameters_shape
from falsifiable.contracts.reader import ContractFile
from falsifiable.contracts.signature import CheckSignature
from falsifiable.contracts.together import check_together, check_unique

_RESERVED_ON_WINDOWS = re.compile(r"con|prn|aux|nul|com[1-9]|lpt[1-9]", re.IGNORECASE)


def check_contracts(
    files: Sequence[ContractFile], signatures: Mapping[str, CheckSignature], *, limits: ContractLimits = DEFAULT_LIMITS
) -> tuple[ContractFile, ...]:
    """The same files, with everything added that is wrong with their meaning, alone and together.

    Args:
        files: all contract files of a workspace, as read.
        signatures: what each check accepts, by its name.
        limits: how many faults are reported of one file.
    """
    collected = {file.path: Faults(file.path, limits) for file in files}
    for file in files:
        if file.places:
            _FileCheck(file, signatures, collected[file.path]).run()
    check_together(files, collected)
    return tuple(file.with_diagnostics(collected[file.path].sorted()) for file in files)


def check_distinct(
    files: Sequence[ContractFile], *, limits: ContractLimits = DEFAULT_LIMITS
) -> tuple[ContractFile, ...]:
    """The same files, with every name and id that stands twice added: what must be sound before they are compared.

    Contracts of another time need not fit the checks that are installed today, so nothing else is asked of them.
    """
    collected = {file.path: Faults(file.path, limits) for file in files}
    check_unique(files, collected)
    return tuple(file.with_diagnostics(collected[file.path].sorted()) for file in files)


class _FileCheck:
    """The rules of one file, each reported at its place."""

    def __init__(self, file: ContractFile, signatures: Mapping[str, CheckSignature], faults: Faults) -> None:
        self._file = file
        self._signatures = signatures
        self._faults = faults
        self._artifacts: dict[str, ArtifactDeclaration] = {
            str(trail[1]): part for trail, part in file.parts.items() if isinstance(part, ArtifactDeclaration)
        }
        declared = file.node("artifacts")
        self._roles = {entry.key for entry in declared.entries} if isinstance(declared, MappingNode) else set()
        self._roles_known = declared is None or isinstance(declared, MappingNode)

    def run(self) -> None:
        self._names()
        for trail, declaration in self._falsifiers():
            self._falsifier(trail, declaration)
        self._discharge()
        self._unguarded()
        if self._file.contract is not None:
            self._whole(self._file.contract)

    def _falsifiers(self) -> Iterator[tuple[Trail, FalsifierDeclaration]]:
        for trail, part in self._file.parts.items():
            if isinstance(part, FalsifierDeclaration):
                yield trail, part

    def _names(self) -> None:
        trails: list[Trail] = [("contract",), ("spec",), *((*trail, "id") for trail, _ in self._falsifiers())]
        for trail in trails:
            node = self._file.node(*trail)
            if isinstance(node, ScalarNode) and _RESERVED_ON_WINDOWS.fullmatch(node.text):
                message = f"{trail[-1]}: {quoted(node.text)} is reserved: no file on Windows can have this name"
                self._faults.add("CONTRACT-NAME-RESERVED", node.position, message, "choose another name")

    def _whole(self, contract: Contract) -> None:
        """Rules that only make sense where nothing is missing from the file."""
        if not contract.falsifiers:
            position = self._file.position("falsifiers")
            self._faults.add("CONTRACT-NO-FALSIFIERS", position, "the contract has no falsifiers", "write a claim")
        if any(one.kind == "command" for one in contract.artifacts.values()):
            return  # artifacts.yaml may hand any role to the command, as a placeholder among its arguments
        used = {role for one in contract.falsifiers for role in one.on.values()} | set(contract.discharge)
        for role in contract.artifacts:
            if role not in used:
                message = f"no falsifier and no discharge condition reads the role {quoted(role)}"
                position = self._file.key_position("artifacts", role)
                self._faults.add("CONTRACT-ROLE-UNUSED", position, message, "remove it, or write the missing claim")

    def _falsifier(self, trail: Trail, declaration: FalsifierDeclaration) -> None:
        if self._faults.full:
            return
        self._declared_roles(trail, declaration)
        signature = self._signatures.get(declaration.check)
        if signature is None:
            position = self._file.position(*trail, "check")
            message = f"no installed package provides the check {quoted(declaration.check)}"
            rule, known = "CONTRACT-CHECK-UNKNOWN", self._signatures
            self._faults.unknown(rule, position, declaration.check, message, known, "installed checks")
            return
        self._bound_roles(trail, declaration, signature)
        self._parameters(trail, signature)

    def _declared_roles(self, trail: Trail, declaration: FalsifierDeclaration) -> None:
        for parameter, role in declaration.on.items():
            if role not in self._roles and self._roles_known:
                position = self._file.position(*trail, "on", parameter)
                message = f"{parameter}: the contract declares no artifact {quoted(role)}"
                self._faults.unknown("CONTRACT-ROLE-UNDECLARED", position, role, message, self._roles, "declared roles")

    def _bound_roles(self, trail: Trail, declaration: FalsifierDeclaration, signature: CheckSignature) -> None:
        for parameter, role in declaration.on.items():
            if parameter not in signature.roles:
                position = self._file.key_position(*trail, "on", parameter)
                message = f"the check {signature.name} reads no {quoted(parameter)}"
                self._faults.unknown("CONTRACT-ROLE-UNKNOWN", position, parameter, message, signature.roles, "it reads")
            elif role in self._artifacts and self._artifacts[role].kind != signature.roles[parameter]:
                self._wrong_kind(trail, parameter, role, signature)
        for parameter, kind in signature.roles.items():
            if parameter not in declaration.on and parameter not in signature.optional_roles:
                position = self._file.key_position(*trail, "on")
                message = f"the check {signature.name} reads a {kind} as '{parameter}', and 'on' does not bind it"
                hint = self._roles_of_kind(kind) or f"declare a {kind} under 'artifacts'"
                self._faults.add("CONTRACT-ROLE-MISSING", position, message, f"add 'on: {{{parameter}: ROLE}}'; {hint}")

    def _wrong_kind(self, trail: Trail, parameter: str, role: str, signature: CheckSignature) -> None:
        wanted, found = signature.roles[parameter], self._artifacts[role].kind
        line = self._file.key_position("artifacts", role).line
        but = f"but {quoted(role)} is a {found} (line {line})"
        message = f"the check {signature.name} reads a {wanted} as '{parameter}', {but}"
        position = self._file.position(*trail, "on", parameter)
        hint = self._roles_of_kind(wanted) or f"no role of this contract is a {wanted}"
        self._faults.add("CONTRACT-ROLE-KIND", position, message, hint)

    def _roles_of_kind(self, kind: Kind) -> str:
        of_kind = [role for role, one in self._artifacts.items() if one.kind == kind]
        return f"roles of kind {kind}: {', '.join(sorted(of_kind)[:12])}" if of_kind else ""

    def _parameters(self, trail: Trail, signature: CheckSignature) -> None:
        place = (*trail, "with")
        node = self._file.node(*place) or MappingNode(self._file.position(*trail), ())
        if isinstance(node, FaultyNode):
            return
        builder = Builder(self._faults, PARAMETER_RULES)
        typed = builder.build(parameters_shape(signature), node, place)
        if typed is not INVALID:
            self._criteria({(*place, name): value for name, value in typed.items()})

    def _discharge(self) -> None:
        discharge = self._file.node("discharge")
        if not isinstance(discharge, MappingNode):
            return
        for entry in discharge.entries:
            if entry.key not in self._roles and self._roles_known:
                message = f"discharge: the contract declares no artifact {quoted(entry.key)}"
                rule, known = "CONTRACT-DISCHARGE-ROLE", self._roles
                self._faults.unknown(rule, entry.position, entry.key, message, known, "declared roles")
            if isinstance(entry.value, MappingNode) and not entry.value.entries:
                message = f"discharge: no condition on {quoted(entry.key)}, so that anything would meet it"
                self._faults.add("CONTRACT-DISCHARGE-EMPTY", entry.position, message, "write the conditions")
        self._criteria({trail: part for trail, part in self._file.parts.items() if trail[:1] == ("discharge",)})

    def _unguarded(self) -> None:
        unguarded = self._file.node("unguarded")
        for entry in unguarded.entries if isinstance(unguarded, MappingNode) else ():
            if entry.key not in self._roles and self._roles_known:
                message = f"unguarded: the contract declares no artifact {quoted(entry.key)}"
                rule, known = "CONTRACT-UNGUARDED-ROLE", self._roles
                self._faults.unknown(rule, entry.position, entry.key, message, known, "declared roles")

    def _criteria(self, values: Mapping[Trail, Any]) -> None:
        for trail, value in values.items():
            if not isinstance(value, Criterion):
                continue
            position = self._file.position(*trail)
            if fault := criterion_fault(value):
                hint = "correct the bounds"
                self._faults.add("CONTRACT-CRITERION", position, f"{quoted(str(trail[-1]))}: {fault}", hint)
            elif compares_fraction_exactly(value):
                message = f"{quoted(str(trail[-1]))}: {value.equals} is compared exactly, without a tolerance"
                self._faults.add("CONTRACT-CRITERION-EXACT", position, message, "add 'within' with a tolerance")
