"""The page stands alone, says what is known, and takes no name for markup."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from falsifiable.falsifier import Verdict
from falsifiable.report.mutations import mutations_as_json
from falsifiable.report.page.overview import Overview
from falsifiable.report.page.page import html_report
from falsifiable.report.page.stored_matrix import MatrixError, parse_matrix
from falsifiable.report.text import clean
from falsifiable.status import FalsifierStanding
from falsifiable.validation.results import Challenge
from tests.report.page.conftest import HOSTILE
from tests.report.page.reading import Reader, faults_of


def test_no_name_is_taken_for_markup(hostile: Overview) -> None:
    page = html_report(hostile)

    assert faults_of(page) == []
    assert "<img" not in page
    assert "\u202e" not in page
    assert Reader(page).text.count(clean(HOSTILE)) > 40


def test_a_policy_lets_the_page_load_nothing(hostile: Overview) -> None:
    (policy,) = (one["content"] for one in Reader(html_report(hostile)).of("meta") if "http-equiv" in one)

    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_policy_comes_before_everything_it_rules(hostile: Overview) -> None:
    page = html_report(replace(hostile, title="a"))

    assert page.index("Content-Security-Policy") < min(page.index(one) for one in ("<style", "<script", "<title"))


def test_what_is_shown_is_redacted_everywhere(hostile: Overview) -> None:
    page = html_report(hostile, lambda text: text.replace("alert", "(redacted)"))

    assert "alert" not in page


def test_a_copied_command_is_one_word_after_another_to_a_shell(hostile: Overview) -> None:
    said = Reader(html_report(hostile)).with_class("copy")

    (shown,) = (one["aria-label"] for one in said if "why" in (one["aria-label"] or ""))
    assert shlex.split((shown or "").removeprefix("Copy: ")) == ["contract", "why", clean(HOSTILE)]


HELD = Verdict("held", "", (), 1)
REFUTED = (Challenge("a", "refuted", "bound", ""),)


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"challenges": REFUTED}, "held"),
        ({"challenges": (*REFUTED, Challenge("b", "survived", "bound", ""))}, "vacuous"),
        ({"verdict": Verdict.inconclusive("it crashed"), "cause": "crashed"}, "could not run"),
    ],
)
def test_only_what_could_have_fallen_is_shown_as_held(hostile: Overview, changed: Any, shown: str) -> None:
    (contract,) = hostile.standings
    (claim,) = contract.falsifiers
    assert claim.judgement is not None
    judged = replace(claim, judgement=replace(claim.judgement, **{"verdict": HELD, "on_specimen": None, **changed}))

    def verdict_of(one: FalsifierStanding) -> str | None:
        page = html_report(replace(hostile, standings=(replace(contract, falsifiers=(one,)),)))
        (item,) = (found for found in Reader(page).with_class("verdict") if found["data-spec"] == clean(HOSTILE))
        return item["data-verdict"]

    assert verdict_of(judged) == shown
    assert verdict_of(replace(judged, rests_on_stale=True)) == "stale"


def test_an_empty_workspace_has_a_page_too() -> None:
    page = html_report(Overview("nothing", None, (), ()))

    assert faults_of(page) == []
    for said in ("Nothing has been recorded", "No run and no race", "No spec has a ship.yaml", "No matrix was given"):
        assert said in page


def test_a_matrix_survives_being_stored(hostile: Overview) -> None:
    assert hostile.mutations is not None
    stored = json.dumps({"falsifiers": {}, "mutations": mutations_as_json(hostile.mutations)})

    assert parse_matrix(stored.encode()) == hostile.mutations


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "the file is a list, expected an object"),
        (b"{}", "artifacts of the file is absent, expected a list"),
        (b'{"artifacts": [{"label": 1}], "contracts": {}}', r"artifacts\[0\].label is a int, expected a text"),
        (b'{"artifacts": [], "contracts": {"a": {}}}', "contracts.a counts"),
    ],
)
def test_what_is_no_matrix_is_named(stored: bytes, said: str) -> None:
    with pytest.raises(MatrixError, match=said):
        parse_matrix(stored)


def test_a_fate_that_does_not_exist_is_named(hostile: Overview) -> None:
    assert hostile.mutations is not None
    stored = json.dumps(mutations_as_json(hostile.mutations)).replace('"survived"}', '"eaten"}')

    with pytest.raises(MatrixError, match="'eaten', expected one of inconclusive, killed, not asked, survived"):
        parse_matrix(stored.encode())
