"""In whose words is a contract file written: ours, or those of ``pv``?"""

from __future__ import annotations

from falsifiable.contracts.nodes import MappingNode
from falsifiable.contracts.pv.shape import CONTRACT

_OURS = frozenset({"contract", "falsifiers"})
_THEIRS = frozenset({*CONTRACT.keys, "bindings"}) - {"enforcement"}
"""``bindings`` is the top of a registry that lies among their contracts."""


def speaks_pv(root: MappingNode | None) -> bool:
    """Whether a file is written for ``pv``: it has a block of that dialect, and neither name nor falsifiers of ours."""
    keys = {entry.key for entry in root.entries} if root is not None else set()
    return bool(keys & _THEIRS) and not keys & _OURS
