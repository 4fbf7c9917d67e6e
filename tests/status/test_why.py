"""The walk from a status to bytes says what is missing wherever it ends before them."""

from __future__ import annotations

from dataclasses import replace

from falsifiable.contracts import Tripwire, Waiver
from falsifiable.contracts.model import Criterion
from falsifiable.status import Grounds, roadmap_standing, ship_standing
from falsifiable.status.why import Because, because, known_ids
from falsifiable.validation.results import BoundArtifact
from tests.evidence.builders import CODE, FALLEN, HELD, claim, contract, judgement, sha, statement, unbound
from tests.status.ships import TRAINING, acceptance, grounds, recorded, seed, ship, step, uncommitted


def walk(name: str, on: Grounds, **more: object) -> Because:
    made = ship(acceptance(**more), roadmap=(step("5f", "LOSS", earns=("AC-1",)),))  # type: ignore[arg-type]
    found = because(name, on, [roadmap_standing(ship_standing(made, on), on)])
    assert found is not None
    return found


def below(node: Because, kind: str) -> list[Because]:
    return [one for one in node.below if one.kind == kind]


def test_a_claim_without_evidence_ends_at_its_check() -> None:
    node = walk("LOSS", grounds())
    assert [one.kind for one in node.below] == ["claim", "check"]
    assert node.below[1].name == "vocabulary.fits-model"
    assert node.missing == ("no evidence has been recorded yet",)


def test_what_held_on_specimens_alone_has_no_bytes() -> None:
    low = contract("low", claim("LOSS", up_to="partial"))
    (found,) = below(walk("LOSS", grounds([low], statement(low, unbound(low, on_specimen=HELD)))), "statement")
    assert found.missing == ("no bytes: it was judged on generated inputs or specimens alone",)
    assert found.said.startswith("inconclusive, examined 0")


def test_stale_and_uncommitted_evidence_says_so() -> None:
    changed = replace(CODE, source_digests={**CODE.source_digests, "vocabulary.fits-model": sha("0")})
    node = walk("LOSS", grounds([TRAINING], recorded(context=uncommitted()), code=changed))
    assert node.missing[0] == "stale: the source of check vocabulary.fits-model changed"
    assert below(node, "statement")[0].facts["commit"] == f"{'c' * 40} with uncommitted changes"


def test_a_check_that_contradicted_itself_says_so_at_its_ceiling() -> None:
    low = contract("low", claim("LOSS"), discharge={})
    fell = statement(low, judgement(low, verdict=FALLEN))
    node = walk("LOSS", grounds([low], fell, statement(low, supersedes=(fell.sha256,))))
    assert node.missing == ("it gave two different verdicts on the same bytes",)


def test_each_file_of_what_was_judged_is_named() -> None:
    folder = BoundArtifact("trained", "model", "runs/a", sha("a"), "recorded", {"b.json": sha("b"), "a.bin": sha("c")})
    single = BoundArtifact("trained", "model", "runs/a/model.gguf", sha("d"), "origin", {"model.gguf": sha("d")})
    plain = BoundArtifact("run", "run", "runs/log.txt", sha("e"), "orphan")
    command = BoundArtifact("trainer", "command", "", sha("f"), "command", {"train.py": sha("f")})
    seen = judgement(TRAINING, artifacts=(folder, single, plain, command))
    made = statement(TRAINING, seen, *recorded().judgements[:1], observations=(seed(),))
    (found,) = below(walk("LOSS", grounds([TRAINING], made)), "statement")
    assert [(one.name, one.facts["path"], one.facts["sha256"][0]) for one in below(found, "bytes")] == [
        ("trained", "runs/a/a.bin", "c"),
        ("trained", "runs/a/b.json", "b"),
        ("trained", "runs/a/model.gguf", "d"),
        ("run", "runs/log.txt", "e"),
        ("trainer", "train.py", "f"),
    ]


def test_a_statement_is_named_where_it_lies_though_its_contract_moved() -> None:
    left_behind = recorded()
    (found,) = below(walk("LOSS", grounds([TRAINING], left_behind, folder="an-earlier-spec")), "statement")
    assert found.facts["file"] == f"spec/an-earlier-spec/evidence/{left_behind.sha256}.json"


def test_what_a_criterion_needs_beside_its_falsifiers_stands_with_it() -> None:
    wire = Tripwire("LOSS", "loss", Criterion(below=3), "too good")
    on = grounds([replace(TRAINING, requires=("base",))], recorded(), reviews={recorded().sha256: ("A. Reviewer",)})
    node = walk("AC-1", on, tripwires=(wire,))
    assert node.missing == ("training requires base, which stands at PROPOSED",)
    assert below(node, "tripwire")[0].facts == {"reviewed by": "A. Reviewer"}
    assert walk("AC-1", grounds([TRAINING])).missing == ()
    gone = grounds([])
    assert walk("AC-1", gone).missing == ("no contract has the falsifier LOSS", "no contract has the falsifier CAUSAL")


def test_every_id_that_is_offered_can_be_asked_after() -> None:
    on = grounds([TRAINING], recorded())
    made = ship(acceptance(), roadmap=(step("5f", "LOSS"),), waivers=(Waiver("AC-1", "A.", "none", "2026-01-01"),))
    roadmaps = [roadmap_standing(ship_standing(made, on), on)]
    ids = known_ids(on, roadmaps)
    assert ids == ("AC-1", "LOSS", "CAUSAL", "training", "5f", "ship")
    kinds = [found.kind for one in ids if (found := because(one, on, roadmaps))]
    assert kinds == ["criterion", "falsifier", "falsifier", "contract", "step", "ship"]
    assert because("nothing", on, roadmaps) is None
