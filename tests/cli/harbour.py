"""A workspace with ship files and real statements about its contracts, made without validating anything.

The statements say what the real catalogue of checks would have to have said: their source digests are today's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from falsifiable.contracts import Contract, claim_digest, claims_digest, load_workspace
from falsifiable.evidence import (
    Context,
    Environment,
    Repository,
    Statement,
    evidence_folder,
    heads,
    read_evidence,
    statement_of,
    write_statement,
)
from falsifiable.falsifier import SEMANTICS, Verdict
from falsifiable.validation.catalogue import load_catalogue
from falsifiable.validation.results import BoundArtifact, Challenge, ContractResult, Judgement, Observation
from tests.evidence.builders import commit_all, git

TRAINING = """\
contract: training
version: 1.2.0
title: The run did what was asked of it
spec: harbour
artifacts:
  run: {kind: run}
  trained: {kind: model}
falsifiers:
  - {id: FALSIFY-TRAIN-001, claim: Every weight is a finite number, check: weights.finite, on: {model: trained}}
  - id: FALSIFY-TRAIN-002
    claim: The run ended because it was done
    check: field
    on: {run: run}
    with: {path: end_reason, criterion: {equals: completed}}
discharge:
  run: {seed: {one_of: [0, 1, 2]}}
"""

PACKING = """\
contract: packing
version: 1.0.0
title: The export can be used
spec: harbour
requires: [training]
artifacts:
  export: {kind: model}
falsifiers:
  - {id: FALSIFY-PACK-901, claim: Every weight is a finite number, check: weights.finite, on: {model: export}}
discharge:
  export: {parameters: {at_least: 100}}
"""

SHIP = """\
ship: harbour
deliverables:
  engine:
    title: The model, trained
    criteria:
      - id: AC-ENGINE-1
        text: It trains from three seeds
        points: 6
        falsifiers: [FALSIFY-TRAIN-001, FALSIFY-TRAIN-002]
        quorum: {at_least: 3, distinct: run.seed}
      - id: AC-ENGINE-2
        text: Its weights are sound
        points: 4
        falsifiers: [FALSIFY-TRAIN-001]
        tripwires:
          - {falsifier: FALSIFY-TRAIN-001, measurement: largest, when: {above: 100}, why: no weight is so large}
  hull:
    title: The export
    criteria:
      - {id: AC-HULL-1, text: Somebody can load it, points: 10, falsifiers: [FALSIFY-PACK-901]}
      - {id: AC-HULL-2, text: It was looked at, points: 5, falsifiers: [FALSIFY-PACK-901], effort: {hours: 2}}
      - {id: AC-HULL-3, text: It is painted, points: 2.5, falsifiers: [FALSIFY-PACK-901]}
roadmap:
  - {step: 5e, title: Train it, hours: 8, device: cuda, done_when: [FALSIFY-TRAIN-001], earns: [AC-ENGINE-2]}
  - step: 5f
    title: Train it from two seeds more
    requires: [5e]
    hours: 16
    device: cuda
    done_when: {falsifiers: [FALSIFY-TRAIN-002], status: integration}
    earns: [AC-ENGINE-1]
    predicted: 6
    declared_done: true
  - step: 5g
    title: Pack it
    requires: [5f]
    hours: 1
    done_when: [FALSIFY-PACK-901]
    earns: [AC-HULL-1]
    atomic_with: [5h]
  - {step: 5h, title: Load the pack, hours: 0.5, done_when: [FALSIFY-PACK-901]}
stages:
  train: [training]
  pack: [packing]
waivers:
  - {criterion: AC-HULL-3, owner: A. Person, reason: the paint is not dry, expires: 2020-01-31}
"""

SPEC = """\
# The harbour

<!-- contract:scoreboard -->
<!-- /contract:scoreboard -->

<!-- contract:ship -->
<!-- /contract:ship -->

<!-- contract:roadmap -->
<!-- /contract:roadmap -->
"""

FILES = {
    "contracts/training.yaml": TRAINING,
    "contracts/packing.yaml": PACKING,
    "spec/harbour/ship.yaml": SHIP,
    "spec/harbour/spec.md": SPEC,
}


def build(root: Path, files: Mapping[str, str] = FILES) -> Path:
    """The workspace, committed, without evidence."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root, "init", "-q")
    commit_all(root, "the harbour is built")
    return root


def record(root: Path, contract: str, *, seed: int = 0, fell: str = "", **more: Any) -> Statement:
    """Write a statement in which every claim of ``contract`` held on files of a run of ``seed``, but ``fell`` did not.

    Further arguments are measurements of every verdict. It supersedes what was written before.
    """
    catalogue = load_catalogue()
    workspace = load_workspace(root, catalogue.signatures)
    found = next(one for one in workspace.contracts if one.contract == contract)
    judged = tuple(_judgement(found, one.id, seed, fell, more, catalogue.source_digests) for one in found.falsifiers)
    observed = tuple(_observed(found, seed))
    result = ContractResult(
        found.contract, found.version, found.digest, claims_digest(found), judged, observed, None, f"run-{seed}"
    )
    repository = Repository(root)
    context = Context(repository.head, repository.trees, False, Environment("3.11", "Linux x86_64", {}), SEMANTICS)
    folder = evidence_folder(root, "harbour")
    made = statement_of(result, context, contract_file=f"contracts/{contract}.yaml")
    made = replace(made, supersedes=tuple(one.sha256 for one in heads(read_evidence(folder).of(contract))))
    write_statement(folder, made)
    commit_all(root, f"record {contract}")
    return made


def _judgement(
    contract: Contract, name: str, seed: int, fell: str, measured: Mapping[str, Any], digests: Mapping[str, str]
) -> Judgement:
    declared = next(one for one in contract.falsifiers if one.id == name)
    bound = tuple(
        BoundArtifact(role, contract.artifacts[role].kind, f"runs/{seed}/{role}", _digest(role, seed), "recorded", {})
        for role in declared.on.values()
    )
    holds = name != fell
    return Judgement(
        contract=contract.contract,
        falsifier=name,
        check=declared.check,
        claim=declared.claim,
        verdict=Verdict.of(holds, found="" if holds else "tensor 3 holds a NaN", examined=(26, "tensors"), **measured),
        challenges=(Challenge("a-nan", "refuted", "specimen", "found it"),),
        artifacts=tuple(replace(one, files={"model.safetensors": one.digest}) for one in bound),
        parameters=dict(declared.parameters),
        source_digest=digests[declared.check],
        claim_digest=claim_digest(contract, declared),
    )


def _digest(role: str, seed: int) -> str:
    return f"{seed}{role[0].encode().hex()}".ljust(64, "0")


def _observed(contract: Contract, seed: int) -> list[Observation]:
    values = {"seed": seed, "parameters": 1000}
    return [
        Observation(role, name, str(criterion), values[name], "record" if name == "seed" else "file", True)
        for role, block in contract.discharge.items()
        for name, criterion in block.items()
    ]
