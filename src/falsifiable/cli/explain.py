"""``contract explain``: what a check, a claim, a rule or an exit code means."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import root_option, traceback_option
from falsifiable.cli.exit_codes import MEANINGS
from falsifiable.contracts import Contract, FalsifierDeclaration
from falsifiable.contracts.signature import CheckSignature


@click.command()
@click.argument("name", metavar="ID", required=False)
@root_option
@traceback_option
def command(name: str | None, root: Path | None) -> None:
    """Explain ID: a check (vocabulary.fits-model), a falsifier (FALSIFY-ARCH-009), a contract, a rule or an exit code.

    Without ID, list everything there is to explain.
    """
    from falsifiable.contracts import RULES, find_root, load_workspace
    from falsifiable.validation.catalogue import load_catalogue

    catalogue = load_catalogue()
    workspace = load_workspace(root or find_root(Path.cwd()), catalogue.signatures)
    contracts = {one.contract: one for one in workspace.contracts}
    falsifiers = {one.id: (contract, one) for contract in workspace.contracts for one in contract.falsifiers}
    pages: dict[str, str] = {
        **{rule: f"{rule} ({RULES[rule].severity}): {RULES[rule].title}\n\n{RULES[rule].page}" for rule in RULES},
        **{check: _check_page(signature) for check, signature in catalogue.signatures.items()},
        **{one: _contract_page(contract) for one, contract in contracts.items()},
        **{one: _falsifier_page(*found, catalogue.signatures) for one, found in falsifiers.items()},
        **{str(code.value): f"Exit code {code.value}\n\n{meaning}" for code, meaning in MEANINGS.items()},
    }
    if name is None:
        for title, names in (
            ("Checks", catalogue.signatures),
            ("Contracts", contracts),
            ("Falsifiers", falsifiers),
            ("Rules", RULES),
        ):
            click.echo(f"{title}: {', '.join(sorted(names))}\n")
        return
    if name not in pages:
        near = get_close_matches(name, pages, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; contract explain lists what there is"
        raise Failure(f"nothing is called {name!r}{hint}")
    click.echo(pages[name].rstrip())


def _check_page(signature: CheckSignature) -> str:
    lines = [f"check {signature.name}", "", signature.documentation, ""]
    for role, kind in signature.roles.items():
        optional = " (may be left out)" if role in signature.optional_roles else ""
        lines.append(f"on:   {role}: a {kind}{optional}")
    for one in signature.parameters.values():
        choices = f" of {', '.join(one.choices)}" if one.choices else ""
        default = "required" if one.required else f"default {one.default}"
        lines.append(f"with: {one.name}: {one.type}{choices}, {default}")
    lines += [
        f"Highest status: {signature.ceiling.name}. Reads: {signature.needs}.",
        f"Counterexamples that prove it can fail: {', '.join(signature.counterexamples) or 'none'}.",
    ]
    return "\n".join(lines)


def _contract_page(contract: Contract) -> str:
    lines = [f"contract {contract.contract} {contract.version}: {contract.title}", ""]
    lines += [f"  {one.id}: {one.claim}" for one in contract.falsifiers]
    if contract.requires:
        lines.append(f"Requires: {', '.join(contract.requires)}.")
    if contract.references:
        lines.append(f"References: {', '.join(contract.references)}.")
    lines += [
        f"Discharged when {role}: {name} {condition}"
        for role, conditions in contract.discharge.items()
        for name, condition in conditions.items()
    ]
    return "\n".join(lines)


def _falsifier_page(contract: Contract, one: FalsifierDeclaration, signatures: Mapping[str, CheckSignature]) -> str:
    on = ", ".join(f"{parameter} = {role}" for parameter, role in one.on.items()) or "nothing bound"
    parts = [f"{one.id}: {one.claim}", "", f"Contract {contract.contract}; check {one.check}; on {on}."]
    if one.parameters:
        parts.append("With " + ", ".join(f"{name}: {value}" for name, value in one.parameters.items()) + ".")
    if one.if_falsified:
        parts.append(f"If it falls: {one.if_falsified}")
    if one.check in signatures:
        parts += ["", _check_page(signatures[one.check])]
    return "\n".join(parts)
