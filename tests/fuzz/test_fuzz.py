"""Every seed is sound, every finding of the past stays refused, and a short run of the fuzzer finds nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.__main__ import REGRESSIONS, SEEDS
from tests.fuzz.make_seeds import MADE_BY_LIBRARIES, MAKERS, write_seeds
from tests.fuzz.targets import SEPARATOR, TARGETS, remove_scratch, written

PRESENT = sorted(TARGETS)
MOST_SEEDS, MOST_SEED_BYTES = 30, 4096
RUNS, SECONDS = 300, 20
TARGETS_AT_ONCE = 8  # in one process: to instrument the readers takes as long as some seconds of fuzzing
GROUPS = [PRESENT[start : start + TARGETS_AT_ONCE] for start in range(0, len(PRESENT), TARGETS_AT_ONCE)]


def inputs(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    remove_scratch()


@pytest.mark.parametrize("name", inputs(SEEDS))
def test_a_seed_is_sound(name: str) -> None:
    target = TARGETS[name.partition("/")[0]]
    with written((SEEDS / name).read_bytes(), target.files) as path:
        target.read(path)


@pytest.mark.parametrize("name", inputs(REGRESSIONS))
def test_what_once_broke_a_reader_is_read_or_refused(name: str) -> None:
    TARGETS[name.partition("/")[0]]((REGRESSIONS / name).read_bytes())


def test_every_target_has_a_few_small_seeds_and_no_other_has() -> None:
    assert sorted(one.name for one in SEEDS.iterdir()) == sorted(MAKERS) == sorted(TARGETS)
    assert {one.name for one in REGRESSIONS.iterdir()} <= set(TARGETS)
    for folder in SEEDS.iterdir():
        sizes = [file.stat().st_size for file in folder.iterdir()]
        assert 0 < len(sizes) <= MOST_SEEDS, folder.name
        assert max(sizes) <= MOST_SEED_BYTES, folder.name


def test_the_seeds_are_those_that_the_script_makes(tmp_path: Path) -> None:
    write_seeds(tmp_path)
    assert inputs(tmp_path) == inputs(SEEDS)
    ours = [name for name in inputs(SEEDS) if name.partition("/")[0] not in MADE_BY_LIBRARIES]
    assert {name: (tmp_path / name).read_bytes() for name in ours} == {
        name: (SEEDS / name).read_bytes() for name in ours
    }


def test_an_input_of_several_files_is_taken_apart(tmp_path: Path) -> None:
    with written(SEPARATOR.join((b"one", b"two")), ("a", "b", "c")) as folder:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"one", "b": b"two"}


def fuzz(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments, "--folder", str(folder)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def test_a_short_run_of_every_target_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for Python 3.11 to 3.13 on Linux only")
    done = fuzz("--runs", str(RUNS), "--seed", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr[-5000:]
    assert sorted(one.name for one in tmp_path.iterdir()) == PRESENT
    assert done.stderr.count(f"Done {RUNS} runs") == len(PRESENT)


@pytest.mark.slow
@pytest.mark.parametrize("names", GROUPS, ids=[f"{group[0]} to {group[-1]}" for group in GROUPS])
def test_twenty_seconds_each_find_nothing(names: list[str], tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for Python 3.11 to 3.13 on Linux only")
    done = fuzz(*names, "--seconds", str(SECONDS), folder=tmp_path)
    assert done.returncode == 0, done.stderr[-5000:]
    assert sorted(one.name for one in tmp_path.iterdir()) == names


def test_a_target_that_does_not_exist_is_named(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has wheels for Python 3.11 to 3.13 on Linux only")
    done = fuzz("gguff", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no target gguff; there are " in done.stderr
