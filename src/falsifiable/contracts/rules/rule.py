"""What a rule is."""

from __future__ import annotations

from typing import NamedTuple

from falsifiable.contracts.diagnostics import Severity


class Rule(NamedTuple):
    """One thing that can be wrong with a file: a stable id, and the page that ``contract explain ID`` prints.

    ``wrong`` and ``right`` are pieces of a file; the tests complete both and hold the rule to them. ``wrong`` is in
    words, in round brackets, where the fault cannot be shown as text.
    """

    id: str
    title: str
    meaning: str
    wrong: str
    right: str
    fix: str
    severity: Severity = "error"

    @property
    def page(self) -> str:
        """The page below its heading, as plain text: the meaning, an example each way, and what to do."""
        return "\n".join(
            [
                self.meaning,
                "",
                "Wrong:",
                _indented(self.wrong),
                "",
                "Right:",
                _indented(self.right),
                "",
                f"What to do: {self.fix}",
                "",
            ]
        )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
