"""The page about races: its race.yaml is one that is read, and its tables name the states and verbs that there are."""

from __future__ import annotations

import re
from pathlib import Path

from falsifiable.cli.race import RACE_VERBS
from falsifiable.race.deciding.read_race import read_race

PAGE = (Path(__file__).parents[2] / "docs" / "race.md").read_text(encoding="utf-8")


def test_the_race_of_the_page_is_read_without_a_fault() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None

    race = read_race(found[1].encode(), shown="docs/race.md")

    assert race.diagnostics == ()
    assert race.plan is not None
    described = re.findall(r"^\| ([A-Z_]+) \|", PAGE, re.MULTILINE)
    assert [one.state for one in race.plan.states] == described


def test_every_verb_is_on_the_page_and_no_other() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `race ")]

    assert sorted(re.findall(r"`race (\w+)`", "\n".join(rows))) == sorted(RACE_VERBS)
