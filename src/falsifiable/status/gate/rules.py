"""Every reason for which the gate refuses, by id. Ids are stable and never given a new meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class GateRule:
    """A reason to refuse, and the page that ``contract explain ID`` prints."""

    id: str
    title: str
    meaning: str
    fix: str

    @property
    def page(self) -> str:
        """The page below its heading, as plain text."""
        return f"{self.meaning}\n\nWhat to do: {self.fix}\n"


_AMEND = (
    "Write an amendment that says why (contract amend new, with a major bump of the contract or the spec), so that it "
    "is decided where everybody sees it; or take the change back."
)
_RESTORE = "Restore the file from the earlier commit (git checkout BASE -- FILE)."

_ALL = (
    GateRule(
        "GATE-INVALID",
        "a file that cannot be read, or breaks a rule of its kind",
        "Claims that cannot be read hold nothing. Contracts, ship files, amendments and trust.yaml of the later commit "
        "must all be valid; ids are ASCII, so that none can look like another.",
        "Mend what the message names; contract explain RULE says more.",
    ),
    GateRule(
        "GATE-CLAIM-LOOSENED",
        "a claim asks for less than it did",
        "A threshold, a parameter, a role, a required contract or a discharge condition now lets hold what was refused "
        "before, and no amendment names the contract with a major bump.",
        _AMEND,
    ),
    GateRule(
        "GATE-CLAIM-REMOVED",
        "a claim is gone",
        "A falsifier, a contract or a discharge condition of the earlier commit is not there any more, or has another "
        "id, and no amendment names the contract with a major bump.",
        _AMEND,
    ),
    GateRule(
        "GATE-CHECK-SWAPPED",
        "a claim is judged by another check",
        "The same id is put to another check, which may be weaker; nobody can tell from the scoreboard.",
        _AMEND,
    ),
    GateRule(
        "GATE-CEILING-LOWERED",
        "a claim counts as met sooner",
        "`up_to` of a claim, or the level of its check, is lower than it was. At its ceiling a claim holds none back.",
        _AMEND,
    ),
    GateRule(
        "GATE-COUNTEREXAMPLE-REMOVED",
        "a check proves less that it can fall",
        "A counterexample of a check that a contract uses is gone, or has another name.",
        _AMEND,
    ),
    GateRule(
        "GATE-VERSION-TYPED",
        "the version of a contract was typed",
        "Only a release writes `version:`, from the bumps that amendments name; two branches that type it collide.",
        "Restore the version, name the bump in an amendment, and let contract amend release write it.",
    ),
    GateRule(
        "GATE-WEIGHTS-REBASED",
        "the points of a criterion changed, or new points were declared",
        "The ship percentage is points discharged over points declared. It moves when evidence does, and not because "
        "the points were divided up anew.",
        _AMEND,
    ),
    GateRule(
        "GATE-CRITERION-REMOVED",
        "an acceptance criterion is gone",
        "A criterion that nobody could discharge disappears, and the percentage rises.",
        _AMEND,
    ),
    GateRule(
        "GATE-CRITERION-WEAKENED",
        "an acceptance criterion is easier to meet",
        "It needs fewer falsifiers, a smaller quorum or one of something else, a tripwire of it is gone or trips on "
        "less, or it reads otherwise without any amendment. A step that is done by less counts as one.",
        _AMEND,
    ),
    GateRule(
        "GATE-REGION-EDITED",
        "a region of a spec is not what the evidence implies",
        "A status, a percentage or a version in a region was typed, or copied from elsewhere. Regions are derived.",
        "Restore the region; on the main line contract record writes it.",
    ),
    GateRule(
        "GATE-REGION-MOVED",
        "the markers of a region are gone, doubled or elsewhere",
        "Between markers that were moved, other text passes for derived, or derived text for prose.",
        "Restore the markers as they were; what stands between them is written by contract record.",
    ),
    GateRule(
        "GATE-EVIDENCE-BROKEN",
        "a file of evidence is not what its name says",
        "A statement is named by its sha256, is canonical JSON and contradicts itself nowhere; a signature lies beside "
        "the statement it signs. An edited, cut or renamed file counts for nothing.",
        "Restore it from git, or record again.",
    ),
    GateRule(
        "GATE-EVIDENCE-DELETED",
        "evidence is gone, or has other bytes",
        "Evidence is only ever added to: what refuted a claim must not disappear, and newer evidence supersedes older.",
        _RESTORE,
    ),
    GateRule(
        "GATE-EVIDENCE-FOREIGN",
        "evidence was recorded at a commit that is not part of this history",
        "It speaks for the code of a branch that was never merged, and not for this one.",
        "Merge that branch first, or record again here.",
    ),
    GateRule(
        "GATE-SIGNATURE-FORGED",
        "a signature that is not of what it lies beside",
        "It names a key that trust.yaml of the earlier commit knows, and does not verify with it over these bytes: it "
        "was forged, or taken from another statement.",
        "Remove it, and sign again with the key.",
    ),
    GateRule(
        "GATE-STATUS-UNVOUCHED",
        "a status rose, and nobody vouches for what it rose on",
        "INTEGRATION and above count only on evidence that is signed by a key which trust.yaml of the earlier commit "
        "allows, or that the gate's own job derives again from the same bytes. So does every rise from FALSIFIED.",
        "Sign the evidence (contract evidence sign), or give the gate the files to judge (--run, --artifact).",
    ),
    GateRule(
        "GATE-PERCENT-UNVOUCHED",
        "the ship percentage rose, and nobody vouches for what it rose on",
        "Points count when every claim of their criterion stands on evidence that somebody vouches for.",
        "Sign the evidence (contract evidence sign), or give the gate the files to judge (--run, --artifact).",
    ),
    GateRule(
        "GATE-UNSIGNED",
        "evidence without an allowed signature, where signatures are demanded",
        "With --require-signed every claim at INTEGRATION or above must rest on signed evidence, whether it moved or "
        "not.",
        "contract evidence sign, with a key that trust.yaml allows for the spec.",
    ),
    GateRule(
        "GATE-TRUST-CHANGED",
        "who is trusted changed, and nobody has said that he looked at it",
        "Signatures are weighed by trust.yaml of the earlier commit, so that nobody lets himself in. Once it is merged "
        "the new policy counts: somebody who may decide that has to look at it first.",
        "Whoever has looked at the new file runs the gate with --accept-trust and its sha256.",
    ),
    GateRule(
        "GATE-HISTORY-REWRITTEN",
        "a released amendment is gone, has other bytes, or was put into a release afterwards",
        "What was released is the history of the spec: its numbers, versions, lessons and percentages rest on it.",
        _RESTORE,
    ),
    GateRule(
        "GATE-STEP-DECLARED",
        "a step is declared done, and its evidence is missing",
        "`declared_done` is what somebody believes; whether a step is done is what its falsifiers have earned.",
        "Record what is missing, or take the declaration back; contract next names it.",
    ),
    GateRule(
        "GATE-WAIVER-EXPIRED",
        "a waiver is over",
        "A waiver holds until its last day; after it, whoever goes ahead does so without one. One that ran out without "
        "being touched only keeps --release waiting.",
        "Meet the criterion, or renew the waiver with its reason.",
    ),
    GateRule(
        "GATE-FALSIFIED",
        "a claim is falsified, and a release is asked for",
        "With --release nothing ships that evidence refutes, unless every criterion that needs it is waived openly. "
        "Evidence that only went stale refutes as long as nothing newer answers it.",
        "Mend what the claim is about and record again.",
    ),
)

GATE_RULES: Mapping[str, GateRule] = MappingProxyType({one.id: one for one in _ALL})
