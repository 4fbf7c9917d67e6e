"""Every command block of every page is done as its reader would do it; what cannot be done here says why.

When a text was changed on purpose, write the outputs anew and read the difference:
``UPDATE_GOLDEN=1 pytest tests/docs/test_pages.py``.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from falsifiable.cli.manual.guides import guides
from tests.docs.conftest import DOCS, PAGE, TUTORIAL, Places, as_reader
from tests.docs.replay import File, NotRun, Place, Replayed, Session, Typed, rewritten, steps

ELSEWHERE = {PAGE, TUTORIAL}
"""Pages that tests of their own type."""

PAGES = [page for page in guides().values() if page not in ELSEWHERE]
DONE = [page for page in PAGES if any(isinstance(one, Typed) for one in steps(page.read_text(encoding="utf-8")))]

SHOWN = "/home/reader/shop"
"""Where the pages are typed, as they show it."""

NOT_RUN = {
    "how-to/cluster.md": 1,
    "evidence.md": 1,
    "worked-example.md": 1,
}
"""How many blocks of each page cannot be done here."""


SLOW = ("how-to/pytest.md", "how-to/release-gate.md", "how-to/reviewer.md")
"""Pages whose commands take ten seconds and more: a pytest of their own, a gate that judges all of it anew."""


def parameter(page: Path) -> Any:
    """A page as what pytest runs, by its path."""
    name = page.relative_to(DOCS).as_posix()
    return pytest.param(page, id=name, marks=[pytest.mark.slow] if name in SLOW else [])


def do(page: Path, folder: Path, places: Places) -> list[Replayed]:
    """Do all that ``page`` says, each part of it in a fresh folder."""
    session = Session(folder / "empty")
    session.folder.mkdir()
    done = []
    for number, one in enumerate(steps(page.read_text(encoding="utf-8"))):
        match one:
            case Place(name):
                session = Session(folder / f"{number}/shop")
                session.folder.parent.mkdir()
                places(name, session.folder)
            case File():
                session.write(one)
            case Typed():
                done.append(at_home(session.type(one), folder))
    return done


def at_home(one: Replayed, folder: Path) -> Replayed:
    """What was printed, with the folder of the test as the folder of a reader."""
    there = re.sub(rf"{re.escape(str(folder))}/\w+/shop", SHOWN, one.printed)
    return replace(one, printed=there)


@pytest.mark.parametrize("page", [parameter(page) for page in DONE])
def test_every_command_does_what_the_page_shows(page: Path, tmp_path: Path, fresh_cache: Path, places: Places) -> None:
    with as_reader(fresh_cache.parent):
        done = do(page, tmp_path, places)
    if os.environ.get("UPDATE_GOLDEN"):
        wrong = [one for one in done if not one.agrees]
        page.write_text(rewritten(page.read_text(encoding="utf-8"), wrong), encoding="utf-8")
    for one, following in zip(done, [*done[1:], None], strict=True):
        at = f"{page.name}:{one.typed.line}: $ {one.typed.command}\n{one.printed}"
        assert one.agrees, at
        told = following is not None and following.typed.command == "echo $?"
        assert one.code == 0 or told, f"ends {one.code}: {at}"


def test_what_cannot_be_done_here_is_counted_and_says_why() -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md")}
    left = {page: [one for one in steps(text) if isinstance(one, NotRun)] for page, text in texts.items()}
    assert {page.relative_to(DOCS).as_posix(): len(found) for page, found in left.items() if found} == NOT_RUN
    for found in left.values():
        assert all(len(one.reason.split()) > 3 for one in found)


def test_no_command_block_escapes() -> None:
    """A block that is indented, or has another name, would be shown and never typed."""
    for page in DOCS.rglob("*.md"):
        for line in page.read_text(encoding="utf-8").splitlines():
            assert not re.match(r"\s+```", line), f"{page.name}: an indented block is not read: {line!r}"
            assert not re.match(r"```(shell|zsh|sh-session|shell-session|pycon)\b", line), f"{page.name}: {line!r}"


# --- The mechanism ---------------------------------------------------------------------------------------------------

LITTLE = """\
# A page

<!-- not run: it would need a cluster of two -->
```console
$ launch
```

```yaml title="a/file.yaml"
key: value
```

```console
$ cat a/file.yaml
key: value
$ printf 'one\\ntwo\\nthree\\n' \\
    | cat
one
...
three
$ false
$ echo $?
1
```
"""


def typed_in(folder: Path, page: str) -> list[Replayed]:
    session = Session(folder)
    done = []
    for one in steps(page):
        if isinstance(one, File):
            session.write(one)
        elif isinstance(one, Typed):
            done.append(session.type(one))
    return done


def test_a_page_is_done_from_the_top_down(tmp_path: Path) -> None:
    assert [type(one) for one in steps(LITTLE)] == [NotRun, File, Typed, Typed, Typed, Typed]
    done = typed_in(tmp_path, LITTLE)
    assert [one.agrees for one in done] == [True] * 4
    assert [one.typed.line for one in done] == [13, 15, 20, 21]


@pytest.mark.parametrize(
    ("right", "wrong"), [("key: value\n$", "key: another\n$"), ("...\nthree", "three"), ("three\n$", "four\n$")]
)
def test_what_a_page_shows_and_no_command_prints_is_found(tmp_path: Path, right: str, wrong: str) -> None:
    assert right in LITTLE
    assert not all(one.agrees for one in typed_in(tmp_path, LITTLE.replace(right, wrong)))


def test_outputs_are_written_anew_where_they_differ(tmp_path: Path) -> None:
    page = LITTLE.replace("three\n$", "four\n$")
    assert rewritten(page, [one for one in typed_in(tmp_path, page) if not one.agrees]) == LITTLE.replace(
        "one\n...\nthree", "one\ntwo\nthree"
    )


# --- Troubleshooting -------------------------------------------------------------------------------------------------


def test_every_message_of_troubleshooting_is_one_that_its_commands_print() -> None:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r'^## "([^"]+)"[^\n]*\n(.*?)(?=^## |\Z)', page, re.DOTALL | re.MULTILINE)
    assert len(quoted) > 9
    for message, section in quoted:
        printed = "".join(one.shown for one in steps(section) if isinstance(one, Typed))
        assert message in printed, message
