"""The report of a race: it stands alone, says what the ledger says, and takes no name for markup."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from falsifiable.artifacts.races.race import open_race
from falsifiable.report.race.page import report_as_json, report_html, report_markdown
from falsifiable.report.race.plots import draw
from falsifiable.report.race.status import RaceStatus, status_of
from tests.finished_race import write_race
from tests.golden.comparison import assert_golden


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RaceStatus:
    """The race at its end."""
    return status_of(open_race(write_race(tmp_path_factory.mktemp("race"))))


class Reader(HTMLParser):
    """What a browser would find in a page: its tags, with what they refer to, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.refers_to: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag."""
        self.tags.append(tag)
        self.refers_to += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        """Remember the text."""
        self.text += data


def test_the_page_in_markdown(finished: RaceStatus) -> None:
    images = {"curves": "curves.svg", "predictions": "predictions.svg", "regret": "regret.svg"}

    assert_golden("race_report.md", report_markdown(finished, images))


def test_the_page_in_html_stands_alone(finished: RaceStatus) -> None:
    images = draw(finished)
    page = report_html(finished, images, "svg")

    read = Reader(page)

    assert read.tags.count("img") == 3
    assert read.tags.count("tr") == 2 + len(finished.runs) + len(finished.decisions)
    assert "script" not in read.tags
    assert all(one.startswith("data:image/svg+xml;base64,") for one in read.refers_to)
    assert base64.b64decode(read.refers_to[0].partition(",")[2]) == images["curves"]
    assert "default-src 'none'" in page
    for text in ("wsd-seed501 leads with 2.2731", "75.0% of the steps", "calibrated:1f0c", "1618033, 2618033"):
        assert text in read.text


def test_no_name_is_taken_for_markup(finished: RaceStatus) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>|[a](javascript:b)\x1b[2J\u202e"
    runs = (replace(finished.runs[0], run=hostile, recipe=hostile, status=hostile, reason=hostile, decision=None),)
    decisions = (replace(finished.decisions[0], run=hostile, state=hostile, action=hostile, reason=hostile),)
    status = replace(finished, name=hostile, unit=hostile, runs=runs, decisions=decisions, faults=(hostile,))

    read = Reader(report_html(status, {}, "svg"))
    markdown = report_markdown(status, {})

    assert {"script", "img"}.isdisjoint(read.tags)
    assert read.refers_to == []
    assert "<script>alert(1)</script>\"'>" in read.text
    assert "<" not in markdown
    assert "](javascript" not in markdown.replace("\\](", "")
    assert all(len(re.findall(r"(?<!\\)\|", line)) in (0, 10, 9) for line in markdown.splitlines())
    for text in (markdown, read.text):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_the_report_as_json_holds_every_decision(finished: RaceStatus) -> None:
    data = json.loads(json.dumps(report_as_json(finished), allow_nan=False))

    assert len(data["decisions"]) == 10
    assert data["share_of_compute"] == 0.75
    assert data["decisions"][0]["leader"] == "wsd-seed501"
    nothing = replace(finished, curves=(), runs=(), decisions=())
    assert report_as_json(nothing)["share_of_compute"] is None
    assert math.isfinite(data["decisions"][0]["predicted"]["high"])
