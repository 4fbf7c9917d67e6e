"""A race in plain lines, as a log in CI keeps it: a real race of real processes."""

from __future__ import annotations

import io
from itertools import count

from falsifiable.race.engines.bookkeeping import Book
from falsifiable.race.engines.conductor import Conductor
from falsifiable.race.engines.race_folder import opened
from falsifiable.race.engines.runner import LocalRunner
from falsifiable.report.race.lines import RaceLines
from tests.race.races import LastValue, read_plan, write_race


def test_a_race_in_lines(tmp_path):
    plan = read_plan(write_race(tmp_path, {"good": {"floor": 2.0}, "bad": {"floor": 3.5}}))
    out = io.StringIO()
    each_look_is_half_a_minute_later = count(0, 30)
    watch = RaceLines(plan, out, lambda: next(each_look_is_half_a_minute_later))
    with opened(tmp_path / "race", plan, b"race: small\n") as ledger:
        book = Book(plan, tmp_path / "race", Conductor(plan, ledger, LastValue()), "test", apply=False)
        book.claim_all()
        LocalRunner(book, 4, watch).run()
    lines = out.getvalue().splitlines()
    assert lines[0] == "small: 4 runs, 0 of them over already"
    ended = [line for line in lines if " done at step 50/50, " in line and " bits_per_byte" in line]
    assert len(ended) == 4
    assert [line for line in lines if line.startswith("rung 0 decided: ")]
    assert [line for line in lines if "running" in line and "; the slowest is at step " in line]
    assert "\x1b" not in out.getvalue()


def test_what_was_over_before_is_not_told_again(tmp_path):
    plan = read_plan(write_race(tmp_path, {"good": {"floor": 2.0}}))
    out = io.StringIO()
    with opened(tmp_path / "race", plan, b"race: small\n") as ledger:
        conductor = Conductor(plan, ledger, LastValue())
        book = Book(plan, tmp_path / "race", conductor, "test", apply=False)
        book.claim_all()
        lanes = book.lanes
        for lane in lanes:
            lane.result = "done"
        watch = RaceLines(plan, out)
        watch(lanes, conductor)
        watch(lanes, conductor)
    assert out.getvalue() == "small: 2 runs, 2 of them over already\n"


def test_a_log_that_is_closed_ends_no_race(tmp_path):
    plan = read_plan(write_race(tmp_path, {"good": {"floor": 2.0}}))
    out = io.StringIO()
    out.close()
    with opened(tmp_path / "race", plan, b"race: small\n") as ledger:
        RaceLines(plan, out)([], Conductor(plan, ledger, LastValue()))
