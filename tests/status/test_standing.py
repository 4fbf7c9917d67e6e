from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.contracts.model import Level
from falsifiable.evidence import Statement
from falsifiable.falsifier import Verdict
from falsifiable.status import ContractStanding, JudgingCode, Status, local_standings, side_by_side, standings
from falsifiable.validation.results import BoundArtifact, Challenge
from tests.evidence.builders import (
    CODE,
    FALLEN,
    ON_CPU,
    ON_CUDA,
    Everywhere,
    Nowhere,
    artifact,
    claim,
    context,
    contract,
    judgement,
    on_cuda,
    result,
    sha,
    statement,
    unbound,
)

CONTRACT = contract("packaging", claim("ROWS"), claim("CAUSAL", "model.causal", up_to="partial"))


def stand(
    of: object = CONTRACT, *statements: Statement, code: JudgingCode = CODE, history: object = None
) -> ContractStanding:
    return standings([of], statements, code, history or Everywhere())[0]  # type: ignore[list-item, arg-type]


def test_without_evidence_everything_is_proposed() -> None:
    standing = stand()
    assert (standing.status, standing.shown, standing.heads) == (Status.PROPOSED, "PROPOSED", ())
    assert standing.falsifiers[0].needs == ("no evidence has been recorded yet",)
    assert standing.falsifiers[0].rests_on is None


def test_real_files_earn_integration_and_name_their_evidence() -> None:
    recorded = statement(CONTRACT)
    standing = stand(CONTRACT, recorded)
    assert [(one.status, one.ceiling, one.met) for one in standing.falsifiers] == [
        (Status.INTEGRATION, Level.INTEGRATION, True),
        (Status.PARTIAL, Level.PARTIAL, True),
    ]
    assert standing.status == Status.INTEGRATION
    assert standing.falsifiers[0].rests_on == recorded.sha256
    assert not standing.can_discharge


@pytest.mark.bad_input(107)
def test_a_cpu_run_is_not_discharged_and_says_what_it_needs() -> None:
    standing = stand(on_cuda(), statement(on_cuda(), observations=(ON_CPU,)))
    needed = "run device equal to cuda: the run record says cpu"
    assert (standing.status, standing.unmet, standing.falsifiers[0].needs) == (Status.INTEGRATION, (needed,), (needed,))


def test_conditions_met_discharge() -> None:
    standing = stand(on_cuda(), statement(on_cuda(), observations=(ON_CUDA,)))
    assert (standing.status, standing.unmet, standing.falsifiers[0].needs) == (Status.DISCHARGED, (), ())


def test_what_a_falsifier_needs_is_said_in_words() -> None:
    through = Challenge("noise", "survived", "bound", "it still held")
    unclear = Challenge("cut", "inconclusive", "bound")
    command = BoundArtifact("trained", "command", "python -m trainer", sha("b"), "command")
    orphan = artifact(provenance="orphan")
    said = {
        "ships no counterexample": judgement(CONTRACT, challenges=()),
        "lets the counterexample noise through: it still held": judgement(CONTRACT, challenges=(through,)),
        "the counterexample cut was inconclusive": judgement(CONTRACT, challenges=(unclear,)),
        "falsified on the specimens: tensor layers.0 differs": unbound(CONTRACT, on_specimen=FALLEN),
        "has not held on anything: role trained is not bound": unbound(CONTRACT, on_specimen=None),
        "role trained is not bound; name it in artifacts.yaml": unbound(CONTRACT),
        "was judged on generated inputs only": judgement(CONTRACT, artifacts=()),
        "trained (runs/reference/trained) stands in no run record": judgement(CONTRACT, artifacts=(orphan,)),
        "the sources of the command trained stand in no commit": judgement(CONTRACT, artifacts=(command,)),
        "was judged without trained, which the claim is about": judgement(CONTRACT, artifacts=(artifact("other"),)),
        "has not been judged here: role trained is not bound": unbound(CONTRACT, challenges=(), on_specimen=None),
        "tensor layers.0 differs": judgement(CONTRACT, verdict=FALLEN),
    }
    for words, seen in said.items():
        assert stand(CONTRACT, statement(CONTRACT, seen)).falsifiers[0].needs[0].startswith(words)


@pytest.mark.bad_input(115)
def test_uncommitted_code_holds_at_partial() -> None:
    dirty = stand(CONTRACT, statement(CONTRACT, context=context(dirty=True))).falsifiers[0]
    assert (dirty.status, dirty.needs) == (
        Status.PARTIAL,
        ("was judged with uncommitted changes; commit them and record again",),
    )
    nowhere = stand(CONTRACT, statement(CONTRACT, context=context(None)), history=Nowhere()).falsifiers[0]
    assert (nowhere.status, nowhere.stale) == (Status.PARTIAL, ())
    assert nowhere.needs == ("was judged with code that stands in no commit; commit it and record again",)


def test_changed_source_makes_stale_what_rested_on_it_and_nothing_else() -> None:
    changed = JudgingCode({**CODE.source_digests, "vocabulary.fits-model": sha("0")}, 1)
    standing = stand(CONTRACT, statement(CONTRACT), code=changed)
    rows, causal = standing.falsifiers
    assert (rows.shown, rows.stale) == (
        "PROPOSED (stale: INTEGRATION)",
        ("the source of check vocabulary.fits-model changed",),
    )
    assert (causal.shown, causal.stale) == ("PARTIAL", ())
    assert (rows.rests_on_stale, causal.rests_on_stale) == (True, False)
    assert standing.shown == "PROPOSED (stale: INTEGRATION)"


@pytest.mark.bad_input(114)
def test_every_reason_to_be_stale_names_what_changed() -> None:
    recorded = statement(CONTRACT)
    rows = CONTRACT.falsifiers[0]

    def reasons(**changes: object) -> tuple[str, ...]:
        changed = replace(CONTRACT, falsifiers=(replace(rows, **changes),))  # type: ignore[arg-type]
        return stand(changed, recorded).falsifiers[0].stale

    assert reasons(parameters={"bound": "exactly"}) == (
        'claim ROWS changed: its `with` was {}, is {"bound": "exactly"}',
    )
    assert reasons(claim="Something else")[0] == "claim ROWS changed: it claimed 'Every id has a row'"
    assert reasons(check="model.causal")[0].startswith("claim ROWS changed: its check was vocabulary.fits-model")
    assert "its ceiling (`up_to`) differ" in reasons(up_to="partial")[0]
    gone = stand(CONTRACT, recorded, code=JudgingCode({}, 1)).falsifiers[0].stale
    assert gone == ("the check vocabulary.fits-model no longer exists",)
    other_readers = stand(CONTRACT, recorded, code=replace(CODE, semantics=2)).falsifiers[0].stale
    assert other_readers == ("the readers give the same bytes another meaning now (semantics 1, now 2)",)
    strange = stand(CONTRACT, recorded, history=Nowhere())
    assert (strange.falsifiers[0].stale, strange.undecided) == (("commit cccccccccccc cannot be found",), ())


def test_what_cannot_be_looked_up_is_undecided() -> None:
    standing = stand(CONTRACT, statement(CONTRACT), history=Nowhere("unknown"))
    assert (standing.status, standing.undecided) == (Status.PROPOSED, ("commit cccccccccccc cannot be found",))


def test_a_changed_condition_takes_back_what_it_discharged() -> None:
    recorded = statement(on_cuda(), observations=(ON_CUDA,))
    longer = replace(on_cuda(), discharge={"run": {"device": "cuda", "steps": 500}})
    standing = stand(longer, recorded)
    assert standing.shown == "INTEGRATION (stale: DISCHARGED)"
    assert standing.stale == ("the discharge condition run.steps changed: was absent, is equal to 500",)


def test_a_falsified_head_falsifies_until_it_is_superseded() -> None:
    good, bad = statement(CONTRACT), statement(CONTRACT, judgement(CONTRACT, verdict=FALLEN))
    assert stand(CONTRACT, good, bad).status == Status.FALSIFIED
    mended = statement(
        CONTRACT, judgement(CONTRACT, artifacts=(artifact(digest=sha("b")),)), supersedes=(good.sha256, bad.sha256)
    )
    assert stand(CONTRACT, good, bad, mended).falsifiers[0].shown == "INTEGRATION"


def test_the_lowest_of_two_heads_wins_unless_it_had_nothing_to_judge() -> None:
    good, orphan = statement(CONTRACT), statement(CONTRACT, judgement(CONTRACT, artifacts=(artifact("a", "orphan"),)))
    assert stand(CONTRACT, good, orphan).falsifiers[0].status == Status.PARTIAL
    assert stand(CONTRACT, good, statement(CONTRACT, unbound(CONTRACT))).falsifiers[0].status == Status.INTEGRATION
    crashed = statement(CONTRACT, unbound(CONTRACT, cause="crashed"))
    assert stand(CONTRACT, good, crashed).falsifiers[0].status == Status.PARTIAL


@pytest.mark.bad_input(117)
def test_two_verdicts_on_the_same_bytes_bar_discharge() -> None:
    bad = statement(on_cuda(), judgement(on_cuda(), verdict=FALLEN), observations=(ON_CUDA,))
    good = statement(on_cuda(), supersedes=(bad.sha256,), observations=(ON_CUDA,))
    one = stand(on_cuda(), bad, good).falsifiers[0]
    assert (one.shown, one.flaky) == ("INTEGRATION (flaky)", True)
    assert one.needs == ("gave two different verdicts on the same bytes; find out why",)


def test_inconclusive_contradicts_nothing() -> None:
    first = statement(on_cuda(), judgement(on_cuda(), verdict=Verdict.inconclusive("took too long")))
    assert not stand(on_cuda(), first, statement(on_cuda(), supersedes=(first.sha256,))).falsifiers[0].flaky


def test_a_broken_file_falsifies_though_no_contract_claims_that_it_is_whole() -> None:
    whole = claim("ARTIFACT-SOUND-TRAINED", "model.causal", claim="The file is whole")
    broken = judgement(CONTRACT, whole, verdict=FALLEN, claim_digest="", source_digest="")
    standing = stand(CONTRACT, statement(CONTRACT, unbound(CONTRACT), broken))
    assert standing.status == Status.FALSIFIED
    assert [one.falsifier for one in standing.falsifiers] == ["ROWS", "CAUSAL", "ARTIFACT-SOUND-TRAINED"]


def test_a_claim_that_is_gone_no_longer_counts() -> None:
    gone = replace(judgement(CONTRACT, verdict=FALLEN), falsifier="WITHDRAWN")
    assert stand(CONTRACT, statement(CONTRACT, judgement(CONTRACT), gone)).status != Status.FALSIFIED


def test_a_refutation_that_went_stale_is_shown_and_does_not_count() -> None:
    fallen = statement(CONTRACT, judgement(CONTRACT, verdict=FALLEN))
    standing = stand(replace(CONTRACT, falsifiers=(replace(CONTRACT.falsifiers[0], claim="Anew"),)), fallen)
    assert (standing.shown, standing.falsifiers[0].shown) == ("PROPOSED (stale: FALSIFIED)",) * 2


def test_a_contract_is_held_back_by_what_it_requires() -> None:
    base = contract("base", claim("BASE", "model.causal", up_to="partial"))
    middle = contract("middle", claim("MIDDLE"), requires=("base",))
    top = contract("top", claim("TOP"), requires=("middle", "absent"))
    recorded = [statement(one) for one in (base, middle, top)]
    found = {one.contract: one for one in standings([top, middle, base], recorded, CODE, Everywhere())}
    assert (found["base"].status, found["middle"].status) == (Status.PARTIAL, Status.PARTIAL)
    assert found["middle"].held_back == ("requires base, which stands at PARTIAL",)
    assert found["top"].status == Status.PROPOSED
    assert found["top"].held_back[0] == "requires absent, which stands at PROPOSED"


def test_contracts_that_require_each_other_do_not_hang() -> None:
    one, other = (
        contract("one", claim("ONE"), requires=("other",)),
        contract("other", claim("OTHER"), requires=("one",)),
    )
    assert [s.status for s in standings([one, other], [statement(one), statement(other)], CODE, Everywhere())] == [
        Status.INTEGRATION,
        Status.INTEGRATION,
    ]


def test_a_judgement_that_binds_fewer_roles_than_the_claim_names_earns_partial_at_most() -> None:
    both = on_cuda("packaging", claim("BOTH", on={"before": "init", "after": "trained"}))
    fewer = statement(both, judgement(both), observations=(ON_CUDA,))
    assert stand(both, fewer).status == Status.PARTIAL
    every = judgement(both, artifacts=(artifact(), artifact("init")))
    assert stand(both, statement(both, every, observations=(ON_CUDA,))).status == Status.DISCHARGED


def test_what_was_mended_no_longer_falsifies_though_another_claim_could_not_be_judged() -> None:
    old = statement(CONTRACT, judgement(CONTRACT, verdict=FALLEN), judgement(CONTRACT, CONTRACT.falsifiers[1]))
    mended = judgement(CONTRACT, artifacts=(artifact(digest=sha("b")),))
    not_run = unbound(CONTRACT, CONTRACT.falsifiers[1], cause="commands", on_specimen=None)
    new = statement(CONTRACT, mended, not_run, supersedes=(old.sha256,))
    standing = stand(CONTRACT, old, new)
    assert [(one.shown, one.rests_on) for one in standing.falsifiers] == [
        ("INTEGRATION", new.sha256),
        ("PARTIAL", old.sha256),
    ]
    assert {one.sha256 for one in standing.heads} == {old.sha256, new.sha256}


def test_absence_does_not_take_back_a_refutation() -> None:
    fallen = statement(CONTRACT, judgement(CONTRACT, verdict=FALLEN))
    absent = statement(CONTRACT, unbound(CONTRACT), supersedes=(fallen.sha256,))
    still = statement(CONTRACT, unbound(CONTRACT, cause="commands"), supersedes=(absent.sha256,))
    assert stand(CONTRACT, fallen, absent, still).status == Status.FALSIFIED
    mended = statement(
        CONTRACT, judgement(CONTRACT, artifacts=(artifact(digest=sha("b")),)), supersedes=(absent.sha256,)
    )
    assert stand(CONTRACT, fallen, absent, still, mended).falsifiers[0].shown == "INTEGRATION"


def test_what_a_newer_statement_does_not_mention_was_withdrawn() -> None:
    first = statement(CONTRACT)
    without = statement(CONTRACT, judgement(CONTRACT), supersedes=(first.sha256,))
    assert stand(CONTRACT, first, without).falsifiers[1].needs == ("no evidence has been recorded yet",)


def test_a_crash_replaces_what_was_judged_and_is_not_carried_over_itself() -> None:
    first = statement(CONTRACT)
    crashed = statement(CONTRACT, unbound(CONTRACT, cause="crashed", on_specimen=None), supersedes=(first.sha256,))
    assert stand(CONTRACT, first, crashed).falsifiers[0].status == Status.PROPOSED
    absent = statement(CONTRACT, unbound(CONTRACT), supersedes=(crashed.sha256,))
    assert stand(CONTRACT, first, crashed, absent).falsifiers[0].rests_on == absent.sha256


def test_a_broken_file_falsifies_until_a_file_in_its_place_is_judged() -> None:
    whole = claim("ARTIFACT-SOUND-TRAINED", "model.causal", claim="The file is whole")
    broken = judgement(CONTRACT, whole, verdict=FALLEN, claim_digest="", source_digest="")
    fallen = statement(CONTRACT, unbound(CONTRACT, cause="unsound"), broken)
    absent = statement(CONTRACT, unbound(CONTRACT), supersedes=(fallen.sha256,))
    assert stand(CONTRACT, fallen, absent).status == Status.FALSIFIED
    mended = statement(CONTRACT, supersedes=(absent.sha256,))
    standing = stand(CONTRACT, fallen, absent, mended)
    assert [one.falsifier for one in standing.falsifiers] == ["ROWS", "CAUSAL"]
    assert standing.status == Status.INTEGRATION


def test_conditions_are_read_from_the_run_that_was_seen() -> None:
    """A statement from where the run is not takes nothing back; one of another run is about that run."""
    of_run = statement(on_cuda(), observations=(ON_CUDA,))
    nothing_here = (replace(ON_CUDA, source="absent", value=None, met=False),)
    absent = statement(on_cuda(), unbound(on_cuda()), supersedes=(of_run.sha256,), observations=nothing_here)
    standing = stand(on_cuda(), of_run, absent)
    assert (standing.status, standing.unmet) == (Status.DISCHARGED, ())
    other = statement(on_cuda(), supersedes=(absent.sha256,), observations=(ON_CPU,))
    assert stand(on_cuda(), of_run, absent, other).status == Status.INTEGRATION


@given(st.data())
def test_neither_order_nor_branching_of_what_supersedes_what_matters(data: st.DataObject) -> None:
    seen = [
        judgement(CONTRACT),
        judgement(CONTRACT, verdict=FALLEN),
        judgement(CONTRACT, artifacts=(artifact(provenance="orphan"),)),
        unbound(CONTRACT),
        unbound(CONTRACT, cause="crashed"),
    ]
    made: list[Statement] = []
    for index in range(data.draw(st.integers(1, 5))):
        earlier = [made[one] for one in sorted(data.draw(st.sets(st.integers(0, index - 1))))] if index else []
        said = data.draw(st.sampled_from(seen))
        made.append(
            statement(CONTRACT, said, supersedes=tuple(sorted(one.sha256 for one in earlier)), run_id=f"run-{index}")
        )
    standing = stand(CONTRACT, *made)
    assert standing == stand(CONTRACT, *data.draw(st.permutations(made)))
    if standing.status != Status.FALSIFIED and any(one.judgements[0].verdict == FALLEN for one in made):
        judged = [one for one in made if one.judgements[0].cause != "unbound"]
        assert judged[-1].judgements[0].verdict != FALLEN, "only a later judgement takes back a refutation"


@given(st.permutations(range(4)), st.sets(st.integers(0, 3)))
def test_the_order_of_merging_does_not_matter(order: list[int], chosen: set[int]) -> None:
    first = statement(CONTRACT)
    made = [
        first,
        statement(CONTRACT, judgement(CONTRACT, verdict=FALLEN)),
        statement(CONTRACT, unbound(CONTRACT), supersedes=(first.sha256,)),
        statement(CONTRACT, judgement(CONTRACT, artifacts=(artifact(provenance="orphan"),))),
    ]
    in_order = [made[index] for index in range(4) if index in chosen]
    shuffled = [made[index] for index in order if index in chosen]
    assert stand(CONTRACT, *in_order) == stand(CONTRACT, *shuffled)


def test_this_machine_is_judged_by_the_same_rules() -> None:
    (here,) = local_standings([CONTRACT], [result(CONTRACT)], CODE, context())
    assert here.status == Status.INTEGRATION
    (dirty,) = local_standings([CONTRACT], [result(CONTRACT)], CODE, context(dirty=True))
    assert dirty.falsifiers[0].status == Status.PARTIAL


def test_recorded_and_local_side_by_side() -> None:
    recorded = stand(CONTRACT, statement(CONTRACT))
    other_bytes = judgement(CONTRACT, verdict=FALLEN, artifacts=(artifact(digest=sha("b")),))
    (local,) = local_standings([CONTRACT], [result(CONTRACT, other_bytes)], CODE, context())
    rows, causal = side_by_side(recorded, local)
    assert (rows.recorded.shown, rows.local and rows.local.shown) == ("INTEGRATION", "FALSIFIED")
    assert rows.differences == (
        "trained (runs/reference/trained): other bytes than were recorded, aaaaaaaaaaaa then, bbbbbbbbbbbb here",
    )
    assert (causal.local, causal.agree, rows.agree) == (None, False, False)
    assert side_by_side(recorded, recorded)[0].agree
    assert [one.local for one in side_by_side(recorded, None)] == [None, None]
