"""What a person asks for on the command line, completed from what the race itself says of its recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falsifiable.artifacts.races.rows import CorpusPin
from falsifiable.race.deciding.plan import Recipe
from falsifiable.race.errors import NameContradicts
from falsifiable.race.ledger.claims import ID_PLACE, SMOKE, Entry
from falsifiable.race.ledger.entrants import canon_name
from falsifiable.race.ledger.names import CanonName, check_deployable, parse_canon

_NAMED = ("model", "number_format", "tag")
_PINNED = ("name", "train_sha256", "validation_sha256")


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
        RaceError: the name follows no form of the grammar that may be deployed, or is another recipe's.
    """
    asked, config = _recipe(document, recipe)
    corpus, steps = _corpus(document), document.get("steps")
    if corpus is None or not isinstance(steps, int):
        raise NotInPlan("the race names no corpus or no steps; a claim says what its run is trained on, and how long")
    wanted = space or document.get("space") or SMOKE
    named = name or canon_name(asked, seed, wanted)
    canon = parse_canon(named.replace(ID_PLACE, "0001"))
    check_deployable(canon, smoke=wanted == SMOKE)
    _check_recipe(named, canon, asked)
    return Entry(named, recipe, seed, wanted, config, steps, corpus, slot, project)


def _recipe(document: Mapping[str, Any], recipe: str) -> tuple[Recipe, Mapping[str, Any]]:
    """The recipe as the plan has it, and its configuration. Raises NotInPlan."""
    recipes = document.get("recipes")
    recipes = recipes if isinstance(recipes, Mapping) else {}
    if recipe not in recipes:
        raise NotInPlan(f"the race has no recipe {recipe!r}; it has {', '.join(sorted(recipes)) or 'none'}")
    asked = recipes[recipe] if isinstance(recipes[recipe], Mapping) else {}
    model, number_format, tag = (asked.get(part) for part in _NAMED)
    config = asked.get("config") or {}
    if not all(isinstance(one, str) for one in (model, number_format, tag)) or not isinstance(config, Mapping):
        said = f"the race says of {recipe!r} no model, number_format and tag, or no mapping as its config"
        raise NotInPlan(f"{said}; the ledger was made by hand, make it with contract race run")
    return Recipe(str(model), str(number_format), str(tag)), config


def _corpus(document: Mapping[str, Any]) -> CorpusPin | None:
    corpus = document.get("corpus")
    parts = [corpus.get(part) for part in _PINNED] if isinstance(corpus, Mapping) else [None]
    return CorpusPin(*map(str, parts)) if all(isinstance(one, str) for one in parts) else None


def _check_recipe(name: str, canon: CanonName, asked: Recipe) -> None:
    """Raise NameContradicts where a name names another recipe than the one that will run under it."""
    for part in _NAMED:
        if getattr(canon, part) != getattr(asked, part):
            raise NameContradicts(name, part, getattr(canon, part), getattr(asked, part))
