"""A small workspace with two contracts and a spec of all regions, in a repository, for the tests of releases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from falsifiable.contracts import Contract, read_contract
from falsifiable.spec import Released, release
from tests.amending import amendment_name, amendment_text
from tests.evidence.builders import CODE, commit_all, git

CONTRACT = """\
# The contract {name}.
contract: {name}
version: "1.4.2"  # written by releases
title: What {name} claims
spec: {spec}
artifacts:
  trained: {{kind: model}}
falsifiers:
  - id: {tag}-001
    claim: Every weight is finite
    check: weights.finite
    on: {{model: trained}}
  - id: {tag}-002
    claim: The embedding has enough rows
    check: field
    on: {{model: trained}}
    with: {{path: vocab_size, criterion: {{at_least: 100}}}}
"""

SHIP = """\
ship: ship
baseline: {version: 2.24.0, section: 49}
deliverables:
  model: {title: The model, criteria: [{id: AC-001, text: It is whole, points: 5, falsifiers: [PACKAGING-001]}]}
"""

REGIONS = ("version", "scoreboard", "missing", "cadence", "lessons", "amendments")
SPEC = "# The ship\n\n" + "".join(
    f"Before {one}.\n\n<!-- contract:{one} -->\n<!-- /contract:{one} -->\n\n" for one in REGIONS
)


def a_spec(root: Path) -> Path:
    """A committed workspace: contracts packaging, gpu (of ship) and window (of another spec)."""
    for name, spec in {"packaging": "ship", "gpu": "ship", "window": "thunder"}.items():
        write(root / f"contracts/{spec}/{name}.yaml", CONTRACT.format(name=name, tag=name.upper(), spec=spec))
    write(root / "spec/ship/spec.md", SPEC)
    write(root / "spec/ship/ship.yaml", SHIP)
    write(root / ".gitignore", ".*.tmp\n")
    git(root, "init", "-q")
    commit_all(root, "begin")
    return root


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def amend(root: Path, day: int = 1, salt: str = "00000001", *, commit: bool = True, **more: Any) -> str:
    """Write a pending amendment of that day, and commit it; its path."""
    created = f"2026-05-{day:02d}T09:00:00Z"
    path = f"spec/ship/amendments/{amendment_name(created, salt)}"
    write(root / path, amendment_text(created=created, **more))
    if commit:
        commit_all(root, f"amend {day}")
    return path


def edit(root: Path, path: str, old: str, new: str, *, commit: bool = True) -> None:
    """Replace ``old``, which must occur, in a file, and commit that."""
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new, 1))
    if commit:
        commit_all(root, f"edit {path}")


def contracts_of(root: Path) -> tuple[Contract, ...]:
    """All contracts of the workspace."""
    read = (read_contract(path).contract for path in sorted((root / "contracts").rglob("*.yaml")))
    return tuple(one for one in read if one is not None)


def released(root: Path, *, commit: bool = True, **more: Any) -> Released:
    """Release spec ship, and commit that."""
    done = release(root, "ship", contracts_of(root), code=CODE, signatures={}, **more)
    if commit:
        commit_all(root, "release")
    return done


def tree(root: Path) -> Mapping[str, bytes]:
    """Every file below spec/ and contracts/ that git would commit, by its path."""
    files = (one for name in ("contracts", "spec") for one in (root / name).rglob("*") if one.is_file())
    return {one.relative_to(root).as_posix(): one.read_bytes() for one in files if not one.name.endswith(".tmp")}
