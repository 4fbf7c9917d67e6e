"""Which curves are too alike for one to test what the other taught: runs of one recipe, and near-duplicate recipes.

A predictor is judged on recipes that it has not seen. A recipe that differs from one it has seen by a date, a seed or a
setting's number is no new recipe, so all of them are held out together. The rule is fixed and looks at no final value:

1. The same recipe.
2. Recipes of the same stem: of the path's one component that is dated (what lies below a dated folder belongs to it),
   or else of its last component that is no mere place for files, the words that are left without dates, seeds, plain
   numbers, versions, numbers of steps or hours, commit hashes and words for a repetition, whatever their order.
3. Three consecutive points in common after step 0: one run logged twice, or continued under another name.

Whatever is joined to the same third is joined.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Iterator, Sequence

from falsifiable.artifacts.curves.curve import Curve

_DATE = re.compile(r"(?<!\d)(?:20\d{2}[-_.]?\d{2}[-_.]?\d{2}|20\d{2}[-_.]\d{4}|\d{8})(?!\d)")
_WORDS = re.compile(r"[^a-z0-9.]+")
_NUMBERED = re.compile(r"(?:seed|s|n|v)\d*(?:\.\d+)?|\d+(?:\.\d+)?[km]?(?:steps?|hours?|h|min|gpu)?|[0-9a-f]{7,40}")
_REPEATED = frozenset({"again", "another", "clean", "copy", "new", "rerun", "retry"})
_PLACES = frozenset(
    [
        "checkpoints", "code", "etc", "evalcode", "experiment", "experiments", "ipynb", "local", "log", "logs", "mb",
        "min", "non", "pr", "record", "records", "result", "results", "run", "runlogs", "runs", "script", "slurm",
        "this", "track",
    ]
)  # fmt: skip
_POINTS_IN_COMMON = 3


def stem(recipe: str) -> tuple[str, ...]:
    """What names a recipe once dates, seeds and numbers are left out, as sorted words."""
    parts = [part for part in recipe.split("/") if part]
    dated = next((words for part in parts if _DATE.search(part) and (words := _words(part))), None)
    if dated:
        return dated
    named = (tuple(word for word in _words(part) if word not in _PLACES) for part in reversed(parts))
    return next((words for words in named if words), (recipe,))


def _words(part: str) -> tuple[str, ...]:
    found = (word.strip(".") for word in _WORDS.split(_DATE.sub(" ", part).lower()))
    return tuple(sorted(word for word in found if re.search("[a-z]", word) and _tells(word)))


def _tells(word: str) -> bool:
    return word not in _REPEATED and not _NUMBERED.fullmatch(word)


def recipe_groups(curves: Sequence[Curve]) -> tuple[int, ...]:
    """The number of each curve's group, from 0 in the order of appearance; a group is held out as a whole."""
    leader = list(range(len(curves)))

    def leader_of(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    seen: dict[Hashable, int] = {}
    for place, curve in enumerate(curves):
        for mark in _marks(curve):
            first, second = sorted((leader_of(place), leader_of(seen.setdefault(mark, place))))
            leader[second] = first
    numbers: dict[int, int] = {}
    return tuple(numbers.setdefault(leader_of(place), len(numbers)) for place in range(len(curves)))


def _marks(curve: Curve) -> Iterator[Hashable]:
    """Whatever two curves of one group have in common, in one unit."""
    yield curve.unit, "recipe", curve.recipe
    yield curve.unit, "stem", stem(curve.recipe)
    points = [point for point in zip(curve.steps, curve.values, strict=True) if point[0] > 0]
    for start in range(len(points) - _POINTS_IN_COMMON + 1):
        some = tuple(points[start : start + _POINTS_IN_COMMON])
        if len({value for _, value in some}) > 1:  # a plateau at a rounded value is no fingerprint
            yield curve.unit, "points", some


def folds(curves: Sequence[Curve], count: int) -> tuple[int, ...]:
    """The fold of each curve, from 0 to at most ``count`` - 1: whole groups, the largest dealt first, evenly filled.

    With as many folds as groups, or more, this leaves one recipe out at a time.
    """
    groups = recipe_groups(curves)
    sizes = [(len(list(same)), group) for group, same in itertools.groupby(sorted(groups))]
    filled = [0] * max(1, min(count, len(sizes)))
    of_group = {}
    for size, group in sorted(sizes, key=lambda one: (-one[0], one[1])):
        emptiest = filled.index(min(filled))
        of_group[group] = emptiest
        filled[emptiest] += size
    return tuple(of_group[group] for group in groups)
