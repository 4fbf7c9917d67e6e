"""Many branches, one spec: whatever each commits, they merge in any order without a conflict into the same release.

Each branch runs the real commands, as its author would: ``amend new``, an edit of a contract, ``validate``, ``record``;
and commits everything that they wrote.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from falsifiable.cli import run
from falsifiable.samples import write_specimens
from tests.amending import WHYS
from tests.evidence.builders import commit_all, git
from tests.spec.releasing import SHIP, SPEC, edit, tree, write

CONTRACT = """\
contract: {name}
version: 1.0.0
title: What {name} claims of the specimen
spec: ship
artifacts:
  trained: {{kind: model}}
falsifiers:
  - id: {tag}-001
    claim: The hidden size is known
    check: field
    on: {{model: trained}}
    with: {{path: hidden_size, criterion: {{at_least: 50}}}}
"""

NAMES = ("packaging", "window", "gpu", "vocabulary")
SIZES = (3, 6, 8)
ORDERS = 3


def contract(*arguments: str | Path, root: Path) -> None:
    """Run the command in this process; it has to end 0."""
    assert run([*map(str, arguments), "--root", str(root)]) == 0, arguments


def amended(root: Path, title: str, *options: str, **texts: str) -> None:
    """``contract amend new``, and what its author then writes into the file."""
    with redirect_stdout(StringIO()) as printed:
        contract("amend", "new", title, "--spec", "ship", *options, root=root)
    path = root / printed.getvalue().strip()
    text = path.read_text()
    for answer in (f"Found: {title}.", *WHYS, "It is different now."):
        text = text.replace("...", answer, 1)
    for key, value in texts.items():
        assert f"{key}: []" in text
        text = text.replace(f"{key}: []", f"{key}: [{value}]")
    path.write_text(text)


def recorded(root: Path) -> None:
    contract("validate", root=root)
    contract("record", root=root)


Work = Callable[[Path], None]


def _tightens(root: Path) -> None:
    edit(root, "contracts/packaging.yaml", "at_least: 50", "at_least: 56", commit=False)
    amended(root, "More rows", "--contract", "packaging=minor", lessons='"Measure."')
    recorded(root)


def _loosens(root: Path) -> None:
    edit(root, "contracts/window.yaml", "at_least: 50", "at_least: 40", commit=False)
    amended(root, "Fewer rows", "--contract", "window=major")
    recorded(root)


def _rewords(root: Path) -> None:
    edit(root, "contracts/gpu.yaml", "is known", "is written down", commit=False)
    amended(root, "The same in other words", "--contract", "gpu=patch", lessons='"Measure."')
    recorded(root)


def _adds_a_contract(root: Path) -> None:
    write(root / "contracts/provenance.yaml", CONTRACT.format(name="provenance", tag="PROVENANCE"))
    amended(root, "A contract more")
    recorded(root)


def _only_writes(root: Path) -> None:
    amended(root, "A thought", supersedes="50", lessons='"Think first.", "Measure."')


def _only_writes_the_same(root: Path) -> None:
    amended(root, "A thought", supersedes="49")


def _only_records(root: Path) -> None:
    recorded(root)


def _writes_twice_and_rests_on_evidence(root: Path) -> None:
    edit(root, "contracts/vocabulary.yaml", "at_least: 50", "at_least: 51", commit=False)
    recorded(root)
    newest = sorted(git(root, "ls-files", "--others", "--exclude-standard", "spec/ship/evidence").split())
    digest = Path(newest[0]).stem
    amended(root, "The first half", "--contract", "vocabulary=minor", evidence=f'"{digest[:16]}"')
    amended(root, "The second half", "--contract", "vocabulary=patch")


WORKS: Sequence[Work] = (
    _tightens, _loosens, _rewords, _adds_a_contract, _only_writes, _only_writes_the_same, _only_records,
    _writes_twice_and_rests_on_evidence,
)  # fmt: skip
AMENDMENTS = dict.fromkeys(WORKS, 1) | {_only_records: 0, _writes_twice_and_rests_on_evidence: 2}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with a release behind it, and one branch for each of WORKS."""
    folder = tmp_path_factory.mktemp("branches")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FALSIFIABLE_CACHE", str(folder / "cache"))
        yield a_world(folder / "world")


def a_world(root: Path) -> Path:
    write_specimens(root)
    for name in NAMES:
        write(root / f"contracts/{name}.yaml", CONTRACT.format(name=name, tag=name.upper()))
    write(root / "artifacts.yaml", "trained: run/finetuned\n")
    write(root / ".gitignore", "run/\nencoder/\n")
    write(root / "spec/ship/spec.md", SPEC)
    write(root / "spec/ship/ship.yaml", SHIP)
    git(root, "init", "-q")
    commit_all(root, "begin")
    recorded(root)
    amended(root, "The first of all")
    commit_all(root, "evidence and an amendment")
    contract("amend", "release", root=root)
    commit_all(root, "release")
    for work in WORKS:
        git(root, "checkout", "-q", "-b", work.__name__, "main")
        work(root)
        commit_all(root, work.__name__)
        assert "spec.md" not in git(root, "diff", "--name-only", "main"), "record on a branch leaves regions alone"
    git(root, "checkout", "-q", "main")
    return root


def merged(world: Path, place: Path, works: Sequence[Work]) -> Path:
    """A clone in which the branches were merged into main, one after the other; a conflict fails."""
    git(world.parent, "clone", "-q", "--shared", str(world), str(place))
    for work in works:
        git(place, "merge", "-q", "--no-ff", "--no-edit", f"origin/{work.__name__}")
    return place


def released(root: Path) -> Mapping[str, bytes]:
    contract("amend", "release", root=root)
    commit_all(root, "release")
    contract("record", "--check", root=root)
    return tree(root)


def orders(works: Sequence[Work], chance: random.Random) -> Iterator[Sequence[Work]]:
    """The works as they are, reversed, and in as many other orders as it takes."""
    yield works
    yield works[::-1]
    for _ in range(ORDERS - 2):
        yield chance.sample(works, len(works))


def test_branches_merge_in_any_order_into_the_same_release(world: Path, tmp_path: Path) -> None:
    chance = random.Random(20261121)
    for size in SIZES:
        works = chance.sample(list(WORKS), size)
        found = [
            released(merged(world, tmp_path / f"{size}-{number}", order))
            for number, order in enumerate(orders(works, chance))
        ]
        names = [work.__name__ for work in works]
        assert all(one == found[0] for one in found[1:]), names
        sections = [path for path in found[0] if "/released/" in path]
        assert len(sections) == 1 + sum(AMENDMENTS[work] for work in works), names
        assert not [path for path in found[0] if path.endswith(".md") and path.count("/") == 3], "nothing is pending"


def test_a_program_of_its_own_releases_the_same(world: Path, tmp_path: Path) -> None:
    here = released(merged(world, tmp_path / "here", WORKS))
    place = merged(world, tmp_path / "there", WORKS[::-1])
    done = subprocess.run(
        [sys.executable, "-m", "falsifiable", "amend", "release"],
        cwd=place, env={**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "released ship 2.25.0 -> 3.0.0" in done.stdout
    assert tree(place) == here
