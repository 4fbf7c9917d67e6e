"""Everything that can be explained, by its id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from falsifiable.cli import VERBS
from falsifiable.cli.exit_codes import MEANINGS
from falsifiable.cli.manual.guides import guides, text_of, title_of
from falsifiable.cli.manual.texts import check_page, contract_page, falsifier_page, kind_page
from falsifiable.cli.manual.words import WORDS
from falsifiable.contracts.changes import KINDS


@dataclass(frozen=True, slots=True)
class Page:
    """Something that can be explained: its line in the list, and how to write the whole of it.

    Writing waits until the page is asked for: the page of a verb imports the verb, that of a guide reads its file.
    """

    section: str
    line: str
    write: Callable[[], str]

    @property
    def text(self) -> str:
        """The whole of it, for a terminal."""
        return self.write()


def pages(root: Path | None) -> dict[str, Page]:
    """All pages by id, in the order of the list: what is installed, then what the workspace says, then the words."""
    found = dict(_of_checks_and_contracts(root))
    for more in (_of_rules(), _of_words(), _of_verbs(), _of_guides()):
        found |= dict(more)
    return found


def _of_checks_and_contracts(root: Path | None) -> Iterator[tuple[str, Page]]:
    from falsifiable.contracts import find_root, load_workspace
    from falsifiable.validation.catalogue import load_catalogue

    signatures = load_catalogue().signatures
    contracts = load_workspace(root or find_root(Path.cwd()), signatures).contracts
    for signature in signatures.values():
        yield signature.name, Page("Checks", signature.summary, partial(check_page, signature))
    for contract in contracts:
        yield contract.contract, Page("Contracts", contract.title, partial(contract_page, contract))
    for contract in contracts:
        for one in contract.falsifiers:
            yield one.id, Page("Falsifiers", one.claim, partial(falsifier_page, contract, one, signatures))


def _of_rules() -> Iterator[tuple[str, Page]]:
    from falsifiable.contracts import RULES
    from falsifiable.status.gate.rules import GATE_RULES

    for rule in RULES.values():
        heading = f"{rule.id} ({rule.severity}): {rule.title}"
        yield rule.id, Page("Rules", rule.title, partial(_written, heading, rule.page))
    for reason in GATE_RULES.values():
        heading = f"{reason.id}: {reason.title}"
        yield reason.id, Page("Reasons of the gate", reason.title, partial(_written, heading, reason.page))


def _of_words() -> Iterator[tuple[str, Page]]:
    yield from _meanings("Verdicts and statuses", WORDS)
    for kind, meaning in KINDS.items():
        yield kind, Page("Kinds of change", meaning.partition(": ")[0], partial(kind_page, kind, meaning))
    for code, meaning in MEANINGS.items():
        heading = f"Exit code {code.value}"
        yield str(code.value), Page("Exit codes", meaning.partition(". ")[0], partial(_written, heading, meaning))


def _meanings(section: str, words: Mapping[str, str]) -> Iterator[tuple[str, Page]]:
    for word, meaning in words.items():
        yield word, Page(section, meaning.partition(". ")[0], partial(_written, word, meaning))


def _of_verbs() -> Iterator[tuple[str, Page]]:
    from falsifiable.cli.manual.verbs import help_of

    for verb, line in VERBS.items():
        yield verb, Page("Verbs", line, partial(help_of, verb))


def _of_guides() -> Iterator[tuple[str, Page]]:
    for name, page in guides().items():
        yield name, Page("Guides", title_of(page), partial(text_of, page))


def _written(heading: str, text: str) -> str:
    return f"{heading}\n\n{text}".rstrip()
