"""From a contract file to the dataclasses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from falsifiable.contracts import (
    ArtifactDeclaration,
    ContractFile,
    Criterion,
    FalsifierDeclaration,
    Level,
    Position,
    read_contract,
)
from falsifiable.contracts.shapes import record_shape, shape_of

DESIGN = """\
# yaml-language-server: $schema=contract.schema.json
contract: pretrain-arch-polymorphic
version: 1.5.0
title: The trainer takes its architecture from the checkpoint it starts from
spec: ship-two
references: ["SPEC-SHIP-TWO-001 section 50"]
requires: [pretrain-from-init]

artifacts:
  trained:   {kind: model,     description: the checkpoint after the fine-tune}
  tokenizer: {kind: tokenizer}
  run:       {kind: run}

falsifiers:
  - id: FALSIFY-ARCH-009
    claim: Every id the tokenizer can emit has an embedding row
    check: vocabulary.fits-model
    on: {tokenizer: tokenizer, model: trained}
    with: {bound: at-most, limits: {at_least: 1e-5}}   # HF checkpoints reserve slots
    up_to: integration
    if_falsified: The tokenizer can emit an id outside the embedding

discharge:
  run:     {device: cuda, steps: {at_least: 500}}
  trained: {parameters: {at_least: 490e6}}
"""


def test_a_contract_is_read_into_dataclasses(tmp_path: Path) -> None:
    path = tmp_path / "arch.yaml"
    path.write_text(DESIGN, encoding="utf-8")
    file = read_contract(path)
    assert file.diagnostics == ()
    contract = file.contract
    assert contract is not None
    assert (contract.contract, contract.version, contract.spec) == ("pretrain-arch-polymorphic", "1.5.0", "ship-two")
    assert contract.references == ("SPEC-SHIP-TWO-001 section 50",)
    assert contract.artifacts["tokenizer"] == ArtifactDeclaration("tokenizer")
    assert contract.falsifiers == (
        FalsifierDeclaration(
            id="FALSIFY-ARCH-009",
            claim="Every id the tokenizer can emit has an embedding row",
            check="vocabulary.fits-model",
            on={"tokenizer": "tokenizer", "model": "trained"},
            parameters={"bound": "at-most", "limits": {"at_least": 1e-5}},
            up_to="integration",
            if_falsified="The tokenizer can emit an id outside the embedding",
        ),
    )
    assert contract.discharge == {
        "run": {"device": "cuda", "steps": Criterion(at_least=500)},
        "trained": {"parameters": Criterion(at_least=490e6)},
    }
    assert contract.path == path
    assert contract.digest == file.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert contract.ceiling(contract.falsifiers[0]) is Level.INTEGRATION


def test_every_place_of_the_file_can_be_found() -> None:
    file = read_contract(DESIGN.encode(), shown="arch.yaml")
    assert file.position("falsifiers", 0, "check") == Position(17, 12)
    assert file.key_position("falsifiers", 0, "check") == Position(17, 5)
    assert file.position("falsifiers", 0, "no-such-key") == Position(15, 5)
    assert read_contract(b"").position("falsifiers") == Position(1, 1)


def test_the_sound_parts_of_a_broken_contract_are_kept() -> None:
    file = read_contract(DESIGN.replace("kind: run", "kind: ran").encode())
    assert file.contract is None
    assert isinstance(file.parts[("falsifiers", 0)], FalsifierDeclaration)
    assert ("artifacts", "trained") in file.parts
    assert ("artifacts", "run") not in file.parts


def test_warnings_leave_the_contract(check: Callable[..., tuple[ContractFile, ...]], base: str) -> None:
    (file,) = check(base.replace("artifacts:\n", "artifacts:\n  spare: {kind: run}\n"))
    assert [one.severity for one in file.diagnostics] == ["warning"]
    assert file.contract is not None


def test_a_role_may_be_there_for_a_command(check: Callable[..., tuple[ContractFile, ...]], base: str) -> None:
    roles = "artifacts:\n  corpus: {kind: corpus}\n  trainer: {kind: command}\n"
    (file,) = check(base.replace("artifacts:\n", roles))
    assert file.diagnostics == ()


def test_an_annotation_without_a_shape_is_a_mistake_of_ours() -> None:
    @dataclass(frozen=True)
    class Odd:
        numbers: set[int]

    with pytest.raises(TypeError, match="has no shape in a file"):
        record_shape(Odd)


def test_a_record_has_a_short_form_of_texts_scalars_or_lists_only() -> None:
    with pytest.raises(TypeError, match="no short form of a record"):
        shape_of(Criterion | bool, {})
