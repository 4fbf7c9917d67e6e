"""What a contract file may cost to read. Every limit is checked before anything is built from the file."""

from __future__ import annotations

from typing import NamedTuple


class ContractLimits(NamedTuple):
    """Limits of the YAML files people write: contracts, ``artifacts.yaml``, amendments. Each name ends in its unit.

    The defaults leave a contract of several hundred falsifiers far below every limit, and keep the worst file that
    passes them well under a second and 256 MB.
    """

    max_contract_bytes: int = 1024 * 1024  # size of one file
    max_nesting_depth: int = 32  # mappings and lists inside each other
    max_nodes: int = 20_000  # mappings, lists, keys and values of one file
    max_scalar_characters: int = 10_000  # length of one text, key or number
    max_amendment_characters: int = 40_000  # length of one amendment
    max_integer_digits: int = 100  # digits of one whole number
    max_faults: int = 100  # faults reported of one file


DEFAULT_LIMITS = ContractLimits()

SHORTER = "split it into several contracts"
"""What to do about a contract that is too large to be read."""
