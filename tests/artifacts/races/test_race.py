"""A race read from its ledger: what it says, its mutants, and every way in which a file is refused."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits
from falsifiable.artifacts.races.race import Race, open_race
from falsifiable.race import errors
from falsifiable.race.ledger.ledger import LEDGER_FILE, Ledger, Sample
from tests.race.ledgers import CORPUS, claimed, entry, finished, new_ledger, points

NAME = "IGLA-HYBRID-FP32-WSD-E0005-seed200"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the ledger of two runs, one of them refused a second account's kill."""
    with new_ledger(tmp_path) as ledger:
        finished(ledger)
        running = claimed(ledger, entry(201)).run
        ledger.start(running)
        ledger.record(running, points(7.0, 6.5))
        with pytest.raises(errors.CrossAccountKillForbidden):
            ledger.finish(running, "killed", steps_done=0, seconds=1.0, reason="", account="acc2")
        ledger.lock("production", 42, holder="champion", reason="2.1919")
        ledger.embargo("477e3377", "leaked")
    return tmp_path


@pytest.fixture
def race(folder: Path) -> Race:
    return open_race(folder)


def test_a_race_says_what_its_ledger_holds(folder: Path, race: Race) -> None:
    run = race.run(NAME)

    assert (race.name, race.unit, race.ceiling, race.plan["race"]) == ("trial", "bits_per_byte", 8.0, "trial")
    assert (run.exp_id, run.space, run.status, run.steps, run.steps_done, run.pid) == (
        5,
        "production",
        "done",
        100,
        100,
        7,
    )
    assert (run.config, run.effective, run.corpus, run.corpus_echoed) == ({"rate": 0.004},) * 2 + (CORPUS, "tiny")
    assert race.samples(NAME)[0] == Sample(10, 6.0, "10", 1.0)
    assert [curve.values for curve in race.curves] == [(6.0, 5.0, 4.0), (7.0, 6.5)]
    assert [event.content["error"] for event in race.refusals()] == ["CrossAccountKillForbidden"]
    assert race.refusals("SlotStillOccupied") == ()
    assert (race.locks[0]["exp_id"], race.embargo[0]["commit_id"]) == (42, "477e3377")
    assert race.files == (folder / LEDGER_FILE,)
    assert len(race.digest) == 64
    assert (race.chain_faults, race.table_faults, race.trigger_faults) == ((), (), ())


def test_reading_changes_nothing(folder: Path) -> None:
    before = (folder / LEDGER_FILE).read_bytes()
    assert open_race(folder / LEDGER_FILE).digest == open_race(folder / LEDGER_FILE).digest
    assert (folder / LEDGER_FILE).read_bytes() == before
    assert [one.name for one in folder.iterdir()] == [LEDGER_FILE]


def test_a_race_that_still_runs_is_read_with_what_stands_in_its_log(tmp_path: Path) -> None:
    with new_ledger(tmp_path) as ledger:
        name = finished(ledger)
        race = open_race(tmp_path)

        assert race.run(name).status == "done"
        assert set(race.file_digests) == {LEDGER_FILE, f"{LEDGER_FILE}-wal"}
        assert (race.chain_faults, race.table_faults) == ((), ())


def test_mutants_are_told_by_their_digest_and_found_by_the_tables(race: Race) -> None:
    mutants = {
        "seconds is 0.0": race.with_run(NAME, seconds=0.0),
        "config is": race.with_run(NAME, config={"rate": 0.1}),
        "corpus is 'other'": race.with_run(NAME, corpus=replace(CORPUS, name="other")),
        "value is 1.0": race.with_samples(NAME, lambda rows: [replace(one, value=1.0) for one in rows]),
        "embargo commit_id 477e3377 is missing": race.with_rows("embargo", lambda _: ()),
        f"entries name {NAME} is missing": race.without_run(NAME),
        f"entries name {NAME}-again came from no event": race.with_new_run(NAME, exp_id=7),
    }
    for said, mutant in mutants.items():
        assert mutant.digest.startswith(f"mutant:{race.digest}+")
        assert any(said in fault for fault in mutant.table_faults), said
        assert mutant.chain_faults == ()
        sealed = mutant.resealed()
        assert (sealed.chain_faults, sealed.table_faults) == ((), ())
    assert race.table_faults == ()


def test_fields_of_a_run_can_be_changed_as_they_are_read(race: Race) -> None:
    mutant = race.with_run(
        NAME, status="running", steps_done=None, effective=None, seed=7, corpus=replace(CORPUS, name="x")
    )

    run = mutant.run(NAME)
    assert (run.status, run.steps_done, run.effective, run.seed, run.corpus.name) == ("running", None, None, 7, "x")
    assert mutant.with_run(NAME, effective={"a": 1}, corpus_echoed="y").run(NAME).corpus_echoed == "y"
    with pytest.raises(KeyError):
        race.with_run("nobody", seed=1)
    with pytest.raises(TypeError):
        race.with_run(NAME, colour="red")


def test_events_can_be_added_cut_out_and_changed(race: Race) -> None:
    added = race.with_event("torn-down", None, left=3)
    assert (added.chain_faults, added.events[-1].content) == ((), {"left": 3})
    assert race.without_event(3).chain_faults == ("event 3 is missing: event 4 stands in its place",)
    assert "event 3" in race.with_event_changed(3, at="then").chain_faults[0]
    forgot = race.without_events(lambda event: event.kind == "refused")
    assert (forgot.refusals(), forgot.chain_faults, forgot.table_faults) == ((), (), ())
    with pytest.raises(KeyError):
        race.without_event(999)


def refusal(path: Path, limits: Limits = DEFAULT_LIMITS) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        open_race(path, limits=limits)
    assert str(path) in str(caught.value)
    return caught.value


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"\0" * 4096, b"{}" * 5000])
def test_what_is_no_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.sqlite").write_bytes(content)
    assert refusal(tmp_path / "x.sqlite").kind == "unreadable"


def test_other_databases_and_other_layouts_are_refused(folder: Path, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("CREATE TABLE samples (run, step, value)")
    other.commit()
    other.close()
    assert "contract race import" in str(refusal(tmp_path / "other.sqlite"))
    ledger = sqlite3.connect(folder / LEDGER_FILE)
    ledger.execute("PRAGMA user_version = 99")
    ledger.close()
    assert "layout 99" in str(refusal(folder / LEDGER_FILE))


HOSTILE = {
    "a view": "CREATE VIEW samples_of AS SELECT * FROM samples",
    "a table": "CREATE TABLE more (a)",
    "an index": "CREATE INDEX quick ON samples (value)",
    "another column": "ALTER TABLE samples ADD COLUMN more TEXT",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_none_of_the_layout_is_refused(folder: Path, case: str) -> None:
    connection = sqlite3.connect(folder / LEDGER_FILE, isolation_level=None)
    connection.execute(HOSTILE[case])
    connection.close()

    found = refusal(folder / LEDGER_FILE)

    assert (found.kind, "not the layout's" in found.message or "none of the layout's" in found.message) == (
        "unsound",
        True,
    )


def test_a_trigger_that_is_not_ours_is_reported_and_never_run(folder: Path) -> None:
    connection = sqlite3.connect(folder / LEDGER_FILE, isolation_level=None)
    connection.execute("CREATE TRIGGER mine BEFORE INSERT ON samples BEGIN SELECT load_extension('evil'); END")
    connection.execute("DROP TRIGGER embargo_never_delete")
    connection.close()

    faults = open_race(folder).trigger_faults

    assert faults == ("the trigger embargo_never_delete is missing", "the trigger mine is none of the layout's")


def test_limits_hold_for_bytes_rows_and_work(folder: Path) -> None:
    path = folder / LEDGER_FILE
    assert "at most 4096 bytes" in str(refusal(path, Limits(race_ledger_bytes=4096)))
    assert "too many rows" in str(refusal(path, Limits(race_ledger_rows=5)))
    with Ledger.open(path) as ledger:
        run = claimed(ledger, entry(202)).run
        ledger.start(run)
        ledger.record(run, points(*[5.0] * 500))
    assert "takes too long" in str(refusal(path, Limits(race_sqlite_operations=1_000)))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_that_was_cut_is_unsound(folder: Path, share: float) -> None:
    content = (folder / LEDGER_FILE).read_bytes()
    (folder / LEDGER_FILE).write_bytes(content[: int(len(content) * share)])
    assert refusal(folder / LEDGER_FILE).kind == "unsound"


def test_bytes_turned_at_random_are_refused_or_found(folder: Path) -> None:
    """No turned byte passes unseen where it changes what is read; a page that nothing refers to may change."""
    import random

    content, draw = (folder / LEDGER_FILE).read_bytes(), random.Random(7)
    sound = open_race(folder)
    seen = 0
    for _ in range(40):
        place = draw.randrange(100, len(content))
        turned = bytearray(content)
        turned[place] ^= 1 << draw.randrange(8)
        (folder / LEDGER_FILE).write_bytes(turned)
        try:
            race = open_race(folder)
        except ArtifactError:
            seen += 1
            continue
        changed = (race.events, race.tables) != (sound.events, sound.tables)
        found = bool(race.chain_faults or race.table_faults or race.trigger_faults)
        assert found or not changed
        seen += found
    assert seen > 5


def test_a_folder_without_a_ledger_says_so(tmp_path: Path) -> None:
    assert "no such file" in str(refusal(tmp_path / "nothing"))
    with pytest.raises(ArtifactError, match=LEDGER_FILE):
        open_race(tmp_path)


def test_a_log_of_another_ledger_is_not_believed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A log that does not belong to the file beside it is ignored by its salt, or found by the chain."""
    other = tmp_path_factory.mktemp("other")
    with new_ledger(other) as ledger:
        finished(ledger, 299)
        shutil.copy(other / f"{LEDGER_FILE}-wal", folder / f"{LEDGER_FILE}-wal")

    try:
        race = open_race(folder)
    except ArtifactError:
        return
    assert race.run(NAME).status == "done" or race.chain_faults
    with Ledger.open(other) as ledger:
        assert ledger.verify() == ()
