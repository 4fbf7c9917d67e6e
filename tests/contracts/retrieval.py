"""A contract with every key, and its other versions: the text with some of its words replaced."""

from __future__ import annotations

from falsifiable.contracts import Contract, read_contract
from falsifiable.contracts.comparison import ContractComparison

TEXT = """\
contract: retrieval
version: 1.4.0
title: What is asked for is found
spec: ship-two
references: [section 50, the minutes]
requires: [packaging]
artifacts:
  export: {kind: model, description: the GGUF}
  trained: {kind: model}
  tokenizer: {kind: tokenizer}
  run: {kind: run}
falsifiers:
  - id: FALSIFY-001
    claim: The export agrees with the checkpoint
    check: forward.agrees
    on: {model: export}
    with: {cosine: {at_least: 0.9999}, length: 32, layers: [first, last]}
    if_falsified: The export computes another function
  - id: FALSIFY-002
    claim: Every id has a row
    check: vocabulary.fits-model
    on: {tokenizer: tokenizer, model: export}
    up_to: integration
  - {id: FALSIFY-003, claim: The export is whole, check: artifact.sound, on: {artifact: export}}
discharge:
  run: {device: cuda, steps: {at_least: 500}, val_loss: {below: 9.38}}
  trained: {parameters: {at_least: 490e6}}
unguarded:
  export: {rows-exchanged: FALSIFY-001 notices by the cosine}
"""

WHOLE = "  - {id: FALSIFY-003, claim: The export is whole, check: artifact.sound, on: {artifact: export}}\n"
"""The text of one falsifier."""


def contract(text: str = TEXT) -> Contract:
    read = read_contract(text.encode())
    assert read.contract is not None, read.diagnostics
    return read.contract


def edited(*edits: tuple[str, str]) -> str:
    text = TEXT
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return text


def told(comparison: ContractComparison) -> list[tuple[str, str, str]]:
    return [(one.subject, one.kind, one.demands.word) for one in comparison.changes]
