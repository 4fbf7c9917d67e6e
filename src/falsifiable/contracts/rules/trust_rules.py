"""Rules about ``trust.yaml``: whose signatures count."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule

# Both are hashes of a sentence: nobody has the private half, should somebody copy an example.
_CI = 'ci: {key: "f7tICzy94nYPbae1yfvTUemCSff8f61KlrBkUtSHxHo="}'
_ALICE = 'alice: {key: "8ei+0E5QxaQpnFAfOAscj3YpSAzuiwkCPV5N9lnyNYQ="}'
_SIGNERS = f"signers:\n  {_CI}"

TRUST_RULES = (
    Rule(
        "TRUST-UNKNOWN-KEY",
        "a key that a trust policy does not have",
        "A misspelt key that is ignored could leave a spec without the signers it was meant to have, so every key must "
        "be known. A policy has `signers` and `specs`, a signer its `key`, a spec `evidence` and `review`.",
        "specs:\n  ship-two: {reviews: [ci]}",
        "specs:\n  ship-two: {review: [ci]}",
        "Correct the spelling; the message names the nearest known key and all others.",
    ),
    Rule(
        "TRUST-MISSING-KEY",
        "a key of the trust policy is missing",
        "A policy says who signs with which key (`signers`), and what each of them may sign (`specs`).",
        "signers:\n  ci: {description: the release job}",
        _SIGNERS,
        "Add the key.",
    ),
    Rule(
        "TRUST-TYPE",
        "a value of the wrong type in a trust policy",
        "Signers are a mapping of names, and those who may sign stand in a list, also where it is only one.",
        "specs:\n  ship-two: {evidence: ci}",
        "specs:\n  ship-two: {evidence: [ci]}",
        "Add the brackets of the list, or the quotes of the text.",
    ),
    Rule(
        "TRUST-VALUE",
        "a value that a trust policy cannot have",
        "A key is the base64 of the 32 bytes of an Ed25519 public key: 44 characters, the last of them `=`. A path to "
        "a file, a PEM block or a fingerprint is none. Names are lower-case words joined by hyphens.",
        "signers:\n  ci: {key: keys/ci.pub}",
        _SIGNERS,
        "Copy the line that `contract evidence keygen` printed.",
    ),
    Rule(
        "TRUST-KEY",
        "a key that is no key to trust",
        "Some values have the form of a public key, and signatures that fit them can be made by anybody: those of "
        "small order, all zeros among them. And a key is written in one way, with no stray bits in its last character.",
        f'signers:\n  ci: {{key: "{"A" * 43}="}}',
        _SIGNERS,
        "Make a key with `contract evidence keygen`, and copy the line it prints.",
    ),
    Rule(
        "TRUST-KEY-TWICE",
        "one key under two names",
        "Whoever holds the key could sign as either, and two signatures of one key would look like those of "
        "two people.",
        f"signers:\n  {_CI}\n  {_CI.replace('ci', 'carol', 1)}",
        f"signers:\n  {_CI}\n  {_ALICE}",
        "Give every key one name.",
    ),
    Rule(
        "TRUST-SIGNER",
        "somebody who may sign and has no key",
        "Who may sign evidence or reviews must stand under `signers`, or their signatures can never count.",
        f"{_SIGNERS}\nspecs:\n  ship-two: {{evidence: [cy]}}",
        f"{_SIGNERS}\nspecs:\n  ship-two: {{evidence: [ci]}}",
        "Correct the spelling of the name, or add the signer.",
    ),
)
