"""What a contract means, as a digest: evidence goes stale when this changes, and only then.

Layout, comments, the order of keys and falsifiers, the version, the title, references and descriptions are no part of
the meaning. The words of a claim are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from falsifiable.contracts.model import Contract, FalsifierDeclaration


def claims_digest(contract: Contract) -> str:
    """sha256 (hex) over everything ``contract`` claims: name, required contracts, roles, falsifiers, conditions."""
    return _digest(
        {
            "contract": contract.contract,
            "requires": sorted(contract.requires),
            "artifacts": {role: one.kind for role, one in contract.artifacts.items()},
            "falsifiers": [_meaning(one) for one in sorted(contract.falsifiers, key=lambda one: one.id)],
            "discharge": contract.discharge,
        }
    )


def claim_digest(contract: Contract, falsifier: FalsifierDeclaration) -> str:
    """sha256 (hex) over one claim: contract, id, claim, check, roles with their kinds, parameters and ``up_to``.

    The contract's ``discharge`` is not covered: it is compared with what was observed whenever a status is derived, so
    that changing it leaves the evidence of the falsifiers valid.
    """
    kinds = {role: contract.artifacts[role].kind for role in falsifier.on.values() if role in contract.artifacts}
    return _digest({"contract": contract.contract, "artifacts": kinds, "falsifier": _meaning(falsifier)})


def _meaning(falsifier: FalsifierDeclaration) -> dict[str, Any]:
    return {
        "id": falsifier.id,
        "claim": falsifier.claim,
        "check": falsifier.check,
        "on": falsifier.on,
        "with": falsifier.parameters,
        "up_to": falsifier.up_to,
    }


def canonical_text(data: Any) -> str:
    """``data`` as one text: the same for what means the same, such as 500 and 5e2, and another for 1 and true."""
    return json.dumps(_canonical(data), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _digest(data: Any) -> str:
    return hashlib.sha256(canonical_text(data).encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(data: Any) -> Any:
    """``data`` as JSON in which equal numbers are written equally: 500, 500.0 and 5e2 are one threshold."""
    if is_dataclass(data):
        given = {one.name: getattr(data, one.name) for one in fields(data)}
        return {name: _canonical(value) for name, value in given.items() if value is not None}
    if isinstance(data, Mapping):
        return {key: _canonical(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_canonical(one) for one in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data
