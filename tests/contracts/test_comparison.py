"""Two versions of a contract side by side: each kind of change, what it demands, and what is no change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts import CheckSignature, Contract, ContractFile, read_contract
from falsifiable.contracts.changes import DEMANDED, KINDS, Change
from falsifiable.contracts.comparison import ContractComparison, compare_contracts, compare_sets
from falsifiable.contracts.model import FalsifierDeclaration
from falsifiable.contracts.versions import Bump
from tests.contracts.retrieval import TEXT, WHOLE, contract, edited, told

Signatures = Mapping[str, CheckSignature]

# old text, new text: subject, kind, and words of why it matters
EDITS = [
    ("version: 1.4.0", "version: 1.5.0", "version", "changed", "contract amend release writes it"),
    ("title: What is", "title: All that is", "title", "reworded", "the title reads differently"),
    ("spec: ship-two", "spec: thunder", "spec", "changed", "it counts in thunder, and counted in ship-two"),
    ("spec: ship-two\n", "", "spec", "changed", "it counts in retrieval, and counted in ship-two"),
    ("section 50, ", "", "references", "reworded", "other sources"),
    ("[packaging]", "[]", "requires packaging", "loosened", "it may stand above packaging now"),
    ("[packaging]", "[packaging, safety]", "requires safety", "tightened", "it cannot stand above safety any more"),
    ("the GGUF", "the file", "role export description", "reworded", "the role is described otherwise"),
    ("run: {kind: run}", "run: {kind: table}", "role run", "changed", "a run became a table"),
    ("  run: {kind: run}", "  run: {kind: run}\n  extra: {kind: files}", "role extra", "added", "an artifact more"),
    ("  tokenizer: {kind: tokenizer}\n", "", "role tokenizer", "removed", "no longer"),
    ("The export agrees", "The export nearly agrees", "FALSIFY-001 claim", "reworded", "the claim reads differently"),
    ("another function", "nonsense", "FALSIFY-001 if_falsified", "reworded", "what is broken"),
    (
        "check: artifact.sound", "check: artifact.whole", "FALSIFY-003 check", "changed",
        "check swapped: artifact.whole judges now in the place of artifact.sound",
    ),
    (
        "{model: export}", "{model: trained}", "FALSIFY-001 on.model", "changed",
        "model read export and reads trained: another artifact is judged",
    ),
    (
        "{model: export}", "{model: export, corpus: corpus}", "FALSIFY-001 on.corpus", "changed",
        "corpus read nothing and reads corpus",
    ),
    (
        "at_least: 0.9999", "at_least: 0.99", "FALSIFY-001 with.cosine", "loosened",
        "at least 0.9999 became at least 0.99: values from 0.99 to below 0.9999 would hold now",
    ),
    ("at_least: 0.9999", "above: 0.9999", "FALSIFY-001 with.cosine", "tightened", "the value 0.9999 would"),
    ("at_least: 0.9999", "at_most: 0.9999", "FALSIFY-001 with.cosine", "changed", "now, and values above"),
    ("length: 32", "length: 8", "FALSIFY-001 with.length", "changed", "32 became 8: whether"),
    ("length: 32, ", "", "FALSIFY-001 with.length", "changed", "32 became 16: whether"),
    ("length: 32", "length: 32, causal: false", "FALSIFY-001 with.causal", "changed", "true became false"),
    ("length: 32", "length: 32, padding: false", "FALSIFY-001 with.padding", "changed", "0 became false"),
    ("length: 32", "length: 32, dtype: f16", "FALSIFY-001 with.dtype", "changed", "nothing became f16"),
    ("length: 32", "length: 32, loss: {below: 9.5}", "FALSIFY-001 with.loss", "loosened", "below 9 became below 9.5"),
    ("[first, last]", "[last]", "FALSIFY-001 with.layers", "changed", "[first, last] became [last]"),
    ("    up_to: integration", "    up_to: partial", "FALSIFY-002 up_to", "loosened", "counts as met sooner"),
    ("    up_to: integration\n", "", "FALSIFY-002 up_to", "tightened", "has to climb higher before it counts as met"),
    (WHOLE, "", "FALSIFY-003", "removed", "it is claimed no longer"),
    (
        WHOLE, WHOLE + WHOLE.replace("003", "004").replace("export}", "trained}"),
        "FALSIFY-004", "added", "it is claimed from now on",
    ),
    ("steps: {at_least: 500}", "steps: {at_least: 400}", "discharge run.steps", "loosened", "from 400 to below"),
    ("steps: {at_least: 500}", "steps: {at_least: 600}", "discharge run.steps", "tightened", "would hold no longer"),
    (", steps: {at_least: 500}", "", "discharge run.steps", "removed", "it is not asked for DISCHARGED any more"),
    ("steps: {at_least", "seed: 0, steps: {at_least", "discharge run.seed", "added", "DISCHARGED asks for it, too"),
    ("device: cuda", "device: cpu", "discharge run.device", "changed", "and the value 'cuda'"),
    ("device: cuda", "device: {one_of: [cuda, cpu]}", "discharge run.device", "loosened", "'cpu' would hold now"),
    (
        "  trained: {parameters: {at_least: 490e6}}\n", "", "discharge trained.parameters", "removed",
        "it is not asked for DISCHARGED any more",
    ),
    (TEXT[TEXT.index("discharge:") : TEXT.index("unguarded:")], "", "discharge", "removed", "met at INTEGRATION"),
    ("by the cosine", "by far", "unguarded export.rows-exchanged", "reworded", "the claims ask for what they did"),
    ("  export: {rows-ex", "  run: {step-removed: rare}\n  export: {rows-ex", "unguarded run.step-removed",
     "reworded", "what is admitted"),
    (TEXT[TEXT.index("unguarded:") :], "", "unguarded export.rows-exchanged", "reworded", "unguarded"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "subject", "kind", "why"), EDITS)
def test_one_edit_is_one_change(old: str, new: str, subject: str, kind: str, why: str, signatures: Signatures) -> None:
    compared = compare_contracts(contract(), contract(edited((old, new))), signatures)
    demanded = "none" if subject == "version" else DEMANDED[kind].word  # type: ignore[index]
    assert told(compared) == [(subject, kind, demanded)]
    assert why in compared.changes[0].why


def test_conditions_where_there_were_none_let_more_be_earned_and_are_no_mere_addition(signatures: Signatures) -> None:
    conditions = TEXT[TEXT.index("discharge:") : TEXT.index("unguarded:")]
    (change,) = compare_contracts(contract(edited((conditions, ""))), contract(), signatures).changes
    assert (change.subject, change.kind, change.demands) == ("discharge", "changed", Bump.MAJOR)
    assert "can earn DISCHARGED now" in change.why


def test_every_key_of_a_contract_is_compared() -> None:
    compared = {subject.split()[-1].partition(".")[0] for _, _, subject, *_ in EDITS}
    compared |= {subject.split()[0] for _, _, subject, *_ in EDITS}
    keys = {one.metadata.get("key", one.name) for one in (*fields(Contract), *fields(FalsifierDeclaration))}
    by_another_name = {"contract", "artifacts", "falsifiers", "id", None}  # None: what never stands in a file
    assert keys - compared == by_another_name, "a key is new: compare it, or say why it claims nothing"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("at_least: 0.9999", "at_least: 9.999e-1"),
        ("length: 32", "length: 32.0"),
        ("length: 32", "length: 32, scale: 1, causal: true, padding: 0"),
        ("length: 32", "length: 32, loss: {below: 9}"),
        ("490e6", "490000000"),
        ("device: cuda", "device: {equals: cuda}"),
        ("device: cuda", "device: {one_of: [cuda]}"),
        ("[packaging]", "[packaging, packaging]"),
        ("1.4.0\ntitle: What is asked for is found", "1.4.0\n\ntitle:  What is asked for is found  # two"),
        ("    up_to: integration\n", "    up_to: integration\n    with: {bound: at-most}\n"),
    ],
)  # fmt: skip
def test_layout_defaults_and_other_words_for_the_same_values_are_no_change(
    old: str, new: str, signatures: Signatures
) -> None:
    compared = compare_contracts(contract(), contract(edited((old, new))), signatures)
    assert compared == ContractComparison("retrieval", "1.4.0", "1.4.0", ())
    assert (compared.demands, compared.demanded_version) == (Bump.NONE, "1.4.0")


def test_a_contract_demands_the_highest_of_its_changes_worst_first(signatures: Signatures) -> None:
    after = edited(("title: What", "title: All"), ("below: 9.38", "below: 9"), ("at_least: 0.9999", "at_least: 0.5"))
    compared = compare_contracts(contract(), contract(after), signatures)
    assert told(compared) == [
        ("FALSIFY-001 with.cosine", "loosened", "major"),
        ("discharge run.val_loss", "tightened", "minor"),
        ("title", "reworded", "patch"),
    ]
    assert (compared.demands, compared.demanded_version) == (Bump.MAJOR, "2.0.0")


def test_a_new_contract_demands_nothing_and_one_that_is_gone_a_major_version(signatures: Signatures) -> None:
    new, gone = (compare_contracts(*both, signatures) for both in ((None, contract()), (contract(), None)))
    assert (new.before, new.after, new.demands, new.demanded_version) == (None, "1.4.0", Bump.NONE, None)
    assert (gone.before, gone.after, gone.demands, gone.demanded_version) == ("1.4.0", None, Bump.MAJOR, None)
    subjects = {"contract", "FALSIFY-001", "FALSIFY-002", "FALSIFY-003"}
    assert {one.subject for one in new.changes} == {one.subject for one in gone.changes} == subjects
    assert {one.kind for one in new.changes} == {"added"}
    assert {one.kind for one in gone.changes} == {"removed"}


def test_contracts_are_matched_by_name_and_a_falsifier_that_moved_says_where(signatures: Signatures) -> None:
    alone = contract(edited((WHOLE, "")))
    other = contract(
        "contract: soundness\nversion: 1.0.0\ntitle: Files are whole\n"
        f"artifacts: {{export: {{kind: model}}}}\nfalsifiers:\n{WHOLE}"
    )
    gone, new = compare_sets([contract()], [other, alone], signatures)
    assert [(one.contract, one.subject, one.kind, one.why) for one in (*gone.changes, *new.changes)] == [
        ("retrieval", "FALSIFY-003", "removed", "it moved to the contract soundness, and is claimed here no longer"),
        ("soundness", "FALSIFY-003", "added", "it moved here from the contract retrieval"),
        ("soundness", "contract", "added", "the contract is new"),
    ]


def test_sets_leave_out_what_did_not_change_and_begin_with_the_worst(signatures: Signatures) -> None:
    def renamed(name: str, version: str, *edits: tuple[str, str]) -> Contract:
        read = replace(contract(edited(*edits)), contract=name, version=version)
        return replace(read, falsifiers=tuple(replace(one, id=f"{name}-{one.id}") for one in read.falsifiers))

    names = ("A", "B", "C", "D")
    edits = {"B": ("What is asked", "All that is asked"), "C": ("0.9999", "0.9"), "D": ("500", "600")}
    before = [renamed(name, "1.0.0") for name in names]
    after = [renamed(name, "1.0.0", *([edits[name]] if name in edits else [])) for name in reversed(names)]
    compared = compare_sets(before, after, signatures)
    assert [(one.contract, one.demands.word) for one in compared] == [("C", "major"), ("D", "minor"), ("B", "patch")]


def test_what_cannot_be_matched_is_refused(signatures: Signatures) -> None:
    one, other = contract(), replace(contract(), contract="other")
    with pytest.raises(ValueError, match="not other with retrieval"):
        compare_contracts(one, other, signatures)
    with pytest.raises(ValueError, match="not none"):
        compare_contracts(None, None, signatures)
    with pytest.raises(ValueError, match="two contracts are called retrieval"):
        compare_sets([one, contract()], [], signatures)
    twice = replace(one, falsifiers=(*one.falsifiers, one.falsifiers[0]))
    with pytest.raises(ValueError, match="two falsifiers of retrieval share an id"):
        compare_contracts(one, twice, signatures)


INDEPENDENT = [(old, new) for old, new, *_ in EDITS if "\n" not in old]
MIRRORED = {"added": "removed", "removed": "added", "loosened": "tightened", "tightened": "loosened"}


def mirrored(change: Change) -> tuple[str, str, str, str]:
    return change.subject, MIRRORED.get(change.kind, change.kind), change.now, change.was


@st.composite
def versions(draw: st.DrawFn) -> Contract:
    """The contract with some edits, of which no two touch the same text."""
    text = TEXT
    for old, new in draw(st.permutations(INDEPENDENT))[: draw(st.integers(0, 12))]:
        if text.count(old) == 1:
            text = text.replace(old, new)
    return contract(text)


@settings(deadline=None)
@given(versions(), versions())
def test_the_way_back_is_the_mirror(signatures: Signatures, was: Contract, now: Contract) -> None:
    there, back = (compare_contracts(*both, signatures).changes for both in ((was, now), (now, was)))
    seen = {(one.subject, one.kind, one.was, one.now) for one in there}
    assert seen == {mirrored(one) for one in back}
    assert len(seen) == len(there), "a change was listed twice"


@settings(deadline=None)
@given(versions())
def test_a_contract_does_not_differ_from_itself(signatures: Signatures, one: Contract) -> None:
    assert compare_contracts(one, one, signatures).changes == ()


@settings(deadline=None)
@given(versions(), versions())
def test_a_set_is_compared_contract_by_contract(signatures: Signatures, was: Contract, now: Contract) -> None:
    alone = compare_contracts(was, now, signatures)
    assert compare_sets([was], [now], signatures) == ((alone,) if alone.changes else ())


def test_any_two_edits_are_both_told(signatures: Signatures) -> None:
    found = {edit[:2]: edit[2] for edit in EDITS}
    for one, other in combinations(INDEPENDENT, 2):
        if one[0] in other[0] or other[0] in one[0]:
            continue
        subjects = {
            change.subject for change in compare_contracts(contract(), contract(edited(one, other)), signatures).changes
        }
        assert {found[one], found[other]} <= subjects


def test_a_change_is_plain_json(signatures: Signatures) -> None:
    after = edited(("0.9999", "0.99"), ("500", "600"))
    compared = compare_contracts(contract(), contract(after), signatures)
    written = json.loads(json.dumps(compared.to_json()))
    assert (written["demands"], written["demanded_version"]) == ("major", "2.0.0")
    assert written["changes"][0] == {
        "contract": "retrieval",
        "subject": "FALSIFY-001 with.cosine",
        "kind": "loosened",
        "was": "at least 0.9999",
        "now": "at least 0.99",
        "why": "at least 0.9999 became at least 0.99: values from 0.99 to below 0.9999 would hold now",
        "demands": "major",
        "part": "other",
    }


def test_every_kind_of_change_has_a_meaning_and_a_bump() -> None:
    assert list(KINDS) == list(DEMANDED)
    assert list(DEMANDED.values()) == sorted(DEMANDED.values(), reverse=True), "worst first"


def test_names_and_ids_must_be_unique_before_sets_are_compared(check: Callable[..., tuple[ContractFile, ...]]) -> None:
    from falsifiable.contracts.check import check_distinct

    files = [read_contract(TEXT.encode(), shown=name) for name in ("a.yaml", "b.yaml")]
    rules = [one.rule for file in check_distinct(files) for one in file.diagnostics]
    assert rules == ["CONTRACT-NAME-DUPLICATE", *["CONTRACT-ID-DUPLICATE"] * 3]
    assert check_distinct(files[:1])[0].diagnostics == (), "an unknown check is no matter here"
