"""``contract explain``: what a check, a claim, a rule, a status or an exit code means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, root_option, traceback_option
from falsifiable.cli.exit_codes import MEANINGS
from falsifiable.contracts import Contract, FalsifierDeclaration
from falsifiable.contracts.changes import DEMANDED, KINDS, ChangeKind
from falsifiable.contracts.signature import CheckSignature, Parameter

WORDS = {
    "held": "A verdict: the check looked at something and could not refute the claim.",
    "falsified": "A verdict: the check refuted the claim, and says what it found and where. The exit code is 1.",
    "inconclusive": (
        "A verdict: the claim was neither refuted nor upheld, for a reason that is named: a role that is not bound, a "
        "library that is absent, a crash, a time-out, or nothing to examine. It never counts as held. With --strict "
        "the exit code is 3."
    ),
    "vacuous": (
        "A check that ships no counterexample, or holds on one, cannot fail. Its held verdicts count for nothing; "
        "contract challenge names it."
    ),
    "mutation": (
        "A fault of a known kind that contract challenge plants in memory in whatever is bound, else in a specimen: a "
        "field removed, a row of a matrix zeroed, a line of a log left out. The mutator alone decides where it "
        "applies. It is killed when a falsifier that holds on the original is falsified on the mutant; an inconclusive "
        "verdict kills nothing. A contract's score is the share that its own falsifiers kill of what could go wrong "
        "with its roles; the score of the whole counts what any contract kills. Falsifiers that only compare with a "
        "recorded digest or a copy are left out: they notice any change and understand none. One that refutes the same "
        "content in other bytes is found out as such."
    ),
    "unguarded": (
        "A key of a contract: per role, generic mutations that no claim notices, each with the reason why that is "
        "accepted. They are shown with it and count as survivors, never as killed."
    ),
    "PROPOSED": "A status: declared, and not yet run, or not yet proven able to fail.",
    "PARTIAL": (
        "A status: it held on generated or sample inputs, or on files of unknown origin, and every counterexample of "
        "its check was falsified."
    ),
    "INTEGRATION": (
        "A status: it held on real files, each of which stands with its sha256 in a run record or an origin record."
    ),
    "DISCHARGED": "A status: it held on a run that meets the contract's discharge conditions, read from the files.",
    "STALE": (
        "Evidence that no longer applies, because the claim, a parameter, the check's source or the commit changed. "
        "It does not count; contract status says what changed."
    ),
    "ship": (
        "The ship percentage is points discharged over points declared, and nothing else. A criterion of a ship.yaml "
        "is discharged when all its falsifiers are, as far as each can be, under what their contracts require; its "
        "quorum is met; and no tripwire stands tripped without a review."
    ),
    "quorum": (
        "How many recordings must hold, each with another value of one observation, such as the seed of the run. "
        "Recordings that a later one superseded count; stale, falsified, flaky ones and files of unknown origin do not."
    ),
    "tripwire": (
        "A measurement that is too good to be true. Where it is met a criterion is held for review, and its points "
        "count for nothing until somebody signs a review of the statement that measured it."
    ),
    "waiver": (
        "Somebody goes ahead without a criterion until a day that is named. It is shown and counted, and never read as "
        "discharged."
    ),
    "FLAKY": "Evidence that holds two different verdicts on the same bytes. It bars DISCHARGED.",
}
"""The words of verdicts, statuses and ships."""

GENERATED = "ARTIFACT-SOUND-"
"""How the ids begin of verdicts that no contract declares: a bound file breaks the rules of its own format."""


@dataclass(frozen=True, slots=True)
class Page:
    """Something that can be explained: its line in the list, and the whole of it."""

    section: str
    line: str
    text: str


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@format_option
@root_option
@traceback_option
def command(name: str | None, form: str, root: Path | None) -> None:
    """Explain ID: a check, a falsifier, a contract, a rule, a reason of the gate, a verdict, a status, a kind of change
    or an exit code.

    Without ID, list everything there is to explain.

    \b
    Examples:
        contract explain vocabulary.fits-model      a check, and what may stand under `with`
        contract explain FALSIFY-ARCH-009           a claim of this workspace
        contract explain CONTRACT-UNKNOWN-KEY       a rule that a contract broke
        contract explain inconclusive               a verdict or a status
        contract explain loosened                   a kind of change, and the bump it demands
        contract explain 3                          an exit code
    """
    pages = _pages(root)
    if name is None:
        _print_list(pages, form)
        return
    found = _found(name, pages)
    if form == "json":
        click.echo(json.dumps({"id": found, "section": pages[found].section, "text": pages[found].text}, indent=2))
    else:
        click.echo(pages[found].text)


def _pages(root: Path | None) -> dict[str, Page]:
    """Everything that can be explained, by its id."""
    from falsifiable.contracts import RULES, find_root, load_workspace
    from falsifiable.status.gate.rules import GATE_RULES
    from falsifiable.validation.catalogue import load_catalogue

    signatures = load_catalogue().signatures
    contracts = load_workspace(root or find_root(Path.cwd()), signatures).contracts
    return {
        **{one.name: Page("Checks", one.summary, _check_page(one)) for one in signatures.values()},
        **{one.contract: Page("Contracts", one.title, _contract_page(one)) for one in contracts},
        **{
            one.id: Page("Falsifiers", one.claim, _falsifier_page(contract, one, signatures))
            for contract in contracts
            for one in contract.falsifiers
        },
        **{
            rule: Page("Rules", one.title, f"{rule} ({one.severity}): {one.title}\n\n{one.page}".rstrip())
            for rule, one in RULES.items()
        },
        **{
            rule: Page("Reasons of the gate", one.title, f"{rule}: {one.title}\n\n{one.page}".rstrip())
            for rule, one in GATE_RULES.items()
        },
        **{
            word: Page("Verdicts and statuses", meaning.partition(". ")[0], f"{word}\n\n{meaning}")
            for word, meaning in WORDS.items()
        },
        **{
            kind: Page("Kinds of change", meaning.partition(": ")[0], _kind_page(kind, meaning))
            for kind, meaning in KINDS.items()
        },
        **{
            str(code.value): Page("Exit codes", meaning.partition(". ")[0], f"Exit code {code.value}\n\n{meaning}")
            for code, meaning in MEANINGS.items()
        },
    }


def _kind_page(kind: ChangeKind, meaning: str) -> str:
    return f"{kind}: a kind of change, as contract diff lists it\n\n{meaning}\n\nIt demands: {DEMANDED[kind].word}."


def _found(name: str, pages: Mapping[str, Page]) -> str:
    """The id that ``name`` means, whatever its case. Raises Failure with the nearest ids."""
    if name.upper().startswith(GENERATED) and "artifact.sound" in pages:
        return "artifact.sound"
    by_folded = {one.casefold(): one for one in pages}
    if name in pages:
        return name
    if name.casefold() in by_folded:
        return by_folded[name.casefold()]
    near = [by_folded[one] for one in get_close_matches(name.casefold(), by_folded, n=3)]
    hint = f"did you mean {' or '.join(near)}?" if near else "contract explain lists what there is"
    raise Failure(f"nothing is called {name!r}; {hint}")


def _print_list(pages: Mapping[str, Page], form: str) -> None:
    if form == "json":
        listed = [{"id": one, "section": page.section, "summary": page.line} for one, page in pages.items()]
        click.echo(json.dumps(listed, indent=2))
        return
    from falsifiable.report.text import clean, shortened

    width = max(map(len, pages))
    section = ""
    for one, page in pages.items():
        if page.section != section:
            click.echo(f"{'' if not section else chr(10)}{page.section}")
            section = page.section
        click.echo(f"  {one:<{width}}  {shortened(clean(page.line), 78)}")


def _check_page(signature: CheckSignature) -> str:
    lines = [f"check {signature.name}", "", signature.documentation, ""]
    for role, kind in signature.roles.items():
        optional = " (may be left out)" if role in signature.optional_roles else ""
        lines.append(f"on:   {role}: a {kind}{optional}")
    lines += [f"with: {one.name}: {_accepted(one)}" for one in signature.parameters.values()]
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


def _accepted(parameter: Parameter) -> str:
    """What a parameter takes and what it is when absent, as one would write it in a contract."""
    accepts = f"one of {', '.join(parameter.choices)}" if parameter.choices else parameter.type
    if parameter.required:
        return f"{accepts}, required"
    return f"{accepts}, default {_as_written(parameter.default)}"


def _as_written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_as_written(one)}" for name, one in value.items()) + "}"
    return value if isinstance(value, str) and value else json.dumps(value)


def _contract_page(contract: Contract) -> str:
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


def _falsifier_page(contract: Contract, one: FalsifierDeclaration, signatures: Mapping[str, CheckSignature]) -> str:
    on = ", ".join(f"{parameter} = {role}" for parameter, role in one.on.items()) or "nothing bound"
    parts = [f"{one.id}: {one.claim}", "", f"Contract {contract.contract}; check {one.check}; on {on}."]
    if one.parameters:
        parts.append(
            "With " + ", ".join(f"{name}: {_as_written(value)}" for name, value in one.parameters.items()) + "."
        )
    if one.if_falsified:
        parts.append(f"If it falls: {one.if_falsified}")
    if one.check in signatures:
        parts += ["", _check_page(signatures[one.check])]
    return "\n".join(parts)
