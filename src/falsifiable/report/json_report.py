"""The results of a validation as JSON data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from falsifiable.contracts import Diagnostic
from falsifiable.validation.results import ContractResult

REPORT_VERSION = 1


def as_json(
    results: Sequence[ContractResult], *, diagnostics: Sequence[Diagnostic] = (), interrupted: bool = False
) -> dict[str, Any]:
    """Every judgement with its measurements, and the counts per outcome.

    ``diagnostics`` are the faults of contracts: with an error among them nothing was run, and there are no judgements.
    A number that is not finite, for which JSON has no word, is written as text.
    """
    judgements = [judgement for result in results for judgement in result.judgements]
    outcomes = ("held", "falsified", "inconclusive")
    report = {
        "report": REPORT_VERSION,
        "interrupted": interrupted,
        "diagnostics": [one.to_json() for one in diagnostics],
        "counts": {one: sum(judgement.verdict.outcome == one for judgement in judgements) for one in outcomes},
        "contracts": [
            {
                "contract": result.contract,
                "version": result.version,
                "digest": result.digest,
                "run_id": result.run_id,
                "judgements": [
                    {
                        **judgement.to_json(),
                        "vacuous": judgement.vacuous,
                        "seconds": round(judgement.seconds, 3),
                        "known": judgement.known,
                    }
                    for judgement in result.judgements
                ],
                "discharge": [asdict(one) for one in result.observations],
            }
            for result in results
        ],
    }
    finite: dict[str, Any] = _finite(report)
    return finite


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
