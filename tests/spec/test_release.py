"""A release: numbered, moved, shown and versioned from what is committed, and from nothing else."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from falsifiable.contracts import read_contract
from falsifiable.evidence import Repository
from falsifiable.spec import (
    Finding,
    HistoryMissingError,
    ReleasePlan,
    ReleaseRefusedError,
    amendments_of,
    check_specs,
    open_ledger,
    preview,
    record,
    rendered,
    update_regions,
)
from tests.evidence.builders import CODE, commit_all, git
from tests.spec.releasing import REGIONS, a_spec, amend, contracts_of, edit, released, tree, write

PACKAGING = "contracts/ship/packaging.yaml"
SPEC = "spec/ship/spec.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Make a workspace once for all tests: by name, and how."""
    folder = tmp_path_factory.mktemp("made")

    def make(name: str, how: Callable[[Path], object]) -> Path:
        if not (folder / name).exists():
            how(folder / name)
        return folder / name

    return make


@pytest.fixture
def root(made: Callable[..., Path], tmp_path: Path) -> Path:
    """A workspace that was never released."""
    return shutil.copytree(made("new", a_spec), tmp_path / "root")


def refusals(root: Path, **more: Any) -> list[str]:
    before = tree(root)
    with pytest.raises(ReleaseRefusedError) as refused:
        released(root, **more)
    assert tree(root) == before, "nothing is written"
    return [*map(str, refused.value.findings), str(refused.value)]


def new_sections(plan: ReleasePlan) -> tuple[int, ...]:
    return tuple(one.number for one in plan.after.releases[-1].sections)


def check(root: Path) -> tuple[Finding, ...]:
    repository = Repository(root)
    return check_specs(open_ledger(root, contracts_of(root), CODE, repository), repository)


def errors(root: Path, kind: str = "amendment") -> list[str]:
    return [str(one) for one in check(root) if one.severity == "error" and kind in ("any", one.kind)]


def test_pending_amendments_become_sections_of_one_version(root: Path) -> None:
    later = amend(root, 6, "00000002", title="Later", contracts={"packaging": "patch"})
    earlier = amend(root, 4, title="Earlier", bump="major", contracts={"packaging": "minor", "gpu": "patch"})
    pending = {path: (root / path).read_bytes() for path in (earlier, later)}
    prose = [line for line in (root / SPEC).read_text().split("\n") if line.startswith("Before")]

    done = released(root, commit=False)

    folder = root / "spec/ship/amendments/released/3.0.0"
    assert (done.plan.version, new_sections(done.plan)) == ("3.0.0", (50, 51))
    assert [one.name for one in sorted(folder.iterdir())] == [
        f"0050-{Path(earlier).name}",
        f"0051-{Path(later).name}",
    ]
    assert (folder / f"0050-{Path(earlier).name}").read_bytes() == pending[earlier], "byte for byte"
    assert (folder / f"0051-{Path(later).name}").read_bytes() == pending[later]
    assert not (root / earlier).exists()
    assert not (root / later).exists()
    text = (root / SPEC).read_text()
    assert [line for line in text.split("\n") if line.startswith("Before")] == prose
    assert "Specification version **3.0.0** of 2026-05-06, with 2 amendments, sections 50 to 51." in text
    assert "## 50. Earlier" in text
    assert "| packaging | 1.5.0 | PROPOSED |" in text, "the version that this release wrote"
    assert "- Section 51: Later (contracts: packaging patch)" in (root / "spec/ship/CHANGELOG.md").read_text()
    commit_all(root, "release")
    assert check(root) == ()


def test_the_versions_of_the_contracts_are_written_and_nothing_else_of_them(root: Path) -> None:
    amend(root, 1, contracts={"packaging": "minor", "gpu": "patch"})
    before = tree(root)
    released(root)
    after = tree(root)
    assert after[PACKAGING] == before[PACKAGING].replace(b'"1.4.2"', b'"1.5.0"')
    assert after["contracts/ship/gpu.yaml"] == before["contracts/ship/gpu.yaml"].replace(b'"1.4.2"', b'"1.4.3"')
    assert after["contracts/thunder/window.yaml"] == before["contracts/thunder/window.yaml"]


def test_sections_and_lessons_go_on_from_the_release_before(root: Path) -> None:
    amend(root, 1, lessons=["Measure."])
    released(root)
    amend(root, 2, "00000002", lessons=["Stop.", "Measure."], supersedes=[50, 49])
    done = released(root)
    log = amendments_of(root, "ship")
    assert (done.plan.version, new_sections(done.plan), log.version) == ("2.26.0", (51,), "2.26.0")
    assert [(one.number, one.sections) for one in log.lessons] == [(1, (50, 51)), (2, (51,))]
    assert "Superseded by section 51." in (root / SPEC).read_text()


def test_with_nothing_pending_nothing_happens(root: Path) -> None:
    before = tree(root)
    assert released(root, commit=False).plan.moved == {}
    assert tree(root) == before


def test_a_region_is_written_only_where_its_markers_stand(root: Path) -> None:
    write(root / SPEC, "# The ship\n\n<!-- contract:cadence -->\n<!-- /contract:cadence -->\n")
    write(root / "spec/ship/CHANGELOG.md", "# Changes\n\nBy hand.\n")
    amend(root)
    done = released(root)
    assert [(one.path.name, one.written) for one in done.specs] == [("spec.md", ("cadence",)), ("CHANGELOG.md", ())]
    assert (root / "spec/ship/CHANGELOG.md").read_text() == "# Changes\n\nBy hand.\n"


def test_a_spec_without_markdown_is_released_all_the_same(root: Path) -> None:
    (root / SPEC).unlink()
    amend(root)
    assert released(root).plan.version == "2.25.0"
    assert check(root) == ()


def test_releases_are_made_on_the_main_line(root: Path) -> None:
    amend(root)
    git(root, "checkout", "-q", "-b", "topic")
    (said,) = refusals(root)
    assert "releases are made on main, this is on branch topic" in said
    assert released(root, anywhere=True).plan.version == "2.25.0"
    git(root, "checkout", "-q", "--detach")
    amend(root, 2, "00000002")
    assert "at no branch (a detached head)" in refusals(root)[-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: amend(root, 2, commit=False), "is not committed; nobody could tell what was released"),
        (lambda root: edit(root, PACKAGING, "finite", "a number", commit=False), "is not committed"),
        (lambda root: (root / PACKAGING).unlink(), "was deleted, and that is not committed"),
        (lambda root: write(root / "contracts/new.yaml", "contract: new\n"), "contracts/new.yaml: is not committed"),
        (lambda root: edit(root, "spec/ship/ship.yaml", "49", "50", commit=False), "ship.yaml: is not committed"),
        (
            lambda root: next((root / "spec/ship/amendments").glob("*.md")).unlink(),
            "was deleted, and that is not committed",
        ),
    ],
)
def test_what_is_not_committed_is_not_released(root: Path, change: Callable[[Path], Any], said: str) -> None:
    amend(root)
    change(root)
    assert any(said in one for one in refusals(root))


def test_an_unfinished_amendment_is_not_released(root: Path) -> None:
    amend(root, finding="...")
    assert "AMENDMENT-PLACEHOLDER: finding has not been written yet" in refusals(root)[0]


def test_a_fault_of_an_amendment_stops_the_release(root: Path) -> None:
    amend(root, contracts={"packagin": "minor"}, evidence=["0" * 12], supersedes=[50])
    found = refusals(root)
    rules = [one.split(": ")[1] for one in found[:-1]]
    assert rules == ["AMENDMENT-CONTRACT-UNKNOWN", "AMENDMENT-EVIDENCE-UNKNOWN", "AMENDMENT-SECTION-UNKNOWN"]
    assert errors(root) == found[:-1], "record --check says the same"


def test_a_hand_edited_region_stops_the_release_before_anything_is_written(root: Path) -> None:
    amend(root)
    released(root)
    edit(root, SPEC, "of 2026-05-01", "of 2026-05-02")
    amend(root, 2, "00000002")
    assert "region version was edited by hand" in refusals(root)[0]


def test_markers_that_do_not_work_stop_the_release(root: Path) -> None:
    edit(root, SPEC, "<!-- /contract:amendments -->", "")
    amend(root)
    assert "region amendments begins here and never ends" in refusals(root)[0]


def test_a_shallow_clone_is_refused_with_what_to_do(root: Path) -> None:
    amend(root)
    git(root.parent, "clone", "-q", "--depth", "1", f"file://{root}", str(root / "clone"))
    with pytest.raises(HistoryMissingError, match="fetch-depth: 0"):
        released(root / "clone")


def test_without_git_nothing_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(HistoryMissingError, match="a release compares with git's history"):
        released(tmp_path)
    git(tmp_path, "init", "-q")
    with pytest.raises(HistoryMissingError, match="there is no commit yet"):
        released(tmp_path)


# --- what changed in a contract since the last release ---------------------------------------------------------------


def _released_once(root: Path) -> None:
    a_spec(root)
    amend(root, contracts={"packaging": "minor"}, lessons=["Measure."])
    released(root)


@pytest.fixture
def before(made: Callable[..., Path], tmp_path: Path) -> Path:
    """A workspace that was released once."""
    return shutil.copytree(made("before", _released_once), tmp_path / "before")


LOOSER = ("{at_least: 100}", "{at_least: 90}")
TIGHTER = ("{at_least: 100}", "{at_least: 110}")
REWORDED = ("Every weight is finite", "Every weight is a finite number")


@pytest.mark.parametrize(("change", "word"), [(LOOSER, "major"), (TIGHTER, "minor"), (REWORDED, "patch")])
def test_a_change_that_no_amendment_names_is_refused(before: Path, change: tuple[str, str], word: str) -> None:
    edit(before, PACKAGING, *change)
    found = refusals(before)
    assert (
        f"{PACKAGING}: contract packaging changed since the last release, and no pending amendment names it" in found[0]
    )
    assert f"({word}: " in found[0]
    assert f"contract amend new TITLE --spec ship --contract packaging={word}" in found[0]
    assert found[-1] == "contracts changed since the last release, and no amendment is pending"

    path = amend(before, 2, "00000002", bump="major", contracts={"gpu": "patch"})
    assert f"write 'packaging: {word}' under contracts of {path}" in refusals(before)[0]

    edit(before, path, "gpu: patch", f"packaging: {word}")
    done = released(before)
    assert [(one.contract, one.before, one.bump.word) for one in done.plan.contracts] == [("packaging", "1.5.0", word)]


def test_a_bump_smaller_than_its_changes_demand_is_refused(before: Path) -> None:
    edit(before, PACKAGING, *LOOSER)
    small = amend(before, 2, "00000002", contracts={"packaging": "patch"})
    larger = amend(before, 3, "00000003", contracts={"packaging": "minor"})
    (found, _) = refusals(before)
    line = (before / larger).read_text().split("\n").index("  packaging: minor") + 1
    assert found.startswith(f"{larger}:{line}: contracts: packaging moves by minor, but its changes since the last")
    assert "demand major: PACKAGING-002 with.criterion loosened" in found
    assert found.endswith("(write 'packaging: major')")
    assert small not in found


def test_a_change_that_was_taken_back_demands_nothing(before: Path) -> None:
    edit(before, PACKAGING, *LOOSER)
    edit(before, PACKAGING, *reversed(LOOSER))
    edit(before, PACKAGING, "# The contract", "# This is the contract")
    amend(before, 2, "00000002")
    assert released(before).plan.comparisons == ()


def test_a_contract_of_another_spec_is_not_asked_for(before: Path) -> None:
    edit(before, "contracts/thunder/window.yaml", *LOOSER)
    amend(before, 2, "00000002")
    assert released(before).plan.version == "2.26.0"


def test_a_removed_contract_has_to_be_named_and_can_be(before: Path) -> None:
    (before / PACKAGING).unlink()
    commit_all(before)
    path = amend(before, 2, "00000002", bump="major")
    (found, _) = refusals(before)
    assert "contracts (without packaging): contract packaging changed" in found
    edit(before, path, "bump: major", "bump: major\ncontracts: {packaging: major}")
    assert errors(before) == []
    assert released(before).plan.contracts == ()


def test_a_new_contract_keeps_the_version_it_was_given(before: Path) -> None:
    text = (before / "contracts/ship/gpu.yaml").read_text().replace("gpu", "cpu").replace("GPU", "CPU")
    write(before / "contracts/ship/cpu.yaml", text.replace("1.4.2", "1.0.0"))
    amend(before, 2, "00000002")
    released(before)
    assert "| cpu | 1.0.0 | PROPOSED |" in (before / SPEC).read_text()


def test_a_contract_that_moves_to_another_spec_is_named_in_both(before: Path) -> None:
    edit(before, PACKAGING, "spec: ship", "spec: thunder")
    path = amend(before, 2, "00000002", bump="major")
    assert "contract packaging changed since the last release" in refusals(before)[0]
    edit(before, path, "bump: major", "bump: major\ncontracts: {packaging: major}")
    assert errors(before) == []
    assert released(before).plan.contracts == (), "its version belongs to the other spec now"


def test_a_contract_that_cannot_be_read_as_it_was_moves_by_major(before: Path) -> None:
    amend(before, 2, "00000002", contracts={"gpu": "patch"})
    edit(before, "contracts/ship/gpu.yaml", "claim:", "clam:")
    path = next((before / "spec/ship/amendments").glob("*.md"))
    git(before, "mv", str(path), str(before / "spec/ship/amendments/released/0050"))  # a release of another version
    commit_all(before)
    git(before, "mv", str(before / "spec/ship/amendments/released/0050"), str(path))
    commit_all(before, "the last commit that touched what is released")
    edit(before, "contracts/ship/gpu.yaml", "clam:", "claim:")
    (found, _) = refusals(before)
    assert "gpu moves by patch, but its changes since the last release demand major" in found
    assert "the file as it was at the last release cannot be read by this version" in found


def test_a_version_that_was_typed_on_a_branch_moves_on_from_there(before: Path) -> None:
    edit(before, PACKAGING, "1.5.0", "1.7.0")
    amend(before, 2, "00000002", contracts={"packaging": "patch"})
    assert [one.after for one in released(before).plan.contracts] == ["1.7.1"]


def test_a_version_that_cannot_be_written_stops_the_release(root: Path) -> None:
    edit(root, PACKAGING, '"1.4.2"  # written by releases', "|-\n  1.4.2")
    amend(root, contracts={"packaging": "minor"})
    assert f"{PACKAGING}: line 3: the version cannot be replaced there" in refusals(root)[0]


def test_evidence_recorded_before_a_release_still_counts(root: Path) -> None:
    """Writing a version changes no claim, so that nothing has to be recorded again."""
    from tests.evidence.builders import claim, contract, result

    judged = contract("packaging", claim("PACKAGING-001"), spec="ship")
    digest = record(root, [judged], [result(judged)], code=CODE, repository=Repository(root)).statements[0].sha256
    commit_all(root)
    amend(root, contracts={"packaging": "minor"}, evidence=[digest[:12]])
    released(root)
    assert f"[`{digest[:12]}`](evidence/{digest}.json) of packaging" in (root / SPEC).read_text()
    assert errors(root, "any") == []


# --- crashes and company ---------------------------------------------------------------------------------------------


def _ready(root: Path) -> None:
    _released_once(root)
    edit(root, PACKAGING, *LOOSER)
    amend(root, 2, "00000002", bump="major", contracts={"packaging": "major", "gpu": "patch"}, lessons=["Stop."])
    amend(root, 3, "00000003", supersedes=[50])


@pytest.fixture
def ready(made: Callable[..., Path], tmp_path: Path) -> Path:
    """A workspace with a release behind it, and two amendments and two contracts to release."""
    return shutil.copytree(made("ready", _ready), tmp_path / "ready")


class KilledError(BaseException):
    """Stands for the end of the process: no handler but a ``finally`` sees it."""


def writes(monkeypatch: pytest.MonkeyPatch, at: int) -> Iterator[str]:
    """Count the steps of a release (each rename and each removal), and end the process before step ``at``."""
    done: list[str] = []
    replace, unlink = Path.replace, Path.unlink

    def stepped(path: Path) -> None:
        if not path.name.endswith(".tmp"):
            if len(done) == at:
                raise KilledError
            done.append(path.name)

    def replacing(self: Path, target: Any) -> Path:
        stepped(Path(target))
        return replace(self, target)

    def unlinking(self: Path, missing_ok: bool = False) -> None:
        stepped(self)
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "replace", replacing)
    monkeypatch.setattr(Path, "unlink", unlinking)
    return iter(done)


def test_a_release_that_was_cut_short_anywhere_is_finished_by_another_run(
    ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shutil.copytree(ready, tmp_path / "whole")
    with monkeypatch.context() as patched:
        steps = writes(patched, -1)
        released(whole, commit=False)
    names = list(steps)
    assert len(names) == 8, "two sections, two contracts, spec.md, the changelog, and two removals"
    expected = tree(whole)
    for at in range(len(names)):
        root = shutil.copytree(ready, tmp_path / f"cut-{at}")
        with monkeypatch.context() as patched:
            writes(patched, at)
            with pytest.raises(KilledError):
                released(root, commit=False)
        assert tree(root) != expected
        if at > 0:
            assert errors(root, "any"), f"cut before {names[at]}: what is half done does not pass for whole"
        released(root, commit=False)
        assert tree(root) == expected, f"cut before {names[at]}"


def _release_and_die(root: Path, at: int) -> None:
    """In a process of its own: the kernel ends it in the middle of its ``at``-th rename."""
    count, replace = 0, Path.replace

    def replacing(self: Path, target: Any) -> Path:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)

    Path.replace = replacing  # type: ignore[method-assign,assignment]
    released(root, commit=False)


@pytest.mark.parametrize("at", [2, 5])
def test_a_release_that_was_killed_is_finished_by_another_run(ready: Path, tmp_path: Path, at: int) -> None:
    whole = shutil.copytree(ready, tmp_path / "whole")
    released(whole, commit=False)
    process = multiprocessing.get_context("fork").Process(target=_release_and_die, args=(ready, at))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert tree(ready) != tree(whole)
    released(ready, commit=False)
    assert tree(ready) == tree(whole)


def test_a_release_that_was_not_committed_yet_can_be_run_again(ready: Path) -> None:
    first = released(ready, commit=False)
    after = tree(ready)
    again = released(ready, commit=False)
    assert tree(ready) == after
    assert again.plan == first.plan


def test_a_half_release_that_was_committed_is_refused_with_the_reason(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        writes(patched, 7)
        with pytest.raises(KilledError):
            released(ready, commit=False)
    commit_all(ready, "half")
    assert any("it is released already" in one and "a release was interrupted" in one for one in refusals(ready))


def _release(root: Path, ends: Any) -> None:
    ends.put(released(root, commit=False).plan.version)


def test_two_releases_at_once_are_one(ready: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(ready, tmp_path / "whole")
    released(whole, commit=False)
    context = multiprocessing.get_context("fork")
    ends: Any = context.Queue()
    both = [context.Process(target=_release, args=(ready, ends)) for _ in range(3)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert [ends.get(timeout=10) for _ in both] == ["3.0.0"] * 3
    assert tree(ready) == tree(whole)


def test_a_branch_from_before_a_release_merges_after_it(root: Path) -> None:
    """Its pending amendment stays pending, though all that were beside it moved away meanwhile."""
    amend(root, 1, "00000001")
    git(root, "checkout", "-q", "-b", "topic")
    mine = amend(root, 2, "00000002")
    git(root, "checkout", "-q", "main")
    released(root)
    git(root, "merge", "-q", "--no-edit", "topic")
    assert (root / mine).is_file()
    assert released(root).plan.version == "2.26.0"


def test_a_preview_shows_what_a_release_does_and_writes_nothing(ready: Path) -> None:
    before = tree(ready)
    repository = Repository(ready)
    seen = preview(open_ledger(ready, contracts_of(ready), CODE, repository), "ship", {}, repository)
    assert tree(ready) == before
    released(ready, commit=False)
    text = (ready / SPEC).read_text()
    assert all(rendered(name, seen.view) in text for name in REGIONS)
    assert (seen.plan.version, seen.plan.refusals, seen.not_compared, seen.stale) == ("3.0.0", (), "", ())


def test_a_preview_counts_what_is_not_committed(ready: Path) -> None:
    amend(ready, 4, "00000004", commit=False, title="On my desk")
    repository = Repository(ready)
    seen = preview(open_ledger(ready, contracts_of(ready), CODE, repository), "ship", {}, repository)
    assert new_sections(seen.plan) == (51, 52, 53)


def test_what_was_released_says_which_files_were_written(ready: Path) -> None:
    done = released(ready)
    assert [(one.path.name, one.written) for one in done.specs] == [
        ("spec.md", ("version", "scoreboard", "missing", "cadence", "lessons", "amendments")),
        ("CHANGELOG.md", ("changelog",)),
    ]
    read = read_contract(ready / PACKAGING).contract
    assert read is not None
    assert read.version == "2.0.0"


def test_a_released_amendment_that_cannot_be_read_drops_out_of_no_region(before: Path) -> None:
    """Regions written without it would pass for a spec that never had it."""
    path = next((before / "spec/ship/amendments/released").rglob("*.md"))
    whole, regions = path.read_bytes(), (before / SPEC).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (update,) = update_regions(open_ledger(before, contracts_of(before), CODE, Repository(before)), "ship")
    assert update.written == ()
    assert "YAML-" in str(update.findings[0]) or "AMENDMENT-" in str(update.findings[0])
    assert (before / SPEC).read_bytes() == regions
    path.write_bytes(whole)
    first, second = update_regions(open_ledger(before, contracts_of(before), CODE, Repository(before)), "ship")
    assert (first.findings, second.findings) == ((), ())


def test_a_preview_says_why_it_could_not_compare(before: Path) -> None:
    """A link that stood among the contracts at the last release: what it led to then is not in that commit."""
    amend(before, 2, "00000002", title="By hand")
    path = next((before / "spec/ship/amendments").glob("*.md"))
    path.rename(before / f"spec/ship/amendments/released/2.25.0/0051-{path.name}")
    (before / "contracts/link.yaml").symlink_to("gpu.yaml")
    commit_all(before, "a release that nobody made with the command")
    (before / "contracts/link.yaml").unlink()
    commit_all(before)
    amend(before, 3, "00000003", contracts={"gone": "patch"})
    repository = Repository(before)
    ledger = open_ledger(before, contracts_of(before), CODE, repository)
    seen = preview(ledger, "ship", {}, repository)
    assert "contracts/link.yaml is a link" in seen.not_compared
    assert new_sections(seen.plan) == (52,)
    assert any("no contract of this workspace is called 'gone'" in one for one in errors(before))
