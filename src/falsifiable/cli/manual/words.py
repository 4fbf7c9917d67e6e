"""The words of verdicts, statuses and ships, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "held": "A verdict: the check looked at something and could not refute the claim.",
    "falsified": "A verdict: the check refuted the claim, and says what it found and where. The exit code is 1.",
    "inconclusive": (
        "A verdict: the claim was neither refuted nor upheld, for a reason that is named: a role that is not bound, a "
        "library that is absent, a crash, a time-out, or nothing to examine. It never counts as held. With --strict "
        "the exit code is 3."
    ),
    "vacuous": (
        "A check that ships no counterexample, or holds on one, cannot fail. Its held verdicts count for nothing; "
        "contract challenge names it."
    ),
    "mutation": (
        "A fault of a known kind that contract challenge plants in memory in whatever is bound, else in a specimen: a "
        "field removed, a row of a matrix zeroed, a line of a log left out. The mutator alone decides where it "
        "applies. It is killed when a falsifier that holds on the original is falsified on the mutant; an inconclusive "
        "verdict kills nothing. A contract's score is the share that its own falsifiers kill of what could go wrong "
        "with its roles; the score of the whole counts what any contract kills. Falsifiers that only compare with a "
        "recorded digest or a copy are left out: they notice any change and understand none. One that refutes the same "
        "content in other bytes is found out as such."
    ),
    "unguarded": (
        "A key of a contract: per role, generic mutations that no claim notices, each with the reason why that is "
        "accepted. They are shown with it and count as survivors, never as killed."
    ),
    "PROPOSED": "A status: declared, and not yet run, or not yet proven able to fail.",
    "PARTIAL": (
        "A status: it held on generated or sample inputs, or on files of unknown origin, and every counterexample of "
        "its check was falsified."
    ),
    "INTEGRATION": (
        "A status: it held on real files, each of which stands with its sha256 in a run record or an origin record."
    ),
    "DISCHARGED": "A status: it held on a run that meets the contract's discharge conditions, read from the files.",
    "STALE": (
        "Evidence that no longer applies, because the claim, a parameter, the check's source or the commit changed. "
        "It does not count; contract status says what changed."
    ),
    "ship": (
        "The ship percentage is points discharged over points declared, and nothing else. A criterion of a ship.yaml "
        "is discharged when all its falsifiers are, as far as each can be, under what their contracts require; its "
        "quorum is met; and no tripwire stands tripped without a review."
    ),
    "quorum": (
        "How many recordings must hold, each with another value of one observation, such as the seed of the run. "
        "Recordings that a later one superseded count; stale, falsified, flaky ones and files of unknown origin do not."
    ),
    "tripwire": (
        "A measurement that is too good to be true. Where it is met a criterion is held for review, and its points "
        "count for nothing until somebody signs a review of the statement that measured it."
    ),
    "waiver": (
        "Somebody goes ahead without a criterion until a day that is named. It is shown and counted, and never read as "
        "discharged."
    ),
    "FLAKY": "Evidence that holds two different verdicts on the same bytes. It bars DISCHARGED.",
}
