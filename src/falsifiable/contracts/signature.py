"""What a check accepts, as plain data.

A contract is checked against these signatures without importing the check: the catalogue of the validation room builds
them from the registered falsifiers once per distribution and keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from falsifiable.contracts.model import Ceiling, Kind, Level

EvidenceFor = Literal["", "data starvation", "optimisation defect", "infrastructure masking", "masked curve", "remark"]
"""What a training run is shown to suffer from where a check is falsified on its record. A ``masked curve`` is
infrastructure masking that leaves nothing to read in the logged losses; a ``remark`` qualifies a diagnosis and is
evidence for no cause."""

ParameterType = Literal["number", "integer", "text", "boolean", "criterion", "choice", "texts", "scalar"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One keyword parameter of a check: what may stand under ``with`` in a contract.

    ``texts`` is a list of texts, ``scalar`` a text, number or boolean. ``default`` is JSON data (a criterion as the
    mapping one would write in YAML); it is only meaningful where ``required`` is false.
    """

    name: str
    type: ParameterType
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class CheckSignature:
    """A check's name, the roles it reads (parameter name -> kind accepted), its parameters and how high it can lift.

    ``compares_copies`` says that it only compares with a recorded digest, or with a copy of the same thing: it notices
    any change and understands none. ``resources`` is what it takes of a machine where it runs on a cluster: ``cpu``
    and ``gpu`` in devices, ``memory`` in bytes, others by the names the cluster gives them.
    """

    name: str
    summary: str
    module: str
    distribution: str
    roles: Mapping[str, Kind] = field(default_factory=dict)
    optional_roles: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    level: Ceiling = "discharged"
    needs: Literal["header", "tensors", "fingerprints", "folder"] = "header"
    imports: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()
    documentation: str = ""
    evidence_for: EvidenceFor = ""
    compares_copies: bool = False
    remembered: bool = True
    resources: Mapping[str, float] = field(default_factory=dict)

    @property
    def ceiling(self) -> Level:
        """The highest status a verdict of this check can support."""
        return Level.of(self.level)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; ``from_json(to_json(s)) == s``."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CheckSignature:
        """The signature that ``to_json`` wrote."""
        parameters = {
            name: Parameter(**{**value, "choices": tuple(value["choices"])})
            for name, value in data["parameters"].items()
        }
        tuples = {key: tuple(data[key]) for key in ("optional_roles", "imports", "counterexamples")}
        return cls(**{**data, **tuples, "parameters": parameters})
