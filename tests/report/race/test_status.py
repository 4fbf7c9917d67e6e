"""Where the runs of a race stand, as a table: in which order, how wide, and never taken for markup."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.races.race import open_race
from falsifiable.race.ledger.stored_decisions import decision_text
from falsifiable.report.race.status import RaceStatus, status_as_json, status_of
from falsifiable.report.race.table import follow, print_status, status_table, status_text
from tests.finished_race import write_race
from tests.golden.comparison import assert_golden


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> RaceStatus:
    """The race after its second rung."""
    return status_of(open_race(write_race(tmp_path_factory.mktemp("race"), until=240)))


def test_the_table_of_a_race_under_way(halfway: RaceStatus) -> None:
    assert_golden("race_status.txt", status_text(halfway, 150))


def test_in_a_narrow_window_reasons_stand_below_their_runs(halfway: RaceStatus) -> None:
    assert_golden("race_status_narrow.txt", status_text(halfway, 100))
    assert max(map(len, status_text(halfway, 150).splitlines())) <= 150


def test_a_race_before_its_first_step_shows_what_was_claimed(tmp_path: Path) -> None:
    status = status_of(open_race(write_race(tmp_path, until=0)))

    assert [one.status for one in status.runs] == ["claimed"] * 6
    assert "6 runs (6 claimed), no rung decided yet" in status_text(status, 150)
    assert "-/400" in status_text(status, 150)
    assert not status.is_over


def test_runs_told_to_stop_come_last_and_live_runs_go_by_what_is_predicted(halfway: RaceStatus) -> None:
    assert [one.run for one in halfway.runs] == [
        "wsd-seed501", "wsd-seed502", "h512-seed501", "h512-seed502", "bs8-seed501", "bs8-seed502",
    ]  # fmt: skip
    assert [one.action for one in halfway.runs] == ["promote", "keep", "keep", "keep", "stop", "stop"]
    assert halfway.rungs == {0: 100, 1: 200}
    assert dict(halfway.counted()) == {"running": 4, "stopped": 2}


def test_among_runs_that_were_given_up_the_one_that_came_further_is_first(halfway: RaceStatus, tmp_path: Path) -> None:
    race = open_race(write_race(tmp_path, until=240))
    later = [replace(one, rung=1, step=200, action="stop") for one in halfway.decisions if one.run == "h512-seed502"]
    rows = [{"run": one.run, "rung": 1, "decision": decision_text(one)} for one in later[-1:]]
    kept = race.with_rows("decisions", lambda had: [*(row for row in had if row["run"] != "h512-seed502"), *rows])

    assert [one.run for one in status_of(kept).runs][3:] == ["h512-seed502", "bs8-seed501", "bs8-seed502"]


def test_a_run_that_ended_otherwise_gives_the_reason_of_its_end(tmp_path: Path) -> None:
    status = status_of(open_race(write_race(tmp_path)))

    assert {one.run: one.reason for one in status.runs}["wsd-seed501"] == "all steps ran"
    assert status.is_over
    assert [one.run for one in status.runs][:2] == ["wsd-seed501", "wsd-seed502"]


def test_the_status_is_json_without_numbers_that_json_has_not(halfway: RaceStatus) -> None:
    data = json.loads(json.dumps(status_as_json(halfway), allow_nan=False))

    first = data["runs"][0]
    assert (first["run"], first["step"], first["action"], first["mirrors"]) == (
        "wsd-seed501", 240, "promote", [1618033, 2618033],
    )  # fmt: skip
    assert (first["predicted"]["may_stop"], first["predicted"]["predictor"]) == (True, "calibrated:1f0c")
    assert data["rungs"] == [{"rung": 0, "step": 100}, {"rung": 1, "step": 200}]


def test_a_tampered_ledger_says_so_in_the_table(tmp_path: Path) -> None:
    race = open_race(write_race(tmp_path)).with_samples("wsd-seed501", lambda samples: samples[:-1])

    status = status_of(race)

    assert status.faults
    assert "ledger: " in status_text(status, 150)


@pytest.mark.parametrize("change", [{"mirrors": ["1"]}, {"state": 7}, {"prediction": {}}, {"rung": 0.5}, {"extra": 1}])
def test_a_decision_in_no_known_form_is_unsound(tmp_path: Path, change: dict[str, object]) -> None:
    def changed(rows: tuple[dict[str, object], ...]) -> list[dict[str, object]]:
        decision = json.loads(str(rows[0]["decision"])) | change
        return [{**rows[0], "decision": json.dumps(decision)}, *rows[1:]]

    race = open_race(write_race(tmp_path)).with_rows("decisions", changed)

    with pytest.raises(ArtifactError, match="in no known form") as caught:
        status_of(race)
    assert caught.value.kind == "unsound"


def test_names_reach_a_terminal_without_their_escapes_and_markup(halfway: RaceStatus) -> None:
    from rich.console import Console

    hostile = replace(
        halfway.runs[0], run="[red]x\x1b]0;evil\x07\u202e", recipe="[/]", reason="\n\n$(x) [link=a]b[/link]"
    )
    status = replace(halfway, runs=(hostile,), name="[bold]n")
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True, color_system=None).print(status_table(status))

    for text in (status_text(status, 200), out.getvalue()):
        assert "[red]x\\x1b]0;evil\\x07\\u202e" in text
        assert "[link=a]b[/link]" in text
        assert "\x1b]0" not in text


def test_wide_letters_keep_the_columns_in_line(halfway: RaceStatus) -> None:
    wide = replace(halfway.runs[0], run="損失曲線損失曲線", recipe="e\u0301")
    narrow = replace(halfway.runs[1], run="sixteen-letters!", recipe="e")
    first, second = status_text(replace(halfway, runs=(wide, narrow)), 150).splitlines()[3:5]

    # Eight letters of two columns are as wide as sixteen of one, and the accent stands in the column of its letter.
    assert first.index("240/400") + 8 - 1 == second.index("240/400")


def test_follow_shows_each_change_once_and_ends_with_the_race(halfway: RaceStatus, tmp_path: Path) -> None:
    over = status_of(open_race(write_race(tmp_path)))
    looks = iter([halfway, halfway, over])
    waited: list[float] = []
    out = io.StringIO()

    assert follow(lambda: next(looks), out, 150, wait=waited.append, seconds=0.5) is over
    assert out.getvalue() == status_text(halfway, 150) + "\n" + status_text(over, 150)
    assert waited == [0.5, 0.5]


class Terminal(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_on_a_terminal_the_table_is_drawn_anew(
    halfway: RaceStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TERM", "xterm")
    over = status_of(open_race(write_race(tmp_path)))
    looks = iter([halfway, over])
    out = Terminal()

    follow(lambda: next(looks), out, 150, wait=lambda _: None)

    assert "4 running, 2 stopped" in out.getvalue()
    assert "4 done, 2 stopped" in out.getvalue()
    still = Terminal()
    print_status(over, still, 150)
    assert "4 done, 2 stopped" in still.getvalue()
