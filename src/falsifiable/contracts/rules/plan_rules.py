"""Rules about a plan: what ``contract preflight`` reads before a run starts."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule

_BUDGET = "budget: {tokens: seen, per_parameter: {at_least: 20}}"

PLAN_RULES = (
    Rule(
        "PLAN-UNKNOWN-KEY",
        "a key that a plan does not have",
        "A misspelt key that is ignored is a check that never happens, so every key must be known.",
        "smok: runs/smoke",
        "smoke: runs/smoke",
        "Correct the spelling; the message names the nearest known key and all others.",
    ),
    Rule(
        "PLAN-MISSING-KEY",
        "a key of the plan is missing",
        "A plan says what is run, on what, for how long and on which data, by which rule that is enough, and what it "
        "writes: `plan`, `command`, `device`, `steps`, `batch`, `data`, `budget`, `checkpoints`.",
        "budget: {tokens: seen}",
        _BUDGET,
        "Add the key.",
    ),
    Rule(
        "PLAN-TYPE",
        "a value of the wrong type in a plan",
        "A text stands where a number is wanted, a single value where a list is, and so on.",
        "steps: '500'",
        "steps: 500",
        "Add or remove the quotes, or the brackets of a list.",
    ),
    Rule(
        "PLAN-VALUE",
        "a value that a plan cannot have",
        "A device is cpu, cuda or cuda:0 to cuda:15; tokens are counted as seen or as distinct; counts are above 0.",
        "device: gpu",
        "device: cuda",
        "Write one of the values that the message names.",
    ),
    Rule(
        "PLAN-MODEL",
        "a plan of no model, or of two",
        "What the model is stands in the checkpoint that it starts from (`init`) or, where it starts from random "
        "weights, in the plan (`shape`): its parameters and the rows of its embedding.",
        "init: runs/reference/pretrained\nshape: {parameters: 370000000, vocab_size: 50257}",
        "init: runs/reference/pretrained",
        "Give exactly one of `init` and `shape`.",
    ),
)
