"""The summary of many artifacts, from findings made by hand."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

from jsonschema import Draft7Validator

from falsifiable.falsifier import Verdict
from falsifiable.report.fleet import Fleet, fleet_as_json, outcome_of, print_fleet
from falsifiable.report.report_schema import report_schema
from falsifiable.validation.results import Challenge, ContractResult, Judgement

REFUTED = Challenge("one token too many", "refuted", "bound")


@dataclass(frozen=True)
class Item:
    """An item that is nothing but its name."""

    name: str


@dataclass(frozen=True)
class Found:
    """One item and what was found of it."""

    item: Item
    judgements: tuple[Judgement, ...]
    examined: bool = True

    @property
    def results(self) -> tuple[ContractResult, ...]:
        """Of the one contract there is."""
        return (ContractResult("shop", "1.0.0", "", "", self.judgements),)


def judged(outcome: str, *challenges: Challenge, cause: str = "", falsifier: str = "F-1") -> Judgement:
    """A judgement with this outcome."""
    verdict = Verdict(outcome, "it was so", (), int(outcome != "inconclusive"), "things")
    return Judgement("shop", falsifier, "weights.finite", "a claim", verdict, cause=cause, challenges=challenges)


HELD = Found(Item("a"), (judged("held", REFUTED),))
VACUOUS = Found(Item("b"), (judged("held", REFUTED), judged("held", falsifier="F-2")))
CRASHED = Found(Item("c"), (judged("inconclusive", cause="crashed"),), examined=False)


def test_what_cannot_fail_and_what_could_not_be_run_are_no_pass():
    assert [outcome_of(one) for one in (HELD, VACUOUS, CRASHED)] == ["held", "vacuous", "could not run"]
    out = io.StringIO()
    print_fleet(Fleet([HELD, VACUOUS, CRASHED]), out)
    assert (
        out.getvalue()
        == """\
could not run c
  shop/F-1: it was so
  nothing of it was examined: no falsifier came to a verdict on what it binds
vacuous b
  shop/F-2: check weights.finite cannot fail: it ships no counterexample; its verdict counts for nothing

falsifier    held  falsified  inconclusive  vacuous  could not run
shop/F-1        2          0             0        0              1
shop/F-2        0          0             0        1              0

3 items: 1 held, 0 falsified, 0 inconclusive, 1 vacuous, 1 could not run
"""
    )


def test_whoever_asks_for_quiet_reads_what_did_not_hold_and_the_counts():
    out = io.StringIO()
    print_fleet(Fleet([HELD, CRASHED], {"rows": 2}), out, only_faults=True)
    assert (
        out.getvalue()
        == """\
could not run c
  shop/F-1: it was so
  nothing of it was examined: no falsifier came to a verdict on what it binds

2 items: 1 held, 0 falsified, 0 inconclusive, 1 could not run
"""
    )


def test_an_item_whose_verdicts_are_all_of_something_else_is_not_held():
    assert outcome_of(Found(Item("a"), HELD.judgements, examined=False)) == "inconclusive"
    assert outcome_of(Found(Item("a"), (), examined=False)) == "inconclusive"


def test_the_json_counts_the_same_and_does_not_pass_for_the_report_of_a_validation():
    found = json.loads(json.dumps(fleet_as_json(Fleet([VACUOUS, HELD], {"rows": 2}))))
    assert found["fleet"] == 1
    assert "report" not in found
    assert not Draft7Validator(report_schema()).is_valid(found)
    assert (found["counts"]["held"], found["counts"]["vacuous"]) == (1, 1)
    assert found["left_out"] == {"rows": 2}
    first, second = found["items"]
    assert (first["item"], first["outcome"], first["counts"]["held"]) == ("a", "held", 1)
    assert (second["counts"]["held"], second["counts"]["vacuous"]) == (1, 1)
    assert "report" not in second
