"""The results of a validation as JSON data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from falsifiable.validation.results import ContractResult

REPORT_VERSION = 1


def as_json(results: Sequence[ContractResult]) -> dict[str, Any]:
    """Every judgement with its measurements, and the counts per outcome."""
    judgements = [judgement for result in results for judgement in result.judgements]
    outcomes = ("held", "falsified", "inconclusive")
    return {
        "report": REPORT_VERSION,
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
