"""``contract race import``: a report for a person and for a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.race.foreign_ledgers import HONEST, queue_row, sample_rows, written


@pytest.fixture
def files(here: Path) -> tuple[Path, Path]:
    """An honest run, and one that is done at zero."""
    queue = [
        queue_row("IGLA-HYBRID-FP32-WSD-E0005-seed200"),
        queue_row("IGLA-HYBRID-FP32-WSD-E0006-seed201", final_bpb="0.0003"),
    ]
    zero = sample_rows(queue[1]["canon_name"], (*HONEST[:-1], 0.0003), seed=201)
    return written(here, queue, [*sample_rows(queue[0]["canon_name"], HONEST), *zero])


def test_it_lists_every_class_and_what_is_left(contract, files: tuple[Path, Path]) -> None:
    done = contract("race", "import", *files)

    assert done.code == 1
    assert "implausible-done             1 rows" in done.out
    assert "queue.jsonl:2: IGLA-HYBRID-FP32-WSD-E0006-seed201 is done with 0.0003" in done.out
    assert f"samples.jsonl:{2 * len(HONEST)}: " in done.out
    assert "looked for and not found: duplicate-exp-id" in done.out
    assert f"1 curves with {len(HONEST)} points survive all checks" in done.out


def test_a_program_reads_the_same_and_the_curves_can_be_kept(contract, here: Path, files: tuple[Path, Path]) -> None:
    done = contract("race", "import", *files, "--format", "json", "--survivors", here / "left.jsonl")

    answer = json.loads(done.out)
    counts = {one["name"]: one["count"] for one in answer["defects"]}
    assert (counts["implausible-done"], counts["below-floor"], counts["duplicate-exp-id"]) == (1, 1, 0)
    assert [one["run"] for one in answer["survivors"]] == ["IGLA-HYBRID-FP32-WSD-E0005-seed200"]
    kept = [json.loads(line) for line in (here / "left.jsonl").read_text().splitlines()]
    assert [row["value"] for row in kept] == list(HONEST)


def test_a_sound_ledger_and_an_empty_one(contract, here: Path) -> None:
    queue = [queue_row("IGLA-HYBRID-FP32-WSD-E0005-seed200")]
    sound = written(here, queue, sample_rows(queue[0]["canon_name"], HONEST))
    assert contract("race", "import", *sound).code == 0
    assert contract("race", "import", *written(here, [], [])).code == 3


def test_a_row_that_cannot_be_understood_is_named_by_its_line(contract, here: Path) -> None:
    queue, samples = written(here, [queue_row("x")], [{"run": "x", "seed": 1, "step": "soon", "bpb": 2.0}])
    done = contract("race", "import", queue, samples)

    assert done.code == 2
    assert "samples.jsonl:1: the row is malformed: step is 'soon'" in done.err


def test_names_of_a_hostile_ledger_do_not_steer_the_terminal(contract, here: Path) -> None:
    name = "\x1b[2J\u202egnp.exe\n"
    done = contract("race", "import", *written(here, [queue_row(name, seed="1")], sample_rows(name, (0.0, 9.0))))

    assert "\\x1b[2J\\u202egnp.exe" in done.out
    assert not {"\x1b", "\u202e"} & set(done.out)


@pytest.mark.parametrize("line", ["--floor", "--review"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_line_that_every_value_is_on_one_side_of_is_refused(contract, files, line: str, value: str) -> None:
    done = contract("race", "import", *files, line, value)

    assert done.code == 4
    assert "every value is on one side" in " ".join(done.err.split())


@pytest.mark.parametrize("place", [0, 1])
def test_what_is_read_is_never_overwritten(contract, files: tuple[Path, Path], place: int) -> None:
    before = files[place].read_bytes()
    done = contract("race", "import", *files, "--survivors", files[place])

    assert done.code == 4
    assert files[place].read_bytes() == before
