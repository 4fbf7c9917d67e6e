"""Standings for a reader: one line per contract after a validation, everything in ``contract status``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from falsifiable.report.text import clean, shortened
from falsifiable.status import ContractStanding, FalsifierStanding, SideBySide, side_by_side


def print_scoreboard(recorded: Sequence[ContractStanding], local: Sequence[ContractStanding], out: TextIO) -> None:
    """One line per contract: what is recorded in the spec, and what this machine's bytes would earn."""
    here = {one.contract: one for one in local}
    width = max(map(len, ("contract", *(one.contract for one in recorded))))
    out.write(f"\n{'contract':<{width}}  {'recorded':<30} on this machine\n")
    for one in recorded:
        out.write(
            f"{one.contract:<{width}}  {one.shown:<30} {here[one.contract].shown if one.contract in here else ''}\n"
        )


def print_status(recorded: Sequence[ContractStanding], local: Sequence[ContractStanding], out: TextIO) -> None:
    """Every contract and falsifier: recorded beside local, what went stale and why, what the next level needs."""
    here = {one.contract: one for one in local}
    for contract in recorded:
        found = here.get(contract.contract)
        out.write(f"{contract.contract} {contract.version}: {contract.shown}")
        out.write(f"; on this machine {found.shown}\n" if found else "\n")
        for line in _remarks(contract):
            out.write(f"  {line}\n")
        for pair in side_by_side(contract, found):
            _print_pair(pair, out)
        out.write("\n")


def _print_pair(pair: SideBySide, out: TextIO) -> None:
    local = pair.local.shown if pair.local else "not validated here"
    recorded, claim = pair.recorded, shortened(clean(pair.recorded.claim), 60)
    out.write(f"  {recorded.falsifier:<24} {recorded.shown:<32} here: {local:<14} {claim}\n")
    for line in (*(f"stale: {why}" for why in recorded.stale), *pair.differences, *_needs(pair)):
        out.write(f"  {'':<24} {clean(line)}\n")


def _needs(pair: SideBySide) -> list[str]:
    """What the next level needs, by what is bound here where something is."""
    standing = pair.local if pair.local is not None else pair.recorded
    return [] if standing.met else [f"needs: {need}" for need in standing.needs]


def _remarks(contract: ContractStanding) -> list[str]:
    lines = [f"held back by {one}" for one in contract.held_back]
    lines += [f"stale: {why}" for why in contract.stale]
    lines += [f"cannot be told: {why}" for why in contract.undecided]
    if contract.can_discharge:
        lines += [f"not discharged: {gap}" for gap in contract.unmet]
    return [clean(line) for line in lines]


def status_as_json(recorded: Sequence[ContractStanding], local: Sequence[ContractStanding]) -> list[dict[str, Any]]:
    """The standings as JSON data, one entry per contract."""
    here = {one.contract: one for one in local}
    return [
        {
            "contract": contract.contract,
            "version": contract.version,
            "recorded": _standing(contract),
            "local": _standing(here[contract.contract]) if contract.contract in here else None,
            "falsifiers": [
                {
                    "falsifier": pair.recorded.falsifier,
                    "claim": pair.recorded.claim,
                    "ceiling": pair.recorded.ceiling.name,
                    "recorded": _falsifier(pair.recorded),
                    "local": _falsifier(pair.local) if pair.local else None,
                    "differences": list(pair.differences),
                }
                for pair in side_by_side(contract, here.get(contract.contract))
            ],
        }
        for contract in recorded
    ]


def _standing(contract: ContractStanding) -> dict[str, Any]:
    return {
        "status": contract.status.name,
        "shown": contract.shown,
        "held_back": list(contract.held_back),
        "stale": list(contract.stale),
        "unmet": list(contract.unmet),
    }


def _falsifier(standing: FalsifierStanding) -> dict[str, Any]:
    return {
        "status": standing.status.name,
        "shown": standing.shown,
        "stale": list(standing.stale),
        "needs": list(standing.needs),
        "flaky": standing.flaky,
        "evidence": standing.rests_on,
    }
