"""The benchmarks run, on files of a few kilobytes: every row measures both sides, and the table says so.

No time is asserted: what is fast is for `make bench` to tell, on a machine that does nothing else.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import rows_validation
from benchmarks.__main__ import ROWS, main
from benchmarks.comparison import Line, Row, Setting, Table, bytes_text, ratio_text, seconds_text
from benchmarks.files import LAYERS, Files, shapes
from benchmarks.measure import Work, measured
from benchmarks.payloads import write_cases
from benchmarks.results import Machine, rendered
from falsifiable import open_model

SCALE = 0.0001


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(Files(tmp_path_factory.mktemp("benchmarks"), SCALE), rounds=1, small=True)


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_every_row_measures_both_sides_and_shows_them(
    row: Row, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    if row.missing():
        pytest.skip(f"{', '.join(row.missing())} not installed; `make bench` measures this row")
    monkeypatch.setattr(rows_validation, "FALSIFIERS", (1, 3))

    found = row.measured(setting)

    shown = rendered([found], {}, Machine.here(), setting)
    assert "**A trial" in shown
    if isinstance(found, Line):
        assert len(found.ratios) == 1
        assert found.median > 0
        assert f"| `{row.name}` | " in shown
    else:
        assert isinstance(found, Table)
        assert found.rows
        assert found.title in shown
    assert _is_a_table(shown)


def _is_a_table(text: str) -> bool:
    """All lines of every table have as many cells as its header."""
    tables = re.findall(r"(?:^\|.*\|\n?)+", text, flags=re.MULTILINE)
    widths = [{line.count(" | ") for line in table.strip().splitlines()} for table in tables]
    return bool(tables) and all(len(of_one) == 1 for of_one in widths)


def test_the_command_writes_the_results_and_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROWS, "no-peer", Row("no-peer", ROWS["scan-sha256"].run, needs=("a_peer_nobody_has",)))

    code = main(["scan-sha256", "no-peer", "--scale", str(SCALE), "--rounds", "2", "--output", str(tmp_path / "R.md")])

    written = (tmp_path / "R.md").read_text()
    assert code == 0
    assert "Rounds: 2" in written
    assert "`scan-sha256`" in written
    assert "- `no-peer`: a_peer_nobody_has not installed" in written


def test_a_row_whose_sides_disagree_fails_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: Setting
) -> None:
    def disagreeing(setting: Setting) -> Line:
        raise RuntimeError("the two sides disagree about a.gguf: 1; 2")

    monkeypatch.setitem(ROWS, "disagreeing", Row("disagreeing", disagreeing))

    code = main(["disagreeing", "scan-sha256", "--scale", str(SCALE), "--rounds", "1", "--output", str(tmp_path / "R")])

    written = (tmp_path / "R").read_text()
    assert code == 1
    assert "- `disagreeing`: failed: the two sides disagree" in written
    assert "`scan-sha256`" in written


def test_the_same_files_are_made_every_time(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first, second = (open_model(Files(folder, SCALE).safetensors(10**9)) for folder in folders)

    assert first.digest == second.digest
    assert len(first.tensors) == 290
    assert len(first.canonical_names) == 290
    assert all(one.finite and not one.constant for one in first.fingerprints.values())
    assert first.fingerprints["model.embed_tokens.weight"].std == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("size", [10**7, 10**8, 10**9, 8 * 10**9])
def test_a_file_has_the_size_asked_for(size: int) -> None:
    inventory = shapes(size)
    values = sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in inventory.values())
    assert len(inventory) == 2 + 12 * LAYERS
    assert 2 * values == pytest.approx(size, rel=0.1)


def test_a_measurement_tells_what_it_watched(setting: Setting) -> None:
    path = setting.files.safetensors(2 * 10**9)
    work = Work("rows_scan:plain_read", str(path))

    cold, watched = measured(work, cold=True), measured(work, memory=True)

    assert cold.seconds > 0
    assert cold.calls == 1
    assert cold.cached_share is not None
    assert 0 <= cold.cached_share <= 1
    assert cold.read_bytes >= path.stat().st_size
    assert watched.anonymous_bytes is not None
    assert watched.resident_bytes is not None
    assert 2**20 < watched.anonymous_bytes < watched.resident_bytes


def test_a_measurement_that_fails_says_why(setting: Setting) -> None:
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        measured(Work("rows_scan:plain_read", str(setting.files.folder / "absent")))


def test_no_payload_runs_when_it_is_written(tmp_path: Path) -> None:
    cases = write_cases(tmp_path)
    assert {one.evil for one in cases} == {True, False}
    assert all(str(tmp_path / "canary").encode() in one.path.read_bytes() or not one.evil or "deflated" in one.path.name
               for one in cases)  # fmt: skip
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("number", "shown"), [(8.41, "8.41 s"), (0.036, "36.0 ms"), (0.0009, "0.90 ms"), (0.00002, "20.0 µs")]
)
def test_times_are_shown_in_the_unit_that_fits(number: float, shown: str) -> None:
    assert seconds_text(number) == shown


def test_sizes_and_ratios_are_shown_in_three_figures() -> None:
    assert bytes_text(1_957_000_000) == "1.96 GB"
    assert bytes_text(512) == "512 B"
    assert [ratio_text(one) for one in (0.00421, 0.8437, 21.34, 1234.5)] == ["0.0042", "0.84", "21.3", "1,234"]
