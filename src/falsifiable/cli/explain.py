"""``contract explain``: what a check, a claim, a rule, a verb, a status or an exit code means, and the guides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, root_option, traceback_option

if TYPE_CHECKING:
    from falsifiable.cli.manual.pages import Page

GENERATED = "ARTIFACT-SOUND-"
"""How the ids begin of verdicts that no contract declares: a bound file breaks the rules of its own format."""


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@format_option
@root_option
@traceback_option
def command(name: str | None, form: str, root: Path | None) -> None:
    """Explain ID: a check, a falsifier, a contract, a rule, a reason of the gate, a verdict, a status, a kind of
    change, an exit code or a verb; or print a guide.

    Without ID, list everything there is to explain.

    \b
    Examples:
        contract explain vocabulary.fits-model      a check, and what may stand under `with`
        contract explain FALSIFY-ARCH-009           a claim of this workspace
        contract explain CONTRACT-UNKNOWN-KEY       a rule that a contract broke
        contract explain inconclusive               a verdict or a status
        contract explain loosened                   a kind of change, and the bump it demands
        contract explain 3                          an exit code
        contract explain tutorial                   a guide, such as how-to/trainer or troubleshooting
    """
    from falsifiable.cli.manual.pages import pages as all_pages

    pages = all_pages(root)
    if name is None:
        _print_list(pages, form)
        return
    found = _found(name, pages)
    if form == "json":
        click.echo(json.dumps({"id": found, "section": pages[found].section, "text": pages[found].text}, indent=2))
    else:
        click.echo(pages[found].text)


def _found(name: str, pages: Mapping[str, Page]) -> str:
    """The id that ``name`` means, whatever its case; a guide also goes by the end of its path.

    Raises Failure with the nearest ids.
    """
    if name.upper().startswith(GENERATED) and "artifact.sound" in pages:
        return "artifact.sound"
    by_folded = {one.casefold(): one for one in pages}
    if name in pages:
        return name
    if name.casefold() in by_folded:
        return by_folded[name.casefold()]
    guides = [one for one in pages if pages[one].section == "Guides" and one.endswith(f"/{name.casefold()}")]
    if len(guides) == 1:
        return guides[0]
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
