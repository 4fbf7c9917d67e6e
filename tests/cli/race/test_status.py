"""``contract race status`` and ``contract race report`` on real ledgers, as a person calls them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from falsifiable.artifacts.curves.curves import open_curves
from falsifiable.artifacts.races.layout import LEDGER_FILE
from tests.cli.conftest import Done
from tests.finished_race import write_race

Contract = Callable[..., Done]


def test_status_shows_every_run_of_the_folder_and_of_its_ledger(contract: Contract, here: Path) -> None:
    write_race(here / "smoke", until=240)

    done = contract("race", "status", "smoke")

    assert (done.code, done.err) == (0, "")
    assert "smoke: 6 runs (4 running, 2 stopped), rung 1 decided at step 200; values in bits_per_byte" in done.out
    assert contract("race", "status", f"smoke/{LEDGER_FILE}").out == done.out
    assert max(map(len, contract("race", "status", "smoke", "--width", "90").out.splitlines())) <= 90


def test_status_as_json(contract: Contract, here: Path) -> None:
    write_race(here / "smoke", until=240)

    data = json.loads(contract("race", "status", "smoke", "--format", "json").out)

    assert (data["race"], len(data["runs"]), data["ledger_faults"]) == ("smoke", 6, [])


def test_follow_ends_with_the_race(contract: Contract, here: Path) -> None:
    write_race(here / "smoke")

    done = contract("race", "status", "smoke", "--follow", "--every", "0.01")

    assert (done.code, done.out) == (0, contract("race", "status", "smoke").out)
    assert contract("race", "status", "smoke", "--follow", "--format", "json").code == 4


def test_a_race_without_runs_and_what_is_no_ledger(contract: Contract, here: Path) -> None:
    from falsifiable.race.ledger.ledger import Ledger
    from tests.finished_race import DOCUMENT

    (here / "new").mkdir()
    Ledger.create(here / "new" / LEDGER_FILE, "new", DOCUMENT).close()
    (here / "empty").mkdir()
    (here / "text").write_text("no ledger")

    assert (contract("race", "status", "new").code, contract("race", "report", "new", "--output", "r").code) == (3, 3)
    assert not (here / "r").exists()
    for name in ("empty", "text"):
        done = contract("race", "status", name)
        assert done.code == 2
        assert "Traceback" not in done.err
    assert contract("race", "status", "absent").code == 4


def test_a_tampered_ledger_is_shown_and_falsified(contract: Contract, here: Path) -> None:
    write_race(here / "smoke", until=240)
    connection = sqlite3.connect(here / "smoke" / LEDGER_FILE)
    connection.execute("DROP TRIGGER samples_never_delete")
    connection.execute("DELETE FROM samples WHERE run = 'wsd-seed501' AND step = 240")
    connection.commit()
    connection.close()

    done = contract("race", "status", "smoke")

    assert done.code == 1
    assert "wsd-seed501" in done.out
    assert "rely on nothing in it" in done.err
    assert contract("race", "report", "smoke", "--output", "report").code == 1
    assert "ledger:" in (here / "report" / "report.html").read_text()


def test_report_writes_a_page_its_images_and_its_curves(contract: Contract, here: Path) -> None:
    write_race(here / "smoke")

    done = contract("race", "report", "smoke", "--output", "out/report")

    assert (done.code, done.err) == (0, "")
    files = ["curves.jsonl", "curves.svg", "predictions.svg", "regret.svg", "report.html", "report.json", "report.md"]
    assert sorted(one.name for one in (here / "out/report").iterdir()) == files
    assert all(f"wrote out/report/{name}\n" in done.out for name in files)
    before = {name: (here / "out/report" / name).read_bytes() for name in files}
    contract("race", "report", "smoke", "--output", "out/report")
    assert {name: (here / "out/report" / name).read_bytes() for name in files} == before
    assert open_curves(here / "out/report/curves.jsonl").curves == open_curves(here / "smoke" / LEDGER_FILE).curves


def test_report_draws_png_and_says_in_json_what_it_wrote(contract: Contract, here: Path) -> None:
    write_race(here / "smoke")

    data = json.loads(contract("race", "report", "smoke", "--output", "r", "--image", "png", "--format", "json").out)

    assert "r/curves.png" in data["files"]
    assert (here / "r/curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("missing", ["out", "folder"])
def test_a_report_that_cannot_be_written_is_said(contract: Contract, here: Path, missing: str) -> None:
    write_race(here / "smoke")
    (here / "file").write_text("")

    done = contract("race", "report", "smoke", "--output", "file/below" if missing == "folder" else "file")

    assert done.code == (2 if missing == "folder" else 4)
    assert "Traceback" not in done.err
