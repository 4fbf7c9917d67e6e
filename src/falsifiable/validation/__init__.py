"""Plan and run falsifiers, each in a process of its own: contracts and artifacts in, judgements out.

Each name is imported when first used: the cache and the catalogue of checks need nothing of what runs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falsifiable.validation.engine import challenge_workspace as challenge_workspace
    from falsifiable.validation.engine import validate as validate
    from falsifiable.validation.engine import validate_workspace as validate_workspace
    from falsifiable.validation.plan import Options as Options
    from falsifiable.validation.results import ContractResult as ContractResult
    from falsifiable.validation.results import Judgement as Judgement

_MODULE_OF = {
    "challenge_workspace": "engine",
    "validate": "engine",
    "validate_workspace": "engine",
    "Options": "plan",
    "ContractResult": "results",
    "Judgement": "results",
}

__all__ = ["ContractResult", "Judgement", "Options", "challenge_workspace", "validate", "validate_workspace"]


def __getattr__(name: str) -> Any:
    """The public object ``name``, imported from its module."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
