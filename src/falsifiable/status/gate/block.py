"""A reason to refuse, under a rule that has an id and a page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from falsifiable.status.gate.rules import GATE_RULES


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """One reason why the gate refuses.

    ``subject`` is what it is about: a contract, a falsifier, a criterion, or a file relative to the workspace.
    ``message`` says what was found and what was expected, ``hint`` what to do next.
    """

    rule: str
    subject: str
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        if self.rule not in GATE_RULES:
            raise KeyError(f"the gate has no rule {self.rule}")

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.message}" + (f"; {self.hint}" if self.hint else "")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)
