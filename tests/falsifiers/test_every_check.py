"""What must be true of every falsifier that ships: it holds on the specimens, and every counterexample is refuted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

import falsifiers
from falsifiable import NotApplicable
from falsifiable.contracts import read_contract
from falsifiable.contracts.model import FalsifierDeclaration
from falsifiable.contracts.parameters import typed_parameters
from falsifiable.falsifier import REGISTRY, Falsifier
from falsifiable.samples import VARIANTS, specimen

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
            named = self.parameters["stderr_contains"]
            return specimen("command", named[0] if named else "accepts")
        return specimen(kind, next((name for name in (role, parameter) if name in VARIANTS[kind]), ""))


def shipped_claims() -> list[Any]:
    claims = []
    for path in sorted(CONTRACTS.glob("*/*.yaml")):
        contract = read_contract(path).contract
        assert contract is not None, path
        claims += [pytest.param(Claim(one), id=one.id) for one in contract.falsifiers]
    return claims


@pytest.mark.parametrize("claim", shipped_claims())
def test_it_holds_on_the_specimens(claim: Claim):
    verdict = claim.check(*claim.specimens.values(), **claim.parameters)

    assert verdict.outcome == "held", verdict.found
    assert verdict.examined > 0


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
