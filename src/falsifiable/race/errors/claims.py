"""What a claim, a deployment or a stop can break: ids, seeds, accounts, occupied slots, widths and metrics."""

from __future__ import annotations

from falsifiable.race.errors.base import RaceError


class ReusedChampionSlot(RaceError):
    """An id that belongs to a champion for good."""

    exp_id: int
    reason: str
    says = "E{exp_id:04d} is locked: {reason}; claim the next free id instead"


class NonMonotonicExpId(RaceError):
    """An id that is not above every id its space has given out."""

    got: int
    current_max: int
    says = (
        "E{got:04d} is not above E{current_max:04d}, the highest id this space has given out; "
        "let contract race claim choose it"
    )


class ExpIdOutsideSpace(RaceError):
    """An id of one space used in another."""

    exp_id: int
    space: str
    first: int
    last: int
    says = "E{exp_id:04d} lies outside the ids of {space}, E{first:04d} to E{last:04d}; claim one there"


class IdSpaceExhausted(RaceError):
    """All ids of a space are given out."""

    space: str
    last: int
    says = "all ids of {space} up to E{last:04d} are given out; widen the space in race.yaml"


class UnknownIdSpace(RaceError):
    """A space of ids that race.yaml does not declare."""

    space: str
    known: tuple[str, ...]
    says = "there is no space of ids {space!r}; race.yaml declares {known}"


class SmokeSeedOutOfRange(RaceError):
    """A smoke run with a seed that is not reserved for smoke."""

    seed: int
    low: int
    high: int
    says = "seed {seed} is no smoke seed; a smoke run takes one from {low} to {high}"


class SeedOutsideSpace(RaceError):
    """A run with a seed that its space of ids does not take."""

    seed: int
    space: str
    low: int
    high: int
    says = "seed {seed} is none that {space!r} takes, which are {low} to {high}; choose another seed or space"


class NameContradicts(RaceError):
    """A run whose name says something else than what is asked for under it."""

    run: str
    part: str
    named: str
    asked: str
    says = "{run!r} names the {part} {named}, and the run is of {asked}; rename it, readers go by it"


class ProductionSeedInSmokeRange(RaceError):
    """A production run with a seed that is reserved for smoke."""

    seed: int
    low: int
    high: int
    says = "seed {seed} is reserved for smoke runs ({low} to {high}); give the production run another seed"


class Lr9GfTooSmall(RaceError):
    """A GF16 run narrower than the format can carry (rule L-R9)."""

    h: int
    min: int
    says = "GF16 needs a width of at least {min} and this run has h={h}; widen it, or train it in another number format"


class LMetricNonBpb(RaceError):
    """A model whose primary loss is a proxy (rule L-METRIC)."""

    model: str
    got: str
    says = (
        "{model} reports {got!r} as its primary loss; only bits per byte of next-token prediction count: set it to bpb"
    )


class SlotStillOccupied(RaceError):
    """A deployment onto a slot where something still runs."""

    target: str
    occupants: tuple[str, ...]
    says = "{target!r} is still occupied by {occupants}; stop what runs there first, or pass --force-replace"


class AccountRequired(RaceError):
    """A write that does not say on whose account it is done."""

    verb: str
    says = "{verb} changes something and names no account; pass --account with one that race.yaml lists"


class UnknownAccount(RaceError):
    """An account that race.yaml does not list."""

    account: str
    known: tuple[str, ...]
    says = "there is no account {account!r}; race.yaml lists {known}"


class CrossAccountKillForbidden(RaceError):
    """One account stopping the run of another."""

    run: str
    owner: str
    account: str
    says = "{account!r} may not stop {run!r}, which belongs to {owner!r}; ask its owner, or act as {owner}"


class IdempotencyKeyRequired(RaceError):
    """A claim without the key that makes it safe to repeat."""

    verb: str
    says = "{verb} names no idempotency key, so a repeated request would act twice; pass --key with a text of your own"


class IdempotencyConflict(RaceError):
    """One key used for two different requests."""

    key: str
    first: str
    now: str
    says = "key {key!r} was first used for {first}, and now for {now}; use a new key for a new request"
