"""What each version of a spec had reached, read from the releases that git knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.evidence import Repository
from falsifiable.spec import Reached, ship_history, splice
from tests.evidence.builders import a_repository, commit_all

REGION = "<!-- contract:ship -->\n<!-- /contract:ship -->\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "spec" / "ship").mkdir(parents=True)
    return a_repository(tmp_path)


def release(
    root: Path, version: str, region: str | None, *, created: str = "20260101T000000Z", text: str = REGION
) -> str:
    """A commit that releases ``version``, with what its ship region says."""
    folder = root / "spec" / "ship" / "amendments" / "released" / version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"0050-{created}-words-0123abcd.md").write_text("an amendment\n")
    data = text.encode()
    (root / "spec" / "ship" / "spec.md").write_bytes(data if region is None else splice(data, {"ship": region}))
    return commit_all(root, f"release {version}")


def history(root: Path) -> tuple[Reached, ...]:
    return ship_history(Repository(root), "ship")


def shown(root: Path) -> list[tuple[str, str, str]]:
    return [(one.version, one.date, str(one.tally) if one.tally else one.why) for one in history(root)]


def test_versions_stand_in_their_order_with_what_they_reached(root: Path) -> None:
    release(root, "2.9.0", "**5 of 100 points: 5.0 %**\n\n**model**: the model; 5 of 50 points: 10.0 %")
    commit = release(root, "2.10.0", "**12.5 of 100 points: 12.5 %**", created="20260301T120000Z")
    (root / "spec" / "ship" / "spec.md").write_text(REGION)
    commit_all(root, "what no release did is no part of it")
    assert shown(root) == [
        ("2.9.0", "2026-01-01", "5 of 100 points: 5.0 %"),
        ("2.10.0", "2026-03-01", "12.5 of 100 points: 12.5 %"),
    ]
    assert history(root)[1].commit == commit


def test_the_last_commit_of_a_version_counts(root: Path) -> None:
    release(root, "1.0.0", "**5 of 100 points: 5.0 %**")
    release(root, "1.0.0", "**6 of 100 points: 6.0 %**", created="20260102T000000Z")
    assert shown(root) == [("1.0.0", "2026-01-02", "6 of 100 points: 6.0 %")]


@pytest.mark.parametrize(
    ("region", "text", "why"),
    [
        (None, "# A spec without regions\n", "there was no ship region"),
        (
            None,
            REGION.replace("-->\n", "-->\n\n**99 of 100 points: 99.0 %**\n\n", 1),
            "its ship region was edited by hand",
        ),
        ("This spec has no ship.yaml.", REGION, "its ship region counts no points"),
    ],
)
def test_a_number_that_cannot_be_believed_is_none(root: Path, region: str | None, text: str, why: str) -> None:
    release(root, "1.0.0", region, text=text)
    assert shown(root) == [("1.0.0", "2026-01-01", why)]


def test_a_spec_that_is_gone_or_no_text_reached_nothing(root: Path) -> None:
    release(root, "1.0.0", "**5 of 100 points: 5.0 %**")
    (root / "spec" / "ship" / "spec.md").write_bytes(b"\xff")
    folder = root / "spec" / "ship" / "amendments" / "released" / "1.1.0"
    folder.mkdir()
    (folder / "notes.txt").write_text("no amendment\n")
    commit_all(root)
    assert shown(root)[1] == ("1.1.0", "", "byte 0 is not UTF-8; a spec is a UTF-8 text")


def test_folders_that_are_no_versions_are_passed_over(root: Path) -> None:
    release(root, "draft", "**5 of 100 points: 5.0 %**")
    assert shown(root) == []


def test_a_workspace_without_git_has_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert history(tmp_path) == ()


def test_branches_that_released_apart_come_together(root: Path) -> None:
    from tests.evidence.builders import git

    release(root, "1.0.0", "**5 of 100 points: 5.0 %**")
    git(root, "checkout", "-q", "-b", "side")
    release(root, "1.1.0", "**7 of 100 points: 7.0 %**")
    git(root, "checkout", "-q", "main")
    (root / "note.md").write_text("meanwhile\n")
    commit_all(root)
    git(root, "merge", "-q", "--no-ff", "-m", "merge", "side")
    assert [one[0] for one in shown(root)] == ["1.0.0", "1.1.0"]
