"""The regions of a ship file: what they say, and that they are held to evidence and file like every other region."""

from __future__ import annotations

from pathlib import Path

import pytest

from falsifiable.contracts.model import Contract
from falsifiable.evidence import Repository, Review, write_review, write_statement
from falsifiable.spec import check_spec, find_regions, open_ledger, planned_regions, update_regions
from tests.evidence.builders import CODE, a_key, a_policy, a_repository, claim, commit_all, contract
from tests.golden.comparison import assert_golden
from tests.status.ships import SEEDS, recorded

TRAINING = contract("training", claim("LOSS"), discharge={"run": {"seed": SEEDS}})
PACKING = contract("packing", claim("ROWS"), discharge={"run": {"seed": SEEDS}})
ELSEWHERE = contract("elsewhere", claim("OTHER"), spec="other", requires=("beneath",))
BENEATH = contract("beneath", claim("DEEP"), spec="other")
CONTRACTS = (TRAINING, PACKING, ELSEWHERE, BENEATH)

SHIP = """\
ship: ship
deliverables:
  model:
    title: The model | all of it
    criteria:
      - {id: AC-1, text: It learns, points: 5, falsifiers: [LOSS]}
      - {id: AC-2, text: It is packed, points: 2.5, falsifiers: [ROWS]}
      - {id: AC-3, text: It is so elsewhere, points: 1, falsifiers: [OTHER]}
roadmap:
  - {step: 5f, title: Train it, hours: 8, device: cuda, done_when: [LOSS], earns: [AC-1], predicted: 6}
  - {step: 5g, title: Pack it, hours: 0.5, requires: [5f], done_when: [ROWS], earns: [AC-2], atomic_with: [5h]}
  - {step: 5h, title: Load it, hours: 1, done_when: [ROWS], declared_done: true}
  - {step: 5i, title: Publish it, hours: 1, requires: [5h], done_when: [OTHER], earns: [AC-3]}
stages: {train: [training], publish: [elsewhere]}
waivers:
  - {criterion: AC-2, owner: A. Person, reason: "no | fixture", expires: 2026-12-01}
"""

SPEC = "".join(f"<!-- contract:{name} -->\n<!-- /contract:{name} -->\n\n" for name in ("scoreboard", "ship", "roadmap"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with a ship file, and a recording in which the model learnt."""
    a_repository(tmp_path)
    folder = tmp_path / "spec" / "ship"
    folder.mkdir(parents=True)
    (folder / "ship.yaml").write_text(SHIP)
    (folder / "spec.md").write_text(SPEC)
    write_statement(folder / "evidence", recorded(TRAINING))
    commit_all(tmp_path)
    return tmp_path


class Anywhere:
    """A history that every commit is part of."""

    def membership(self, commit: str, trees: object) -> object:
        from falsifiable.evidence import Membership

        return Membership("yes")


def ledger(root: Path, contracts: tuple[Contract, ...] = CONTRACTS):  # type: ignore[no-untyped-def]
    return open_ledger(root, contracts, CODE, Anywhere())  # type: ignore[arg-type]


def edit(root: Path, old: str, new: str) -> None:
    path = root / "spec" / "ship" / "ship.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_regions_of_a_ship(root: Path) -> None:
    planned = planned_regions(ledger(root), "ship")
    assert_golden("ship_region.md", planned["ship"] + "\n")
    assert_golden("roadmap_region.md", planned["roadmap"] + "\n")


def test_a_spec_without_a_ship_file_says_so(root: Path) -> None:
    (root / "spec" / "ship" / "ship.yaml").unlink()
    planned = planned_regions(ledger(root), "ship")
    assert planned["ship"] == planned["roadmap"]
    assert planned["ship"].startswith("This spec has no ship.yaml")


def test_a_faulty_ship_file_counts_for_nothing_and_says_so(root: Path) -> None:
    edit(root, "points: 5", "points: 0")
    assert planned_regions(ledger(root), "ship")["ship"] == (
        "The ship.yaml of this spec has 1 fault, so nothing of it counts; `contract validate --no-run` names them."
    )


def test_regions_rest_on_the_evidence_of_every_contract_that_the_ship_leans_on(root: Path) -> None:
    assert ledger(root).bearing_on("ship") == {"training", "packing", "elsewhere", "beneath"}
    assert ledger(root).bearing_on("other") == {"elsewhere", "beneath"}


def test_a_spec_of_nothing_but_a_ship_file_is_a_spec(root: Path) -> None:
    lonely = root / "spec" / "lonely"
    lonely.mkdir()
    (lonely / "ship.yaml").write_text(SHIP)
    assert "lonely" in ledger(root).specs


def test_a_criterion_weighed_anew_puts_the_region_out_of_date(root: Path) -> None:
    assert update_regions(ledger(root), "ship")[0].written == ("scoreboard", "ship", "roadmap")
    assert check_spec(ledger(root), "ship", Repository(root)) == ()
    edit(root, "points: 1,", "points: 0.5,")
    found = [str(one) for one in check_spec(ledger(root), "ship", Repository(root)) if one.severity == "error"]
    assert any("region ship is out of date" in one and "5 of 8 points: 62.5 %" in one for one in found), found


def test_a_percentage_typed_by_hand_is_reported(root: Path) -> None:
    update_regions(ledger(root), "ship")
    path = root / "spec" / "ship" / "spec.md"
    path.write_text(path.read_text().replace("**5 of 8.5 points: 58.8 %**", "**8.5 of 8.5 points: 100.0 %**"))
    (found,) = [one for one in check_spec(ledger(root), "ship", Repository(root)) if one.severity == "error"]
    assert (found.kind, "region ship was edited by hand" in found.message) == ("edited", True)


def test_what_reviewers_signed_is_in_the_region(root: Path) -> None:
    wire = "tripwires: [{falsifier: LOSS, measurement: loss, when: {below: 3}, why: too good}]"
    edit(root, "falsifiers: [LOSS]}", f"falsifiers: [LOSS], {wire}}}")
    held = ledger(root)
    assert "| held for review |" in planned_regions(held, "ship")["ship"]
    (judged,) = (one for one in held.statements if one.contract == "training")
    review = Review("ship", judged.sha256, "alice", "2026-11-21T17:50:00Z")
    write_review(root, review, a_key("alice"))
    assert "| held for review |" in planned_regions(ledger(root), "ship")["ship"], "nobody is trusted to review"
    trusted = open_ledger(root, CONTRACTS, CODE, Anywhere(), a_policy())  # type: ignore[arg-type]
    assert "reviewed by alice" in planned_regions(trusted, "ship")["ship"]
    assert find_regions((root / "spec/ship/spec.md").read_bytes()).named("ship") is not None
