"""What must be true of every falsifier that ships: it holds on the specimens, and every counterexample is refuted."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

import falsifiers
from falsifiable import Criterion, NotApplicable
from falsifiable.artifacts import ArtifactError
from falsifiable.contracts import read_contract
from falsifiable.contracts.model import FalsifierDeclaration
from falsifiable.contracts.parameters import typed_parameters
from falsifiable.falsifier import REGISTRY, Falsifier
from falsifiable.samples import specimen
from falsifiable.validation.bound import specimen_variant
from falsifiers.device import NO_GPU

CONTRACTS = Path(__file__).parents[2] / "contracts"

for module in iter_modules(falsifiers.__path__):
    import_module(f"falsifiers.{module.name}")

STANDARD: Mapping[str, Falsifier] = {
    name: check for name, check in REGISTRY.items() if check.declared.module.startswith("falsifiers.")
}


@dataclass(frozen=True)
class Claim:
    """One falsifier of a shipped contract, with the specimens it is judged on where nothing is bound."""

    declaration: FalsifierDeclaration

    @property
    def check(self) -> Falsifier:
        return REGISTRY[self.declaration.check]

    @property
    def parameters(self) -> dict[str, Any]:
        return typed_parameters(self.declaration.parameters, self.check.signature)

    @property
    def specimens(self) -> dict[str, Any]:
        return {name: self._specimen(name) for name in self.check.declared.roles}

    def _specimen(self, parameter: str) -> Any:
        kind = self.check.declared.roles[parameter]
        role = self.declaration.on.get(parameter)
        if role is None:
            return None
        if kind == "command":
            named = self.parameters.get("stderr_contains")
            return specimen("command", named[0] if named else "accepts" if named == () else role)
        return specimen(kind, specimen_variant(kind, role, parameter))


ANY = {"criterion": Criterion(at_least=0.0)}
ANY_GATE = {"below": 8.0, "from_step": 0, "allowed": ""}
# Claims about larger models than any specimen is -> the threshold that they must fall by there, and by nothing else:
# with these parameters in its place they hold.
BEYOND_SPECIMENS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "AC-SHIP2-003": ("expected at most 2.2", ANY),
    "AC-SHIP2-005": ("expected at least 3.66e+08 and at most 3.74e+08", ANY),
    "FALSIFY-GATE-002": ("below 1.85 with 0 of 3 seeds", ANY_GATE),
    "FALSIFY-GATE-FINAL": ("below 1.5 with 0 of 3 seeds", ANY_GATE),
}
SLOW = {"AC-SHIP2-002"}  # ten thousand texts


def shipped_claims(*, beyond_specimens: bool | None = None) -> list[Any]:
    """Every claim of the contracts; of those ``BEYOND_SPECIMENS`` names, all by default, only these, or none."""
    claims = []
    for path in sorted(CONTRACTS.glob("*/*.yaml")):
        contract = read_contract(path).contract
        assert contract is not None, path
        claims += [
            pytest.param(Claim(one), id=one.id, marks=[pytest.mark.slow] if one.id in SLOW else [])
            for one in contract.falsifiers
            if beyond_specimens in (None, one.id in BEYOND_SPECIMENS)
        ]
    return claims


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.mark.parametrize("claim", shipped_claims(beyond_specimens=False))
def test_it_holds_on_the_specimens(claim: Claim):
    verdict = claim.check(*claim.specimens.values(), **claim.parameters)

    if verdict.found.startswith(NO_GPU) and not has_gpu():
        pytest.skip(verdict.found)  # test_device.py puts a backend that needs no GPU in its place
    assert verdict.outcome == "held", verdict.found
    assert verdict.examined > 0


def test_the_claims_beyond_the_specimens_are_shipped_and_few():
    assert {one.id for one in shipped_claims(beyond_specimens=True)} == set(BEYOND_SPECIMENS)


@pytest.mark.parametrize("claim", shipped_claims(beyond_specimens=True))
def test_a_threshold_that_no_specimen_meets_falls_by_that_alone(claim: Claim):
    said, instead = BEYOND_SPECIMENS[claim.declaration.id]
    verdict = claim.check(*claim.specimens.values(), **claim.parameters)
    otherwise = claim.check(*claim.specimens.values(), **{**claim.parameters, **instead})

    assert verdict.outcome == "falsified"
    assert said in verdict.found
    assert otherwise.outcome == "held", otherwise.found


@pytest.mark.parametrize("claim", shipped_claims(beyond_specimens=True))
def test_its_check_holds_on_the_specimens_for_another_claim(claim: Claim):
    others = {one.values[0].declaration.check for one in shipped_claims(beyond_specimens=False)}

    assert claim.declaration.check in others


@pytest.mark.parametrize("claim", shipped_claims())
def test_every_counterexample_is_refuted_in_words(claim: Claim):
    specimens, refuted = claim.specimens, 0
    for name in claim.check.counterexamples:
        try:
            mutated = claim.check.mutate(name, specimens, claim.parameters)
        except NotApplicable:
            continue
        roles = [mutated.pop(role) for role in specimens]
        verdict = claim.check(*roles, **mutated)
        assert verdict.outcome == "falsified", f"{name}: {verdict}"
        assert len(verdict.found) > 20
        refuted += 1
    assert refuted > 0


STARVED = {
    "no embedding": lambda model: model.without_tensor("token_embedding"),
    "no tokenizer": lambda model: model.with_tokenizer(None),
    "no configuration": lambda model: _without_metadata(model, keep=("general.architecture", "architectures")),
    "nothing said": lambda model: _without_metadata(model, keep=()),
    "another family": lambda model: model.with_architecture("mamba" if model.format == "gguf" else "MambaForCausalLM"),
    "no tensors": lambda model: _without_tensors(model),
    "no metrics": lambda run: run.with_field("metrics", {}),
    "no artifacts": lambda run: run.with_field("artifacts", {}),
    "no architecture": lambda run: run.with_field("architecture", {}),
    "no steps": lambda run: run.with_field("steps", {}),
    "no log": lambda run: replace(run, rows=()),
    "no state at step 0": lambda run: replace(run, state_at_step_zero=None),
    "no losses": lambda run: replace(run, rows=tuple({"phase": row["phase"], "step": row["step"]} for row in run.rows)),
    "no rule": lambda corpus: replace(corpus, evaluation=None),
    "no tokens": lambda tokenizer: tokenizer.without_tokens(),
}
STARVED_KINDS = {**dict.fromkeys(list(STARVED)[:6], "model"), **dict.fromkeys(list(STARVED)[6:13], "run"),
                 "no rule": "corpus", "no tokens": "tokenizer"}  # fmt: skip


def _without_metadata(model: Any, keep: tuple[str, ...]) -> Any:
    for key in [key for key in model.metadata if key not in keep]:
        model = model.without_metadata(key)
    return model


def _without_tensors(model: Any) -> Any:
    for name in list(model.tensors):
        model = model.without_tensor(name)
    return model


@pytest.mark.parametrize("claim", shipped_claims())
def test_what_is_missing_is_a_verdict_and_never_a_crash(claim: Claim):
    for name, kind in STARVED_KINDS.items():
        for role, one in claim.specimens.items():
            if one is None or claim.check.declared.roles[role] != kind:
                continue
            try:
                starved = {**claim.specimens, role: STARVED[name](one)}
            except (ArtifactError, ValueError):  # an adapter has neither an embedding nor an architecture to lose
                continue
            with contextlib.suppress(ArtifactError):  # a finding about the file, which the engine reports as such
                verdict = claim.check(*starved.values(), **claim.parameters)
                assert verdict.outcome == "held" or verdict.found, f"{claim.declaration.id} with {name}"


def test_every_check_is_used_by_a_contract():
    used = {claim.values[0].declaration.check for claim in shipped_claims()}

    assert set(STANDARD) == used


@pytest.mark.parametrize("check", STANDARD.values(), ids=STANDARD)
def test_every_parameter_is_described(check):
    undescribed = [name for name, one in check.signature.parameters.items() if not one.description]

    assert not undescribed
    assert check.signature.summary.endswith(".")


def test_importing_the_library_imports_nothing_heavy():
    program = (
        "import sys, pkgutil, importlib, falsifiers\n"
        "for one in pkgutil.iter_modules(falsifiers.__path__): importlib.import_module('falsifiers.' + one.name)\n"
        "heavy = {'torch', 'numpy', 'transformers', 'hypothesis', 'gguf', 'scipy'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
