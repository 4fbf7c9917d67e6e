"""What a check, a contract, a claim or a kind of change is, as text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from falsifiable.contracts import Contract, FalsifierDeclaration
from falsifiable.contracts.changes import DEMANDED, ChangeKind
from falsifiable.contracts.signature import CheckSignature, Parameter


def kind_page(kind: ChangeKind, meaning: str) -> str:
    """A kind of change, and the bump it demands."""
    return f"{kind}: a kind of change, as contract diff lists it\n\n{meaning}\n\nIt demands: {DEMANDED[kind].word}."


def check_page(signature: CheckSignature) -> str:
    """A check: what it says of itself, its roles and parameters, how high it lifts and what proves it can fall."""
    lines = [f"check {signature.name}", "", signature.documentation, ""]
    for role, kind in signature.roles.items():
        optional = " (may be left out)" if role in signature.optional_roles else ""
        lines.append(f"on:   {role}: a {kind}{optional}")
    lines += [f"with: {one.name}: {accepted(one)}" for one in signature.parameters.values()]
    lines += [
        f"Highest status: {signature.ceiling.name}. Reads: {signature.needs}.",
        f"Counterexamples that prove it can fail: {', '.join(signature.counterexamples) or 'none'}.",
    ]
    if signature.evidence_for:
        lines.append(f"Where it falls, contract diagnose counts it as: {signature.evidence_for}.")
    if signature.compares_copies:
        lines.append(
            "It only compares with a recorded digest or a copy: contract challenge leaves it out of the score."
        )
    return "\n".join(lines)


def accepted(parameter: Parameter) -> str:
    """What a parameter takes and what it is when absent, as one would write it in a contract."""
    accepts = f"one of {', '.join(parameter.choices)}" if parameter.choices else parameter.type
    if parameter.required:
        return f"{accepts}, required"
    return f"{accepts}, default {as_written(parameter.default)}"


def as_written(value: Any) -> str:
    """A value as one would write it in a contract."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {as_written(one)}" for name, one in value.items()) + "}"
    return value if isinstance(value, str) and value else json.dumps(value)


def contract_page(contract: Contract) -> str:
    """A contract: its claims, its roles, what it requires and when it is discharged."""
    lines = [f"contract {contract.contract} {contract.version}: {contract.title}", ""]
    lines += [f"  {one.id}: {one.claim}" for one in contract.falsifiers]
    lines += ["", "Roles, bound in artifacts.yaml or with --artifact ROLE=PATH:"]
    lines += [
        f"  {role}: a {one.kind}{', ' if one.description else ''}{one.description}"
        for role, one in contract.artifacts.items()
    ]
    if contract.requires:
        lines.append(f"Requires: {', '.join(contract.requires)}.")
    lines += [
        f"Unguarded in {role}: {name}: {reason}"
        for role, reasons in contract.unguarded.items()
        for name, reason in reasons.items()
    ]
    if contract.references:
        lines.append(f"References: {', '.join(contract.references)}.")
    lines += [
        f"Discharged when {role}: {name} {condition}"
        for role, conditions in contract.discharge.items()
        for name, condition in conditions.items()
    ]
    return "\n".join(lines)


def falsifier_page(contract: Contract, one: FalsifierDeclaration, signatures: Mapping[str, CheckSignature]) -> str:
    """A claim, what it is put to, and the page of its check."""
    on = ", ".join(f"{parameter} = {role}" for parameter, role in one.on.items()) or "nothing bound"
    parts = [f"{one.id}: {one.claim}", "", f"Contract {contract.contract}; check {one.check}; on {on}."]
    if one.parameters:
        parts.append(
            "With " + ", ".join(f"{name}: {as_written(value)}" for name, value in one.parameters.items()) + "."
        )
    if one.if_falsified:
        parts.append(f"If it falls: {one.if_falsified}")
    if one.check in signatures:
        parts += ["", check_page(signatures[one.check])]
    return "\n".join(parts)
