"""A digest of the meaning changes with the meaning and with nothing else."""

from __future__ import annotations

import pytest

from falsifiable.contracts import Contract, claim_digest, claims_digest, read_contract

TEXT = """\
contract: example
version: 1.0.0
title: The export can be loaded
artifacts:
  export: {kind: model, description: what llama.cpp loads}
falsifiers:
  - id: F-001
    claim: It loads
    check: artifact.sound
    on: {artifact: export}
    with: {loss: {at_most: 500}}
    if_falsified: Nobody can load it
  - {id: F-002, claim: It is whole, check: artifact.sound, on: {artifact: export}}
discharge:
  export: {parameters: {at_least: 490e6}}
"""


def contract(text: str) -> Contract:
    read = read_contract(text.encode()).contract
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.0.0", "2.0.0"),
        ("The export can be loaded", "Another title"),
        ("what llama.cpp loads", "the GGUF file"),
        ("Nobody can load it", "llama.cpp refuses it"),
        (
            "    check: artifact.sound\n    on: {artifact: export}",
            "    on: {artifact: export}\n    check: artifact.sound  # it",
        ),
        ("at_most: 500", "at_most: 5e2"),
        ("490e6", "490000000"),
        ("version", "references: [issue 4]\nversion"),
    ],
)
def test_layout_version_and_descriptions_mean_nothing(old: str, new: str) -> None:
    before, after = contract(TEXT), contract(TEXT.replace(old, new))
    assert before.digest != after.digest
    assert claims_digest(before) == claims_digest(after)
    assert claim_digest(before, before.falsifiers[0]) == claim_digest(after, after.falsifiers[0])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("It loads", "It loads at once"),
        ("F-001", "F-003"),
        ("at_most: 500", "at_most: 501"),
        ("at_most", "below"),
        ("    check: artifact.sound", "    check: artifact.whole"),
        ("    if_falsified", "    up_to: partial\n    if_falsified"),
        ("contract: example", "contract: other"),
        ("kind: model", "kind: tokenizer"),
    ],
)
def test_a_changed_claim_changes_its_digest(old: str, new: str) -> None:
    before, after = contract(TEXT), contract(TEXT.replace(old, new))
    assert claims_digest(before) != claims_digest(after)
    assert claim_digest(before, before.falsifiers[0]) != claim_digest(after, after.falsifiers[0])


@pytest.mark.parametrize(
    ("old", "new"), [("490e6", "400e6"), ("It is whole", "It is not cut"), ("version", "requires: [a]\nversion")]
)
def test_the_digest_of_a_claim_covers_that_claim_only(old: str, new: str) -> None:
    before, after = contract(TEXT), contract(TEXT.replace(old, new))
    assert claims_digest(before) != claims_digest(after)
    assert claim_digest(before, before.falsifiers[0]) == claim_digest(after, after.falsifiers[0])
