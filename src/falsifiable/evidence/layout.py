"""The shape of statements and reviews as JSON, key by key: what is read is held to it before anything is believed."""

from __future__ import annotations

from typing import Any, get_args

from falsifiable.evidence.shape import Each, Matching, OneOf
from falsifiable.falsifier import Outcome
from falsifiable.validation.results import Cause, ChallengeOutcome, Provenance, Source

SHA256 = r"[0-9a-f]{64}"
GIT_ID = r"[0-9a-f]{40}([0-9a-f]{24})?"

_SHA256 = Matching(SHA256, "a sha256 in 64 hexadecimal digits")
_GIT_ID = Matching(GIT_ID, "a git object id")
_QUANTITY = (str, bool, int, float, None)
_RESOURCE = {"name": str, "digest": {"sha256": _SHA256}}

_VERDICT: dict[str, Any] = {
    "outcome": OneOf(get_args(Outcome)),
    "found": str,
    "measurements": Each({"name": str, "value": _QUANTITY, "unit": str}),
    "examined": int,
    "examined_unit": str,
}

_JUDGEMENT: dict[str, Any] = {
    "contract": str,
    "falsifier": str,
    "check": str,
    "claim": str,
    "verdict": _VERDICT,
    "cause": OneOf(get_args(Cause)),
    "on_specimen": (_VERDICT, None),
    "challenges": Each(
        {
            "counterexample": str,
            "outcome": OneOf(get_args(ChallengeOutcome)),
            "ran_on": OneOf(("bound", "specimen")),
            "said": str,
        }
    ),
    "artifacts": Each(
        {
            "role": str,
            "kind": str,
            "path": str,
            "digest": str,
            "provenance": OneOf(get_args(Provenance)),
            "files": Each(_SHA256, keyed=True),
        }
    ),
    "parameters": dict,
    "source_digest": str,
    "claim_digest": str,
    "check_ceiling": OneOf(("partial", "integration", "discharged")),
}

_OBSERVATION: dict[str, Any] = {
    "role": str,
    "name": str,
    "criterion": str,
    "value": _QUANTITY,
    "source": OneOf(get_args(Source)),
    "met": bool,
}

_PREDICATE: dict[str, Any] = {
    "result": OneOf(("PASSED", "WARNED", "FAILED")),
    "configuration": Each(_RESOURCE),
    "passedTests": Each(str),
    "warnedTests": Each(str),
    "failedTests": Each(str),
    "contract": str,
    "version": str,
    "contractDigest": _SHA256,
    "claimsDigest": _SHA256,
    "judgements": Each(_JUDGEMENT),
    "observations": Each(_OBSERVATION),
    "runId": (str, None),
    "trainingCommit": (str, None),
    "judgingCommit": (_GIT_ID, None),
    "judgingTrees": Each(_GIT_ID, keyed=True),
    "dirty": bool,
    "environment": {"python": str, "platform": str, "versions": Each(str, keyed=True)},
    "semantics": int,
    "supersedes": Each(_SHA256),
}

STATEMENT: dict[str, Any] = {
    "_type": str,
    "subject": Each(_RESOURCE),
    "predicateType": str,
    "predicate": _PREDICATE,
}
"""An in-toto Statement v1 as this package writes it."""

REVIEW: dict[str, Any] = {
    "_type": str,
    "subject": Each(_RESOURCE),
    "predicateType": str,
    "predicate": {"verifier": {"id": str}, "timeCreated": str, "properties": Each(str)},
}
"""An in-toto Statement v1 with the Simple Verification Result predicate, as this package writes it."""
