"""Hand-written signatures and a smallest contract, so that these tests need no real check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from falsifiable.contracts import (
    CheckSignature,
    ContractFile,
    Diagnostic,
    Kind,
    Parameter,
    check_contracts,
    read_contract,
)

BASE = """\
contract: example
version: 1.0.0
title: The export can be loaded
artifacts:
  export: {kind: model}
falsifiers:
  - id: FALSIFY-001
    claim: It loads
    check: artifact.sound
    on: {artifact: export}
"""


def _signature(
    name: str, roles: dict[str, Kind], *parameters: Parameter, optional: tuple[str, ...] = ()
) -> CheckSignature:
    return CheckSignature(
        name=name,
        summary=f"What {name} refutes",
        module="falsifiers.example",
        distribution="falsifiers",
        roles=roles,
        optional_roles=optional,
        parameters={one.name: one for one in parameters},
    )


@pytest.fixture(scope="session")
def signatures() -> Mapping[str, CheckSignature]:
    checks = [
        _signature("artifact.sound", {"artifact": "model"}),
        _signature(
            "vocabulary.fits-model",
            {"tokenizer": "tokenizer", "model": "model"},
            Parameter("bound", "choice", default="at-most", choices=("at-most", "exactly"), description="how tightly"),
        ),
        _signature(
            "forward.agrees",
            {"model": "model", "corpus": "corpus"},
            Parameter("cosine", "criterion", required=True, description="of the logits"),
            Parameter("loss", "criterion", default={"below": 9.0}),
            Parameter("length", "integer", default=16),
            Parameter("scale", "number", default=1.0),
            Parameter("layers", "texts", default=["first", "last"]),
            Parameter("causal", "boolean", default=True),
            Parameter("dtype", "text"),
            Parameter("padding", "scalar", default=0),
            optional=("corpus",),
        ),
        _signature("command.exits", {"command": "command"}),
    ]
    return {check.name: check for check in checks}


@pytest.fixture(scope="session")
def base() -> str:
    return BASE


@pytest.fixture(scope="session")
def complete() -> Callable[[str], str]:
    """A piece of a contract -> a whole contract, in which the piece's keys take the place of the smallest one's."""

    def completed(piece: str) -> str:
        given = set(re.findall(r"^(\w+):", piece, re.MULTILINE))
        blocks = re.findall(r"^\w+:.*\n(?:[ -].*\n)*", BASE, re.MULTILINE)
        return "".join(block for block in blocks if block.partition(":")[0] not in given) + piece + "\n"

    return completed


@pytest.fixture(scope="session")
def check(signatures: Mapping[str, CheckSignature]) -> Callable[..., tuple[ContractFile, ...]]:
    """Contract texts -> the files read and checked together, called a.yaml, b.yaml, ..."""

    def checked(*texts: str | bytes) -> tuple[ContractFile, ...]:
        raw = [text if isinstance(text, bytes) else text.encode() for text in texts]
        files = [read_contract(one, shown=f"{name}.yaml") for name, one in zip("abcdefgh", raw, strict=False)]
        return check_contracts(files, signatures)

    return checked


@pytest.fixture(scope="session")
def faults(check: Callable[..., tuple[ContractFile, ...]]) -> Callable[..., list[Diagnostic]]:
    """Contract texts -> all their diagnostics."""
    return lambda *texts: [one for file in check(*texts) for one in file.diagnostics]
