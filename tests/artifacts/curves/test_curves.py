"""Loss curves: every form they are read from, what is kept as it was logged, and what is refused."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.artifacts.curves.curve import Curve
from falsifiable.artifacts.curves.curves import Curves, is_curves, open_curves
from falsifiable.artifacts.curves.tidy import tidy_text
from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.limits import Limits
from tests.finished_race import write_race

SHARED = Path(__file__).parents[3].parent / "shared" / "data"

ROWS = (
    '{"run": "a-seed1", "recipe": "a", "seed": 1, "step": 10, "value": 3.5, "unit": "bits_per_byte"}\n'
    '{"run": "b-seed2", "recipe": "b", "seed": 2, "step": 10, "value": 3.25, "unit": "bits_per_byte"}\n'
    '{"run": "a-seed1", "recipe": "a", "seed": 1, "step": 20, "value": 3, "unit": "bits_per_byte"}\n'
)
A = Curve("a-seed1", "a", 1, "bits_per_byte", (10, 20), (3.5, 3.0))
B = Curve("b-seed2", "b", 2, "bits_per_byte", (10,), (3.25,))


def written(folder: Path, text: str | bytes, name: str = "curves.jsonl") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path, **options: Any) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        open_curves(path, **options)
    return caught.value


# The tidy form


def test_rows_become_curves_in_the_order_in_which_their_runs_begin(tmp_path: Path) -> None:
    curves = open_curves(written(tmp_path, ROWS))

    assert curves.curves == (A, B)
    assert curves.units == ("bits_per_byte",)
    assert curves.files == (tmp_path / "curves.jsonl",)
    assert curves.digest == curves.file_digests["curves.jsonl"]


@pytest.mark.parametrize(
    ("column", "unit"),
    [("bpb", "bits_per_byte"), ("val_bpb", "bits_per_byte"), ("val_loss", "nats_per_token"), ("bpc", "bits_per_char")],
)
def test_a_usual_name_stands_for_the_value_and_implies_its_unit(tmp_path: Path, column: str, unit: str) -> None:
    row = {"canon_name": "x-rng7", "seed": 7, "step": 5, column: 2.5, "ema": 2.75, "flags": ["anything"]}

    (curve,) = open_curves(written(tmp_path, json.dumps(row))).curves

    assert curve == Curve("x-rng7", "x", 7, unit, (5,), (2.5,))
    assert open_curves(tmp_path / "curves.jsonl", unit="bits_per_char").units == ("bits_per_char",)


def test_an_array_and_a_header_of_comments_are_read_too(tmp_path: Path) -> None:
    header = '{"_schema": "results", "_version": 1}\n'
    array = "[" + ",".join(ROWS.splitlines()) + "]"

    assert open_curves(written(tmp_path, header + ROWS)).curves == (A, B)
    assert open_curves(written(tmp_path, array, "curves.json")).curves == (A, B)


def test_what_was_logged_wrongly_stays_as_it_was_logged_and_is_said(tmp_path: Path) -> None:
    def curve(*points: tuple[Any, Any, str]) -> Curve:
        rows = [{"run": "r", "step": step, "value": value, "unit": unit} for step, value, unit in points]
        (found,) = open_curves(written(tmp_path, "\n".join(map(json.dumps, rows)))).curves
        return found

    back = curve((20, 3.0, "bpb"), (10, 2.0, "bpb"))
    twice = curve((10, 3.0, "bpb"), (10, 2.0, "bpb"))
    mixed = curve((10, 3.0, "bits_per_byte"), (20, 2.0, "nats_per_token"), (30, 1.0, "bits_per_byte"))
    diverged = curve((10, 3.0, "bpb"), (20, "nan", "bpb"), (30, "inf", "bpb"))

    assert (back.steps, back.fault) == ((20, 10), "step 10 follows step 20")
    assert (twice.values, twice.fault) == ((3.0, 2.0), "step 10 follows step 10")
    assert (mixed.values, mixed.fault) == ((3.0, 2.0, 1.0), "its values are in bits_per_byte and nats_per_token")
    assert (diverged.values[2], diverged.fault) == (math.inf, "the value at step 20 is not finite")


def test_one_name_with_several_seeds_is_several_runs(tmp_path: Path) -> None:
    rows = [{"run": "E0004", "seed": seed, "step": step, "bpb": 3} for step in (1, 2) for seed in (42, 44)]

    curves = open_curves(written(tmp_path, "\n".join(map(json.dumps, rows)))).curves

    assert [(one.run, one.recipe, one.seed, one.steps) for one in curves] == [
        ("E0004 seed 42", "E0004", 42, (1, 2)),
        ("E0004 seed 44", "E0004", 44, (1, 2)),
    ]


def test_a_file_whose_rows_name_no_run_is_one_run(tmp_path: Path) -> None:
    rows = '{"step": 1, "val_loss": 3.0, "train_loss": 4.0}\n{"step": 2, "val_loss": 2.0, "train_loss": 3.0}\n'

    assert open_curves(written(tmp_path, rows, "wsd-seed7.jsonl")).curves == (
        Curve("wsd-seed7", "wsd-seed7", None, "nats_per_token", (1, 2), (3.0, 2.0)),
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"run": "r", "step": 1, "value": 2.0}', "line 4: nothing says the unit of value; expected a column unit"),
        ('{"run": "r", "step": 1, "unit": "u"}', "line 4: no column value, bpb"),
        ('{"run": "r", "step": "1", "value": 2, "unit": "u"}', "line 4: step is '1'; expected a whole number"),
        ('{"run": "r", "step": null, "value": 2, "unit": "u"}', "line 4: step is missing"),
        ('{"run": "r", "step": true, "value": 2, "unit": "u"}', "line 4: step is True"),
        ('{"run": "r", "step": 1e3, "value": 2, "unit": "u"}', "line 4: step is 1000.0"),
        ('{"run": "r", "step": 99999999999999999999, "value": 2, "unit": "u"}', "line 4: step is 9999"),
        ('{"run": "r", "step": 1, "value": "2,5", "unit": "u"}', "line 4: value is '2,5'; expected a number"),
        ('{"run": "r", "step": 1, "value": [2], "unit": "u"}', "line 4: value is [2]"),
        ('{"run": "r", "step": 1, "value": NaN, "unit": "u"}', "line 4: NaN is not a JSON number"),
        ('{"run": 7, "step": 1, "value": 2, "unit": "u"}', "line 4: run is 7; expected a text"),
        ('{"run": "r", "seed": 1.5, "step": 1, "value": 2, "unit": "u"}', "line 4: seed is 1.5"),
        ('{"run": "r", "step": 1, "bpb": 2, "val_loss": 3}', "bpb, val_loss could each be the value"),
        ('{"run": "a-seed1", "seed": 1, "recipe": "z", "step": 1, "bpb": 2}', "is 'z', and 'a' in line 1"),
        ('{"run": "' + "r" * 513 + '", "step": 1, "bpb": 2}', "at most 512 characters"),
        ("7", "line 4: the row is 7"),
        ('{"run": "r"', "line 4: not JSON"),
    ],
)
def test_a_row_that_is_no_point_is_named_by_its_line(tmp_path: Path, row: str, said: str) -> None:
    error = refused(written(tmp_path, ROWS + row + "\n"))

    assert said in str(error)
    assert error.kind == "unsound"


def test_a_file_beyond_the_limits_or_without_rows_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ROWS)

    assert refused(path, limits=Limits(table_bytes=20)).kind == "unreadable"
    assert refused(path, limits=Limits(table_rows=2)).kind == "unreadable"
    assert "holds no loss curve" in str(refused(written(tmp_path, "", "empty.jsonl")))
    assert "no such file" in str(refused(tmp_path / "absent.jsonl"))


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
numbers = st.floats(width=64) | st.integers(-(10**6), 10**6).map(float)


@st.composite
def sets_of_curves(draw: st.DrawFn) -> list[Curve]:
    """Curves as a log may hold them, in order or not, with names of any letters."""
    names = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    curves = []
    for name in names:
        points = draw(st.lists(st.tuples(st.integers(-5, 10**9), numbers), min_size=1, max_size=6))
        steps, values = zip(*points, strict=True)
        planned = draw(st.none() | st.integers(1, 10**9))
        seed = draw(st.none() | st.integers(0, 2**64 - 1))
        curves.append(Curve(name, draw(texts), seed, "nats_per_token", steps, values, planned))
    return curves


@given(curves=sets_of_curves())
@settings(deadline=None)
def test_the_tidy_form_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, curves: list[Curve]
) -> None:
    path = written(tmp_path_factory.mktemp("tidy"), tidy_text(curves))

    found = open_curves(path).curves

    assert list(map(repr, found)) == list(map(repr, curves))  # nan equals nan by its name alone


def test_what_the_tidy_form_cannot_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="no point was logged"):
        tidy_text([Curve("r", "r", None, "bits_per_byte", (), ())])
    with pytest.raises(ValueError, match="are in a and b"):
        tidy_text([Curve("r", "r", None, "a and b", (1,), (2.0,))])


# CSV


def test_csv_names_its_columns_in_the_first_line(tmp_path: Path) -> None:
    text = '\ufeffrun,recipe,seed,step,value,unit,lr\r\n"a-seed1",a,1,10,3.5,bits_per_byte,1e-3\r\n'
    text += "b-seed2,b,2,10,3.25,bits_per_byte,\r\na-seed1,a,1,20,3,bits_per_byte,x\r\n"

    assert open_curves(written(tmp_path, text, "curves.csv")).curves == (A, B)


def test_an_empty_value_and_nan_are_values_that_are_not_finite(tmp_path: Path) -> None:
    text = "run,seed,step,bpb\nr,,1,3.0\nr,,2,\nr,,3,NaN\nr,,4,-inf\n"

    (curve,) = open_curves(written(tmp_path, text, "curves.csv")).curves

    assert repr(curve.values) == "(3.0, nan, nan, -inf)"
    assert curve.fault == "the value at step 2 is not finite"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run,stepp,value,unit\nr,1,2,u\n", "line 1: no column step among run, stepp, value, unit"),
        ("run,step,step,bpb\nr,1,1,2\n", "line 1: the column 'step' stands twice"),
        ("run,step,bpb\nr,1,2\nr,2\n", "line 3: has 2 cells; expected 3"),
        ("run,step,bpb\nr,1,2,5\n", "line 2: has 4 cells; expected 3"),
        ('run,step,bpb\nr,1,"2,5"\n', "line 2: bpb is '2,5'; expected a number"),
        ("run,step,bpb\nr,1.5,2\n", "line 2: step is 1.5"),
        ("run,step,bpb\nr,,2\n", "line 2: step is missing"),
        ('run,step,bpb\n"r,1,2\n', "not CSV"),
        ("run,step,bpb\nr,1,1" + "0" * 400 + "\n", "line 2: bpb is '1000"),
        (b"run,step,bpb\n\xff,1,2\n", "not UTF-8 at byte 13"),
        ("step;bpb\n1;2\n", "line 1: no column step"),
    ],
)
def test_csv_is_strict(tmp_path: Path, text: str | bytes, said: str) -> None:
    error = refused(written(tmp_path, text, "curves.csv"))

    assert said in str(error)
    assert error.kind == "unsound"


# Plain logs


PATTERN = r"step:(?P<step>\d+)/(?P<planned_steps>\d+) val_loss:(?P<val_loss>[0-9.]+)"


def test_a_plain_log_is_read_by_its_pattern_and_keeps_what_diverged(tmp_path: Path) -> None:
    text = "start\nstep:0/20 val_loss:9.5\nstep:5/20 train_loss:7\nstep:10/20 val_loss:nan\nstep:5/20 val_loss:4.5\n"

    curves = open_curves(written(tmp_path, text + "step:15/20 val_lo", "wsd.log"), pattern=PATTERN)

    (curve,) = curves.curves
    assert repr(curve) == repr(Curve("wsd", "wsd", None, "nats_per_token", (0, 10, 5), (9.5, math.nan, 4.5), 20))
    assert curves.digest != curves.file_digests["wsd.log"]  # another pattern would make other curves of it


def test_the_only_number_of_a_pattern_is_the_value(tmp_path: Path) -> None:
    path = written(tmp_path, "3: loss 2.5 acc 0.5\n4: no loss\n", "a.log")

    assert open_curves(path, pattern=r"^(?P<step>\d+): loss (?P<loss>\S+)", unit="u").curves[0].values == (2.5,)
    two = r"^(?P<step>\d+): loss (?P<loss>\S+) acc (?P<acc>\S+)"
    assert "no column value, bpb" in str(refused(path, pattern=two, unit="u"))
    assert open_curves(path, pattern=two, unit="u", column="acc").curves[0].values == (0.5,)
    assert "nothing says the unit" in str(refused(path, pattern=two, column="acc"))


def test_a_plain_log_without_a_pattern_or_with_a_bad_one_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "step:0/20 val_loss:9,51\n", "a.log")

    assert "Say how its lines are read" in str(refused(path))
    assert "no regular expression" in str(refused(path, pattern="("))
    assert "line 1: step 0: val_loss is 9,51" in str(refused(path, pattern=PATTERN))


# Runs that were recorded


STATE = {
    "global_step": 20,
    "max_steps": 40,
    "log_history": [
        {"step": 10, "loss": 4.0},
        {"step": 10, "eval_loss": 3.0},
        {"step": 20, "eval_loss": 2.5},
    ],
}


def test_a_trainer_state_is_the_curve_of_its_folder(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(STATE), "lr3/trainer_state.json")
    expected = Curve("lr3", "lr3", None, "nats_per_token", (10, 20), (3.0, 2.5), 40)

    assert open_curves(path).curves == open_curves(path.parent).curves == (expected,)
    assert open_curves(path, column="train_loss", unit="nats_per_token").curves[0].steps == (10,)
    silent = written(tmp_path, json.dumps(STATE | {"log_history": []}), "silent/trainer_state.json")
    assert "logged no val_loss" in str(refused(silent))


def run_folder(folder: Path, seed: int, losses: list[tuple[int, Any]]) -> Path:
    record = f"run_record: 1\nrun_id: run-{seed}\nseed: {{requested: 1, actual: {seed}}}\nsteps: {{planned: 30}}\n"
    written(folder, record + "metrics: {}\nartifacts: {}\n", "run.yaml")
    rows = [{"phase": "train", "step": step, "val_loss": loss} for step, loss in losses]
    written(folder, "\n".join(map(json.dumps, rows)), "metrics.jsonl")
    return folder


def test_a_run_folder_is_a_curve_with_its_seed_and_its_plan(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "wsd-seed7", 7, [(10, 3.0), (20, "nan")])

    (curve,) = open_curves(folder).curves

    assert repr(curve) == repr(Curve("wsd-seed7", "wsd", 7, "nats_per_token", (10, 20), (3.0, math.nan), 30))


def test_a_folder_holds_the_curves_of_everything_in_it(tmp_path: Path) -> None:
    run_folder(tmp_path / "runs" / "wsd-seed7", 7, [(10, 3.0)])
    written(tmp_path, json.dumps(STATE), "hf/checkpoint-9/trainer_state.json")
    written(tmp_path, json.dumps(STATE | {"global_step": 21}), "hf/checkpoint-10/trainer_state.json")
    written(tmp_path, ROWS, "more/curves.jsonl")
    written(tmp_path, "run,step,bpb\nc,1,2\n", "c.csv")
    written(tmp_path, "step:0/20 val_loss:9.5\n", "logs/d.log")
    written(tmp_path, "# nothing of interest", "README.md")
    written(tmp_path, '{"claim": "another table"}\n', "claims.jsonl")

    curves = open_curves(tmp_path, pattern=PATTERN)

    assert [one.run for one in curves.curves] == ["c", "hf", "logs/d", "a-seed1", "b-seed2", "runs/wsd-seed7"]
    assert set(curves.file_digests) == {
        "c.csv", "hf/checkpoint-10/trainer_state.json", "logs/d.log", "more/curves.jsonl",
        "runs/wsd-seed7/metrics.jsonl", "runs/wsd-seed7/run.yaml",
    }  # fmt: skip
    assert all(path.is_file() for path in curves.files)


def test_a_folder_with_two_runs_of_one_name_or_without_any_is_refused(tmp_path: Path) -> None:
    written(tmp_path, ROWS, "one.jsonl")
    assert "holds no loss curve" in str(refused(written(tmp_path, "", "empty/x.txt").parent))

    written(tmp_path, ROWS, "two.jsonl")
    assert "two curves are called 'a-seed1'" in str(refused(tmp_path))
    assert "too many files" in str(refused(tmp_path, limits=Limits(set_files=1)))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = written(tmp_path, ROWS, "outside.jsonl")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.jsonl").symlink_to(outside)

    assert "symbolic link out of the folder" in str(refused(tmp_path / "runs"))


# SQLite


def database(folder: Path, *statements: str) -> Path:
    path = folder / "ledger.db"
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


SAMPLES = "CREATE TABLE bpb_samples (canon_name TEXT, seed INT, step INT, bpb REAL, UNIQUE (canon_name, seed, step))"


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_table_of_samples_is_read_in_the_order_of_its_rows(tmp_path: Path, journal: str) -> None:
    path = database(
        tmp_path, f"PRAGMA journal_mode = {journal}", SAMPLES, "CREATE TABLE other (step INT)",
        "INSERT INTO bpb_samples VALUES ('z-seed3', 3, 20, 2.5), ('a', 4, 7, NULL), ('z-seed3', 3, 10, 3)",
    )  # fmt: skip
    before = path.read_bytes()

    curves = open_curves(path)

    assert repr(curves.curves) == repr(
        (
            Curve("z-seed3", "z", 3, "bits_per_byte", (20, 10), (2.5, 3.0)),
            Curve("a", "a", 4, "bits_per_byte", (7,), (math.nan,)),
        )
    )
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ledger.db"]


def test_a_database_that_is_no_table_of_curves_is_refused(tmp_path: Path) -> None:
    view = "CREATE VIEW curves AS SELECT 'r' AS run, 1 AS step, 2.0 AS bpb"
    assert "no table holds curves; there are other" in str(
        refused(database(tmp_path, "CREATE TABLE other (step INT)", view))
    )
    path = database(tmp_path, SAMPLES, "CREATE TABLE more AS SELECT * FROM bpb_samples")
    assert "several tables hold curves: bpb_samples, more" in str(refused(path))
    assert "has no table 'absent'" in str(refused(path, table="absent"))
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO more VALUES ('r', 1, 'soon', 2)")
    connection.close()
    assert "table more, row 1: step is 'soon'" in str(refused(path, table="more"))


def test_a_computed_column_is_not_computed(tmp_path: Path) -> None:
    path = database(
        tmp_path,
        "CREATE TABLE t (run TEXT, step INT, bpb REAL, seed INT AS (length(run)))",
        "INSERT INTO t VALUES ('r', 1, 2.0)",
    )

    assert open_curves(path).curves == (Curve("r", "r", None, "bits_per_byte", (1,), (2.0,)),)


def test_a_cut_database_and_one_with_rows_in_its_log_are_refused(tmp_path: Path) -> None:
    path = database(tmp_path, SAMPLES, "INSERT INTO bpb_samples VALUES ('r', 1, 2, 3)")
    content = path.read_bytes()
    cut = refused(written(tmp_path, content[:5000], "cut.db"))
    assert (cut.kind, "SQLite refuses it" in str(cut)) == ("unsound", True)
    (tmp_path / "ledger.db-wal").write_bytes(b"rows")
    assert "wal_checkpoint" in str(refused(path))


def test_a_race_is_read_from_its_ledger_alone(tmp_path: Path) -> None:
    folder = write_race(tmp_path / "race", until=40, rungs=0)
    run_folder(folder / "runs" / "wsd-seed501", 501, [(20, 9.0)])

    curves = open_curves(folder)

    expected = Curve("wsd-seed501", "wsd", 501, "bits_per_byte", (20, 40), curves.of("wsd-seed501").values, 400)
    assert curves.curves[0] == expected
    assert list(curves.file_digests) == ["ledger.sqlite"]
    assert open_curves(folder / "ledger.sqlite").curves == open_curves(tmp_path).curves == curves.curves


# The artifact


def test_mutants_leave_the_curves_and_change_the_digest(tmp_path: Path) -> None:
    curves = open_curves(written(tmp_path, ROWS))

    shorter = curves.with_curve("a-seed1", lambda curve: curve.first(1))
    more = curves.without_curve("a-seed1").with_more(A)

    assert (shorter.of("a-seed1").values, curves.of("a-seed1").values) == ((3.5,), (3.5, 3.0))
    assert more.curves == (B, A)
    assert more.digest == f"mutant:{curves.digest}+without a-seed1+with a-seed1"
    assert curves.rewritten().curves == curves.curves
    assert isinstance(more, Curves)
    with pytest.raises(KeyError):
        curves.without_curve("absent")


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        (ROWS, "a.jsonl", True),
        ('\n{"_header": 1}\n' + ROWS, "a.jsonl", True),
        ("[" + ROWS.splitlines()[0] + "]", "a.json", True),
        ("run,step,bpb\n", "a.csv", True),
        ('{"step": 1, "val_loss": 2}\n', "a.jsonl", False),
        ('{"claim": 1}\n', "a.jsonl", False),
        ('{"run": ', "a.jsonl", False),
        ("[7]", "a.jsonl", False),
        (b"\x00\xff", "a.jsonl", False),
        ("", "a.jsonl", False),
        ("step,bpb\n", "a.csv", False),
    ],
)
def test_curves_are_told_from_other_tables_by_the_first_row(
    tmp_path: Path, text: str | bytes, name: str, found: bool
) -> None:
    assert is_curves(written(tmp_path, text, name)) is found
    assert not is_curves(tmp_path)
    assert not is_curves(tmp_path / "absent")


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_the_shared_curves_are_read_whole() -> None:
    curves = open_curves(SHARED / "curves")

    assert (len(curves.curves), sum(len(one.steps) for one in curves.curves)) == (1138, 33548)
    assert curves.units == ("bits_per_byte", "bits_per_char", "nats_per_token")
    assert [one.run for one in curves.curves if one.fault] == []
