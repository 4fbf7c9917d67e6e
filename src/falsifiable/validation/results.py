"""What a validation leaves behind, as plain data: one judgement per falsifier.

A judgement holds only what was seen. The status it earns is derived from it (in the status room), never stored in it;
evidence is a list of judgements with the commit they were made at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from falsifiable.contracts.model import Ceiling
from falsifiable.falsifier import Quantity, Verdict

Provenance = Literal["recorded", "origin", "orphan", "command"]
ChallengeOutcome = Literal["refuted", "survived", "inconclusive"]
Cause = Literal["", "unbound", "absent", "library", "commands", "unsound", "unreadable", "crashed", "time", "memory"]
"""Why a verdict is inconclusive, where the falsifier itself did not say so. The last four mean that something could not
be run at all (exit code 2); the others that something was not there to be examined."""

COULD_NOT_RUN: frozenset[Cause] = frozenset({"unreadable", "crashed", "time", "memory"})


@dataclass(frozen=True, slots=True)
class BoundArtifact:
    """What a role was bound to when it was judged.

    ``path`` is relative to the workspace root ("" for a command), ``files`` maps relative paths to sha256, and
    ``provenance`` says where the bytes are known from: ``recorded`` in the bound run record, ``origin`` in an origin
    record, a ``command`` named by the workspace, or nowhere (``orphan``).
    """

    role: str
    kind: str
    path: str
    digest: str
    provenance: Provenance
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One counterexample put to its falsifier: ``refuted`` is the good outcome, ``survived`` makes it vacuous."""

    counterexample: str
    outcome: ChallengeOutcome
    ran_on: Literal["bound", "specimen"]
    said: str = ""


Source = Literal["file", "record", "measured", "stated", "absent"]
"""Where an observed value is from, as :class:`Observation` explains."""

DISCHARGING: frozenset[Source] = frozenset(("file", "record", "measured"))
"""The sources of values that can discharge: a number that is only stated in a record discharges nothing."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One condition of a contract's ``discharge`` block and what was seen.

    ``source`` says where the number is from: ``file`` (the artifact itself), ``record`` (the run record; enough for a
    device or a step count), ``measured`` (a falsifier of this contract measured it on these bytes), ``stated`` (a
    metric that only stands in the record, which cannot discharge), or ``absent``.
    """

    role: str
    name: str
    criterion: str
    value: Quantity
    source: Source
    met: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """One falsifier of one contract: what it said of the bound artifacts, of the specimens, and of its counterexamples.

    ``verdict`` is about what is bound (inconclusive with the reason where a role is not); ``on_specimen`` is None
    unless the falsifier was also judged on the built-in specimens, which it is whenever nothing real could be judged.
    ``claim_digest`` covers claim, check, parameters and ceiling as the contract states them; ``source_digest`` the
    falsifier's code.
    """

    contract: str
    falsifier: str
    check: str
    claim: str
    verdict: Verdict
    cause: Cause = ""
    on_specimen: Verdict | None = None
    challenges: tuple[Challenge, ...] = ()
    artifacts: tuple[BoundArtifact, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    source_digest: str = ""
    claim_digest: str = ""
    check_ceiling: Ceiling = "discharged"
    seconds: float = 0.0
    known: bool = False

    @property
    def vacuous(self) -> bool:
        """Not proven able to fail: no counterexample, or one that it let through."""
        return not self.challenges or any(one.outcome == "survived" for one in self.challenges)

    @property
    def proven(self) -> bool:
        """Every counterexample it ships was refuted, and it ships at least one."""
        return bool(self.challenges) and all(one.outcome == "refuted" for one in self.challenges)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; ``from_json(to_json(j)) == j`` but for ``seconds`` and ``known``, which are of one run."""
        return {
            "contract": self.contract,
            "falsifier": self.falsifier,
            "check": self.check,
            "claim": self.claim,
            "verdict": self.verdict.to_json(),
            "cause": self.cause,
            "on_specimen": self.on_specimen.to_json() if self.on_specimen else None,
            "challenges": [
                {"counterexample": c.counterexample, "outcome": c.outcome, "ran_on": c.ran_on, "said": c.said}
                for c in self.challenges
            ],
            "artifacts": [
                {"role": a.role, "kind": a.kind, "path": a.path, "digest": a.digest,
                 "provenance": a.provenance, "files": dict(a.files)}
                for a in self.artifacts
            ],
            "parameters": dict(self.parameters),
            "source_digest": self.source_digest,
            "claim_digest": self.claim_digest,
            "check_ceiling": self.check_ceiling,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Judgement:
        """The judgement that ``to_json`` wrote. Raises KeyError or TypeError for other data."""
        on_specimen = data["on_specimen"]
        return cls(
            **{
                **data,
                "verdict": Verdict.from_json(data["verdict"]),
                "on_specimen": Verdict.from_json(on_specimen) if on_specimen else None,
                "challenges": tuple(Challenge(**one) for one in data["challenges"]),
                "artifacts": tuple(BoundArtifact(**one) for one in data["artifacts"]),
            }
        )

    def of_this_run(self) -> Judgement:
        """The same judgement without what belongs to one invocation only."""
        return replace(self, seconds=0.0, known=False)


@dataclass(frozen=True, slots=True)
class ContractResult:
    """All judgements of one contract, with what was seen of its ``discharge`` conditions."""

    contract: str
    version: str
    digest: str
    claims_digest: str
    judgements: tuple[Judgement, ...]
    observations: tuple[Observation, ...] = ()
    training_commit: str | None = None
    run_id: str | None = None
