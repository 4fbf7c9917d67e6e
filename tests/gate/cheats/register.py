"""Where cheats are entered, with the reason for which each must be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falsifiable.evidence import Statement, evidence_folder, parse_statement, write_statement

SPEC = "spec/shop/spec.md"
SHIP = "spec/shop/ship.yaml"
SHOP = "contracts/shop.yaml"

CHEATS: dict[str, tuple[str, Callable[[Any], None]]] = {}
"""Name -> rule, and the function that does it to a :class:`Vault`."""


def cheat(rule: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Enter the decorated function under the reason for which it must be refused."""

    def entered(function: Callable[[Any], None]) -> Callable[[Any], None]:
        CHEATS[function.__name__.replace("_", "-")] = (rule, function)
        return function

    return entered


def restored(vault) -> None:
    """Give the regions back as the base has them: branches leave them alone."""
    vault.git("checkout", "--quiet", vault.base, "--", SPEC)


def forged(vault, statement: Statement) -> None:
    """Write a statement that nobody made: well-formed, named correctly, and only its origin is wrong."""
    parse_statement(statement.data)
    write_statement(evidence_folder(vault.root, "shop"), statement)
