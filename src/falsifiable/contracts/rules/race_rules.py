"""Rules about ``race.yaml``: what a race asks for before its first step."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule

_STATES = "states:\n  - {state: UNDECIDED, when: [{evidence: [missing]}], action: keep}"

RACE_RULES = (
    Rule(
        "RACE-UNKNOWN-KEY",
        "a key that a race does not have",
        "A misspelt key that is ignored is a rule of the race that never applies, so every key must be known.",
        "rung: [{step: 100}]",
        "rungs: [{step: 100}]",
        "Correct the spelling; the message names the nearest known key and all others.",
    ),
    Rule(
        "RACE-MISSING-KEY",
        "a key of the race is missing",
        "A race says what is measured, what is run with which seeds, where the cohort decides and by which states: "
        "`race`, `unit`, `vocabulary_size`, `steps`, `evaluate_every`, `seeds`, `recipes`, `rungs`, `states`.",
        "recipes: {wsd: {model: HYBRID, tag: WSD}}",
        "recipes: {wsd: {model: HYBRID, number_format: FP32, tag: WSD}}",
        "Add the key.",
    ),
    Rule(
        "RACE-TYPE",
        "a value of the wrong type in a race",
        "A text stands where a number is wanted, a single value where a list is, and so on.",
        "steps: '500'",
        "steps: 500",
        "Add or remove the quotes, or the brackets of a list.",
    ),
    Rule(
        "RACE-VALUE",
        "a value that a race cannot have",
        "Rungs stand in rising order and within the race's steps, one of `step` and `share` says where; seeds differ; "
        "id spaces do not overlap; a condition of a state names quantities and words that exist.",
        "rungs: [{step: 500}, {step: 100}]",
        "rungs: [{step: 100}, {step: 500}]",
        "Write one of the values that the message names.",
    ),
    Rule(
        "RACE-STATES-HOLE",
        "a run could be in no state",
        "A decision about a run without a state is made by nobody: on real races about half of all decisions fell into "
        "such a hole. So every combination of what can be measured must have a state.",
        _STATES,
        _STATES + "\n  - {state: RACING, when: [{evidence: [comparable, diverged]}], action: rank}",
        "Add the combination that the message names to the state it belongs to.",
    ),
    Rule(
        "RACE-STATES-OVERLAP",
        "a run could be in two states",
        "Two states ask for two actions, and which of them follows would depend on the order they are read in.",
        _STATES + "\n  - {state: RACING, when: [{}], action: rank}",
        _STATES + "\n  - {state: RACING, when: [{evidence: [comparable, diverged]}], action: rank}",
        "Narrow one of the two, so that each combination has exactly one state.",
    ),
)
