"""Evidence as an in-toto Statement v1 with the test-result predicate v0.1.

A statement says what one contract's falsifiers said of which bytes, judged with which code at which commit. It is
immutable, names what it supersedes, and is named by the sha256 of its canonical JSON. The status it earns stands
nowhere in it: that is derived each time it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from falsifiable.evidence.canonical import CanonicalError, canonical_json, parse_canonical, sha256_of
from falsifiable.evidence.context import Context, Environment
from falsifiable.evidence.layout import SHA256, STATEMENT
from falsifiable.evidence.shape import misshapen
from falsifiable.validation.results import BoundArtifact, ContractResult, Judgement, Observation

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"


class StatementError(ValueError):
    """Bytes that are no statement of this kind; the message says what was found where, and what was expected."""


@dataclass(frozen=True)
class Statement:
    """One recording of one contract: its judgements, and where and with what they were made.

    ``contract_file`` is relative to the workspace and has the sha256 ``contract_digest``; ``claims_digest`` covers what
    the contract claims, not how the file is laid out. ``supersedes`` holds the sha256 of the statements it replaces.
    """

    contract: str
    version: str
    contract_file: str
    contract_digest: str
    claims_digest: str
    judgements: tuple[Judgement, ...]
    observations: tuple[Observation, ...]
    run_id: str | None
    training_commit: str | None
    context: Context
    supersedes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The statement as in-toto JSON data."""
        outcomes = _outcomes(self.judgements)
        return {
            "_type": STATEMENT_TYPE,
            "subject": _subjects(self),
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "result": _result(outcomes),
                "configuration": [{"name": self.contract_file, "digest": {"sha256": self.contract_digest}}],
                **outcomes,
                "contract": self.contract,
                "version": self.version,
                "contractDigest": self.contract_digest,
                "claimsDigest": self.claims_digest,
                "judgements": [one.to_json() for one in self.judgements],
                "observations": [asdict(one) for one in self.observations],
                "runId": self.run_id,
                "trainingCommit": self.training_commit,
                "judgingCommit": self.context.commit,
                "judgingTrees": dict(self.context.trees),
                "dirty": self.context.dirty,
                "environment": asdict(self.context.environment),
                "semantics": self.context.semantics,
                "supersedes": list(self.supersedes),
            },
        }

    @cached_property
    def data(self) -> bytes:
        """The canonical bytes of the statement."""
        return canonical_json(self.to_json())

    @cached_property
    def sha256(self) -> str:
        """The digest that names the statement."""
        return sha256_of(self.data)

    def judgement_of(self, falsifier: str) -> Judgement | None:
        """What this statement says of ``falsifier``."""
        return next((one for one in self.judgements if one.falsifier == falsifier), None)

    def superseding(self, earlier: Iterable[str]) -> Statement:
        """The same statement, replacing the statements with the digests ``earlier``."""
        return replace(self, supersedes=tuple(sorted(set(earlier))))


def statement_of(
    result: ContractResult, context: Context, *, contract_file: str, supersedes: Iterable[str] = ()
) -> Statement:
    """The statement that records ``result``; ``contract_file`` is the contract's path relative to the workspace."""
    return Statement(
        contract=result.contract,
        version=result.version,
        contract_file=contract_file,
        contract_digest=result.digest,
        claims_digest=result.claims_digest,
        judgements=tuple(one.of_this_run() for one in sorted(result.judgements, key=lambda one: one.falsifier)),
        observations=tuple(sorted(result.observations, key=lambda one: (one.role, one.name))),
        run_id=result.run_id,
        training_commit=result.training_commit,
        context=context,
        supersedes=tuple(sorted(set(supersedes))),
    )


def parse_statement(data: bytes) -> Statement:
    """The statement whose canonical bytes are ``data``.

    Strict: unknown keys, missing keys, wrong types and derived fields (subjects, result, lists of tests) that do not
    follow from the judgements all raise :class:`StatementError`.
    """
    try:
        value = parse_canonical(data)
    except CanonicalError as error:
        raise StatementError(str(error)) from error
    if wrong := misshapen(value, STATEMENT):
        raise StatementError(wrong)
    statement = _from_json(value["predicate"])
    if wrong := _about_something_else(statement):
        raise StatementError(wrong)
    derived = statement.to_json()
    for key in ("_type", "predicateType", "predicate", "subject"):
        if canonical_json(value[key]) != canonical_json(derived[key]):
            raise StatementError(_contradiction(key, value[key], derived[key]))
    return statement


def _from_json(predicate: Mapping[str, Any]) -> Statement:
    return Statement(
        contract=predicate["contract"],
        version=predicate["version"],
        contract_file=predicate["configuration"][0]["name"] if predicate["configuration"] else "",
        contract_digest=predicate["contractDigest"],
        claims_digest=predicate["claimsDigest"],
        judgements=tuple(Judgement.from_json(one) for one in predicate["judgements"]),
        observations=tuple(Observation(**one) for one in predicate["observations"]),
        run_id=predicate["runId"],
        training_commit=predicate["trainingCommit"],
        context=Context(
            commit=predicate["judgingCommit"],
            trees=predicate["judgingTrees"],
            dirty=predicate["dirty"],
            environment=Environment(**predicate["environment"]),
            semantics=predicate["semantics"],
        ),
        supersedes=tuple(predicate["supersedes"]),
    )


def _about_something_else(statement: Statement) -> str | None:
    seen: set[str] = set()
    for index, one in enumerate(statement.judgements):
        if one.contract != statement.contract:
            return f"$.predicate.judgements[{index}] is about {one.contract}, the statement about {statement.contract}"
        if one.falsifier in seen:
            return f"$.predicate.judgements[{index}] judges {one.falsifier} a second time"
        seen.add(one.falsifier)
    return None


def _contradiction(key: str, written: Any, derived: Any) -> str:
    if isinstance(written, Mapping):
        inner = [one for one in derived if canonical_json(written[one]) != canonical_json(derived[one])]
        key, written, derived = f"{key}.{inner[0]}", written[inner[0]], derived[inner[0]]
    return f"$.{key} is {_short(written)}, but the rest of the statement implies {_short(derived)}"


def _short(value: Any) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."


def _outcomes(judgements: Sequence[Judgement]) -> dict[str, list[str]]:
    """Falsifier ids by test result. A verdict that held but is not proven able to fall is a warning, not a pass."""
    results: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for one in judgements:
        if one.verdict.outcome == "falsified":
            results["failedTests"].append(one.falsifier)
        elif one.verdict.outcome == "held" and one.proven:
            results["passedTests"].append(one.falsifier)
        else:
            results["warnedTests"].append(one.falsifier)
    return {name: sorted(ids) for name, ids in results.items()}


def _result(outcomes: Mapping[str, list[str]]) -> str:
    if outcomes["failedTests"]:
        return "FAILED"
    return "WARNED" if outcomes["warnedTests"] or not outcomes["passedTests"] else "PASSED"


def _subjects(statement: Statement) -> list[dict[str, Any]]:
    """Every file judged; and the contract itself where a falsifier had nothing real to judge."""
    named = {subject for one in statement.judgements for artifact in one.artifacts for subject in _files_of(artifact)}
    if any(not one.artifacts for one in statement.judgements) or not named:
        named.add((statement.contract_file, statement.contract_digest))
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(named)]


def _files_of(artifact: BoundArtifact) -> list[tuple[str, str]]:
    if artifact.kind == "command":  # its sources, which are relative to the workspace already
        return list(artifact.files.items())
    if not artifact.files:
        return [(artifact.path or artifact.role, artifact.digest)] if re.fullmatch(SHA256, artifact.digest) else []
    return [(_subject_name(artifact, file), digest) for file, digest in artifact.files.items()]


def _subject_name(artifact: BoundArtifact, file: str) -> str:
    """The file's path relative to the workspace; the single file of an artifact may be the artifact itself."""
    path = PurePosixPath(artifact.path)
    return str(path if len(artifact.files) == 1 and path.name == file else path / file)
