"""Two versions of one falsifier: checks, parameters with their defaults, ceilings, and ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from falsifiable.contracts import CheckSignature, Contract, Parameter, read_contract
from falsifiable.contracts.comparison import compare_contracts
from falsifiable.contracts.versions import Bump
from tests.contracts.retrieval import WHOLE, contract, edited, told

Signatures = Mapping[str, CheckSignature]


def test_a_swapped_check_is_one_change_with_all_that_was_put_to_both(signatures: Signatures) -> None:
    swap = (
        "check: artifact.sound, on: {artifact: export}",
        "check: vocabulary.fits-model, on: {model: trained}, with: {bound: exactly}",
    )
    (change,) = compare_contracts(contract(), contract(edited(swap)), signatures).changes
    assert (change.was, change.now) == (
        "artifact.sound on {artifact: export}",
        "vocabulary.fits-model on {model: trained} with {bound: exactly}",
    )  # fmt: skip


def test_a_swapped_check_hides_no_lowered_ceiling(signatures: Signatures) -> None:
    swap = edited(("check: vocabulary.fits-model", "check: vocabulary.close"), ("up_to: integration", "up_to: partial"))
    compared = compare_contracts(contract(), contract(swap), signatures)
    assert told(compared) == [("FALSIFY-002 check", "changed", "major"), ("FALSIFY-002 up_to", "loosened", "major")]
    assert [one.part for one in compared.changes] == ["check", "ceiling"]


def test_a_renamed_falsifier_is_removed_and_says_what_it_is_now(signatures: Signatures) -> None:
    compared = compare_contracts(contract(), contract(edited(("FALSIFY-003", "FALSIFY-030"))), signatures)
    assert [(one.subject, one.kind, one.why) for one in compared.changes] == [
        ("FALSIFY-003", "removed", "renamed: FALSIFY-030 makes the same claim"),
        ("FALSIFY-030", "added", "renamed: it was FALSIFY-003"),
    ]
    assert compared.demands is Bump.MAJOR


@pytest.mark.parametrize(
    ("renamed", "same"),
    [
        (("id: FALSIFY-003, claim: The export is whole", "id: FALSIFY-030, claim: Nothing is missing"), True),
        (("id: FALSIFY-003, claim", "id: FALSIFY-030, up_to: partial, claim"), False),
        (("FALSIFY-003, claim: The export is whole, check: artifact.sound, on: {artifact: export}",
          "FALSIFY-030, claim: The export is whole, check: artifact.sound, on: {artifact: trained}"), False),
    ],
)  # fmt: skip
def test_only_the_same_claim_counts_as_renamed(renamed: tuple[str, str], same: bool, signatures: Signatures) -> None:
    compared = compare_contracts(contract(), contract(edited(renamed)), signatures)
    assert all(one.why.startswith("renamed") == same for one in compared.changes)
    assert len(compared.changes) == 2


def test_two_of_the_same_claim_are_renamed_one_to_one(signatures: Signatures) -> None:
    def several(*ids: str) -> Contract:
        return contract(edited((WHOLE, "".join(WHOLE.replace("FALSIFY-003", one) for one in ids))))

    compared = compare_contracts(several("A-1", "A-2", "A-3"), several("B-1", "B-2"), signatures)
    assert {one.subject: one.why for one in compared.changes} == {
        "A-1": "renamed: B-1 makes the same claim",
        "A-2": "renamed: B-2 makes the same claim",
        "A-3": "it is claimed no longer",
        "B-1": "renamed: it was A-1",
        "B-2": "renamed: it was A-2",
    }


def with_default(signatures: Signatures, default: Any) -> Signatures:
    check = signatures["forward.agrees"]
    loss = Parameter("loss", "criterion", default=default)
    return {**signatures, check.name: replace(check, parameters={**check.parameters, "loss": loss})}


def test_a_default_that_changed_with_the_check_is_a_changed_threshold(signatures: Signatures) -> None:
    wider = with_default(signatures, {"below": 12.0})
    (change,) = compare_contracts(contract(), contract(), signatures, wider).changes
    assert (change.subject, change.kind) == ("FALSIFY-001 with.loss", "loosened")
    assert (change.was, change.now) == ("below 9 (the default)", "below 12 (the default)")
    assert change.why.endswith("would hold now; it is the default of forward.agrees that changed")


def test_a_default_that_changed_does_not_reach_what_is_written_out(signatures: Signatures) -> None:
    written = contract(edited(("length: 32", "length: 32, loss: {below: 9}")))
    wider = with_default(signatures, {"below": 12.0})
    assert compare_contracts(written, written, signatures, wider).changes == ()
    assert compare_contracts(contract(), written, signatures, wider).changes == ()
    (left_out,) = compare_contracts(written, contract(), signatures, wider).changes
    assert (left_out.kind, left_out.was, left_out.now) == ("loosened", "below 9", "below 12 (the default)")


def test_a_check_that_reaches_less_high_lowers_the_ceiling_of_its_claims(signatures: Signatures) -> None:
    lower = {name: replace(one, level="partial") for name, one in signatures.items()}
    compared = compare_contracts(contract(), contract(), signatures, lower)  # type: ignore[arg-type]
    assert [(one.subject, one.kind, one.was, one.now) for one in compared.changes] == [
        ("FALSIFY-001 ceiling", "loosened", "discharged", "partial"),
        ("FALSIFY-002 ceiling", "loosened", "integration", "partial"),
        ("FALSIFY-003 ceiling", "loosened", "discharged", "partial"),
    ]


def test_a_parameter_that_only_one_version_of_the_check_has_says_nothing_until_it_is_written(
    signatures: Signatures,
) -> None:
    check = signatures["forward.agrees"]
    more = {**check.parameters, "seed": Parameter("seed", "integer", default=0)}
    later = {**signatures, check.name: replace(check, parameters=more)}
    assert compare_contracts(contract(), contract(), signatures, later).changes == ()
    assert compare_contracts(contract(), contract(), later, signatures).changes == ()
    written = contract(edited(("length: 32", "length: 32, seed: 7")))
    assert told(compare_contracts(contract(), written, signatures, later)) == [
        ("FALSIFY-001 with.seed", "changed", "major")
    ]


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("0.9999", "0.99", ["loosened"]),  # a mapping under with is a criterion, whichever the check
        ("length: 32", "length: 8", ["changed"]),
        ("length: 32, ", "", ["changed"]),  # the default cannot be known
        ("length: 32", "length: 32.0", []),
    ],
)
def test_parameters_of_a_check_that_is_not_known_are_compared_as_they_are_written(
    old: str, new: str, kinds: list[str], signatures: Signatures
) -> None:
    other = replace(signatures["forward.agrees"], parameters={})  # which takes none of what the contract gives
    for known in ({}, {"forward.agrees": other}):
        compared = compare_contracts(contract(), contract(edited((old, new))), known)
        assert [one.kind for one in compared.changes] == kinds


@pytest.mark.parametrize(
    "look_alike",
    [
        "FАLSIFY-003",
        "FALSIFY‐003",
        "FALSIFY-00З",
        "ＦALSIFY-003",
        "FALSIFY-003\u200b",
        '"FALSIFY-003\\n"',
        "FALSIFY-००३",
    ],
)
def test_an_id_that_only_looks_like_another_is_refused_when_read(look_alike: str) -> None:
    read = read_contract(edited(("{id: FALSIFY-003,", f"{{id: {look_alike},")).encode())
    assert read.contract is None
    assert [one.rule for one in read.diagnostics] == ["CONTRACT-VALUE"]
    assert "expected upper-case letters and digits" in read.diagnostics[0].message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("contract: retrieval", "contract: retrievаl"),
        ("[packaging]", "[pаckaging]"),
        ("check: artifact.sound", "check: artifact.sоund"),
        ("{artifact: export}", "{artifact: expоrt}"),
        ("  run: {kind: run}", "  rսn: {kind: run}"),
    ],
)
def test_names_that_only_look_alike_are_refused_as_well(old: str, new: str) -> None:
    assert read_contract(edited((old, new)).encode()).contract is None
