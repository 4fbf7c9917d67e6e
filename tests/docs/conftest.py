"""The worked example, typed once for all tests that look at what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from falsifiable.evidence import exclusive
from tests.docs.replay import Replayed, Session, commands, rewritten

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = DOCS / "worked-example.md"
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

ENVIRONMENT = {**READER, "EXAMPLE": str(DOCS / "worked-example")}


@pytest.fixture(scope="session")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replayed]]:
    """Every command of the page with what it came to; the repositories lie in the folders of the commands.

    Nobody changes those. Where several processes test at once the first of them types for all.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "worked-example"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {**ENVIRONMENT, "FALSIFIABLE_CACHE": str(folder / "cache")}.items():
            patched.setenv(name, value)
        with exclusive(folder):
            if not (folder / "typed.json").exists():
                _type_all_of_it(folder)
        yield _as_typed(folder)


def _type_all_of_it(folder: Path) -> None:
    session = Session(folder / "typed")
    session.folder.mkdir()
    page = PAGE.read_text(encoding="utf-8")
    done = [session.type(one) for one in commands(page)]
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(rewritten(page, done), encoding="utf-8")
    kept = [{"printed": one.printed, "code": one.code, "folder": str(one.folder)} for one in done]
    (folder / "typed.json").write_text(json.dumps(kept), encoding="utf-8")


def _as_typed(folder: Path) -> list[Replayed]:
    kept = json.loads((folder / "typed.json").read_text(encoding="utf-8"))
    typed = commands(PAGE.read_text(encoding="utf-8"))
    return [
        Replayed(one, done["printed"], done["code"], Path(done["folder"]))
        for one, done in zip(typed, kept, strict=True)
    ]
