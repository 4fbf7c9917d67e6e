"""The runs that a race starts with, as what each of them claims in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from falsifiable.artifacts.races.rows import CorpusPin
from falsifiable.race.deciding.plan import RacePlan, Recipe
from falsifiable.race.ledger.claims import ID_PLACE, SMOKE, Entry

DEFAULT_ACCOUNT = "local"


class UnclaimableError(ValueError):
    """A race whose runs cannot be claimed, because race.yaml lacks what every claim needs."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One run to be claimed.

    Attributes:
        entry: what it asks the ledger for.
        account: on whose account; accounts take turns.
        key: of its claim: asking again, after a crash for example, gives the same run.
    """

    entry: Entry
    account: str
    key: str


def entrants(plan: RacePlan) -> tuple[Entrant, ...]:
    """The experiments of the chosen phase; without one every recipe with every seed, seed by seed, so that a race that
    ends early has something of each recipe.

    Raises:
        UnclaimableError: the plan names no corpus.
    """
    pairs = [(one.recipe, one.seed) for one in plan.experiments]
    pairs = pairs or [(recipe, seed) for seed in plan.seeds for recipe in plan.recipes]
    accounts = tuple(plan.accounts) or (DEFAULT_ACCOUNT,)
    return tuple(
        entrant(plan, recipe, seed, accounts[number % len(accounts)]) for number, (recipe, seed) in enumerate(pairs)
    )


def entrant(plan: RacePlan, recipe: str, seed: int, account: str) -> Entrant:
    """A recipe with a seed as what it claims."""
    if plan.corpus is None:
        raise UnclaimableError(
            f"race {plan.race} names no corpus, so nobody could say what its runs were to be trained on; add "
            "'corpus: {name: ..., train_sha256: ..., validation_sha256: ...}' to race.yaml"
        )
    space = plan.space or SMOKE
    corpus = CorpusPin(plan.corpus.name, plan.corpus.train_sha256, plan.corpus.validation_sha256)
    entry = Entry(
        name=canon_name(plan.recipes[recipe], seed, space),
        recipe=recipe,
        seed=seed,
        space=space,
        config=dict(plan.recipes[recipe].config),
        steps=plan.steps,
        corpus=corpus,
    )
    return Entrant(entry, account, f"{plan.race}/{recipe}/seed{seed}")


def canon_name(recipe: Recipe, seed: int, space: str) -> str:
    """The canon name of a run: the smoke form in the space ``smoke``, elsewhere the full form with its id to come."""
    middle = "SMOKE" if space == SMOKE else f"E{ID_PLACE}"
    return f"IGLA-{recipe.model}-{recipe.number_format}-{recipe.tag}-{middle}-seed{seed}"


def mirrors_of(plan: RacePlan, recipe: str, seeds: tuple[int, ...], account: str) -> Iterator[Entrant]:
    """The runs that a promotion or a replacement asks for: the recipe with other seeds, on the leader's account."""
    return (entrant(plan, recipe, seed, account) for seed in seeds)
