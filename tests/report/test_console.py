"""The console report: what was falsified first, in full; then one line per claim; then the counts."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from falsifiable.falsifier import Measurement, Verdict
from falsifiable.report.console import print_results, summary
from falsifiable.validation.results import BoundArtifact, Challenge, ContractResult, Judgement
from tests.golden.comparison import assert_golden

REFUTED = Challenge("one-token-too-many", "refuted", "bound")
HELD = Judgement(
    contract="packaging",
    falsifier="FALSIFY-PACK-001",
    check="vocabulary.fits-model",
    claim="Every id the tokenizer can emit has an embedding row",
    verdict=Verdict(
        "held", "", (Measurement("tokenizer_size", 151665), Measurement("embedding_rows", 151936)), 2, "numbers"
    ),
    challenges=(REFUTED,),
    known=True,
)
FALSIFIED = replace(
    HELD,
    falsifier="FALSIFY-PACK-002",
    check="weights.finite",
    claim="Every weight is a finite number",
    verdict=Verdict(
        "falsified", "tensor blk.3.attn_q.weight: index 17 is NaN", (Measurement("not_finite", 1),), 26, "tensors"
    ),
    artifacts=(BoundArtifact("export", "model", "export/model.gguf", "ab" * 32, "recorded"),),
    known=False,
)
INCONCLUSIVE = replace(
    HELD,
    falsifier="FALSIFY-PACK-003",
    verdict=Verdict.inconclusive("role tokenizer is not bound; name it in artifacts.yaml"),
    cause="unbound",
)
VACUOUS = replace(
    HELD, falsifier="FALSIFY-PACK-004", check="shop.always", claim="A claim that nothing could refute",
    challenges=(Challenge("something-wrong", "survived", "bound"),),
)  # fmt: skip
UNPROVEN = replace(
    HELD,
    falsifier="FALSIFY-PACK-005",
    challenges=(
        REFUTED,
        Challenge("noise", "inconclusive", "specimen", "it crashed: KeyError: 'a' (at noise.py:3 in noise)"),
    ),
)


def printed(*judgements: Judgement, verbose: bool = False) -> str:
    out = io.StringIO()
    print_results([ContractResult("packaging", "1.2.0", "", "", judgements)], out, verbose=verbose)
    return out.getvalue()


def test_a_report_with_everything_that_can_happen():
    assert_golden("console.txt", printed(HELD, INCONCLUSIVE, VACUOUS, UNPROVEN, FALSIFIED, verbose=True))


def test_what_was_falsified_comes_first():
    assert printed(HELD, FALSIFIED).startswith("FALSIFIED FALSIFY-PACK-002 (packaging, check weights.finite)\n")


def test_measurements_are_shown_when_asked_for():
    assert "tokenizer_size=151665" not in printed(HELD)
    assert "tokenizer_size=151665, embedding_rows=151936 (examined 2 numbers)" in printed(HELD, verbose=True)


@pytest.mark.bad_input(30)
def test_nothing_from_a_file_reaches_the_terminal_as_it_is():
    hostile = "\x1b[2J\u202e\n\udcff"
    evil = replace(
        FALSIFIED,
        claim=hostile,
        verdict=Verdict("falsified", hostile, (Measurement("name", hostile),), 1, "keys"),
        artifacts=(BoundArtifact("export", "model", hostile, "ab" * 32, "orphan"),),
        challenges=(Challenge("noise", "inconclusive", "bound", hostile),),
    )
    text = printed(evil, replace(evil, verdict=Verdict.inconclusive(hostile)), verbose=True)
    assert "\x1b" not in text
    assert "\u202e" not in text
    text.encode("utf-8")


def test_the_last_line_counts():
    assert summary([HELD, FALSIFIED, INCONCLUSIVE]) == (
        "3 falsifiers: 1 held, 1 falsified, 1 inconclusive; 1 judged now, the rest known or not to be judged"
    )


UNREADABLE = replace(
    HELD,
    falsifier="FALSIFY-PACK-006",
    verdict=Verdict.inconclusive("export/model.gguf: permission denied"),
    cause="unreadable",
)


def faults(*judgements: Judgement, strict: bool = False) -> str:
    out = io.StringIO()
    result = ContractResult("packaging", "1.2.0", "", "", judgements)
    print_results([result], out, only_faults=True, strict=strict)
    return out.getvalue()


def test_quiet_prints_what_fell_and_what_could_not_be_judged_and_no_hint():
    said = faults(HELD, INCONCLUSIVE, UNREADABLE, FALSIFIED)
    assert said.startswith("FALSIFIED FALSIFY-PACK-002")
    assert "FALSIFY-PACK-006" in said
    assert "because export/model.gguf: permission denied" in said
    assert not [one for one in ("FALSIFY-PACK-001", "FALSIFY-PACK-003", "next:") if one in said]
    assert said.splitlines()[-1].startswith("4 falsifiers: 1 held, 1 falsified, 2 inconclusive")


def test_quiet_prints_nothing_but_the_counts_of_what_held():
    assert faults(HELD, INCONCLUSIVE).count("\n") == 1


def test_what_stayed_open_is_a_fault_where_strict_makes_it_one():
    assert "FALSIFY-PACK-003" in faults(HELD, INCONCLUSIVE, strict=True)
