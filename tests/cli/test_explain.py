"""``contract explain``: a page for everything the tool may name, and a list of them all."""

from __future__ import annotations

import json

import pytest

from falsifiable.cli import VERBS
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.cli.manual.guides import guides
from falsifiable.cli.manual.words import WORDS
from falsifiable.contracts import RULES
from falsifiable.contracts.changes import KINDS

CHECK_PAGE = """\
check vocabulary.fits-model

Every id the tokenizer can emit has an embedding row. Where no tokenizer is named, it is the model's own.

Args:
    bound: ``at-most`` accepts reserved rows above the tokenizer, as published checkpoints have them (Qwen2.5:
        151,665 tokens, 151,936 rows); ``exactly`` is what training from scratch demands.

on:   tokenizer: a tokenizer (may be left out)
on:   model: a model
with: bound: one of at-most, exactly, default at-most
Highest status: DISCHARGED. Reads: header.
Counterexamples that prove it can fail: one-token-too-many.
"""


def test_a_check_is_explained_as_one_would_write_it_in_a_contract(contract):
    done = contract("explain", "vocabulary.fits-model")
    assert (done.code, done.out) == (0, CHECK_PAGE)


def test_a_falsifier_is_explained_with_its_contract_its_parameters_and_its_check(contract):
    page = contract("explain", "FALSIFY-GQA-001").out
    assert page.startswith("FALSIFY-GQA-001: A forward pass through these weights is finite, causal and that of")
    assert "Contract grouped-query-forward; check attention.grouped-query-forward; on model = model." in page
    assert "With cosine: {at_least: 0.999}." in page
    assert "If it falls: Heads, rotary positions" in page
    assert "\ncheck attention.grouped-query-forward\n" in page


def test_a_contract_is_explained_with_its_claims_and_roles(contract):
    page = contract("explain", "decoder-only").out
    assert page.startswith("contract decoder-only 1.0.0: A decoder is accepted where a decoder is expected")
    assert "  FALSIFY-DECODER-002: The encoder is refused as a decoder" in page
    assert "  encoder: a model, an encoder, such as all-MiniLM-L6-v2\n" in page


def test_a_kind_of_change_is_explained_with_the_bump_it_demands(contract):
    page = contract("explain", "loosened").out
    assert page.startswith(
        "loosened: a kind of change, as contract diff lists it\n\nWhat was refused before would hold now"
    )
    assert page.endswith("It demands: major.\n")


@pytest.mark.parametrize("name", ["ARTIFACT-SOUND-TRAINED", "artifact.sound"])
def test_the_built_in_verdict_on_a_broken_file_is_explained(contract, name):
    assert contract("explain", name).out.startswith("check artifact.sound\n")


@pytest.mark.parametrize("name", [*RULES, *WORDS, *KINDS, *(str(code.value) for code in ExitCode)])
def test_every_rule_word_and_exit_code_has_a_page(contract, name):
    done = contract("explain", name)
    assert done.code == 0
    assert done.out.count("\n") >= 3, "a heading, an empty line, and what it means"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vocabulary.fit-model", "did you mean vocabulary.fits-model or "),
        ("FALSIFY-GQA-01", "did you mean FALSIFY-GQA-001 or "),
        ("CONTRACT-CHECK-UNKNOWM", "did you mean CONTRACT-CHECK-UNKNOWN"),
        ("7", "contract explain lists what there is"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(contract, name, said):
    done = contract("explain", name)
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith(f"contract: nothing is called '{name}'; {said}")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_explained_by_its_help_and_that_of_its_own_verbs(contract, verb):
    done = contract("explain", verb)
    assert (done.code, done.out.partition(" [")[0]) == (0, f"Usage: contract {verb}")
    if verb == "evidence":
        assert "\nUsage: contract evidence sign " in done.out


def test_a_guide_is_printed_as_it_was_written_by_its_path_or_its_end(contract):
    page = contract("explain", "docs/tutorial")
    assert (page.code, page.out.splitlines()[0]) == (0, "# From nothing to a claim that is watched")
    assert contract("explain", "tutorial").out == contract("explain", "Docs/Tutorial").out == page.out
    assert contract("explain", "how-to/trainer").out.startswith("# ")


def test_a_guide_hides_what_only_tests_read(contract):
    assert "<!-- not run" in guides()["docs/worked-example"].read_text(encoding="utf-8")
    assert "<!-- not run" not in contract("explain", "docs/worked-example").out


def test_nothing_is_called_by_two_ids(contract):
    listed = [one["id"].casefold() for one in json.loads(contract("explain", "--format", "json").out)]
    assert len(set(listed)) == len(listed)


def test_letter_case_does_not_matter(contract):
    assert contract("explain", "falsify-gqa-001").out == contract("explain", "FALSIFY-GQA-001").out


def test_without_a_name_everything_is_listed(contract):
    lines = contract("explain").out.splitlines()
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    sections = [line for line in lines if line and not line.startswith(" ")]
    assert sections == [
        "Checks",
        "Contracts",
        "Falsifiers",
        "Rules",
        "Reasons of the gate",
        "Verdicts and statuses",
        "Kinds of change",
        "Exit codes",
        "Verbs",
        "Guides",
    ]
    assert {"docs/tutorial", "docs/how-to/trainer", "evidence"} <= listed
    assert {"weights.finite", "packaging", "FALSIFY-GQA-001", "YAML-TAB", "PARTIAL", "130"} <= listed


def test_list_and_page_can_be_read_by_a_program(contract):
    listed = {one["id"]: one for one in json.loads(contract("explain", "--format", "json").out)}
    assert listed["FALSIFY-GQA-002"] == {
        "id": "FALSIFY-GQA-002", "section": "Falsifiers", "summary": "Query heads share key-value heads evenly",
    }  # fmt: skip
    page = json.loads(contract("explain", "3", "--format", "json").out)
    assert page == {
        "id": "3",
        "section": "Exit codes",
        "text": "Exit code 3\n\nNothing was examined, or with --strict something stayed inconclusive or was only read.",
    }


def test_a_broken_workspace_can_be_explained_too(contract, here):
    (here / "contracts").mkdir()
    (here / "contracts/broken.yaml").write_text("contract: [")
    assert contract("explain", "YAML-SYNTAX").code == 0
