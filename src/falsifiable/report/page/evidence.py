"""The evidence: every statement, what it said of what, who stands by it, and the commands that verify it."""

from __future__ import annotations

from collections.abc import Iterator, Set

from falsifiable.evidence import short
from falsifiable.report.page.badges import anchor, badge
from falsifiable.report.page.commands import command
from falsifiable.report.page.filters import filtered
from falsifiable.report.page.markup import Element, element
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.tables import listed, pairs
from falsifiable.report.statements import StatementEntry, counts_of

CURRENT, REPLACED = "current", "superseded"


def evidence(overview: Overview) -> Iterator[Element]:
    """How to verify all of it, and every statement, the newest first."""
    if not overview.entries:
        yield element("p", "Nothing has been recorded here yet: contract record writes evidence.")
        return
    yield element("p", "Statements are named by their own sha256. This verifies all of them, and their signatures:")
    yield command("contract", "evidence", "verify")
    speaking = {head.sha256 for standing in overview.standings for head in standing.heads}
    shown = {one.statement.sha256 for one in overview.entries}
    items = [_properties(one, speaking) for one in reversed(overview.entries)]
    cards = (_card(one, item, shown) for one, item in zip(reversed(overview.entries), items, strict=True))
    yield filtered("evidence", "statements", items, cards)


def _properties(entry: StatementEntry, speaking: Set[str]) -> dict[str, str]:
    state = CURRENT if entry.statement.sha256 in speaking else REPLACED
    return {"state": state, "signature": entry.verification.outcome, "spec": entry.spec}


def _card(entry: StatementEntry, properties: dict[str, str], shown: Set[str]) -> Element:
    statement = entry.statement
    counts = ", ".join(f"{count} {name}" for name, count in counts_of(statement).items())
    return element(
        "details",
        element(
            "summary",
            element("code", short(statement.sha256)),
            " ",
            badge(properties["state"]),
            " ",
            badge(entry.verification.outcome),
            element("span", f"{statement.contract} {statement.version}: {counts}", class_="claim"),
        ),
        pairs(_facts(entry, shown)),
        command("contract", "evidence", "show", statement.sha256),
        command("sha256sum", "--check", given=f"{statement.sha256}  {entry.path}"),
        class_="item",
        id=anchor("statement", statement.sha256),
        **{f"data_{name}": value for name, value in properties.items()},
    )


def _facts(entry: StatementEntry, shown: Set[str]) -> Iterator[tuple[str, Element | str]]:
    statement, context = entry.statement, entry.statement.context
    yield "File", element("code", entry.path)
    yield "Contract", f"{statement.contract} {statement.version} ({statement.contract_file})"
    yield "Judged at", "no commit" if context.commit is None else context.marked(context.commit)
    if statement.training_commit:
        yield "Trained at", statement.training_commit
    yield "Run", statement.run_id or "none"
    environment = context.environment
    libraries = ", ".join(f"{name} {version}" for name, version in environment.versions.items())
    yield "With", f"Python {environment.python}, {environment.platform}" + (f", {libraries}" if libraries else "")
    yield "Signatures", entry.verification.said
    if entry.reviewers:
        yield "Reviewed by", ", ".join(entry.reviewers)
    for what, digests in (("Supersedes", statement.supersedes), ("Superseded by", entry.superseded_by)):
        if digests:
            yield what, listed(_link(one, shown) for one in digests)
    subjects = statement.to_json()["subject"]
    about = (element("span", element("code", short(one["digest"]["sha256"])), f" {one['name']}") for one in subjects)
    yield "About", listed(about)


def _link(digest: str, shown: Set[str]) -> Element:
    """To another statement, where that is on this page."""
    if digest not in shown:
        return element("code", short(digest))
    return element("a", short(digest), href=f"#{anchor('statement', digest)}")
