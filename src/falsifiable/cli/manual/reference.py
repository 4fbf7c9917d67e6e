"""The reference of the documentation: Markdown pages, each made from the code that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import groupby

from falsifiable.cli.exit_codes import MEANINGS
from falsifiable.cli.manual.formats import formats_reference
from falsifiable.cli.manual.markdown import code, prose, table
from falsifiable.cli.manual.texts import accepted, as_written
from falsifiable.cli.manual.verbs import verbs_reference
from falsifiable.cli.manual.words import WORDS
from falsifiable.contracts import Contract, FalsifierDeclaration
from falsifiable.contracts.changes import DEMANDED, KINDS
from falsifiable.contracts.signature import CheckSignature


def checks_reference() -> str:
    """Every check of the standard library with its roles, its parameters and where each default comes from."""
    signatures = sorted(_catalogue().values(), key=lambda one: one.name)
    parts = [
        "# Checks",
        f"{len(signatures)} checks come with the package. A claim names one under `check`, binds its roles under `on` "
        "and sets its parameters under `with`; a default says where its number comes from. "
        "`contract explain NAME` prints the same.",
    ]
    for family, members in groupby(signatures, key=lambda one: one.name.partition(".")[0]):
        parts += [f"## {family}", *(_check(one) for one in members)]
    return "\n\n".join(parts) + "\n"


def _catalogue() -> Mapping[str, CheckSignature]:
    """The checks of the standard library; what plugins bring here is no part of the documentation."""
    from falsifiable.validation.catalogue import load_catalogue

    return {name: one for name, one in load_catalogue().signatures.items() if one.module.startswith("falsifiers.")}


def _check(signature: CheckSignature) -> str:
    parts = [f"### {signature.name} {{: #{signature.name} }}", prose(signature.documentation.partition("\nArgs:\n")[0])]
    if signature.roles:
        optional = dict.fromkeys(signature.optional_roles, " (may be left out)")
        parts.append(
            "On: " + ", ".join(f"`{role}`, a {kind}{optional.get(role, '')}" for role, kind in signature.roles.items())
        )
    rows = [(f"`{one.name}`", prose(accepted(one)), prose(one.description)) for one in signature.parameters.values()]
    if rows:
        parts.append(table(("with", "takes", "what it is, and where the number comes from"), rows))
    ends = [f"Highest status: {signature.ceiling.name}", f"reads: {signature.needs}"]
    if signature.evidence_for:
        ends.append(f"`contract diagnose` counts its fall as: {signature.evidence_for}")
    parts.append("; ".join(ends) + ". Proven able to fall by: " + ", ".join(signature.counterexamples) + ".")
    return "\n\n".join(parts)


def contracts_reference() -> str:
    """Every contract that comes with the package: its claims, their thresholds and what they refer to."""
    contracts = _shipped()
    parts = [
        "# Contracts and claims",
        f"{len(contracts)} contracts come with the package, with {sum(len(one.falsifiers) for one in contracts)} "
        "claims. `contract explain ID` prints a claim with the page of its check.",
    ]
    return "\n\n".join([*parts, *(_contract(one) for one in contracts)]) + "\n"


def _shipped() -> tuple[Contract, ...]:
    from falsifiable.contracts import load_workspace, shipped_contracts
    from falsifiable.validation.catalogue import load_catalogue

    folder = shipped_contracts()
    found = load_workspace(folder.parent, load_catalogue().signatures, contracts_folder=folder).contracts
    return tuple(sorted(found, key=lambda one: one.contract))


def _contract(contract: Contract) -> str:
    parts = [f"## {contract.contract} {{: #{contract.contract} }}", f"{prose(contract.title)} ({contract.version})"]
    parts.append(table(("claim", "what it says", "check", "with"), [_claim(one) for one in contract.falsifiers]))
    if contract.requires:
        parts.append("Requires " + ", ".join(f"[{one}](#{one})" for one in contract.requires) + ".")
    if contract.references:
        parts.append(f"References: {prose('; '.join(contract.references))}.")
    discharge = [
        (f"`{role}`", f"`{name}`", prose(str(condition)))
        for role, conditions in contract.discharge.items()
        for name, condition in conditions.items()
    ]
    if discharge:
        parts.append(table(("discharged where", "its", "is"), discharge))
    return "\n\n".join(parts)


def _claim(one: FalsifierDeclaration) -> tuple[str, str, str, str]:
    given = "; ".join(f"`{name}: {as_written(value)}`" for name, value in one.parameters.items())
    return f"`{one.id}`", prose(one.claim), f"[{one.check}](checks.md#{one.check})", given


def rules_reference() -> str:
    """Every rule that a file can break, and every reason for which the gate refuses."""
    from falsifiable.contracts import RULES
    from falsifiable.status.gate.rules import GATE_RULES

    parts = ["# Rules", "What can be wrong with a file. Ids are stable; `contract explain ID` prints the same page."]
    for rule in RULES.values():
        parts += [
            f"## {rule.id} {{: #{rule.id} }}", f"{rule.severity}: {prose(rule.title)}", prose(rule.meaning),
            "Wrong:", code(rule.wrong), "Right:", code(rule.right), f"What to do: {prose(rule.fix)}",
        ]  # fmt: skip
    parts.append("# Reasons of the gate {: #gate }")
    for reason in GATE_RULES.values():
        parts += [
            f"## {reason.id} {{: #{reason.id} }}", prose(reason.title), prose(reason.meaning),
            f"What to do: {prose(reason.fix)}",
        ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def words_reference() -> str:
    """Verdicts, statuses, kinds of change and exit codes."""
    codes = [(str(code.value), prose(meaning)) for code, meaning in MEANINGS.items()]
    kinds = [(kind, prose(meaning), DEMANDED[kind].word) for kind, meaning in KINDS.items()]
    parts = [
        "# Words and exit codes",
        "## Verdicts and statuses",
        table(("word", "what it means"), [(f"`{word}`", prose(meaning)) for word, meaning in WORDS.items()]),
        "## Kinds of change",
        table(("kind", "what it means", "the bump it demands"), kinds),
        "## Exit codes {: #exit-codes }",
        "Where several apply, the first of 130, 4, 5, 1, 2, 3 is the one.",
        table(("code", "what it means"), codes),
    ]
    return "\n\n".join(parts) + "\n"


def limits_reference() -> str:
    """How much of a file the readers accept before they refuse it."""
    from falsifiable.artifacts.limits import DEFAULT_LIMITS
    from falsifiable.contracts.limits import DEFAULT_LIMITS as CONTRACT_LIMITS

    parts = ["# Limits", "A file beyond a limit is refused unread. The name of each ends in its unit."]
    for title, limits in (("Artifacts", asdict(DEFAULT_LIMITS)), ("Contracts", CONTRACT_LIMITS._asdict())):
        parts += [f"## {title}", table(("limit", "at most"), [(f"`{name}`", f"{n:,}") for name, n in limits.items()])]
    return "\n\n".join(parts) + "\n"


REFERENCE: Mapping[str, Callable[[], str]] = {
    "reference/verbs.md": verbs_reference,
    "reference/checks.md": checks_reference,
    "reference/contracts.md": contracts_reference,
    "reference/rules.md": rules_reference,
    "reference/formats.md": formats_reference,
    "reference/words.md": words_reference,
    "reference/limits.md": limits_reference,
}
"""Every page, by its path below ``docs/``, and what makes it. They are made when the site is built and kept nowhere."""


def reference() -> Iterator[tuple[str, str]]:
    """Every page with its Markdown."""
    return ((path, make()) for path, make in REFERENCE.items())
