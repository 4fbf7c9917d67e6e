from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from falsifiable.evidence import StatementError, canonical_json, parse_statement
from falsifiable.falsifier import Verdict
from falsifiable.validation.results import BoundArtifact, Challenge
from tests.evidence.builders import (
    FALLEN,
    ON_CPU,
    artifact,
    claim,
    judgement,
    on_cuda,
    sha,
    statement,
    unbound,
)

GOLDEN = Path(__file__).parent / "golden" / "statement.json"
CONTRACT = on_cuda("packaging", claim("ROWS", parameters={"bound": "at-most"}), claim("CAUSAL", "model.causal"))


def a_statement() -> Any:
    return statement(
        CONTRACT,
        judgement(CONTRACT, verdict=Verdict.of(True, loss=(float("nan"), "nats"), rows=2**60), claim_digest=sha("7")),
        unbound(CONTRACT, CONTRACT.falsifiers[1], claim_digest=sha("8")),
        claims_digest=sha("9"),
        observations=(ON_CPU,),
        supersedes=(sha("2"), sha("1")),
    )


def edited(change: Any) -> bytes:
    data = json.loads(a_statement().data)
    change(data)
    return canonical_json(data)


def test_a_statement_is_the_golden_one() -> None:
    """The format on disk. Whoever changes it changes every digest ever recorded, so change it knowingly."""
    assert a_statement().data + b"\n" == GOLDEN.read_bytes()


def test_read_back_it_says_the_same() -> None:
    read = parse_statement(a_statement().data)
    assert read.data == a_statement().data
    assert read.sha256 == a_statement().sha256
    assert read.context == a_statement().context
    assert read.judgement_of("CAUSAL") == a_statement().judgement_of("CAUSAL")
    assert read.judgement_of("ANOTHER") is None


def test_tests_are_sorted_by_what_they_found() -> None:
    vacuous = judgement(CONTRACT, challenges=(Challenge("any", "survived", "bound"),))
    fallen = judgement(CONTRACT, CONTRACT.falsifiers[1], verdict=FALLEN)
    predicate = statement(CONTRACT, vacuous, fallen).to_json()["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["CAUSAL"])
    assert predicate["warnedTests"] == ["ROWS"], "a verdict that cannot fall is no pass"


def test_everything_held_is_passed() -> None:
    predicate = statement(CONTRACT).to_json()["predicate"]
    assert (predicate["result"], predicate["passedTests"]) == ("PASSED", ["CAUSAL", "ROWS"])


def test_subjects_are_the_files_judged() -> None:
    gguf = BoundArtifact("export", "model", "export/model.gguf", sha("b"), "recorded", {"model.gguf": sha("b")})
    subjects = statement(CONTRACT, judgement(CONTRACT, artifacts=(artifact(), gguf))).to_json()["subject"]
    assert [one["name"] for one in subjects] == ["export/model.gguf", "runs/reference/trained/model.safetensors"]


def test_the_subject_of_partial_evidence_is_the_contract() -> None:
    nameless = BoundArtifact("trainer", "command", "python -m trainer", "no digest", "command")
    for artifacts in ((), (nameless,)):
        subjects = statement(CONTRACT, unbound(CONTRACT, artifacts=artifacts)).to_json()["subject"]
        assert [one["name"] for one in subjects] == ["contracts/packaging.yaml"]


def test_subjects_of_a_command_are_its_sources_as_they_lie_in_the_workspace() -> None:
    sources = {"artifacts.yaml": sha("1"), "examples/train.py": sha("2")}
    command = BoundArtifact("trainer", "command", "python examples/train.py", sha("b"), "command", sources)
    subjects = statement(CONTRACT, judgement(CONTRACT, artifacts=(command,))).to_json()["subject"]
    assert {one["name"]: one["digest"]["sha256"] for one in subjects} == sources


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s["predicate"].update(extra=1), r"\$\.predicate has the unknown key 'extra'"),
        (lambda s: s["predicate"].pop("dirty"), r"\$\.predicate lacks the key dirty"),
        (lambda s: s["predicate"].update(dirty="no"), r"dirty is 'no', expected true or false"),
        (lambda s: s["predicate"].update(semantics=True), r"semantics is True, expected a whole number"),
        (lambda s: s["predicate"].update(judgingCommit="main"), r"judgingCommit is 'main', expected a git object id"),
        (
            lambda s: s["predicate"]["judgements"][0]["verdict"].update(outcome="passed"),
            "expected one of held, falsified",
        ),
        (lambda s: s["predicate"]["judgements"].append(s["predicate"]["judgements"][0]), "judges CAUSAL a second time"),
        (
            lambda s: s["predicate"]["judgements"][0].update(contract="other"),
            "is about other, the statement about packaging",
        ),
        (
            lambda s: s["predicate"].update(result="PASSED"),
            r'\$\.predicate\.result is "PASSED", but .* implies "WARNED"',
        ),
        (lambda s: s["subject"].pop(), r"\$\.subject is .*, but the rest of the statement implies"),
        (lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"), r"\$\._type"),
        (lambda s: s["predicate"].update(configuration=[]), r"\$\.predicate\.configuration"),
        (lambda s: s["predicate"].update(judgements={}), "expected a list"),
        (lambda s: s.update(subject=[7]), "expected an object"),
    ],
)
def test_what_does_not_follow_is_refused(change: Any, said: str) -> None:
    with pytest.raises(StatementError, match=said):
        parse_statement(edited(change))


def test_bytes_that_are_not_canonical_are_refused() -> None:
    with pytest.raises(StatementError, match="RFC 8785"):
        parse_statement(a_statement().data + b"\n")
