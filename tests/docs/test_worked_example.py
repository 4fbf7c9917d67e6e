"""The worked example is what happens: every command of the page is typed in fresh repositories, its output compared.

When a text was changed on purpose, write the outputs anew and read the difference:
``UPDATE_GOLDEN=1 pytest tests/docs/test_worked_example.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

from falsifiable.cli import run
from falsifiable.spec import amendments_of
from tests.docs.conftest import DOCS, PAGE
from tests.docs.replay import Replayed
from tests.evidence.builders import git
from tests.spec.releasing import tree

BRANCHES = ("patience", "order", "open-it")


def test_every_command_prints_what_the_page_shows(replayed: list[Replayed]) -> None:
    for one in replayed:
        assert one.as_shown, f"{PAGE.name}:{one.typed.line}: $ {one.typed.command}\n{one.printed}"


def test_no_command_fails_unseen(replayed: list[Replayed]) -> None:
    """A command that ends otherwise than with 0 is followed by ``echo $?``, which shows that to the reader."""
    for one, following in zip(replayed, [*replayed[1:], None], strict=True):
        told = following is not None and following.typed.command == "echo $?"
        assert one.code == 0 or told, f"{PAGE.name}:{one.typed.line}: $ {one.typed.command} ends {one.code}"


# --- What the page claims, asked without its prose -------------------------------------------------------------------


def after(replayed: Sequence[Replayed], commit: str, command: str) -> Replayed:
    """The first ``command`` after the commit with this message."""
    (start,) = [at for at, one in enumerate(replayed) if f'--message "{commit}' in one.typed.command]
    return next(one for one in replayed[start:] if one.typed.command.startswith(command))


def test_the_missed_wiring_step_is_named(replayed: list[Replayed]) -> None:
    said = after(replayed, "Step 5f.4 is done", "contract next").printed
    declared = said.partition("declared done, while the evidence is missing:\n")[2].partition("\n\n")[0]
    assert declared.startswith("  5f.4  Call the loader from the path that users take\n")
    assert "FALSIFY-INIT-001 stands at PARTIAL, not at INTEGRATION" in declared
    assert "5f.4" not in said.partition("done:\n")[2].splitlines()[0], "what is only declared is not done"
    assert "for the evidence of 5f.4, which is declared done" in said, "nothing can build on it"
    assert "\n  5f.3 + 5f.4  " in said, "the guard and the wiring are one dispatch"


def test_the_gate_refuses_to_declare_it_done_until_a_run_shows_it(replayed: list[Replayed]) -> None:
    refused = after(replayed, "Step 5f.4 is done", "contract gate")
    assert refused.code == 5
    assert re.findall(r"^GATE-[A-Z-]+: .*$", refused.printed, re.MULTILINE) == [
        "GATE-STEP-DECLARED: ship-two step 5f.4"
    ]
    passed = after(replayed, "The evidence of that run", "contract gate")
    assert passed.code == 0
    assert "5f.4" in after(replayed, "The evidence of that run", "contract next").printed.partition("\ndone:\n")[2]


def test_sections_and_versions_are_computed(replayed: list[Replayed]) -> None:
    folder = replayed[0].folder
    first, second = (amendments_of(folder / name, "ship-two") for name in ("first", "second"))
    assert [(one.number, one.version) for one in first.sections] == [
        (50, "2.25.0"), (51, "2.25.0"), (52, "2.26.0"), (53, "2.26.0"),
    ]  # fmt: skip
    assert [(one.number, one.version) for one in second.sections] == [(79, "3.25.0"), (80, "3.25.0"), (81, "3.25.0")]
    assert (first.pending, second.pending) == ((), ())


def test_three_branches_merge_in_every_order_into_the_same_release(replayed: list[Replayed], tmp_path: Path) -> None:
    origin = replayed[0].folder / "second"
    base = git(origin, "merge-base", "--octopus", *BRANCHES)
    (release,) = git(origin, "log", "--format=%H", "--grep", "Release 3.25.0", "main").split()
    as_typed = tree(clone(origin, tmp_path / "as-typed", release))
    assert [one for one in as_typed if "/released/" in one]
    for number, order in enumerate(permutations(BRANCHES)):
        place = clone(origin, tmp_path / str(number), base)
        for branch in order:
            git(
                place, "merge", "--quiet", "--no-ff", "--no-edit", f"origin/{branch}"
            )  # a conflict ends otherwise than 0
        assert run(["amend", "release", "--root", str(place)]) == 0
        assert tree(place) == as_typed, order


def clone(origin: Path, place: Path, commit: str) -> Path:
    """A clone whose main line stands at ``commit``."""
    git(place.parent, "clone", "--quiet", "--shared", "--no-checkout", str(origin), str(place))
    git(place, "checkout", "--quiet", "-B", "main", commit)
    return place


def test_the_percentage_moved_by_evidence_alone(replayed: list[Replayed]) -> None:
    def earned(commit: str) -> str:
        return after(replayed, commit, "contract report").printed

    assert "| P0-A | Hand the result on, and open it | done | 5 | 0 | -5 |" in earned("Release 3.25.0")
    by_hand = after(replayed, "5 points for the export", "contract gate")
    assert by_hand.code == 5
    assert re.findall(r"^(GATE-[A-Z-]+):", by_hand.printed, re.MULTILINE) == ["GATE-REGION-EDITED"]
    shown = after(replayed, "Evidence: it can be opened", "contract gate")
    assert (shown.code, "75.0 % -> 80.0 %" in shown.printed) == (0, True)
    assert "| P0-A | Hand the result on, and open it | done | 5 | 5 | 0 |" in earned("80 points")


def test_what_the_page_quotes_stands_in_the_files() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## What to copy")[0]
    files = [one.read_text(encoding="utf-8") for one in (DOCS / "worked-example").rglob("*") if one.is_file()]
    quoted = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert quoted
    for one in quoted:
        assert any(one in text for text in files), one
