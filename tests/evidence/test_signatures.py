"""Signatures beside statements: found, handed on, and refused where they lie about what they sign."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from falsifiable.evidence import (
    Envelope,
    Statement,
    StatementError,
    canonical_json,
    envelope_of,
    parse_envelope,
    parse_statement,
    read_evidence,
    sha256_of,
    verified,
    write_signature,
    write_statement,
)
from falsifiable.evidence.store import Evidence
from tests.evidence.builders import a_key, a_policy, contract, statement

FIRST = statement(contract(), run_id="first")
SECOND = statement(contract(), run_id="second")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two statements, the first signed by ci."""
    for one in (FIRST, SECOND):
        write_statement(tmp_path, one)
    write_signature(tmp_path, FIRST.data, a_key())
    return tmp_path


def path_of(folder: Path, of: Statement = FIRST, name: str = "ci") -> Path:
    return folder / f"{of.sha256}.{a_key(name).keyid}.dsse.json"


def problems(folder: Path) -> list[str]:
    """What is said of files that are not what they should be; they are handed on as nothing."""
    evidence = read_evidence(folder)
    assert len(evidence.statements) == 2
    assert all(one.path.name.endswith(".dsse.json") for one in evidence.problems)
    return [one.message for one in evidence.problems]


def test_a_signature_lies_beside_what_it_signs_and_is_read_with_it(folder: Path) -> None:
    evidence = read_evidence(folder)
    (one,) = evidence.signatures_of(FIRST)
    assert (one.statement, one.keyid, one.path) == (FIRST.sha256, a_key().keyid, path_of(folder))
    assert one.value == envelope_of(FIRST.data, a_key()).signature
    assert evidence.signatures_of(SECOND) == ()
    assert evidence.problems == ()


def test_several_people_sign_beside_each_other(folder: Path) -> None:
    write_signature(folder, FIRST.data, a_key("alice"))
    assert {one.keyid for one in read_evidence(folder).signatures[FIRST.sha256]} == {
        a_key("ci").keyid, a_key("alice").keyid,
    }  # fmt: skip


def test_signing_twice_writes_nothing(folder: Path) -> None:
    before = path_of(folder).stat()
    assert write_signature(folder, FIRST.data, a_key()) == (path_of(folder), False)
    path_of(folder).write_text(json.dumps(json.loads(path_of(folder).read_bytes()), indent=1))
    spaced = path_of(folder).read_bytes()
    assert write_signature(folder, FIRST.data, a_key()) == (path_of(folder), False)
    assert path_of(folder).read_bytes() == spaced, "in other words it is the same signature"
    assert before.st_size < path_of(folder).stat().st_size


def test_signing_again_mends_a_broken_signature(folder: Path) -> None:
    path_of(folder).write_bytes(path_of(folder).read_bytes()[:100])
    assert write_signature(folder, FIRST.data, a_key()) == (path_of(folder), True)
    assert problems(folder) == []


def test_evidence_of_two_folders_together_holds_every_signature_once(folder: Path, tmp_path: Path) -> None:
    alone = Evidence((FIRST,), (), {FIRST.sha256: read_evidence(folder).signatures_of(FIRST)})
    both = read_evidence(folder) + alone
    assert both.signatures == read_evidence(folder).signatures
    write_signature(folder, FIRST.data, a_key("alice"))
    assert len((alone + read_evidence(folder)).signatures_of(FIRST)) == 2


def test_a_signature_moved_beside_another_statement_is_refused(folder: Path) -> None:
    path_of(folder).rename(path_of(folder, SECOND))
    assert read_evidence(folder).signatures == {}
    (said,) = problems(folder)
    assert said == f"holds a signature of {FIRST.sha256[:12]}..., not of the statement it is named by and lies beside"


def test_a_signature_under_the_name_of_another_key_is_refused(folder: Path) -> None:
    path_of(folder).rename(path_of(folder, name="alice"))
    assert read_evidence(folder).signatures == {}
    assert problems(folder) == [f"is of the key {a_key().keyid[:12]}..., not of the one it is named by"]


def test_a_swapped_payload_is_refused(folder: Path) -> None:
    """The bytes in the envelope are another statement's, and the signature would be good for them."""
    path_of(folder).write_bytes(envelope_of(SECOND.data, a_key()).data)
    assert read_evidence(folder).signatures == {}
    assert "not of the statement it is named by" in problems(folder)[0]


def test_a_payload_of_equal_json_in_other_bytes_is_refused(folder: Path) -> None:
    """A signature over a pretty-printed statement is none of the statement that lies here."""
    spaced = json.dumps(json.loads(FIRST.data), indent=1).encode()
    assert json.loads(spaced) == json.loads(FIRST.data)
    path_of(folder).write_bytes(envelope_of(spaced, a_key()).data)
    assert read_evidence(folder).signatures == {}
    assert len(problems(folder)) == 1


def test_a_cut_envelope_is_reported(folder: Path) -> None:
    path_of(folder).write_bytes(path_of(folder).read_bytes()[:-20])
    assert problems(folder)[0].startswith("is no signature: not JSON")


@pytest.mark.parametrize(
    "name", ["{sha}.key.dsse.json", "{sha}.dsse.json", "latest.dsse.json", "{sha}.{sha}.x.dsse.json"]
)
def test_a_file_with_another_name_is_reported(folder: Path, name: str) -> None:
    (folder / name.format(sha=FIRST.sha256)).write_bytes(envelope_of(FIRST.data, a_key()).data)
    assert problems(folder) == ["is not named STATEMENT.KEYID.dsse.json, both in 64 hexadecimal digits"]


def test_a_signature_without_its_statement_is_reported(folder: Path) -> None:
    gone = statement(contract(), run_id="gone")
    write_signature(folder, gone.data, a_key())
    assert problems(folder) == [f"signs the statement {gone.sha256[:12]}..., which is not here"]


def test_one_torn_statement_is_one_problem_and_not_two(folder: Path) -> None:
    (folder / f"{FIRST.sha256}.json").write_bytes(FIRST.data[:100])
    evidence = read_evidence(folder)
    assert [one.path.name for one in evidence.problems] == [f"{FIRST.sha256}.json"]
    assert evidence.signatures == {}


def test_a_folder_or_a_named_pipe_is_not_waited_for(folder: Path) -> None:
    path_of(folder).unlink()
    os.mkfifo(path_of(folder))
    path_of(folder, SECOND).mkdir()
    assert problems(folder) == ["cannot be read: not a regular file"] * 2


def test_replayed_on_other_bytes_a_statement_is_none(folder: Path) -> None:
    """Old evidence made to speak for new bytes: under its own name it is torn, under its new one it is not itself."""
    data = json.loads(FIRST.data)
    data["subject"][0]["digest"]["sha256"] = "f" * 64
    forged = canonical_json(data)
    with pytest.raises(StatementError, match=r"\$\.subject"):
        parse_statement(forged)
    (folder / f"{FIRST.sha256}.json").write_bytes(forged)
    (folder / f"{sha256_of(forged)}.json").write_bytes(forged)
    evidence = read_evidence(folder)
    assert [one.sha256 for one in evidence.statements] == [SECOND.sha256]
    assert evidence.signatures == {}
    assert len(evidence.problems) == 2


def test_replayed_in_every_place_it_is_another_statement_which_nobody_signed(folder: Path) -> None:
    """Whoever also changes the judgements gets a well-formed statement; the signature stays with the old one."""
    forged_text = FIRST.data.replace(b"a" * 64, b"f" * 64)
    forged = parse_statement(forged_text)
    assert forged.to_json()["subject"] != FIRST.to_json()["subject"]
    write_statement(folder, forged)
    old = parse_envelope(path_of(folder).read_bytes())
    path_of(folder, forged).write_bytes(Envelope(forged.data, old.keyid, old.signature).data)
    evidence = read_evidence(folder)
    assert len(evidence.signatures_of(forged)) == 1, "it has the form of a signature; trust tells that it is forged"
    assert verified(forged, evidence.signatures_of(forged), a_policy(), "ship").outcome == "invalid"
    assert verified(FIRST, evidence.signatures_of(FIRST), a_policy(), "ship").outcome == "signed"
