"""What readers type, typed once for all tests that look at what came of it: the worked example and the tutorial."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from falsifiable.evidence import exclusive
from falsifiable.validation.catalogue import load_catalogue
from tests.docs.replay import File, Replayed, Session, Typed, commands, rewritten, steps
from tests.finished_race import write_race

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = DOCS / "worked-example.md"
TUTORIAL = DOCS / "tutorial.md"
INSTALL = "pip install falsifiable"
"""The one command of the tutorial that is not typed where the package that is tested is installed already."""

READER = {
    "COLUMNS": "100",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A. Reader",
    "GIT_AUTHOR_EMAIL": "reader@example.org",
    "GIT_COMMITTER_NAME": "A. Reader",
    "GIT_COMMITTER_EMAIL": "reader@example.org",
}
"""Who types, whichever machine this is."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is made once: where several processes test at once the first of them makes it for all."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@contextmanager
def as_reader(folder: Path) -> Iterator[None]:
    """This process is that of a reader, with a cache in ``folder`` and a home beside it."""
    (folder / "home").mkdir(exist_ok=True)
    mine = {"FALSIFIABLE_CACHE": folder / "cache", "HOME": folder / "home", "EXAMPLE": DOCS / "worked-example"}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {**READER, **{key: str(path) for key, path in mine.items()}}.items():
            patched.setenv(name, value)
        yield


@pytest.fixture
def fresh_cache(shared: Path, tmp_path: Path) -> Path:
    """A cache that knows which checks are installed and no verdict: to list the checks anew takes seconds."""
    folder = shared / "catalogue"
    folder.mkdir(exist_ok=True)
    with exclusive(folder), pytest.MonkeyPatch.context() as patched:
        if not (folder / "cache").exists():
            patched.setenv("FALSIFIABLE_CACHE", str(folder / "cache"))
            load_catalogue()
    return Path(shutil.copytree(folder / "cache", tmp_path / "cache"))


@pytest.fixture(scope="session")
def replayed(shared: Path) -> Iterator[list[Replayed]]:
    """Every command of the worked example with what it came to; the repositories lie in the folders of the commands.

    Nobody changes those.
    """
    folder = shared / "worked-example"
    folder.mkdir(exist_ok=True)

    def type_all() -> list[Replayed]:
        session = Session(folder / "typed")
        session.folder.mkdir()
        page = PAGE.read_text(encoding="utf-8")
        done = [session.type(one) for one in commands(page)]
        if os.environ.get("UPDATE_GOLDEN"):
            PAGE.write_text(rewritten(page, done), encoding="utf-8")
        return done

    with as_reader(folder):
        kept = once(folder, type_all)
        yield as_typed(list(commands(PAGE.read_text(encoding="utf-8"))), kept)


@pytest.fixture(scope="session")
def tutorial(shared: Path) -> list[Replayed]:
    """Every command of the tutorial but the first, typed in a folder ``shop`` by somebody with nothing but a shell."""
    folder = shared / "tutorial"
    folder.mkdir(exist_ok=True)
    # A checkout that is tested without being installed is found as the tests find it.
    here = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    kept = once(folder, lambda: typed_alone(folder, Path(sys.executable).parent, without=INSTALL, **here))
    typed = [one for one in commands(TUTORIAL.read_text(encoding="utf-8")) if one.command != INSTALL]
    return as_typed(typed, kept)


def typed_alone(folder: Path, programs: Path, *, without: str = "", **more: str) -> list[Replayed]:
    """Type the tutorial in an empty folder ``shop``, with a home of its own and the programs of one environment."""
    for name in ("home", "shop"):
        (folder / name).mkdir()
    path = os.pathsep.join((str(programs), "/usr/local/bin", "/usr/bin", "/bin"))
    session = Session(folder / "shop", {**READER, "HOME": str(folder / "home"), "PATH": path, **more}, alone=True)
    page = TUTORIAL.read_text(encoding="utf-8")
    done = []
    for one in steps(page):
        if isinstance(one, File):
            session.write(one)
        elif isinstance(one, Typed) and one.command != without:
            done.append(session.type(one))
    if os.environ.get("UPDATE_GOLDEN"):
        TUTORIAL.write_text(rewritten(page, [one for one in done if not one.agrees]), encoding="utf-8")
    return done


def once(folder: Path, make: Callable[[], Sequence[Replayed]]) -> list[dict[str, str]]:
    """What ``make`` came to, made by the first process that asks and kept in ``folder``."""
    kept = folder / "typed.json"
    with exclusive(folder):
        if not kept.exists():
            done = [{"printed": one.printed, "code": one.code, "folder": str(one.folder)} for one in make()]
            kept.write_text(json.dumps(done), encoding="utf-8")
    return list(json.loads(kept.read_text(encoding="utf-8")))


def as_typed(typed: Sequence[Typed], kept: Sequence[dict[str, str]]) -> list[Replayed]:
    return [
        Replayed(one, done["printed"], int(done["code"]), Path(done["folder"]))
        for one, done in zip(typed, kept, strict=True)
    ]


def copied(folder: Path, to: Path) -> Path:
    """``folder`` as ``to``, without the lock that git holds while another process asks for the state of it."""
    return Path(shutil.copytree(folder, to, symlinks=True, ignore=shutil.ignore_patterns("index.lock")))


Places = Callable[[str, Path], None]


@pytest.fixture(scope="session")
def places(shared: Path, request: pytest.FixtureRequest) -> Places:
    """Make a copy of a folder that pages begin in, by the name they give it."""

    def end_of_tutorial() -> Path:
        return request.getfixturevalue("tutorial")[0].folder  # type: ignore[no-any-return]

    def beginning_of_example() -> Path:
        folder = shared / "beginning"
        folder.mkdir(exist_ok=True)

        def set_up() -> list[Replayed]:
            session = Session(folder / "typed")
            session.folder.mkdir()
            before, heading, _ = PAGE.read_text(encoding="utf-8").partition("## Stage 1")
            assert heading
            return [session.type(one) for one in commands(before)]

        once(folder, set_up)
        return folder / "typed/first"

    def finished_race() -> Path:
        folder = shared / "race"
        folder.mkdir(exist_ok=True)
        with exclusive(folder):
            if not (folder / "runs").exists():
                write_race(folder / "runs/smoke")
        return folder

    def without_evidence() -> Path:
        folder = shared / "without-evidence"
        folder.mkdir(exist_ok=True)
        with exclusive(folder):
            if not (folder / "shop").exists():
                made = copied(end_of_tutorial(), folder / "shop")
                subprocess.run(["git", "reset", "--quiet", "--hard", "HEAD~1"], cwd=made, check=True)
        return folder / "shop"

    known = {
        "a workspace without evidence": without_evidence,
        "a finished race": finished_race,
        "the end of the tutorial": end_of_tutorial,
        "the beginning of the worked example": beginning_of_example,
    }

    def copy(name: str, to: Path) -> None:
        copied(known[name](), to)

    return copy
