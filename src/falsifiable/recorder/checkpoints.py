"""Judging a checkpoint the moment it is saved: a run that is provably broken need not go on."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falsifiable.contracts import Contract, Workspace
    from falsifiable.validation import Judgement
    from falsifiable.validation.catalogue import Catalogue

_LOADED_BY = {"huggingface": "transformers-loads", "gguf": "llama-cpp-loads"}
"""The shipped contract of the program that loads a model in this format."""
_OF_ANY_MODEL = ("transformers-loads", frozenset({"artifact.sound", "weights.finite"}))
"""Of a model in another format, claims with these checks of this contract are asked: they need weights alone."""


class ProvablyBroken(Exception):
    """A claim about a checkpoint is falsified: nothing that is trained on from it can be used."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of judging one checkpoint: how many verdicts of each outcome, and what was falsified, by claim."""

    path: Path
    counts: Mapping[str, int]
    falsified: Sequence[Mapping[str, str]]

    def demand_sound(self, step: int) -> None:
        """Raise ProvablyBroken where a claim is falsified, with what was found."""
        if self.falsified:
            said = "; ".join(f"{one['falsifier']} ({one['check']}): {one['found']}" for one in self.falsified)
            raise ProvablyBroken(f"the checkpoint {self.path} of step {step} is falsified by {said}")


@dataclass(frozen=True, slots=True)
class CheckpointJudge:
    """Puts a checkpoint to the test of a few contracts.

    ``named`` are the contracts that were asked for; where there are none the format of the checkpoint chooses.
    """

    workspace: Workspace
    catalogue: Catalogue
    named: tuple[Contract, ...]

    @classmethod
    def of(cls, asked: bool | Sequence[str], folder: Path) -> CheckpointJudge:
        """The judge that was asked for: True for shipped contracts, else contracts of the workspace around ``folder``.

        Raises:
            ValueError: a contract is not valid, there is none of a name, or it has not exactly one role of a model.
        """
        from falsifiable.contracts import find_root, load_workspace, shipped_contracts
        from falsifiable.validation.catalogue import load_catalogue

        catalogue = load_catalogue()
        root = folder if asked is True else find_root(folder)
        shipped = shipped_contracts() if asked is True else None
        workspace = load_workspace(shipped or root, catalogue.signatures, contracts_folder=shipped)
        if workspace.errors:
            raise ValueError(f"checkpoints cannot be validated: {workspace.errors[0]}")
        named = () if isinstance(asked, bool) else tuple(_named(workspace, name) for name in asked)
        return cls(replace(workspace, root=root), catalogue, named)

    def judge(self, path: Path) -> Judged:
        """Put the checkpoint at ``path`` to the test."""
        from falsifiable.validation import validate_workspace

        contracts = self.named or (self._by_format(path),)
        roles = {f"{one.contract}/{_model_role(one)}": path for one in contracts}
        results = validate_workspace(self.workspace, self.catalogue, contracts=contracts, artifacts=roles)
        judgements = [one for result in results for one in result.judgements]
        counts = Counter(str(one.verdict.outcome) for one in judgements)
        return Judged(path, dict(sorted(counts.items())), tuple(_falsified(judgements)))

    def _by_format(self, path: Path) -> Contract:
        from falsifiable.artifacts import ArtifactError, open_model

        with contextlib.suppress(ArtifactError):  # artifact.sound says what is wrong with one that does not open
            stored = open_model(path).format
            if stored in _LOADED_BY:
                return _named(self.workspace, _LOADED_BY[stored])
        name, checks = _OF_ANY_MODEL
        contract = _named(self.workspace, name)
        return replace(contract, falsifiers=tuple(one for one in contract.falsifiers if one.check in checks))


def _named(workspace: Workspace, name: str) -> Contract:
    contract = next((one for one in workspace.contracts if one.contract == name), None)
    if contract is None:
        names = ", ".join(one.contract for one in workspace.contracts)
        raise ValueError(f"there is no contract {name!r} to validate checkpoints by; there are {names}")
    _model_role(contract)
    return contract


def _model_role(contract: Contract) -> str:
    roles = [name for name, one in contract.artifacts.items() if one.kind == "model"]
    if len(roles) != 1:
        raise ValueError(
            f"contract {contract.contract} has the models {', '.join(roles) or 'none'}; to validate checkpoints by it, "
            "it must have exactly one"
        )
    return roles[0]


def _falsified(judgements: Sequence[Judgement]) -> Iterator[Mapping[str, str]]:
    for one in judgements:
        if one.verdict.outcome == "falsified":
            yield {
                "contract": one.contract,
                "falsifier": one.falsifier,
                "check": one.check,
                "found": str(one.verdict.found),
            }
