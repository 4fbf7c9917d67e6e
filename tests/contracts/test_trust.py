"""``trust.yaml``: what it says is read as it is meant, or refused with the place."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from falsifiable.contracts import NOBODY, Diagnostic, PolicyEntry, TrustPolicy, read_trust, workspace_trust
from falsifiable.contracts.trust import is_forgeable
from falsifiable.evidence.keys import verifies
from tests.evidence.builders import a_key, a_policy, as_yaml

FIELD = 2**255 - 19
SMALL_ORDER = [
    *((y).to_bytes(32, "little") for y in (0, 1, FIELD - 1, FIELD, FIELD + 1)),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]


def read(text: str) -> TrustPolicy:
    policy, faults = read_trust(text.encode())
    assert faults == ()
    assert policy is not None
    return policy


def faults(text: str) -> list[Diagnostic]:
    policy, found = read_trust(text.encode())
    assert policy is None
    return list(found)


def test_the_example_of_the_module_is_a_policy() -> None:
    from falsifiable.contracts import trust

    example = (trust.__doc__ or "").partition("::\n")[2].partition("\nThe entry")[0]
    policy = read("\n".join(line.removeprefix("    ") for line in example.splitlines()))
    assert policy.allowed("ship-two", "evidence") == ("ci",)
    assert policy.allowed("ship-two", "review") == ("alice",)
    assert policy.allowed("any-other", "evidence") == ("ci",)


def test_the_entry_of_a_spec_speaks_alone() -> None:
    policy = TrustPolicy({}, {"ship": PolicyEntry(evidence=("ci",)), "*": PolicyEntry(("other",), ("alice",))})
    assert (policy.allowed("ship", "evidence"), policy.allowed("ship", "review")) == (("ci",), ())
    assert policy.allowed("boat", "review") == ("alice",)
    assert NOBODY.allowed("ship", "evidence") == ()


def test_a_workspace_without_the_file_trusts_nobody(tmp_path: Path) -> None:
    assert workspace_trust(tmp_path) == (NOBODY, ())
    (tmp_path / "trust.yaml").write_text(as_yaml(a_policy()))
    policy, _ = workspace_trust(tmp_path)
    assert policy == a_policy()
    assert policy is not None
    assert policy.signers["ci"].public_key == a_key("ci").public


def test_a_link_to_nowhere_is_no_missing_file(tmp_path: Path) -> None:
    """Whoever trusted nobody because the file cannot be found would take a broken checkout for a policy."""
    (tmp_path / "trust.yaml").symlink_to("gone.yaml")
    policy, found = workspace_trust(tmp_path)
    assert policy is None
    assert [one.rule for one in found] == ["YAML-UNREADABLE"]


def test_every_fault_is_told_with_its_place() -> None:
    text = as_yaml(a_policy()).replace("review:", "reviewers:").replace("[ci]", "[cy]") + "extra: 1\n"
    found = [(one.rule, one.line) for one in faults(text)]
    assert found == [("TRUST-UNKNOWN-KEY", 5), ("TRUST-UNKNOWN-KEY", 6)]
    named = faults(as_yaml(a_policy()).replace("[alice]", "[alise]"))
    assert [one.rule for one in named] == ["TRUST-SIGNER"]
    assert "did you mean 'alice'" in named[0].hint


@pytest.mark.parametrize(
    "key",
    ["", "A" * 43, "A" * 44, f"{'A' * 42}==", f"{'-' * 43}=", f" {'A' * 42}=", "d75a980182b10ab7d54bfed3c964073a" * 2],
)
def test_what_has_not_the_form_of_a_key_is_no_key(key: str) -> None:
    good = as_yaml(a_policy(review=()))
    text = good.replace(good.partition('"')[2].partition('"')[0], key, 1)
    assert [one.rule for one in faults(text)] == ["TRUST-VALUE"]


def test_a_key_has_one_spelling() -> None:
    """Otherwise one key could stand under two names and sign as two people."""
    key = base64.b64encode(a_key().public).decode()
    stray = key[:-2] + chr(ord(key[-2]) + 1) + "="
    assert base64.b64decode(stray) == a_key().public
    assert [one.rule for one in faults(as_yaml(a_policy()).replace(key, stray))] == ["TRUST-KEY"]


@pytest.mark.parametrize("key", SMALL_ORDER, ids=bytes.hex)
@pytest.mark.parametrize("sign", [0, 0x80], ids=["", "negative"])
def test_a_key_that_anybody_can_sign_with_is_refused(key: bytes, sign: int) -> None:
    key = key[:-1] + bytes([key[-1] | sign])
    text = as_yaml(a_policy()).replace(base64.b64encode(a_key().public).decode(), base64.b64encode(key).decode())
    assert [one.rule for one in faults(text)] == ["TRUST-KEY"]


def test_and_signatures_for_such_keys_can_really_be_made() -> None:
    """Why they are refused: R + S with S = 0 and R of small order verifies for about one message in eight or more."""
    messages = [f"message {number}".encode() for number in range(40)]
    for key in SMALL_ORDER:
        forgeries = [R + bytes(32) for R in SMALL_ORDER]
        assert any(verifies(key, forged, message) for forged in forgeries for message in messages), key.hex()
    assert not any(verifies(a_key().public, R + bytes(32), one) for R in SMALL_ORDER for one in messages)
    assert not is_forgeable(a_key().public)
