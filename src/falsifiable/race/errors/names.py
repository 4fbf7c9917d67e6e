"""What a name can break: one type for every rule of the grammar."""

from __future__ import annotations

from falsifiable.race.errors.base import RaceError

# ``text`` is the whole name everywhere, ``got`` the part of it that is at fault.


class MissingIglaPrefix(RaceError):
    """A name of another house, or of none."""

    text: str
    says = "{text!r} does not begin with IGLA-; write IGLA-MODEL-FORMAT-TAG-E0005-seed200"


class WrongCase(RaceError):
    """A fixed word of the grammar in other letters: names are told apart by case, so that one run has one name."""

    text: str
    got: str
    expected: str
    says = "{text!r} spells {got!r}, and the grammar spells it {expected}; names are case-sensitive: write {expected}"


class TrailingText(RaceError):
    """A line break, space or control character somewhere, which a log would hide."""

    text: str
    got: str
    says = "{text!r} holds {got!r}, which no name may hold; strip white space before the name is used"


class NameTooLong(RaceError):
    """A name longer than any file system and log line should have to carry."""

    text: str
    length: int
    most: int
    says = "{text!r} has {length} characters and at most {most} are accepted; shorten its tag"


class EmptySegment(RaceError):
    """Two hyphens with nothing between them, or one at the end."""

    text: str
    position: int
    says = (
        "{text!r} has an empty segment at character {position}; write one hyphen between two segments, none at the end"
    )


class MissingModelType(RaceError):
    """Nothing follows the prefix."""

    text: str
    says = "{text!r} names no model; after IGLA- comes one of the known models, such as HYBRID"


class UnknownModelType(RaceError):
    """A model that the race has no trainer for."""

    text: str
    got: str
    known: tuple[str, ...]
    says = "{text!r} names the model {got!r}, which the race does not know; known are {known}"


class MissingFormat(RaceError):
    """The number format is left out."""

    text: str
    known: tuple[str, ...]
    says = "{text!r} names no number format after the model; write one of {known}"


class UnknownNumberFormat(RaceError):
    """A number format that the race does not know."""

    text: str
    got: str
    known: tuple[str, ...]
    says = "{text!r} names the number format {got!r}, which the race does not know; known are {known}"


class MissingTag(RaceError):
    """Nothing says what the experiment is about."""

    text: str
    says = "{text!r} has no tag between its number format and its id; write what is tried, such as WSD"


class MalformedTag(RaceError):
    """A tag with letters that no tag has."""

    text: str
    got: str
    says = "{text!r}: the tag {got!r} may hold letters, digits and underscores only; rename it"


class MissingExpId(RaceError):
    """A name that is to be deployed and has no experiment id."""

    text: str
    says = (
        "{text!r} has no experiment id; claim one with contract race claim, it goes before -seed as E and four digits"
    )


class MalformedExpId(RaceError):
    """An experiment id with too few or too many digits, or in the wrong place."""

    text: str
    got: str
    says = (
        "{text!r}: {got!r} is no experiment id of its own at that place; "
        "write E and exactly four digits, once, right before -seed"
    )


class MissingRng(RaceError):
    """A name that says which experiment it is and not which seed."""

    text: str
    says = "{text!r} ends without a seed; end it with -seed and the number, such as -seed200"


class MalformedSeed(RaceError):
    """A seed without digits, with a leading zero, a sign or letters."""

    text: str
    got: str
    says = "{text!r}: {got!r} is no seed; after seed comes a whole number without leading zeros, such as seed200"


class NakedSeedInDeployName(RaceError):
    """A seed and no experiment id in a name that is to be deployed: two experiments would share it."""

    text: str
    seed: int
    says = (
        "{text!r} has seed {seed} and no experiment id, so it cannot be deployed; claim an id with contract race claim"
    )


class NotDeployable(RaceError):
    """A name that is well formed and stands for a recipe or for a run of the past."""

    text: str
    form: str
    says = (
        "{text!r} is a {form} name, which is read and never deployed; "
        "deploy the full form, MODEL-FORMAT-TAG-E0005-seed200"
    )


class ForeignGrammar(RaceError):
    """A name that a sister project's grammar accepts and this one does not: told apart, never translated silently."""

    text: str
    grammar: str
    reason: str
    says = (
        "{text!r} follows the grammar {grammar}, not this one: {reason}; "
        "rename the run, its old name stays in the ledger"
    )
