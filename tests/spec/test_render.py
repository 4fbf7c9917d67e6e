from __future__ import annotations

from dataclasses import replace

from falsifiable.contracts.model import Contract
from falsifiable.evidence import Statement
from falsifiable.falsifier import Verdict
from falsifiable.spec import RENDERERS, SpecView, rendered
from falsifiable.status import standings
from tests.evidence.builders import (
    CODE,
    FALLEN,
    ON_CPU,
    ON_CUDA,
    Everywhere,
    claim,
    context,
    contract,
    judgement,
    on_cuda,
    statement,
    unbound,
)

CONTRACT = on_cuda("packaging", claim("ROWS", claim="Rows | ids"), claim("CAUSAL", "model.causal", up_to="partial"))


def region(name: str, of: Contract, *statements: Statement) -> list[str]:
    return rendered(name, SpecView.of("ship", standings([of], statements, CODE, Everywhere()))).split("\n")


def test_the_version_names_commit_and_evidence() -> None:
    recorded = statement(CONTRACT, observations=(ON_CPU,))
    assert region("version", CONTRACT, recorded) == [
        "| Contract | Version | Status | Judged at commit | Evidence |",
        "| --- | --- | --- | --- | --- |",
        f"| packaging | 1.0.0 | INTEGRATION | `cccccccccccc` | `{recorded.sha256[:12]}` |",
    ]
    assert region("version", CONTRACT)[-1] == "| packaging | 1.0.0 | PROPOSED | never | none |"
    dirty = statement(CONTRACT, context=context(dirty=True))
    assert "`cccccccccccc` with uncommitted changes" in region("version", CONTRACT, dirty)[-1]
    assert "| no commit |" in region("version", CONTRACT, statement(CONTRACT, context=context(None)))[-1]


def test_the_scoreboard_shows_every_claim_with_what_it_rests_on() -> None:
    recorded = statement(
        CONTRACT, judgement(CONTRACT), unbound(CONTRACT, CONTRACT.falsifiers[1]), observations=(ON_CPU,)
    )
    title, _, _, _, rows, causal = region("scoreboard", CONTRACT, recorded)
    short = recorded.sha256[:12]
    assert title == "**packaging 1.0.0: INTEGRATION** (1 of 2 falsifiers at their ceiling)"
    assert (
        rows == rf"| ROWS | Rows \| ids | INTEGRATION | DISCHARGED | cosine=0.9999, examined 26 tensors | `{short}` |"
    )
    assert causal.startswith(
        "| CAUSAL | Every id has a row | PARTIAL | PARTIAL | holds on specimens; role trained is not bound"
    )


def test_the_scoreboard_gives_the_reason_where_there_is_no_number() -> None:
    fallen = region("scoreboard", CONTRACT, statement(CONTRACT, judgement(CONTRACT, verdict=FALLEN)))
    assert fallen[4].startswith("| ROWS | Rows \\| ids | FALSIFIED | DISCHARGED | tensor layers.0 differs |")
    assert (
        fallen[5] == "| CAUSAL | Every id has a row | PROPOSED | PARTIAL | no evidence has been recorded yet | none |"
    )
    changed = replace(CONTRACT, falsifiers=(replace(CONTRACT.falsifiers[0], claim="Anew"),))
    stale = region("scoreboard", changed, statement(CONTRACT))[4]
    assert "| PROPOSED (stale: INTEGRATION) | DISCHARGED | claim ROWS changed: it claimed 'Rows \\| ids' |" in stale


def test_what_is_missing_names_the_conditions_once_and_each_falsifier() -> None:
    recorded = statement(
        CONTRACT,
        judgement(CONTRACT),
        unbound(CONTRACT, CONTRACT.falsifiers[1], on_specimen=None),
        observations=(ON_CPU,),
    )
    lines = region("missing", CONTRACT, recorded)
    assert lines[0] == "**packaging 1.0.0** stands at PROPOSED. For DISCHARGED it still needs:"
    assert lines[2] == "- run device equal to cuda: the run record says cpu"
    assert lines[3].startswith("- CAUSAL (PROPOSED): has not held on anything: role trained is not bound")
    assert len(lines) == 4


def test_nothing_missing_is_said_too() -> None:
    assert region("missing", CONTRACT, statement(CONTRACT, observations=(ON_CUDA,))) == [
        "**packaging 1.0.0** stands at DISCHARGED; nothing is missing."
    ]
    plain = contract()
    assert region("missing", plain, statement(plain)) == [
        "**packaging 1.0.0** stands at INTEGRATION, the highest that its claims can earn; nothing is missing."
    ]
    held_back = replace(plain, requires=("absent",))
    assert region("missing", held_back)[0].endswith(
        "For INTEGRATION, the highest that its claims can earn, it still needs:"
    )
    assert region("scoreboard", plain)[0].endswith("(0 of 1 falsifier at its ceiling)")
    assert region("missing", held_back, statement(plain))[2] == "- requires absent, which stands at PROPOSED"


def test_a_hostile_finding_stays_inside_its_cell() -> None:
    found = "| DISCHARGED |\n<!-- /contract:scoreboard -->\u202e<b>"
    fallen = judgement(CONTRACT, verdict=Verdict.of(False, found=found, examined=1))
    lines = region("scoreboard", CONTRACT, statement(CONTRACT, fallen))
    assert r"\| DISCHARGED \| &lt;!-- /contract:scoreboard --&gt;\\u202e&lt;b&gt;" in lines[4]
    assert len(lines) == 6


def test_a_spec_without_contracts_says_so_and_order_does_not_matter() -> None:
    assert rendered("missing", SpecView("ship")) == "No contract names this spec yet."
    two = standings([CONTRACT, contract("another", claim("OTHER"))], [], CODE, Everywhere())
    for name in RENDERERS:
        assert rendered(name, SpecView.of("ship", two)) == rendered(name, SpecView.of("ship", two[::-1]))
