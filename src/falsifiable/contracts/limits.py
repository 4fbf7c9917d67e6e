"""What a contract file may cost to read. Every limit is checked before anything is built from the file."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ContractLimits:
    """Limits of the YAML files people write: contracts, ``artifacts.yaml``, amendments. Each name ends in its unit.

    The defaults leave a contract of several hundred falsifiers far below every limit, and keep the worst file that
    passes them well under a second and 256 MB.
    """

    max_contract_bytes: int = field(default=1024 * 1024, metadata={"description": "size of one file"})
    max_nesting_depth: int = field(default=32, metadata={"description": "mappings and lists inside each other"})
    max_nodes: int = field(default=20_000, metadata={"description": "mappings, lists, keys and values of one file"})
    max_scalar_characters: int = field(default=10_000, metadata={"description": "length of one text, key or number"})
    max_amendment_characters: int = field(default=40_000, metadata={"description": "length of one amendment"})
    max_integer_digits: int = field(default=100, metadata={"description": "digits of one whole number"})
    max_faults: int = field(default=100, metadata={"description": "faults reported of one file"})


DEFAULT_LIMITS = ContractLimits()

SHORTER = "split it into several contracts"
"""What to do about a contract that is too large to be read."""
