"""What a training run suffers from, by its record alone: the cause that binds, before anyone tunes anything.

Three causes look alike from afar, a loss that does not fall. They are told apart in a fixed order, because each must be
ruled out before evidence for the next one means anything: a model that is starved of data cannot be helped by another
learning rate, and neither can be read off numbers that the infrastructure made up. Which check is evidence for which
cause is data: it stands in the check's own signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falsifiable.contracts import Contract, Workspace
from falsifiable.contracts.bindings import Binding
from falsifiable.contracts.model import ArtifactDeclaration, FalsifierDeclaration
from falsifiable.contracts.signature import CheckSignature, EvidenceFor
from falsifiable.falsifier import Verdict
from falsifiable.validation.catalogue import Catalogue
from falsifiable.validation.engine import validate_workspace
from falsifiable.validation.plan import Options

CAUSES = ("data starvation", "optimisation defect", "infrastructure masking")
"""The three causes in the order of evidence: the first that has any binds."""

NEXT_STEP: Mapping[str, str] = {
    "data starvation": "Read more text, or train a smaller model, before anything is tuned.",
    "optimisation defect": "The data suffices and the log is real: correct the optimisation, one thing at a time.",
    "infrastructure masking": "Repair what hides the truth and train again; until then no number of this run says "
    "anything about its data or its optimisation.",
}

_MASKED: EvidenceFor = "masked curve"
_NAME = "diagnosis"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check said of the run, and what it is evidence for where it is falsified."""

    check: str
    evidence_for: EvidenceFor
    verdict: Verdict

    @property
    def cause(self) -> str:
        """The cause that the check speaks about; "" for a remark."""
        if self.evidence_for == _MASKED:
            return "infrastructure masking"
        return self.evidence_for if self.evidence_for in CAUSES else ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What every check of the family said of one run."""

    path: Path
    findings: tuple[Finding, ...]

    @property
    def is_masked(self) -> bool:
        """Whether the logged losses are shown to be no losses, so that nothing can be read off their curve."""
        return any(one.evidence_for == _MASKED for one in self._falsified())

    @property
    def binds(self) -> str:
        """The first cause, in their order, that there is evidence for; "" where none of the three is shown."""
        return next((cause for cause in CAUSES if self.evidence(cause)), "")

    @property
    def examined(self) -> bool:
        """Whether any check came to a verdict."""
        return any(one.verdict.outcome != "inconclusive" for one in self.findings)

    def evidence(self, cause: str) -> tuple[Finding, ...]:
        """The falsified checks that are evidence for ``cause``; what a masked curve shows of optimisation is none."""
        if cause == "optimisation defect" and self.is_masked:
            return ()
        return tuple(one for one in self._falsified() if one.cause == cause)

    @property
    def set_aside(self) -> tuple[Finding, ...]:
        """What would be evidence of an optimisation defect, had the curve been real."""
        if not self.is_masked:
            return ()
        return tuple(one for one in self._falsified() if one.cause == "optimisation defect")

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """What qualifies the diagnosis and is evidence for no cause."""
        return () if self.is_masked else tuple(one for one in self._falsified() if one.evidence_for == "remark")

    def judged(self, cause: str) -> tuple[Finding, ...]:
        """The checks for ``cause`` that came to a verdict."""
        return tuple(one for one in self.findings if one.cause == cause and one.verdict.outcome != "inconclusive")

    def not_judged(self, cause: str) -> tuple[Finding, ...]:
        """The checks for ``cause`` that found something missing, which their verdict says."""
        return tuple(one for one in self.findings if one.cause == cause and one.verdict.outcome == "inconclusive")

    def _falsified(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.verdict.outcome == "falsified")


def diagnose(
    path: Path,
    catalogue: Catalogue,
    *,
    pattern: str | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    options: Options | None = None,
) -> Diagnosis:
    """Put every check that is evidence for a cause to the run at ``path``, with its default thresholds.

    Args:
        path: a run folder, a ``trainer_state.json`` or a plain log.
        catalogue: the installed checks; those that read a run alone and name what they are evidence for are used.
        pattern: how a line of a plain log is read.
        parameters: check -> what it is given instead of its defaults.
        options: limits per check.
    """
    checks = [one for _, one in sorted(catalogue.signatures.items()) if one.evidence_for and _reads_a_run(one)]
    contract = _contract(checks, parameters or {})
    place = path.resolve()
    run = Binding("run", path=str(place), pattern=pattern)
    workspace = Workspace(place.parent, place.parent, (), (contract,), {"run": run}, ())
    (result,) = validate_workspace(workspace, catalogue, options=options)
    said = {one.check: one.verdict for one in result.judgements}
    return Diagnosis(path, tuple(Finding(one.name, one.evidence_for, said[one.name]) for one in checks))


def _reads_a_run(signature: CheckSignature) -> bool:
    needed = {kind for role, kind in signature.roles.items() if role not in signature.optional_roles}
    return needed == {"run"} and len(signature.roles) == 1


def _contract(checks: list[CheckSignature], parameters: Mapping[str, Mapping[str, Any]]) -> Contract:
    """The claim that the run suffers from nothing, one falsifier per check."""
    declarations = tuple(
        FalsifierDeclaration(
            id=f"DIAGNOSIS-{one.name.upper().replace('.', '-')}",
            claim=one.summary,
            check=one.name,
            on=dict.fromkeys(one.roles, "run"),
            parameters=dict(parameters.get(one.name, {})),
        )
        for one in checks
    )
    return Contract(
        _NAME, "1.0.0", "The run suffers from nothing", declarations, artifacts={"run": ArtifactDeclaration("run")}
    )
