"""``contract evidence``: keys, signatures, reviews and the audit, as a person meets them."""

from __future__ import annotations

import json
import os
import pty
import stat
import sys
from pathlib import Path

import click
import pytest

from falsifiable.cli.evidence import command
from falsifiable.contracts import workspace_trust
from falsifiable.evidence import (
    Statement,
    evidence_folder,
    read_evidence,
    read_private_key,
    write_key_pair,
    write_signature,
    write_statement,
)
from tests.evidence.builders import (
    FALLEN,
    a_key,
    a_policy,
    as_yaml,
    claim,
    commit_all,
    context,
    git,
    judgement,
    statement,
)
from tests.evidence.builders import contract as a_contract

CONTRACT = """\
contract: packaging
version: 1.0.0
title: What a reader of the file needs
spec: ship
artifacts:
  trained: {kind: model}
falsifiers:
  - {id: ROWS, claim: Every weight is a finite number, check: weights.finite, on: {model: trained}}
"""

PACKAGING = a_contract("packaging", claim("ROWS"))


@pytest.fixture
def workspace(here: Path) -> Path:
    """A committed workspace with two statements, of which the second supersedes the first; nobody signed them."""
    (here / "contracts").mkdir()
    (here / "contracts" / "packaging.yaml").write_text(CONTRACT)
    git(here, "init", "-q")
    commit = commit_all(here, "begin")
    first = statement(PACKAGING, context=context(commit), run_id="run-1")
    fallen = judgement(PACKAGING, verdict=FALLEN)
    second = statement(PACKAGING, fallen, context=context(commit), run_id="run-2", supersedes=(first.sha256,))
    for one in (first, second):
        write_statement(evidence_folder(here, "ship"), one)
    commit_all(here, "evidence")
    return here


@pytest.fixture
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Private keys of people, outside the workspace."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ci", "alice", "mallory"):
        write_key_pair(folder / f"{name}.pem", a_key(name))
    return {name: folder / f"{name}.pem" for name in ("ci", "alice", "mallory")}


def statements(workspace: Path) -> list[Statement]:
    """The first and the second."""
    return sorted(read_evidence(evidence_folder(workspace, "ship")).statements, key=lambda one: one.run_id or "")


def trust(workspace: Path) -> None:
    (workspace / "trust.yaml").write_text(as_yaml(a_policy()))


def signatures(workspace: Path) -> list[str]:
    return sorted(path.name for path in evidence_folder(workspace, "ship").glob("*.dsse.json"))


@pytest.mark.parametrize("verb", ["keygen", "sign", "verify", "show", "log", "review"])
def test_every_verb_can_be_learned_from_its_help(contract, verb):
    done = contract("evidence", verb, "--help")
    assert done.code == 0
    options = [one for one in command.commands[verb].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []
    assert all(one.opts[0] in done.out for one in options)


def test_a_key_is_made_for_its_owner_and_the_line_to_trust_it_is_printed(contract, here):
    done = contract("evidence", "keygen", "keys/ci.pem")
    assert done.code == 0, done.err
    assert stat.S_IMODE((here / "keys/ci.pem").stat().st_mode) == 0o600
    line = done.out.splitlines()[-1].strip()
    (here / "trust.yaml").write_text(f"signers:\n  {line.replace('NAME', 'ci')}\nspecs:\n  ship: {{evidence: [ci]}}\n")
    policy, faults = workspace_trust(here)
    assert faults == ()
    assert policy is not None
    again = contract("evidence", "keygen", "keys/ci.pem")
    assert again.code == 2
    assert "keys/ci.pem is there already" in again.err


def test_no_verb_prints_key_material(contract, workspace, keys):
    trust(workspace)
    made = contract("evidence", "keygen", "ci.pem")
    secret = (workspace / "ci.pem").read_text().splitlines()[1]
    head = statements(workspace)[1].sha256
    calls = [
        made,
        contract("evidence", "sign", head[:12], "--key", "ci.pem"),
        contract("evidence", "sign", head[:12], "--key", "ci.pem", "--debug"),
        contract("evidence", "review", head[:12], "--key", "ci.pem", "--by", "alice"),
        contract("evidence", "keygen", "ci.pem"),
        contract("evidence", "verify"),
        contract("evidence", "show", head[:12], "--format", "json"),
        contract("evidence", "log"),
    ]
    (workspace / "ci.pem").write_text("-----BEGIN PRIVATE KEY-----\n" + secret[:-4] + "\n-----END PRIVATE KEY-----\n")
    calls.append(contract("evidence", "sign", head[:12], "--key", "ci.pem"))
    assert calls[-1].code == 2
    said = "".join(one.out + one.err for one in calls)
    assert "PRIVATE" not in said
    assert secret not in said
    assert secret[24:60] not in said


def test_what_is_not_committed_yet_is_signed(contract, workspace, keys):
    """What was just recorded here; what somebody else committed is not signed by the way."""
    trust(workspace)
    done = contract("evidence", "sign", "--key", keys["ci"])
    assert (done.code, signatures(workspace)) == (0, [])
    assert "nothing to sign: every statement is committed" in done.out
    new = statement(PACKAGING, run_id="run-3", supersedes=(statements(workspace)[1].sha256,))
    write_statement(evidence_folder(workspace, "ship"), new)
    done = contract("evidence", "sign", "--key", keys["ci"])
    name = f"{new.sha256}.{a_key('ci').keyid}.dsse.json"
    assert done.out == f"signed packaging {new.sha256[:12]}: spec/ship/evidence/{name}\n"
    assert (done.err, signatures(workspace)) == ("", [name])
    again = contract("evidence", "sign", "--key", keys["ci"])
    assert "was signed before with this key: packaging" in again.out


def test_what_is_named_is_signed_and_all_that_is_current(contract, workspace, keys):
    first, second = statements(workspace)
    done = contract("evidence", "sign", "--key", keys["ci"], first.sha256[:8], f"{second.sha256}.json")
    assert done.code == 0
    assert {name[:64] for name in signatures(workspace)} == {first.sha256, second.sha256}
    assert f"note: trust.yaml does not let the key {a_key('ci').keyid[:12]} sign evidence of ship" in done.err
    done = contract("evidence", "sign", "--key", keys["alice"], "--all")
    assert [name[:64] for name in signatures(workspace) if a_key("alice").keyid in name] == [second.sha256]
    both = contract("evidence", "sign", "--key", keys["ci"], "--all", first.sha256)
    assert (both.code, "not both" in both.err) == (4, True)


def test_a_prefix_of_several_is_answered_with_all_of_them(contract, workspace, keys):
    digests = [one.sha256 for one in statements(workspace)]
    number = 0
    while not any(one[0] == other[0] for one in digests for other in digests if one != other):
        more = statement(PACKAGING, run_id=f"more-{number}")
        write_statement(evidence_folder(workspace, "ship"), more)
        digests.append(more.sha256)
        number += 1
    first = next(one[0] for one in digests if sum(other[0] == one[0] for other in digests) > 1)
    alike = [one for one in sorted(digests) if one[0] == first]
    done = contract("evidence", "sign", first, "--key", keys["ci"])
    assert done.code == 4
    assert f"{len(alike)} statements begin with '{first}'; give more digits:" in done.err
    assert all(f"\n  {one}  packaging (ship)" in done.err for one in alike)
    none = contract("evidence", "show", "zzz")
    assert (none.code, "no statement's sha256 begins with 'zzz'; contract evidence log lists all" in none.err) == (
        4,
        True,
    )
    assert contract("evidence", "show", "").code == 4


def test_sound_evidence_is_verified(contract, workspace, keys):
    trust(workspace)
    done = contract("evidence", "verify")
    assert (done.code, done.err) == (0, "")
    assert done.out == "2 statements, 0 signed by someone trusted, 0 reviews: all are what they claim to be\n"
    refused = contract("evidence", "verify", "--require-signed")
    assert refused.code == 1
    assert "without a signature that counts: nobody has signed it" in refused.out
    contract("evidence", "sign", "--all", "--key", keys["ci"])
    signed = contract("evidence", "verify", "--require-signed", "--format", "json")
    assert signed.code == 0
    assert json.loads(signed.out) == {"findings": [], "statements": 2, "signed": 1, "reviews": 0}


def test_every_way_to_end(contract, workspace, keys, tmp_path):
    trust(workspace)
    _, second = statements(workspace)
    write_signature(evidence_folder(workspace, "ship"), second.data, a_key("ci"))
    (signature,) = signatures(workspace)
    path = evidence_folder(workspace, "ship") / signature
    whole = path.read_bytes()
    forged = json.loads(whole)
    forged["signatures"][0]["sig"] = "A" * 86 + "=="
    path.write_text(json.dumps(forged))
    done = contract("evidence", "verify")
    assert (done.code, "the signature that names the key of ci is not of these bytes" in done.out) == (1, True)
    path.write_bytes(whole)

    (workspace / "contracts" / "other.yaml").write_text(CONTRACT.replace("packaging", "other").replace("ROWS", "MORE"))
    commit_all(workspace)
    git(workspace, "clone", "-q", "--depth", "1", f"file://{workspace}", str(tmp_path / "shallow"))
    done = contract("evidence", "verify", "--root", tmp_path / "shallow")
    assert (done.code, "fetch-depth: 0" in done.out) == (2, True)

    (workspace / "trust.yaml").write_text("signers: {}\nspecs:\n  ship: {evidence: [ci]}\n")
    done = contract("evidence", "verify")
    assert (done.code, "trust.yaml:3:21: error TRUST-SIGNER" in done.err) == (4, True)
    assert "nobody's signature can be weighed" in done.err


def test_a_workspace_without_evidence_is_nothing_examined(contract, here):
    (here / "contracts").mkdir()
    (here / "contracts" / "packaging.yaml").write_text(CONTRACT)
    done = contract("evidence", "verify")
    assert (done.code, done.out.partition(",")[0]) == (3, "0 statements")
    for arguments in ([], ["--contract", "packaging"]):
        done = contract("evidence", "log", *arguments)
        assert (done.code, done.out) == (3, "no evidence has been recorded here\n")


def test_without_the_library_signatures_are_not_taken_for_good(contract, workspace, keys, monkeypatch):
    trust(workspace)
    contract("evidence", "sign", "--all", "--key", keys["ci"])
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for arguments in (["verify"], ["log"], ["sign", "--all", "--key", keys["ci"]], ["keygen", "new.pem"]):
        done = contract("evidence", *arguments)
        assert (done.code, "pip install 'falsifiable[signatures]'" in done.err) == (2, True), arguments


def test_one_statement_is_shown(contract, workspace, keys):
    trust(workspace)
    first, second = statements(workspace)
    contract("evidence", "sign", second.sha256, "--key", keys["ci"])
    contract("evidence", "sign", second.sha256, "--key", keys["mallory"])
    contract("evidence", "review", second.sha256, "--key", keys["alice"], "--by", "alice")
    done = contract("evidence", "show", second.sha256[:12])
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == f"statement     {second.sha256}"
    assert f"supersedes    {first.sha256[:12]}" in lines
    assert "superseded by nothing" in lines
    assert "signatures    signed by ci" in lines
    assert (
        f"              it is signed with the key {a_key('mallory').keyid[:12]}, which trust.yaml does not name"
        in lines
    )
    assert "reviews       alice" in lines
    assert "  ROWS: falsified: tensor layers.0 differs" in lines
    as_json = json.loads(contract("evidence", "show", second.sha256[:12], "--format", "json").out)
    assert as_json["statement"] == second.to_json()
    assert (as_json["signers"], as_json["reviewers"], as_json["counts"]["failed"]) == (["ci"], ["alice"], 1)


def test_the_log_is_in_the_order_of_succession(contract, workspace, keys):
    trust(workspace)
    first, second = statements(workspace)
    contract("evidence", "sign", second.sha256, "--key", keys["ci"])
    contract("evidence", "review", second.sha256, "--key", keys["alice"], "--by", "alice")
    commit = f"commit {first.context.commit[:12]}"
    assert contract("evidence", "log").out.splitlines() == [
        "packaging (ship), 2 statements",
        f"  {first.sha256[:12]}  {commit}  run run-1  1 passed, 0 warned, 0 failed  unsigned",
        f"  {second.sha256[:12]}  {commit}  run run-2  0 passed, 0 warned, 1 failed"
        "  signed by ci  reviewed by alice  current",
    ]
    listed = json.loads(contract("evidence", "log", "--contract", "packaging", "--format", "json").out)
    assert [one["sha256"] for one in listed] == [first.sha256, second.sha256]
    assert listed[0]["superseded_by"] == [second.sha256]
    wrong = contract("evidence", "log", "--contract", "packagin")
    assert (wrong.code, "there is no evidence about 'packagin'; there is about packaging" in wrong.err) == (4, True)


def test_a_review_is_signed_and_says_when_it_will_count(contract, workspace, keys):
    (_, second) = statements(workspace)
    created = ["--created", "2026-11-21T17:50:00Z"]
    done = contract("evidence", "review", second.sha256[:12], "--key", keys["alice"], "--by", "alice", *created)
    assert done.code == 0, done.err
    (path,) = (workspace / "spec/ship/reviews").iterdir()
    assert done.out == f"alice reviewed packaging {second.sha256[:12]}: spec/ship/reviews/{path.name}\n"
    assert f"does not let the key {a_key('alice').keyid[:12]} sign reviews of ship; it counts once it does" in done.err
    trust(workspace)
    done = contract("evidence", "review", second.sha256[:12], "--key", keys["alice"], "--by", "alice", *created)
    assert (done.err, len(list((workspace / "spec/ship/reviews").iterdir()))) == ("", 1)
    done = contract("evidence", "review", second.sha256[:12], "--key", keys["alice"], "--by", "bob", *created)
    assert "note: trust.yaml names this key alice, so a review by bob does not count" in done.err
    wrong = contract(
        "evidence", "review", second.sha256[:12], "--key", keys["alice"], "--by", "alice", "--created", "today"
    )
    assert (wrong.code, "expected a time in UTC" in wrong.err) == (4, True)


def test_a_key_that_others_can_read_signs_nothing(contract, workspace, keys):
    keys["ci"].chmod(0o644)
    done = contract("evidence", "sign", "--all", "--key", keys["ci"])
    assert (done.code, "chmod 600" in done.err, signatures(workspace)) == (2, True, [])


def test_a_broken_statement_is_named_and_not_signed(contract, workspace, keys):
    _, second = statements(workspace)
    path = evidence_folder(workspace, "ship") / f"{second.sha256}.json"
    path.write_bytes(path.read_bytes()[:-1])
    done = contract("evidence", "sign", "--key", keys["ci"])
    assert "was edited or cut" in done.err
    assert signatures(workspace) == []
    assert contract("evidence", "sign", second.sha256[:12], "--key", keys["ci"]).code == 4


def test_a_passphrase_comes_from_the_environment(contract, workspace, monkeypatch):
    monkeypatch.setenv("FALSIFIABLE_KEY_PASSPHRASE", "open sesame")
    assert contract("evidence", "keygen", "--encrypt", "ci.pem").code == 0
    assert "ENCRYPTED" in (workspace / "ci.pem").read_text()
    assert contract("evidence", "sign", "--all", "--key", "ci.pem").code == 0
    monkeypatch.setenv("FALSIFIABLE_KEY_PASSPHRASE", "open barley")
    wrong = contract("evidence", "sign", "--all", "--key", "ci.pem")
    assert (wrong.code, "the passphrase does not open it" in wrong.err) == (2, True)
    monkeypatch.delenv("FALSIFIABLE_KEY_PASSPHRASE")
    nobody = contract("evidence", "sign", "--all", "--key", "ci.pem")
    assert (nobody.code, "set FALSIFIABLE_KEY_PASSPHRASE" in nobody.err) == (4, True)
    assert "sesame" not in wrong.out + wrong.err + nobody.out + nobody.err


def on_a_terminal(*arguments: str, typed: list[str]) -> tuple[int, str]:
    """Run ``contract ARGUMENTS`` on a terminal of its own, typing a line at each prompt; its exit code and output."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.pop("FALSIFIABLE_KEY_PASSPHRASE", None)
        os.execv(sys.executable, [sys.executable, "-m", "falsifiable", *arguments])
    said, prompts = b"", 0
    while True:
        try:
            part = os.read(terminal, 1024)
        except OSError:  # the other side has closed
            part = b""
        if not part:
            break
        said += part
        if said.count(b": ") > prompts and said.endswith(b": ") and typed:
            prompts = said.count(b": ")
            os.write(terminal, typed.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), said.decode()


def test_a_passphrase_is_asked_for_and_not_shown(here):
    code, said = on_a_terminal("evidence", "keygen", "--encrypt", "ci.pem", typed=["open sesame", "open sesame"])
    assert code == 0, said
    assert "Passphrase of ci.pem" in said
    assert "sesame" not in said
    assert read_private_key(here / "ci.pem", lambda: "open sesame").keyid in said


def test_from_the_recording_to_a_verified_signature(shop, keys):
    """The whole way, with the real commands: record, sign, commit, verify; and a falsifier that is edited later."""
    (shop.root / "trust.yaml").write_text(as_yaml(a_policy()).replace('"ship"', "shop"))
    assert shop.contract("record").returncode == 0
    signed = shop.contract("evidence", "sign", "--key", keys["ci"])
    assert signed.returncode == 0, signed.stderr
    shop.commit("evidence")
    verified = shop.contract("evidence", "verify", "--require-signed")
    assert verified.returncode == 0, verified.stdout
    assert "1 statement, 1 signed by someone trusted" in verified.stdout
    check = shop.contract("record", "--check")
    assert check.returncode == 0, check.stdout
    (path,) = (shop.root / "spec/shop/evidence").glob("*.dsse.json")
    path.write_bytes(path.read_bytes()[:-9])
    check = shop.contract("record", "--check")
    assert (check.returncode, "is no signature" in check.stdout) == (1, True), "a torn signature is a torn statement"
