"""Commands to copy: what is copied is what is shown, quoted for a shell."""

from __future__ import annotations

import shlex

from falsifiable.report.page.markup import Element, element
from falsifiable.report.text import clean


def command(*arguments: str, given: str | None = None) -> Element:
    """A command with a button that copies it. ``given`` is a text that it reads, as by ``echo``."""
    line = shlex.join(clean(one) for one in arguments)
    if given is not None:
        line = f"echo {shlex.quote(clean(given))} | {line}"
    button = element("button", "Copy", type="button", class_="copy", aria_label=f"Copy: {line}", hidden=True)
    return element("p", element("code", line), " ", button, class_="command")
