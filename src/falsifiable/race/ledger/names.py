"""Canon names: what a run of a race may be called, in four forms, and which rule any other text breaks.

======  ==================================  =============================================================
form    looks like                          stands for
======  ==================================  =============================================================
base    ``IGLA-MODEL-NUM-TAG``              a recipe, without id and seed
smoke   ``IGLA-MODEL-NUM-TAG-SMOKE-seedN``  a smoke run; N lies in the window of smoke seeds
legacy  ``IGLA-MODEL-NUM-TAG-seedN``        a run from before ids were claimed: read, never deployed
full    ``IGLA-MODEL-NUM-TAG-EXXXX-seedN``  a run; XXXX are exactly four digits, N has no leading zero
======  ==================================  =============================================================

The full form is this regular expression, matched whole, with ASCII digits, and with the longest model first, because a
model may hold a hyphen::

    IGLA-(MODEL)-(NUM)-((?!E\\d+(?:-|$))[A-Za-z0-9_]+(?:-(?!E\\d+-)[A-Za-z0-9_]+)*)-E(\\d{4})-seed(0|[1-9]\\d*)

The text is read from the left, segment by segment, and the first rule that it breaks is named by the error's type.
Law: ``parse_canon(name.text) == name``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from falsifiable.race.errors import (
    EmptySegment,
    ForeignGrammar,
    MalformedExpId,
    MalformedSeed,
    MalformedTag,
    MissingExpId,
    MissingFormat,
    MissingIglaPrefix,
    MissingModelType,
    MissingRng,
    MissingTag,
    NakedSeedInDeployName,
    NameContradicts,
    NameTooLong,
    NotDeployable,
    RaceError,
    SmokeSeedOutOfRange,
    TrailingText,
    UnknownModelType,
    UnknownNumberFormat,
    WrongCase,
)

Form = Literal["base", "smoke", "legacy", "full"]

MAX_NAME_CHARACTERS = 200
SMOKE = "SMOKE"
SMOKE_SEEDS = range(500, 600)
"""The seeds that only smoke runs use, and all of which are smoke runs (tripwire 106 of the reference race)."""

_SEGMENT = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_EXP_ID = re.compile(r"E(\d{4})", re.ASCII)
_LIKE_EXP_ID = re.compile(r"E\d+", re.ASCII)
_LIKE_LOWER_EXP_ID = re.compile(r"e\d+", re.ASCII)
_SEED = re.compile(r"0|[1-9]\d*", re.ASCII)
_RNG = re.compile(r"rng\d+", re.ASCII)
_NOT_IN_A_NAME = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")

_RNG_GRAMMAR = "MODEL-FORMAT-E0005[-TAG]-rng1"
_LANE_GRAMMAR = "LANE-FORMAT-h384-LR0003-rng1-ALGORITHM"
_LANE = re.compile(r"-h\d+-LR[\d.]+(?:-[A-Za-z0-9_.]+)*-rng\d+(?:-|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Grammar:
    """The words that a race's names are made of; the order of the segments is fixed.

    The defaults are those of the reference race.
    """

    prefix: str = field(default="IGLA", metadata={"description": "how every name of the race begins"})
    models: tuple[str, ...] = field(
        default=("JEPA-T", "NCA", "PHI", "HYBRID", "TRINITY3K", "TRAIN_V2", "TJEPA", "MUON"),
        metadata={"description": "the models there is a trainer for"},
    )
    number_formats: tuple[str, ...] = field(
        default=(
            "FP32", "FP16", "BF16", "FP8E4M3", "FP8E5M2", "DLFLOAT", "GF8", "GF16", "GF32", "GF64", "GFTERN",
        ),
        metadata={"description": "the number formats a run may be trained in"},
    )  # fmt: skip


IGLA = Grammar()


@dataclass(frozen=True, slots=True)
class CanonName:
    """A name in its parts.

    Attributes:
        text: the name, whole.
        form: which of the four forms it has.
        model, number_format, tag: what is trained, in which numbers, and what is tried. The tag of a smoke name is
            without ``SMOKE``, so that a smoke run and the run it rehearses share a recipe.
        exp_id: the experiment id of a full name, else None.
        seed: the seed, None for a base name.
    """

    text: str
    form: Form
    model: str
    number_format: str
    tag: str
    exp_id: int | None
    seed: int | None

    @property
    def recipe(self) -> str:
        """What is trained, id and seed aside: ``HYBRID-FP32-WSD``."""
        return f"{self.model}-{self.number_format}-{self.tag}"


def parse_canon(text: str, grammar: Grammar = IGLA) -> CanonName:
    """The parts of the name ``text``. Raises the :class:`RaceError` of the first rule that it breaks."""
    _check_characters(text)
    rest = _after_prefix(text, grammar)
    if _LANE.search(text):
        reason = "it has rng instead of seed and no experiment id, and its width and learning rate are no tag"
        raise ForeignGrammar(text, _LANE_GRAMMAR, reason)
    model, rest = _model(text, rest, grammar)
    segments = rest.split("-") if rest else []
    _check_rng_grammar(text, segments)
    number_format = _number_format(text, segments, grammar)
    tail = _tail(text, segments[1:])
    return CanonName(text, _form(tail), model, number_format, "-".join(tail.tag), tail.exp_id, tail.seed)


def canon_fault(text: str, grammar: Grammar = IGLA) -> RaceError | None:
    """The first rule that ``text`` breaks, as a value; None for a name."""
    try:
        parse_canon(text, grammar)
    except RaceError as error:
        return error
    return None


def name_fault(
    text: str, *, smoke: bool = False, seed: int | None = None, exp_id: int | None = None, grammar: Grammar = IGLA
) -> str:
    """Why a run may not be deployed under the name ``text``, as the error and its sentence; "" where it may.

    Args:
        text: the name.
        smoke: whether it is deployed by the smoke gate, which takes smoke names alone.
        seed, exp_id: of the run, where they are known: what a name says of them has to be true.
        grammar: the words that names are made of.
    """
    try:
        name = parse_canon(text, grammar)
        check_deployable(name, smoke=smoke)
        if smoke and name.form != "smoke":
            return f"NotDeployable: {text} is no smoke name, and this is the smoke gate"
        for part, named, own in (("seed", name.seed, seed), ("id", name.exp_id, exp_id)):
            if named is not None and own is not None and named != own:
                raise NameContradicts(text, part, str(named), str(own))
    except RaceError as error:
        return f"{error.name}: {error}"
    return ""


def full_name(recipe: str, exp_id: int, seed: int, grammar: Grammar = IGLA) -> CanonName:
    """The full name of the run of ``recipe`` (``HYBRID-FP32-WSD``) with this id and seed.

    Raises the RaceError of the rule that the result would break, such as an id of five digits.
    """
    return parse_canon(f"{grammar.prefix}-{recipe}-E{exp_id:04d}-seed{seed}", grammar)


def smoke_name(recipe: str, seed: int, grammar: Grammar = IGLA) -> CanonName:
    """The name of the smoke run of ``recipe`` with this seed. Raises the RaceError of the rule it would break."""
    return parse_canon(f"{grammar.prefix}-{recipe}-{SMOKE}-seed{seed}", grammar)


def check_deployable(name: CanonName, *, smoke: bool = False) -> None:
    """Refuse what may be read and not deployed: only full names are, and smoke names inside the smoke gate.

    Args:
        name: the name to deploy.
        smoke: whether it is deployed by the smoke gate.

    Raises:
        MissingExpId: a base name.
        NakedSeedInDeployName: a legacy name.
        NotDeployable: a smoke name outside the smoke gate.
    """
    if name.form == "base":
        raise MissingExpId(name.text)
    if name.form == "legacy":
        raise NakedSeedInDeployName(name.text, name.seed or 0)
    if name.form == "smoke" and not smoke:
        raise NotDeployable(name.text, name.form)


class _Tail(NamedTuple):
    """What follows the number format."""

    tag: list[str]
    smoke: bool
    exp_id: int | None
    seed: int | None


def _check_characters(text: str) -> None:
    if len(text) > MAX_NAME_CHARACTERS:
        raise NameTooLong(text, len(text), MAX_NAME_CHARACTERS)
    if odd := _NOT_IN_A_NAME.search(text):
        raise TrailingText(text, odd[0])


def _after_prefix(text: str, grammar: Grammar) -> str:
    """What follows the prefix and its hyphen."""
    prefix = f"{grammar.prefix}-"
    if not text.startswith(prefix):
        if text.upper().startswith(prefix.upper()):
            raise WrongCase(text, text[: len(prefix) - 1], grammar.prefix)
        raise MissingIglaPrefix(text)
    rest = text.removeprefix(prefix)
    if not rest:
        raise MissingModelType(text)
    place = f"{text}-".find("--")
    if place >= 0:
        raise EmptySegment(text, place + 2)
    return rest


def _model(text: str, rest: str, grammar: Grammar) -> tuple[str, str]:
    """The model that ``rest`` begins with, the longest first, and what follows it."""
    for model in sorted(grammar.models, key=len, reverse=True):
        if f"{rest}-".startswith(f"{model}-"):
            return model, rest[len(model) + 1 :]
    got = rest.partition("-")[0]
    for model in grammar.models:
        if f"{rest}-".upper().startswith(f"{model}-".upper()):
            raise WrongCase(text, rest[: len(model)], model)
    raise UnknownModelType(text, got, grammar.models)


def _check_rng_grammar(text: str, segments: list[str]) -> None:
    """Refuse the grammar of the sister project that deployed most of the runs there are."""
    if len(segments) < 2 or not _RNG.fullmatch(segments[-1]):
        return
    if _EXP_ID.fullmatch(segments[1]):
        raise ForeignGrammar(text, _RNG_GRAMMAR, "its experiment id stands before the tag, and it has rng, not seed")
    raise ForeignGrammar(text, _RNG_GRAMMAR, "it ends with rng instead of seed")


def _number_format(text: str, segments: list[str], grammar: Grammar) -> str:
    got = segments[0] if segments else ""
    if got in grammar.number_formats:
        return got
    if not got or _LIKE_EXP_ID.fullmatch(got) or got == SMOKE or got.startswith("seed"):
        raise MissingFormat(text, grammar.number_formats)
    if got.upper() in grammar.number_formats:
        raise WrongCase(text, got, got.upper())
    raise UnknownNumberFormat(text, got, grammar.number_formats)


def _tail(text: str, segments: list[str]) -> _Tail:
    """Tag, id and seed, taken from the right."""
    for one in segments:
        if not _SEGMENT.fullmatch(one):
            raise MalformedTag(text, one)
    seed = _seed(text, segments[-1]) if segments else None
    rest = segments if seed is None else segments[:-1]
    exp_id = _exp_id(text, rest[-1]) if rest else None
    tag = rest if exp_id is None else rest[:-1]
    smoke = exp_id is None and tag[-1:] == [SMOKE]
    tag = tag[:-1] if smoke else tag
    if not tag:
        raise MissingTag(text)
    _check_tag(text, tag, full=exp_id is not None)
    if seed is None and (smoke or exp_id is not None):
        raise MissingRng(text)
    return _Tail(tag, smoke, exp_id, seed)


def _seed(text: str, last: str) -> int | None:
    """The seed that the last segment gives, None where it is no seed at all."""
    if not last.lower().startswith("seed"):
        return None
    digits = last[len("seed") :]
    if not _SEED.fullmatch(digits):
        raise MalformedSeed(text, digits)
    if not last.startswith("seed"):
        raise WrongCase(text, last, f"seed{digits}")
    return int(digits)


def _exp_id(text: str, last: str) -> int | None:
    """The experiment id that the segment before the seed gives, None where it is none at all."""
    if found := _EXP_ID.fullmatch(last):
        return int(found[1])
    if _LIKE_EXP_ID.fullmatch(last):
        raise MalformedExpId(text, last)
    if _LIKE_LOWER_EXP_ID.fullmatch(last):
        raise WrongCase(text, last, last.upper())
    return None


def _check_tag(text: str, tag: list[str], *, full: bool) -> None:
    """Refuse an id inside the tag; and, where no id ends the tag, a word that would be taken for a seed."""
    for one in tag:
        if _LIKE_EXP_ID.fullmatch(one):
            raise MalformedExpId(text, one)
        if not full and _RNG.fullmatch(one):
            raise ForeignGrammar(text, _RNG_GRAMMAR, f"it has {one} instead of seed")
        if not full and one.startswith("seed"):
            raise MalformedSeed(text, one)


def _form(tail: _Tail) -> Form:
    if tail.exp_id is not None:
        return "full"
    if tail.seed is None:
        return "base"
    if not tail.smoke:
        return "legacy"
    if tail.seed not in SMOKE_SEEDS:
        raise SmokeSeedOutOfRange(tail.seed, SMOKE_SEEDS[0], SMOKE_SEEDS[-1])
    return "smoke"
