"""A reason to refuse, under a rule that has an id and a page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from falsifiable.status.gate.rules import GATE_RULES


@dataclass(frozen=True, slots=True)
class Block:
    """One reason why the gate refuses.

    ``subject`` is what it is about: a contract, a falsifier, a criterion, or a place in a file. ``message`` says what
    was found and what was expected, ``hint`` what to do next. ``path`` names that file, relative to the workspace, and
    ``line`` the place in it.
    """

    rule: str
    subject: str
    message: str
    hint: str = ""
    path: str | None = None
    line: int | None = None

    def __post_init__(self) -> None:
        if self.rule not in GATE_RULES:
            raise KeyError(f"the gate has no rule {self.rule}")

    @classmethod
    def of_file(cls, rule: str, path: str, message: str, hint: str = "") -> Block:
        """A reason that is about the whole of a file."""
        return cls(rule, path, message, hint, path)

    @property
    def next_step(self) -> str:
        """What to do about it: the hint, or what the page of its rule says."""
        return self.hint or GATE_RULES[self.rule].fix

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; every reason has a next step as its hint."""
        return {**asdict(self), "hint": self.next_step}
