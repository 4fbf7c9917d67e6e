"""What generic mutations left behind: which of them some claim guards, and which nobody does.

*What is counted.* The unit is a mutation of an artifact. It is applicable where its mutator can make it and it changes
what the artifact means; the mutator decides that by looking at the artifact alone. It is killed when a scored falsifier
of some contract, bound to that artifact, holds on the original and is falsified on the mutant. A verdict that becomes
inconclusive kills nothing.

*Who is scored.* A falsifier that only compares with a recorded digest or with a copy is left out: it notices any change
and understands none. Declared ones say so (``compares_copies``); one that refutes an artifact written anew, with the
same content in other bytes, is found out and left out too. So is one that is vacuous, or that does not hold on the
original.

*Two scores.* A contract's own score says how much of what could go wrong with its roles it notices by itself; a narrow
contract has a low one, and that is no fault. The score of the whole is over all artifacts and all contracts asked: a
flipped weight must be noticed by somebody, and need not be by the contract that speaks of the tokenizer. Unless the
whole matrix is asked for, costly falsifiers judge survivors only, so that a contract may kill more than is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Fate = Literal["killed", "survived", "inconclusive", "not asked"]


@dataclass(frozen=True, slots=True)
class MutationResult:
    """One mutation of one artifact: what every scored falsifier said, by ``contract/falsifier``.

    ``accepted`` is the reason that a contract gives under ``unguarded`` for a mutation that nobody notices.
    """

    name: str
    describes: str
    guards: str
    fates: Mapping[str, Fate] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    accepted: str = ""

    @property
    def killers(self) -> tuple[str, ...]:
        """The falsifiers that noticed."""
        return tuple(one for one, fate in self.fates.items() if fate == "killed")

    @property
    def killed(self) -> bool:
        """Whether any falsifier noticed."""
        return bool(self.killers)


@dataclass(frozen=True, slots=True)
class ArtifactResult:
    """All mutations of one artifact; ``places`` are the ``contract/role`` it stands for.

    ``not_applicable`` maps the mutations that mean nothing here to the reason.
    """

    label: str
    kind: str
    places: tuple[str, ...]
    mutations: tuple[MutationResult, ...]
    not_applicable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContractScore:
    """How many of the applicable mutations of a contract's roles its own falsifiers killed."""

    contract: str
    killed: int
    applicable: int


@dataclass(frozen=True, slots=True)
class MutationReport:
    """The whole matrix. ``left_out`` maps falsifiers that are not scored to the reason.

    ``unknown_reasons`` are the ``contract/role/name`` under ``unguarded`` that no mutation is called.
    """

    artifacts: tuple[ArtifactResult, ...]
    contracts: tuple[ContractScore, ...]
    left_out: Mapping[str, str]
    unknown_reasons: tuple[str, ...] = ()

    @property
    def applicable(self) -> int:
        """Mutations that mean something, over all artifacts."""
        return sum(len(one.mutations) for one in self.artifacts)

    @property
    def killed(self) -> int:
        """Those that some claim guards."""
        return sum(mutation.killed for one in self.artifacts for mutation in one.mutations)

    @property
    def survivors(self) -> tuple[tuple[ArtifactResult, MutationResult], ...]:
        """Those that no claim guards, explained or not."""
        return tuple((one, each) for one in self.artifacts for each in one.mutations if not each.killed)

    @property
    def unexplained(self) -> tuple[tuple[ArtifactResult, MutationResult], ...]:
        """Survivors for which no contract gives a reason."""
        return tuple((one, each) for one, each in self.survivors if not each.accepted)

    def kills(self) -> Mapping[str, tuple[int, int]]:
        """Scored falsifier -> how many mutations it kills, and how many of those no other of its contract does."""
        found: dict[str, list[int]] = {}
        for artifact in self.artifacts:
            for mutation in artifact.mutations:
                for one in mutation.fates:
                    count = found.setdefault(one, [0, 0])
                    prefix = one.partition("/")[0] + "/"
                    count[0] += one in mutation.killers
                    count[1] += [each for each in mutation.killers if each.startswith(prefix)] == [one]
        return {one: (killed, alone) for one, (killed, alone) in found.items()}

    def reaches(self, share: float) -> bool:
        """Whether at least this share was killed. Where nothing is applicable, nothing was reached."""
        return self.applicable > 0 and self.killed >= share * self.applicable
