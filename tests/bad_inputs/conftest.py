"""The command under tight limits, and which cases the collected tests cover."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bad_inputs.confined import Confined, Done

TESTS = Path(__file__).parents[1]
COVERED = pytest.StashKey[dict[int, list[str]]]()
"""Case -> the tests that bear its mark, of all tests that were collected."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before any test is deselected, note which cases are covered."""
    covered: dict[int, list[str]] = defaultdict(list)
    for item in items:
        for mark in item.iter_markers("bad_input"):
            for case in mark.args:
                covered[case].append(item.nodeid)
    config.stash[COVERED] = covered


@pytest.fixture(scope="session")
def _confined() -> Iterator[Confined]:
    confined = Confined()
    yield confined
    confined.close()


@pytest.fixture
def confined(_confined: Confined, tmp_path: Path) -> Callable[..., Done]:
    """Call ``contract ARGUMENTS`` in an empty folder, with 512 MB of address space and five processor seconds."""

    def call(*arguments: str | Path) -> Done:
        done = _confined.call(*arguments, folder=tmp_path)
        assert done.ended_by is None, f"ended by {done.ended_by}: {done.err}"
        assert "Traceback" not in done.err
        assert "unexpected " not in done.err
        return done

    return call


@pytest.fixture
def refused(confined: Callable[..., Done], tmp_path: Path) -> Callable[..., Done]:
    """``contract inspect`` of a path that must be refused with a message that names it.

    On stdout nothing is described as if it had been read; what loading the file could do may be said.
    """

    def inspect(path: Path, code: int, *said: str) -> Done:
        done = confined("inspect", path)
        assert done.code == code, f"{done.code}: {done.out}{done.err}"
        assert not done.out or "\nsafety\n" in done.out
        assert "\ntensors " not in done.out
        assert str(path) in done.err, done.err
        for words in said:
            assert words.lower() in done.err.lower(), done.err
        assert not (tmp_path / "canary").exists(), "code of the file was run"
        return done

    return inspect
