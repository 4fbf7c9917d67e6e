"""``trust.yaml``: whose signatures count, and for which spec.

The file stands in the workspace root. A key is written out, as ``contract evidence keygen`` prints it, so that a policy
is one file and means the same wherever it is read::

    signers:
      ci: {key: "f7tICzy94nYPbae1yfvTUemCSff8f61KlrBkUtSHxHo=", description: the release job}
      alice: {key: "8ei+0E5QxaQpnFAfOAscj3YpSAzuiwkCPV5N9lnyNYQ="}
    specs:
      ship-two: {evidence: [ci], review: [alice]}
      "*": {evidence: [ci]}

The entry of a spec speaks alone: what stands under ``"*"`` is not added to it. A signer that is taken out of the file
no longer counts, whenever the signature was made; there is no date of expiry, because evidence bears no date.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from falsifiable.contracts.builder import INVALID, Builder, ShapeRules
from falsifiable.contracts.diagnostics import Diagnostic
from falsifiable.contracts.faults import Faults
from falsifiable.contracts.limits import DEFAULT_LIMITS, ContractLimits
from falsifiable.contracts.model import CONTRACT_NAME
from falsifiable.contracts.nodes import Index, index
from falsifiable.contracts.shapes import record_shape
from falsifiable.contracts.yaml_reader import read_yaml

TRUST_FILE = "trust.yaml"
EVERY_OTHER_SPEC = "*"

Purpose = Literal["evidence", "review"]
PURPOSES: tuple[Purpose, ...] = ("evidence", "review")

_RULES = ShapeRules(
    unknown_key="TRUST-UNKNOWN-KEY",
    missing_key="TRUST-MISSING-KEY",
    type="TRUST-TYPE",
    value="TRUST-VALUE",
)
_NAME = {"pattern": CONTRACT_NAME, "expected": "a signer: lower-case words joined by hyphens, such as release-job"}
_KEY = "the 44 characters that `contract evidence keygen` prints: base64 of a raw Ed25519 public key"


@dataclass(frozen=True, slots=True)
class Signer:
    """Someone whose signatures can count; ``key`` is the base64 of the 32 bytes of an Ed25519 public key."""

    key: str = field(
        metadata={"pattern": r"^[A-Za-z0-9+/]{43}=$", "expected": _KEY, "description": "the public key, in base64"}
    )
    description: str = field(default="", metadata={"description": "who this is, for whoever reads the policy"})

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the key."""
        return base64.b64decode(self.key)


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """Whose signatures count for one spec: under its evidence, and under reviews of that evidence."""

    evidence: tuple[str, ...] = field(default=(), metadata={**_NAME, "description": "who may sign evidence"})
    review: tuple[str, ...] = field(default=(), metadata={**_NAME, "description": "who may sign reviews"})


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Whose signatures count. The empty policy, which a workspace without the file has, trusts nobody."""

    signers: Mapping[str, Signer] = field(
        metadata={
            "key_pattern": CONTRACT_NAME,
            "key_expected": _NAME["expected"],
            "description": "names and their public keys",
        }
    )
    specs: Mapping[str, PolicyEntry] = field(
        metadata={
            "key_pattern": rf"^\*$|{CONTRACT_NAME}",
            "key_expected": 'a spec such as ship-two, or "*" for all that are not named',
            "description": "who may sign what",
        }
    )

    def allowed(self, spec: str, purpose: Purpose) -> tuple[str, ...]:
        """The names of those who may sign for ``purpose`` in ``spec``."""
        entry = self.specs.get(spec) or self.specs.get(EVERY_OTHER_SPEC) or PolicyEntry()
        return entry.evidence if purpose == "evidence" else entry.review


NOBODY = TrustPolicy({}, {})
"""The policy of a workspace without ``trust.yaml``."""


def read_trust(
    source: Path | bytes, *, shown: str = TRUST_FILE, limits: ContractLimits = DEFAULT_LIMITS
) -> tuple[TrustPolicy | None, tuple[Diagnostic, ...]]:
    """The policy in a file, or None, and everything that is wrong with it.

    Whoever judges a change must read the policy as it was before that change, or it could name its own signer.

    Args:
        source: the file, or its bytes.
        shown: the path to name in diagnostics.
        limits: what the file may cost.
    """
    file = read_yaml(source, shown=shown, limits=limits)
    if file.root is None:
        return None, file.diagnostics
    faults = Faults(file.path, limits)
    built = Builder(faults, _RULES).build(replace(record_shape(TrustPolicy), title="trust policy"), file.root)
    if built is not INVALID:
        places = index(file.root)
        _check_keys(built, places, faults)
        _check_names(built, places, faults)
    diagnostics = tuple(sorted((*file.diagnostics, *faults.sorted()), key=lambda one: (one.line, one.column)))
    return (None if diagnostics or built is INVALID else built), diagnostics


def workspace_trust(root: Path) -> tuple[TrustPolicy | None, tuple[Diagnostic, ...]]:
    """The policy of the workspace ``root``: :data:`NOBODY` where it has no ``trust.yaml``."""
    path = root / TRUST_FILE
    if not (path.exists() or path.is_symlink()):
        return NOBODY, ()
    return read_trust(path)


def _check_keys(policy: TrustPolicy, places: Index, faults: Faults) -> None:
    """Every key is one that only its owner can sign with, written the one way, and has one name."""
    names: dict[bytes, str] = {}
    for name, signer in policy.signers.items():
        position = places["signers", name, "key"][1].position
        if base64.b64encode(signer.public_key).decode() != signer.key:
            faults.add(
                "TRUST-KEY", position, f"the key of {name} has stray bits in its last character", f"write {_KEY}"
            )
        elif is_forgeable(signer.public_key):
            message = f"the key of {name} is a point of small order: anybody can make signatures that fit it"
            faults.add("TRUST-KEY", position, message, "make a key with `contract evidence keygen`")
        elif signer.public_key in names:
            message = f"the key of {name} is that of {names[signer.public_key]}"
            faults.add("TRUST-KEY-TWICE", position, message, "give one name to one key")
        names.setdefault(signer.public_key, name)


def _check_names(policy: TrustPolicy, places: Index, faults: Faults) -> None:
    """Whoever is allowed something has a key."""
    for spec, entry in policy.specs.items():
        for purpose in PURPOSES:
            for number, name in enumerate(getattr(entry, purpose)):
                if name not in policy.signers:
                    position = places["specs", spec, purpose, number][1].position
                    message = f"{name} is allowed to sign, and has no key under 'signers'"
                    faults.unknown("TRUST-SIGNER", position, name, message, policy.signers, "signers")


_FIELD = 2**255 - 19
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        _FIELD,  # 0 and 1 again, not reduced
        _FIELD + 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)
"""The y-coordinates, sign left out, of the points of edwards25519 whose order divides its cofactor, 8."""


def is_forgeable(public_key: bytes) -> bool:
    """Whether a signature of any message under this Ed25519 key can be made without a private key."""
    return int.from_bytes(public_key, "little") & (2**255 - 1) in _SMALL_ORDER
