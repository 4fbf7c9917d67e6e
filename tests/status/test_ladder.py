from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.contracts.model import Level
from falsifiable.falsifier import Verdict
from falsifiable.status import Status, ceiling_of, contract_status, earned
from falsifiable.validation.results import Challenge, Judgement
from tests.evidence.builders import FALLEN, HELD, REFUTED, UNBOUND, artifact, claim, contract, judgement, on_cuda

CONTRACT = contract()
SURVIVED = Challenge("noise", "survived", "bound")
UNCLEAR = Challenge("noise", "inconclusive", "bound", "not applicable")
ON_SPECIMEN = judgement(CONTRACT, verdict=UNBOUND, on_specimen=HELD, artifacts=())


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (judgement(CONTRACT, verdict=FALLEN), Status.FALSIFIED),
        (judgement(CONTRACT, verdict=FALLEN, challenges=()), Status.FALSIFIED),
        (judgement(CONTRACT, challenges=()), Status.PROPOSED),
        (judgement(CONTRACT, challenges=(REFUTED, SURVIVED)), Status.PROPOSED),
        (judgement(CONTRACT, challenges=(REFUTED, UNCLEAR)), Status.PROPOSED),
        (judgement(CONTRACT, verdict=UNBOUND), Status.PROPOSED),
        (judgement(CONTRACT, verdict=Verdict("held", "", (), 0)), Status.PROPOSED),
        (judgement(CONTRACT, verdict=UNBOUND, on_specimen=FALLEN), Status.PROPOSED),
        (ON_SPECIMEN, Status.PARTIAL),
        (judgement(CONTRACT, artifacts=()), Status.PARTIAL),
        (judgement(CONTRACT, artifacts=(artifact(), artifact("init", "orphan"))), Status.PARTIAL),
        (judgement(CONTRACT, artifacts=(replace(artifact("trainer", "command"), files={}),)), Status.PARTIAL),
        (judgement(CONTRACT, artifacts=(artifact(), artifact("init", "origin"))), Status.INTEGRATION),
        (judgement(CONTRACT, artifacts=(artifact("trainer", "command"),)), Status.INTEGRATION),
    ],
)
def test_what_is_seen_earns_its_level(seen: Judgement, status: Status) -> None:
    assert earned(seen, committed=True, discharged=False) == status


def test_a_role_that_was_not_bound_is_not_of_known_origin() -> None:
    both = ("init", "trained")
    seen = judgement(CONTRACT, artifacts=(artifact(),))
    assert earned(seen, committed=True, discharged=True, roles=both) == Status.PARTIAL
    assert earned(seen, committed=True, discharged=True, roles=("trained",)) == Status.DISCHARGED


def test_uncommitted_code_earns_partial_at_most() -> None:
    assert earned(judgement(CONTRACT), committed=False, discharged=True) == Status.PARTIAL


def test_conditions_met_on_real_files_discharge() -> None:
    assert earned(judgement(CONTRACT), committed=True, discharged=True) == Status.DISCHARGED
    assert earned(ON_SPECIMEN, committed=True, discharged=True) == Status.PARTIAL


def test_a_ceiling_is_the_lowest_of_claim_check_and_conditions() -> None:
    assert ceiling_of(on_cuda(), claim()) == Level.DISCHARGED
    assert ceiling_of(on_cuda(), claim(up_to="integration")) == Level.INTEGRATION
    assert ceiling_of(on_cuda(), claim(), "partial") == Level.PARTIAL
    assert ceiling_of(contract(), claim()) == Level.INTEGRATION, "nothing can be discharged without conditions"
    assert ceiling_of(on_cuda(), claim(on={"command": "trainer"})) == Level.INTEGRATION


def test_a_contract_stands_at_the_lowest_that_is_below_its_ceiling() -> None:
    met = (Status.PARTIAL, Level.PARTIAL)
    assert contract_status([met, (Status.INTEGRATION, Level.DISCHARGED)]) == Status.INTEGRATION
    assert contract_status([met, (Status.DISCHARGED, Level.DISCHARGED)]) == Status.DISCHARGED
    assert contract_status([met, (Status.PROPOSED, Level.DISCHARGED)]) == Status.PROPOSED
    assert contract_status([met]) == Status.PARTIAL
    assert contract_status([]) == Status.PROPOSED


def test_one_falsified_claim_falsifies_the_contract() -> None:
    assert (
        contract_status([(Status.FALSIFIED, Level.PARTIAL), (Status.DISCHARGED, Level.DISCHARGED)]) == Status.FALSIFIED
    )


def test_a_contract_stands_no_higher_than_what_it_requires() -> None:
    own = [(Status.DISCHARGED, Level.DISCHARGED)]
    assert contract_status(own, [Status.INTEGRATION, Status.PARTIAL]) == Status.PARTIAL
    assert contract_status(own, [Status.FALSIFIED]) == Status.PROPOSED, "it was not itself refuted"


standing = st.tuples(st.sampled_from(Status), st.sampled_from(Level))


@given(st.lists(standing, min_size=1), st.lists(st.sampled_from(Status)), st.data())
def test_a_better_falsifier_never_lowers_a_contract(
    standings: list[tuple[Status, Level]], required: list[Status], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(standings) - 1))
    status, ceiling = standings[index]
    better = list(standings)
    better[index] = (data.draw(st.sampled_from([one for one in Status if one >= status])), ceiling)
    assert contract_status(better, required) >= contract_status(standings, required)


@given(st.lists(standing), st.lists(st.sampled_from(Status), min_size=1))
def test_order_does_not_matter_and_requiring_never_lifts(
    standings: list[tuple[Status, Level]], required: list[Status]
) -> None:
    assert contract_status(standings, required) <= contract_status(standings)
    assert contract_status(standings[::-1], required[::-1]) == contract_status(standings, required)


outcomes = st.sampled_from([UNBOUND, HELD])
judgements = st.builds(
    lambda verdict, on_specimen, challenges, provenance: judgement(
        CONTRACT,
        verdict=verdict,
        on_specimen=on_specimen,
        challenges=tuple(challenges),
        artifacts=tuple(artifact(f"r{index}", one) for index, one in enumerate(provenance)),
    ),
    outcomes,
    st.none() | outcomes,
    st.lists(st.sampled_from([REFUTED, UNCLEAR, SURVIVED]), max_size=3),
    st.lists(st.sampled_from(["recorded", "orphan", "origin", "command"]), max_size=3),
)


@given(judgements, st.booleans(), st.booleans())
def test_better_evidence_never_earns_less(seen: Judgement, committed: bool, discharged: bool) -> None:
    before = earned(seen, committed=committed, discharged=discharged)
    known = tuple(replace(one, provenance="recorded") for one in seen.artifacts)
    refuted = tuple(replace(one, outcome="refuted") for one in seen.challenges)
    for better in (replace(seen, verdict=HELD), replace(seen, artifacts=known), replace(seen, challenges=refuted)):
        assert earned(better, committed=committed, discharged=discharged) >= before
    assert earned(seen, committed=True, discharged=discharged) >= before
    assert earned(seen, committed=committed, discharged=True) >= before
