"""What the fixtures ``model``, ``tokenizer`` and ``run`` hand to a test: the artifact that a workspace binds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from falsifiable.artifacts import ArtifactError
from falsifiable.testing.session import ContractSession

if TYPE_CHECKING:
    from falsifiable.validation.binding import Role

FixtureKind = Literal["model", "tokenizer", "run"]
ROLES: Mapping[FixtureKind, tuple[str, ...]] = {
    "model": ("model", "trained", "export"),
    "tokenizer": ("tokenizer",),
    "run": ("run",),
}
"""The roles a fixture stands for, the first that is bound."""


def bound_artifact(config: pytest.Config, kind: FixtureKind, role: str | None) -> Any:
    """The artifact bound to ``role`` (else to the first of the roles that the fixture stands for), opened.

    Roles are bound as for contracts: by artifacts.yaml, ``--contracts-run`` and ``--contracts-artifact``, the last
    winning. The test is skipped where nothing is bound, and fails where what is bound cannot be read.
    """
    from falsifiable.artifacts.kinds import open_artifact

    names = ROLES[kind] if role is None else (role,)
    for one in _bindings(config, kind, names):
        try:
            return open_artifact(kind, one[0], pattern=one[1])
        except ArtifactError as error:
            pytest.fail(str(error), pytrace=False)
    wanted = " or ".join(names)
    pytest.skip(f"no {kind} is bound: name the role {wanted} in artifacts.yaml, or pass "
                f"--contracts-artifact {names[0]}=PATH")  # fmt: skip
