"""When a criterion is discharged, and that the percentage is points discharged over points declared."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts import AcceptanceCriterion, Deliverable, Quorum, Ship, Tripwire, Waiver
from falsifiable.contracts.model import Criterion
from falsifiable.evidence import Statement
from falsifiable.status import CriterionStanding, Grounds, JudgingCode, Tally, ship_standing
from tests.evidence.builders import (
    CODE,
    FALLEN,
    REFUTED,
    Nowhere,
    artifact,
    claim,
    contract,
    judgement,
    sha,
    statement,
    unbound,
)
from tests.status.ships import (
    TRAINING,
    acceptance,
    fallen,
    grounds,
    one_claim_each,
    recorded,
    seed,
    ship,
    uncommitted,
    verdict,
)

WIRE = Tripwire("LOSS", "loss", Criterion(below=0.1), "no text is so easy")


def stand(by: Grounds, **more: Any) -> CriterionStanding:
    return ship_standing(ship(acceptance(**more)), by).criteria[0]


def test_a_criterion_is_discharged_when_all_its_falsifiers_are() -> None:
    standing = stand(grounds([TRAINING], recorded()))
    assert (standing.state, standing.missing) == ("discharged", ())
    assert standing.why == "2 of 2 falsifiers at their ceiling"


@pytest.mark.parametrize(
    ("by", "said"),
    [
        (grounds(), "LOSS, CAUSAL stand at PROPOSED, not at DISCHARGED: no evidence has been recorded yet"),
        (grounds([TRAINING], recorded(context=uncommitted())), "was judged with uncommitted changes"),
        (grounds([TRAINING], recorded(), history=Nowhere()), "LOSS, CAUSAL stand at PROPOSED (stale: DISCHARGED)"),
        (grounds([TRAINING], recorded(), code=JudgingCode(CODE.source_digests, 2)), "another meaning now"),
        (grounds([TRAINING], recorded(with_seed=7)), "run seed one of 0, 1, 2: the run record says 7"),
        (grounds([TRAINING], statement(TRAINING, *(unbound(TRAINING, one) for one in TRAINING.falsifiers))), "PARTIAL"),
        (grounds([replace(TRAINING, requires=("base",))], recorded()), "training requires base, which stands at PRO"),
    ],
)  # fmt: skip
def test_what_has_not_been_earned_leaves_it_open(by: Grounds, said: str) -> None:
    standing = stand(by)
    assert standing.state == "open"
    assert any(said in one for one in standing.missing), standing.missing


def test_a_claim_that_fell_falsifies_the_criterion() -> None:
    standing = stand(grounds([TRAINING], fallen(TRAINING, "CAUSAL")))
    assert (standing.state, standing.why) == ("falsified", "CAUSAL fell")


def test_a_check_that_contradicted_itself_discharges_nothing_even_at_its_ceiling() -> None:
    """Flaky bars DISCHARGED, and a claim that can only reach INTEGRATION must not slip through beneath that."""
    low = replace(TRAINING, falsifiers=(claim("LOSS", up_to="integration"), TRAINING.falsifiers[1]))
    once = statement(low, judgement(low, verdict=FALLEN), observations=(seed(),))
    both = recorded(low, supersedes=(once.sha256,))
    held = judgement(low, challenges=(REFUTED,))
    again = statement(low, held, *both.judgements[:1], supersedes=(once.sha256,), observations=(seed(),))
    standing = stand(grounds([low], once, again))
    assert [one.flaky for one in standing.falsifiers if one.falsifier == "LOSS"] == [True]
    assert standing.state == "open"
    assert "LOSS gave two different verdicts on the same bytes; find out why" in standing.missing


def test_claims_that_cannot_be_discharged_discharge_no_criterion_and_say_so() -> None:
    plain = contract("plain", claim("LOSS"), claim("CAUSAL", "model.causal", up_to="partial"))
    standing = stand(grounds([plain], statement(plain)))
    assert standing.state == "open"
    assert standing.missing == (
        "none of its falsifiers can earn more than INTEGRATION; name one that can be discharged",
    )


def test_a_falsifier_that_is_gone_is_missing() -> None:
    gone = ship_standing(ship(acceptance("AC-1", "LOSS", "GONE")), grounds([TRAINING], recorded())).criteria[0]
    assert (gone.state, gone.missing) == ("open", ("no contract has the falsifier GONE",))


def three_seeds(*seeds: int) -> list[Statement]:
    """One recording per seed, each superseding the one before."""
    found: list[Statement] = []
    for number, value in enumerate(seeds):
        earlier = tuple(one.sha256 for one in found[-1:])
        found.append(recorded(with_seed=value, digest=sha("abc"[number]), supersedes=earlier))
    return found


def test_a_quorum_counts_different_values_of_superseded_recordings_too() -> None:
    quorum = Quorum(3, "run.seed")
    two = stand(grounds([TRAINING], *three_seeds(1, 0)), quorum=quorum)
    assert (two.state, two.missing) == ("open", ("2 of 3 distinct run.seed (0, 1) have held",))
    assert str(two.quorum) == "2 of 3 distinct run.seed (0, 1)"
    three = stand(grounds([TRAINING], *three_seeds(0, 1, 2)), quorum=quorum)
    assert (three.state, three.why) == (
        "discharged",
        "2 of 2 falsifiers at their ceiling; 3 of 3 distinct run.seed (0, 1, 2)",
    )
    assert three.quorum is not None
    assert len(three.quorum.statements) == 3
    same = stand(grounds([TRAINING], *three_seeds(0, 0, 0)), quorum=quorum)
    assert str(same.quorum) == "1 of 3 distinct run.seed (0)"


def orphaned(statement_of: Statement) -> Statement:
    alone = tuple(replace(one, artifacts=(artifact(provenance="orphan"),)) for one in statement_of.judgements)
    return replace(statement_of, judgements=alone)


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda one: replace(one, judgements=one.judgements[:1]),
        lambda one: replace(one, judgements=(one.judgements[0], replace(one.judgements[1], verdict=FALLEN))),
        lambda one: replace(one, judgements=(one.judgements[0], replace(one.judgements[1], challenges=()))),
        lambda one: replace(one, judgements=(one.judgements[0], replace(one.judgements[1], source_digest=sha("0")))),
        lambda one: replace(one, judgements=(one.judgements[0], replace(one.judgements[1], claim_digest=sha("0")))),
        orphaned,
        lambda one: replace(one, context=uncommitted()),
        lambda one: replace(one, observations=(seed(7),)),
        lambda one: replace(one, observations=(seed(2, source="stated"),)),
        lambda one: replace(one, observations=(seed(None, source="absent"),)),
        lambda one: replace(one, observations=(replace(seed(2), criterion="equal to 2"),)),
        lambda one: replace(one, observations=()),
    ],
)  # fmt: skip
def test_a_recording_that_does_not_count_is_not_in_the_quorum(spoiled: Any) -> None:
    zero, one, two = three_seeds(0, 1, 2)
    spoilt = spoiled(two)
    by = grounds([TRAINING], zero, one, spoilt, recorded(with_seed=0, digest=sha("f"), supersedes=(spoilt.sha256,)))
    standing = stand(by, quorum=Quorum(3, "run.seed"))
    assert str(standing.quorum) == "2 of 3 distinct run.seed (0, 1)"
    assert standing.state == "open"


def test_a_quorum_over_several_contracts_counts_what_held_in_each() -> None:
    first, second = one_claim_each("LOSS", "CAUSAL")
    by = grounds(
        [first, second],
        recorded(first, with_seed=0),
        recorded(first, with_seed=1, digest=sha("b")),
        recorded(second, with_seed=1),
    )
    assert str(stand(by, quorum=Quorum(1, "run.seed")).quorum) == "1 of 1 distinct run.seed (1)"


def test_specimens_alone_are_in_no_quorum() -> None:
    low = replace(TRAINING, falsifiers=(claim("LOSS", up_to="partial"),))
    seen = statement(low, unbound(low), observations=(seed(0),))
    standing = ship_standing(ship(acceptance("AC-1", "LOSS", quorum=Quorum(1, "run.seed"))), grounds([low], seen))
    assert str(standing.criteria[0].quorum) == "0 of 1 distinct run.seed"


def test_a_tripwire_holds_a_pass_for_review_until_somebody_signs() -> None:
    good = recorded(loss=0.01)
    held = stand(grounds([TRAINING], good), tripwires=(WIRE,))
    assert held.state == "held for review"
    assert held.missing == (
        f"a signed review: LOSS measured loss=0.01 in {good.sha256[:12]}, which is below 0.1 (no text is so easy)",
    )
    signed = stand(grounds([TRAINING], good, reviews={good.sha256: ("A. Reviewer",)}), tripwires=(WIRE,))
    assert (signed.state, signed.why) == ("discharged", "2 of 2 falsifiers at their ceiling; reviewed by A. Reviewer")
    other = stand(grounds([TRAINING], good, reviews={sha("0"): ("A. Reviewer",)}), tripwires=(WIRE,))
    assert other.state == "held for review"
    assert stand(grounds([TRAINING], recorded(loss=2.0)), tripwires=(WIRE,)).state == "discharged"


def test_a_tripwire_that_could_never_trip_is_for_a_person_too() -> None:
    absent = stand(grounds([TRAINING], recorded()), tripwires=(replace(WIRE, measurement="los"),))
    assert absent.state == "held for review"
    assert "LOSS measured no los in" in absent.missing[0]
    diverged = judgement(TRAINING, verdict=verdict(loss="NaN"))
    by = grounds([TRAINING], statement(TRAINING, diverged, *recorded().judgements[:1], observations=(seed(),)))
    assert stand(by, tripwires=(WIRE,)).state == "held for review"
    blind = stand(grounds([TRAINING], recorded()), tripwires=(replace(WIRE, falsifier="GONE"),))
    assert (blind.state, blind.missing) == (
        "open",
        ("GONE has not held, so that the tripwire on its loss watches nothing",),
    )


def test_every_recording_of_a_quorum_is_watched() -> None:
    zero = recorded(with_seed=0, loss=0.01)
    one = recorded(with_seed=1, digest=sha("b"), supersedes=(zero.sha256,))
    more = {"quorum": Quorum(2, "run.seed"), "tripwires": (WIRE,)}
    assert stand(grounds([TRAINING], zero, one), **more).state == "held for review"
    assert stand(grounds([TRAINING], zero, one, reviews={zero.sha256: ("A.",)}), **more).state == "discharged"


def test_a_waiver_is_shown_and_discharges_nothing() -> None:
    waiver = Waiver("AC-1", "A. Person", "no fixture yet", "2026-12-01")
    standing = ship_standing(ship(acceptance(), acceptance("AC-2"), waivers=(waiver,)), grounds())
    assert [one.criterion.id for one in standing.waived] == ["AC-1"]
    assert standing.criteria[0].waiver == waiver
    assert standing.criteria[0].state == "open"
    assert str(standing.tally) == "0 of 10 points: 0.0 %"


def test_a_percentage_is_never_rounded_up() -> None:
    assert Tally(Fraction(9999), Fraction(10000)).shown_percent == "99.9 %"
    assert str(Tally(Fraction(12), Fraction(100))) == "12 of 100 points: 12.0 %"
    assert str(Tally(Fraction("0.3"), Fraction("0.9"))) == "0.3 of 0.9 points: 33.3 %"
    assert str(Tally()) == "0 of 0 points: 0.0 %"


@pytest.mark.parametrize(
    ("discharged", "declared"),
    [("0", "0"), ("5", "100"), ("12.5", "100"), ("1e-05", "1"), ("1234567", "9999999")],
)
def test_a_tally_is_read_back_as_it_is_written(discharged: str, declared: str) -> None:
    said = str(Tally(Fraction(discharged), Fraction(declared)))
    read = Tally.parse(said)
    assert read is not None
    assert str(read) == said


@pytest.mark.parametrize("text", ["", "5 of 100 points", "5 of points: 5.0 %", "1e+9999 of 1 points: 0.0 %"])
def test_what_is_no_tally_is_not_read_as_one(text: str) -> None:
    assert Tally.parse(text) is None


states = st.sampled_from(["none", "held", "fell", "unbound", "dirty", "stale", "other seed"])


def evidence_of(state: str, of: Any, loss: float) -> list[Statement]:
    """The evidence of one contract in this state, each on bytes of its own."""
    digest = sha(of.contract[-1])
    made: dict[str, Any] = {
        "none": list,
        "held": lambda: [recorded(of, loss=loss, digest=digest)],
        "fell": lambda: [fallen(of, of.falsifiers[0].id, digest=digest)],
        "unbound": lambda: [statement(of, unbound(of), observations=(seed(),))],
        "dirty": lambda: [recorded(of, context=uncommitted(), digest=digest)],
        "stale": lambda: [statement(of, judgement(of, source_digest=sha("0")), observations=(seed(),))],
        "other seed": lambda: [recorded(of, with_seed=9, loss=loss, digest=digest)],
    }
    return list(made[state]())


Claims = dict[str, tuple[str, float, tuple[str, ...]]]
"""Per falsifier: the state of its evidence, the loss it measured, and who reviewed that."""


@st.composite
def shipped(draw: st.DrawFn) -> tuple[Ship, Claims]:
    """A random ship file and the evidence of its falsifiers."""
    reviewers: st.SearchStrategy[tuple[str, ...]] = st.sampled_from([(), ("A. Reviewer",)])
    claims = st.tuples(states, st.sampled_from([2.0, 0.01]), reviewers)
    of_claims = {f"F-{number}": draw(claims) for number in range(draw(st.integers(1, 4)))}
    criteria = [
        acceptance(
            f"AC-{number}",
            *draw(st.lists(st.sampled_from(sorted(of_claims)), min_size=1, max_size=3, unique=True)),
            points=draw(st.integers(1, 50) | st.floats(0.001, 50).map(lambda one: round(one, 3))),
            quorum=draw(st.none() | st.builds(Quorum, st.integers(1, 2), st.just("run.seed"))),
            tripwires=draw(st.sampled_from([(), (replace(WIRE, falsifier="F-0"),)])),
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    cut = draw(st.integers(0, len(criteria)))
    parts = {"model": criteria[:cut], "export": criteria[cut:]}
    waivers = tuple(Waiver(one.id, "A.", "none", "2026-01-01") for one in criteria[: draw(st.integers(0, 2))])
    deliverables = {name: Deliverable("It", tuple(part)) for name, part in parts.items()}
    return Ship("ship", deliverables, waivers=waivers), of_claims


def expected(criterion: AcceptanceCriterion, claims: Claims) -> bool:
    """Whether a criterion is discharged, from how its evidence was made."""
    state, loss, reviewers = claims["F-0"]
    watched = state in ("held", "other seed") and (loss >= 0.1 or bool(reviewers))
    return (
        all(claims[name][0] == "held" for name in criterion.falsifiers)
        and (criterion.quorum is None or criterion.quorum.at_least == 1)
        and (not criterion.tripwires or watched)
    )


@settings(deadline=None)
@given(shipped())
def test_the_percentage_is_points_discharged_over_points_declared(case: tuple[Ship, Claims]) -> None:
    made, claims = case
    contracts = one_claim_each(*claims)
    evidence = {
        name: evidence_of(claims[name][0], of, claims[name][1]) for name, of in zip(claims, contracts, strict=True)
    }
    every = [one for statements in evidence.values() for one in statements]
    reviews = {one.sha256: claims[name][2] for name, statements in evidence.items() for one in statements}
    standing = ship_standing(made, grounds(contracts, *every, reviews=reviews))
    points = {one.id: Fraction(str(one.points)) for one in made.criteria}
    earned = {one.id for one in made.criteria if expected(one, claims)}
    assert {one.criterion.id for one in standing.criteria if one.discharged} == earned
    assert standing.tally.discharged == sum(points[name] for name in earned)
    assert standing.tally.declared == sum(points.values())
    assert standing.tally.percent == Fraction(100) * sum(points[name] for name in earned) / sum(points.values())
    parts = [standing.tally_of(name) for name in made.deliverables]
    assert sum(one.discharged for one in parts) == standing.tally.discharged
    assert sum(one.declared for one in parts) == standing.tally.declared
    turned = replace(made, deliverables=dict(reversed(made.deliverables.items())))
    assert ship_standing(turned, grounds(contracts[::-1], *every[::-1], reviews=reviews)).tally == standing.tally
