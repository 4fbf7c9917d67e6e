"""The SDK: how a falsifier is written.

A falsifier is a function that looks at artifacts and returns a verdict, together with the counterexamples that prove it
can fail::

    @falsifier("vocabulary.fits-model")
    def fits_model(tokenizer: Tokenizer, model: Model, *, bound: Literal["at-most", "exactly"] = "at-most") -> Verdict:
        \"\"\"Every id the tokenizer can emit has an embedding row.\"\"\"
        ...

    @fits_model.counterexample
    def one_token_too_many(tokenizer, model):
        return tokenizer.with_tokens(model.embedding_rows + 1), model

Positional parameters typed with an artifact class are *roles*. Keyword-only parameters are what a contract writes under
``with``; those typed as a callable are *subjects* (the algorithm under test), which a contract cannot set and a
counterexample may replace.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Union, get_args, get_origin

from falsifiable.artifacts import Command, Corpus, Curves, FileSet, Model, Race, Run, Table, Tokenizer
from falsifiable.contracts.model import CHECK_NAME, Ceiling, Criterion, Kind, Scalar
from falsifiable.contracts.signature import CheckSignature, EvidenceFor, Parameter, ParameterType

SEMANTICS = 2
"""What the readers and this SDK make of the same bytes, as a number that enters every source digest. Raise it by hand
whenever a golden file of the artifacts room changes: evidence recorded before is then stale."""

Outcome = Literal["held", "falsified", "inconclusive"]
Quantity = Scalar | None
Artifact = Model | Tokenizer | Run | Corpus | Command | Table | FileSet | Curves | Race

KIND_OF: Mapping[type, Kind] = {
    Model: "model",
    Tokenizer: "tokenizer",
    Run: "run",
    Corpus: "corpus",
    Command: "command",
    Table: "table",
    FileSet: "files",
    Curves: "curves",
    Race: "race",
}

_CEILINGS: Mapping[str, Ceiling] = {"algorithm": "partial", "integration": "integration", "any": "discharged"}
_SIMPLE_TYPES: Mapping[Any, ParameterType] = {
    Criterion: "criterion",
    float: "number",
    int: "integer",
    str: "text",
    bool: "boolean",
    tuple[str, ...]: "texts",
    Scalar: "scalar",
}


class NotApplicable(Exception):
    """Raised by a counterexample whose mutation cannot be made on the artifacts at hand; the message says why."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A named number (or text) that a verdict rests on, with its unit; a count has the unit ``""``."""

    name: str
    value: Quantity
    unit: str = ""

    def __str__(self) -> str:
        shown = f"{self.value:.6g}" if isinstance(self.value, float) else str(self.value)
        return f"{self.name}={shown}{' ' + self.unit if self.unit else ''}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a falsifier found: an outcome, the measurements it rests on, and how much was examined.

    ``found`` holds, for a falsified verdict, the smallest counterexample in words that name the likely cause; for an
    inconclusive one, the reason.
    """

    outcome: Outcome
    found: str = ""
    measurements: tuple[Measurement, ...] = ()
    examined: int = 0
    examined_unit: str = ""

    @classmethod
    def of(
        cls,
        holds: bool,
        /,
        *,
        found: str = "",
        examined: int | tuple[int, str] | None = None,
        **measurements: Quantity | tuple[Quantity, str],
    ) -> Verdict:
        """A verdict from a condition.

        ``measurements`` are values or ``(value, unit)``. ``examined`` is a count or ``(count, unit)`` such as
        ``(291, "tensors")``; without it, the number of measurements counts. A verdict over nothing is inconclusive,
        whatever ``holds`` says: a check that looked at no tensor has refuted nothing.
        """
        measured = tuple(_measurement(name, value) for name, value in measurements.items())
        count, unit = examined if isinstance(examined, tuple) else (examined, "")
        if count is None:
            count, unit = len(measured), "measurements"
        if count <= 0:
            return cls("inconclusive", "it examined nothing" + (f" (0 {unit})" if unit else ""), measured, 0, unit)
        if holds:
            return cls("held", "", measured, count, unit)
        said = found or "the condition does not hold for " + ", ".join(str(one) for one in measured)
        return cls("falsified", said, measured, count, unit)

    @classmethod
    def inconclusive(cls, reason: str, **measurements: Quantity) -> Verdict:
        """No verdict could be reached; ``reason`` says what was missing and what to do."""
        return cls("inconclusive", reason, tuple(Measurement(*item) for item in measurements.items()))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; ``from_json(to_json(v)) == v``."""
        return {
            "outcome": self.outcome,
            "found": self.found,
            "measurements": [{"name": m.name, "value": m.value, "unit": m.unit} for m in self.measurements],
            "examined": self.examined,
            "examined_unit": self.examined_unit,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """The verdict that ``to_json`` wrote."""
        return cls(**{**data, "measurements": tuple(Measurement(**one) for one in data["measurements"])})


def _measurement(name: str, value: Any) -> Measurement:
    """A value, or a value with its unit; a number of some library becomes Python's own."""
    quantity, unit = value if isinstance(value, tuple) else (value, "")
    if hasattr(quantity, "item") and not isinstance(quantity, Scalar):
        quantity = quantity.item()
    if not isinstance(quantity, Scalar | None):
        raise TypeError(f"measurement {name} is a {type(quantity).__name__}; expected a number, a text or None")
    return Measurement(name, quantity, unit)


Counterexample = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Falsifier:
    """A registered check: its function, its signature, and the counterexamples that prove it can fail."""

    function: Callable[..., Verdict]
    declared: CheckSignature
    subjects: tuple[str, ...] = ()
    counterexamples: dict[str, Counterexample] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name a contract's ``check`` uses."""
        return self.declared.name

    @property
    def signature(self) -> CheckSignature:
        """The signature with the counterexamples registered so far."""
        values = {one.name: getattr(self.declared, one.name) for one in fields(CheckSignature)}
        return CheckSignature(**{**values, "counterexamples": tuple(self.counterexamples)})

    def __call__(self, *artifacts: Artifact | None, **parameters: Any) -> Verdict:
        """Judge ``artifacts``. Raises TypeError where the function returns something that is no verdict."""
        verdict = self.function(*artifacts, **parameters)
        if not isinstance(verdict, Verdict):
            raise TypeError(
                f"check {self.name} returned {type(verdict).__name__}, expected a Verdict; end it with Verdict.of(...)"
            )
        return verdict

    def counterexample(self, make: Counterexample) -> Counterexample:
        """Register ``make``, which takes the roles and returns a mutated set that the check must falsify.

        It returns one artifact (for a check of one role), a tuple in the order of the roles, or a mapping from role or
        subject to its replacement. Keyword-only parameters of the check may be asked for by name. Where the mutation
        cannot be made on what is bound, it raises :class:`NotApplicable`.
        """
        name = make.__name__.replace("_", "-")
        if name in self.counterexamples:
            raise TypeError(f"check {self.name} has two counterexamples called {name}; rename one")
        self.counterexamples[name] = make
        return make

    def mutate(
        self, name: str, artifacts: Mapping[str, Artifact | None], parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Arguments of the check with counterexample ``name`` applied: role, parameter or subject -> value."""
        make = self.counterexamples[name]
        wanted = {p.name for p in inspect.signature(make).parameters.values() if p.kind is p.KEYWORD_ONLY}
        made = make(*artifacts.values(), **{key: parameters[key] for key in wanted})
        if not isinstance(made, Mapping):
            changed = made if isinstance(made, tuple) else (made,)
            if len(changed) > len(artifacts):
                raise TypeError(
                    f"counterexample {name} of {self.name} returned {len(changed)} artifacts for {len(artifacts)} roles"
                )
            made = dict(zip(artifacts, changed, strict=False))
        return {**artifacts, **parameters, **made}


REGISTRY: dict[str, Falsifier] = {}


def falsifier(
    name: str,
    *,
    level: Literal["algorithm", "integration", "any"] = "any",
    needs: Literal["header", "tensors", "fingerprints", "folder"] = "header",
    imports: tuple[str, ...] = (),
    evidence_for: EvidenceFor = "",
    compares_copies: bool = False,
    remembered: bool = True,
    resources: Mapping[str, float] | None = None,
) -> Callable[[Callable[..., Verdict]], Falsifier]:
    """Register a check under ``name`` (kebab-case, dotted: ``family.property``).

    Args:
        name: what a contract writes under ``check``.
        level: the highest level its verdicts can support; ``algorithm`` stands for PARTIAL.
        needs: how much of a model it reads; ``fingerprints`` are computed once for all checks; ``folder`` is every
            file that lies there, those too that are no part of the model and that its digest does not cover.
        imports: heavy modules it imports inside its body, so that a worker can load them once for several checks; a
            check whose modules are absent is inconclusive.
        evidence_for: what a falsified verdict on a run shows that run to suffer from; `contract diagnose` reads it.
        compares_copies: whether it only compares with a recorded digest, or with a copy of the same thing. Such a check
            notices any change and understands none, so that it is left out of the score of ``contract challenge``.
        remembered: False for a check whose verdict rests on more than the bytes bound, such as the times of files: it
            is asked again every time.
        resources: what it takes of a machine of a cluster: ``cpu`` and ``gpu`` in devices, ``memory`` in bytes, others
            by the names the cluster gives them. One processor core and no GPU unless said otherwise.

    Raises:
        TypeError: for a name, parameter or annotation the SDK does not know; the message lists what is accepted.
    """
    if not re.match(CHECK_NAME, name):
        raise TypeError(f"check name {name!r} must be kebab-case words joined by dots, such as vocabulary.fits-model")

    def register(function: Callable[..., Verdict]) -> Falsifier:
        declared, subjects = _signature(name, function, _CEILINGS[level], needs, imports)
        declared = replace(
            declared, evidence_for=evidence_for, compares_copies=compares_copies, remembered=remembered,
            resources=dict(resources or {}),
        )  # fmt: skip
        known = REGISTRY.get(name)
        if known is not None and known.declared.module != declared.module:
            raise TypeError(f"check {name} is defined in both {known.declared.module} and {declared.module}")
        REGISTRY[name] = Falsifier(function, declared, subjects)
        return REGISTRY[name]

    return register


def _signature(
    name: str, function: Callable[..., Verdict], level: Ceiling, needs: Any, imports: tuple[str, ...]
) -> tuple[CheckSignature, tuple[str, ...]]:
    hints = typing.get_type_hints(function)
    documentation = inspect.getdoc(function) or ""
    if not documentation:
        raise TypeError(f"check {name} has no docstring; say what it refutes in its first line")
    described = _described_parameters(documentation)
    roles: dict[str, Kind] = {}
    optional_roles, subjects, parameters = [], [], {}
    for parameter in inspect.signature(function).parameters.values():
        annotation, optional = _without_none(hints.get(parameter.name))
        if parameter.kind is parameter.KEYWORD_ONLY:
            if get_origin(annotation) is Callable or annotation is Callable:
                subjects.append(parameter.name)
            else:
                parameters[parameter.name] = _parameter(name, parameter, annotation, described.get(parameter.name, ""))
        elif annotation in KIND_OF:
            roles[parameter.name] = KIND_OF[annotation]
            if optional:
                optional_roles.append(parameter.name)
        else:
            accepted = ", ".join(one.__name__ for one in KIND_OF)
            raise TypeError(
                f"check {name}: parameter {parameter.name} must be typed with one of {accepted}, or be keyword-only"
            )
    signature = CheckSignature(
        name=name,
        summary=documentation.splitlines()[0],
        module=function.__module__,
        distribution=function.__module__.partition(".")[0],
        roles=roles,
        optional_roles=tuple(optional_roles),
        parameters=parameters,
        level=level,
        needs=needs,
        imports=imports,
        documentation=documentation,
    )
    return signature, tuple(subjects)


def _parameter(check: str, parameter: inspect.Parameter, annotation: Any, description: str) -> Parameter:
    required = parameter.default is parameter.empty
    choices: tuple[str, ...] = ()
    if get_origin(annotation) is Literal:
        kind: ParameterType = "choice"
        choices = tuple(str(one) for one in get_args(annotation))
    elif annotation in _SIMPLE_TYPES:
        kind = _SIMPLE_TYPES[annotation]
    else:
        raise TypeError(
            f"check {check}: parameter {parameter.name} is typed {annotation}; "
            "use Criterion, float, int, str, bool, Literal[...], tuple[str, ...] or Scalar"
        )
    default = None if required else _plain(parameter.default)
    return Parameter(parameter.name, kind, required, default, choices, description)


def _plain(default: Any) -> Any:
    """A default as the JSON data one would write in YAML."""
    if isinstance(default, Criterion):
        given = {one.name: getattr(default, one.name) for one in fields(default)}
        return {name: _plain(value) for name, value in given.items() if value is not None}
    return list(default) if isinstance(default, tuple) else default


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """``X | None`` as ``(X, True)``, anything else as ``(annotation, False)``."""
    if get_origin(annotation) not in (Union, types.UnionType) or type(None) not in get_args(annotation):
        return annotation, False
    rest = tuple(one for one in get_args(annotation) if one is not type(None))
    return (rest[0] if len(rest) == 1 else Union[rest]), True  # noqa: UP007


def _described_parameters(documentation: str) -> dict[str, str]:
    """The ``Args:`` section of a docstring: parameter -> description in one line."""
    _, _, section = documentation.partition("Args:\n")
    described: dict[str, str] = {}
    current = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        if match := re.match(r"    (\w+): (.*)", line):
            current, described[match[1]] = match[1], match[2]
        elif current and line.strip():
            described[current] += " " + line.strip()
    return described
