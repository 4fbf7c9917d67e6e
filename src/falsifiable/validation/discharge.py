"""What the files and the run record show of a contract's ``discharge`` conditions.

A device, a step count or a size may be read from the record or the file. A metric must be measured by a falsifier of
the same contract on these very bytes; one that only stands in the record is an observation that cannot discharge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falsifiable.artifacts import ArtifactError, Model, Run
from falsifiable.contracts import Contract, Scalar
from falsifiable.contracts.criteria import as_criterion
from falsifiable.falsifier import Artifact, Quantity
from falsifiable.validation.bound import Opened
from falsifiable.validation.results import DISCHARGING, Judgement, Observation, Source

RECORD_FIELDS: Mapping[str, str] = {
    "device": "device.actual",
    "dtype": "dtype.actual",
    "seed": "seed.actual",
    "steps": "steps.done",
    "end_reason": "end_reason",
    "parameters": "parameters",
}
"""The short names a contract may use for fields of a run record: what was done, not what was asked for."""


def observe(
    contract: Contract, opened: Mapping[str, Opened], judgements: Sequence[Judgement]
) -> tuple[Observation, ...]:
    """One observation per condition, in the order of the contract."""
    observations = []
    for role, conditions in contract.discharge.items():
        artifact = opened[role].artifact if role in opened else None
        for name, condition in conditions.items():
            value, source = _value(name, artifact, judgements)
            criterion = as_criterion(condition)
            met = source in DISCHARGING and criterion.holds(value)
            observations.append(Observation(role, name, str(criterion), value, source, met))
    return tuple(observations)


def _value(name: str, artifact: Artifact | None, judgements: Sequence[Judgement]) -> tuple[Quantity, Source]:
    if isinstance(artifact, Model):
        value = _of_model(name, artifact)
        return (value, "file") if value is not None else (None, "absent")
    if not isinstance(artifact, Run):
        return None, "absent"
    if name in RECORD_FIELDS:
        recorded = artifact.field(RECORD_FIELDS[name])
        return (recorded, "record") if isinstance(recorded, Scalar) else (None, "absent")
    measured = [
        measurement.value
        for judgement in judgements
        if _measures(judgement, artifact)
        for measurement in judgement.verdict.measurements
        if measurement.name == name
    ]
    if measured:
        return measured[0], "measured"
    stated = artifact.metrics.get(name)
    return (stated.value, "stated") if stated else (None, "absent")


def _measures(judgement: Judgement, run: Run) -> bool:
    """Whether a judgement measured anything on a model of this run, by a check that can fail and can discharge.

    A check that reads the record alone (its verdict binds no model) repeats what the record states.
    """
    kinds = {one.kind for one in judgement.artifacts}
    of_this_run = any(one.kind == "run" and one.digest == run.digest for one in judgement.artifacts)
    proven = judgement.verdict.outcome == "held" and judgement.proven
    return proven and of_this_run and "model" in kinds and judgement.check_ceiling == "discharged"


def _of_model(name: str, model: Model) -> Quantity:
    try:
        value = model.parameters if name == "parameters" else getattr(model.config, name, None)
    except ArtifactError:
        return None
    return value if isinstance(value, Scalar) else None
