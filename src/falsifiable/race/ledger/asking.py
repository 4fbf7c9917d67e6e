"""What a person asks for on the command line, completed from what the race itself says of its recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falsifiable.artifacts.races.rows import CorpusPin
from falsifiable.race.deciding.plan import Recipe
from falsifiable.race.ledger.claims import ID_PLACE, Entry
from falsifiable.race.ledger.entrants import SMOKE, canon_name
from falsifiable.race.ledger.names import check_deployable, parse_canon


class NotInPlan(Exception):
    """Something that was asked for and that the race does not say; the message names what it does say."""


def entry_from_plan(
    document: Mapping[str, Any],
    recipe: str,
    seed: int,
    *,
    space: str | None = None,
    name: str | None = None,
    slot: str = "",
    project: str = "",
) -> Entry:
    """The entry of a run of ``recipe`` with ``seed``, its configuration, steps and corpus taken from ``race.yaml``.

    Args:
        document: what ``race.yaml`` holds.
        recipe: one of its recipes.
        seed: the run's seed.
        space: the space of ids; by default the race's own, and ``smoke`` where it names none.
        name: the run's name, ``{exp_id}`` standing for the id; by default the canon name of the recipe.
        slot: where it runs; by default its recipe and seed.
        project: the project it is charged to.

    Raises:
        NotInPlan: the race has no such recipe, or names no corpus or steps.
        RaceError: the name follows no form of the grammar that may be deployed.
    """
    recipes, corpus, steps = document.get("recipes") or {}, document.get("corpus"), document.get("steps")
    if recipe not in recipes:
        raise NotInPlan(f"the race has no recipe {recipe!r}; it has {', '.join(sorted(recipes)) or 'none'}")
    if not isinstance(corpus, Mapping) or not isinstance(steps, int):
        raise NotInPlan("the race names no corpus or no steps; a claim says what its run is trained on, and how long")
    wanted = space or document.get("space") or SMOKE
    asked = recipes[recipe]
    named = name or canon_name(Recipe(asked["model"], asked["number_format"], asked["tag"]), seed, wanted)
    check_deployable(parse_canon(named.replace(ID_PLACE, "0001")), smoke=wanted == SMOKE)
    return Entry(
        name=named,
        recipe=recipe,
        seed=seed,
        space=wanted,
        config=asked.get("config") or {},
        steps=steps,
        corpus=CorpusPin(corpus["name"], corpus["train_sha256"], corpus["validation_sha256"]),
        slot=slot,
        project=project,
    )
