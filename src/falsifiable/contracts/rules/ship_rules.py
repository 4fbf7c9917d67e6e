"""Rules about ship files: what ``spec/<spec>/ship.yaml`` promises, and the way there."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule

_STEP = "step: 5f, title: Wire it, hours: 8"
_CRITERION = "id: AC-001, text: The export loads"
_ROADMAP = """\
roadmap:
  - {step: 5e, title: Read the checkpoint, hours: 2, done_when: [FALSIFY-001]}
  - {step: 5f, title: Wire it, hours: 8, done_when: [FALSIFY-001]%s}"""
_DELIVERABLE = """\
deliverables:
  model:
    title: The model
    criteria:
      - {%s}"""
_QUORUM = _DELIVERABLE % f"{_CRITERION}, points: 5, falsifiers: [FALSIFY-001], quorum: %s"
_WAIVER = "waivers:\n  - {criterion: AC-001, owner: A. Person, reason: no fixture yet, expires: %s}"

SHIP_RULES = (
    Rule(
        "SHIP-UNKNOWN-KEY",
        "a key that a ship file does not have",
        "A misspelt key that is ignored is a point, a requirement or a tripwire that counts for nothing, so every key "
        "must be known.",
        f"roadmap:\n  - {{{_STEP}, done_when: [FALSIFY-001], require: []}}",
        f"roadmap:\n  - {{{_STEP}, done_when: [FALSIFY-001], requires: []}}",
        "Correct the spelling; the message names the nearest known key and all others.",
    ),
    Rule(
        "SHIP-MISSING-KEY",
        "a key of the ship file is missing",
        "A criterion has an id, a text, points and falsifiers. A step says what it is, how long it takes and what "
        "shows that it is done: without the last it would be done as soon as somebody says so.",
        f"roadmap:\n  - {{{_STEP}}}",
        f"roadmap:\n  - {{{_STEP}, done_when: [FALSIFY-001]}}",
        "Add the key.",
    ),
    Rule(
        "SHIP-TYPE",
        "a value of the wrong type in a ship file",
        "A text stands where a number is wanted, a single value where a list is, and so on. A step such as 5.1 must be "
        "quoted, or it is a number.",
        _DELIVERABLE % f"{_CRITERION}, points: many, falsifiers: [FALSIFY-001]",
        _DELIVERABLE % f"{_CRITERION}, points: 5, falsifiers: [FALSIFY-001]",
        "Add or remove the quotes, or the brackets of a list.",
    ),
    Rule(
        "SHIP-VALUE",
        "a value that a ship file cannot have",
        "Points and hours lie above 0, a device is cpu or cuda, and lists of falsifiers, criteria and deliverables "
        "name at least one: a criterion that nothing could refute would be discharged from the start.",
        _DELIVERABLE % f"{_CRITERION}, points: 0, falsifiers: [FALSIFY-001]",
        _DELIVERABLE % f"{_CRITERION}, points: 5, falsifiers: [FALSIFY-001]",
        "Write one of the values that the message names.",
    ),
    Rule(
        "SHIP-NAME",
        "a ship file that calls itself otherwise than its folder",
        "`ship` is the name of the spec, which is the folder under spec/ that the file stands in. A copy of another "
        "spec's file is found out this way.",
        "ship: another",
        "ship: example",
        "Write the name of the folder.",
    ),
    Rule(
        "SHIP-ID-DUPLICATE",
        "a criterion or step whose id is taken",
        "Ids of criteria and steps are unique over all ship files of the workspace, so that whoever asks after one "
        "(`contract why ID`) gets one answer, and no point is counted twice.",
        (_ROADMAP % "").replace("step: 5f", "step: 5e"),
        _ROADMAP % "",
        "Choose another id.",
    ),
    Rule(
        "SHIP-FALSIFIER-UNKNOWN",
        "a falsifier that no contract has",
        "Criteria, tripwires and `done_when` name falsifiers of the workspace's contracts. One that does not exist can "
        "neither hold nor fall.",
        _DELIVERABLE % f"{_CRITERION}, points: 5, falsifiers: [FALSIFY-010]",
        _DELIVERABLE % f"{_CRITERION}, points: 5, falsifiers: [FALSIFY-001]",
        "Write the id as it stands in its contract; the message names the nearest.",
    ),
    Rule(
        "SHIP-CRITERION-UNKNOWN",
        "a criterion that no deliverable of the file has",
        "What a step earns, and what a waiver waives, is a criterion of the same file.",
        _ROADMAP % ", earns: [AC-010]",
        _ROADMAP % ", earns: [AC-001]",
        "Write the id as it stands under `deliverables`.",
    ),
    Rule(
        "SHIP-STEP-UNKNOWN",
        "a step that the roadmap does not have",
        "`requires` and `atomic_with` name steps of the same roadmap.",
        _ROADMAP % ", requires: [5d]",
        _ROADMAP % ", requires: [5e]",
        "Write the id as it stands under `roadmap`.",
    ),
    Rule(
        "SHIP-CONTRACT-UNKNOWN",
        "a contract that the workspace does not have",
        "`stages` names contracts: a stage of the life cycle is touched by evidence of one of them.",
        "stages: {train: [exemple]}",
        "stages: {train: [example]}",
        "Write the name as it stands in the contract; the message names the nearest.",
    ),
    Rule(
        "SHIP-CYCLE",
        "steps that wait for each other",
        "Each of these steps requires the next, and the last the first, so that none can ever be dispatched. Steps "
        "that are dispatched together count as one.",
        (_ROADMAP % ", requires: [5e]").replace("hours: 2", "hours: 2, requires: [5f]"),
        _ROADMAP % ", requires: [5e]",
        "Remove one of the requirements; the message names the whole cycle.",
    ),
    Rule(
        "SHIP-ATOMIC-REQUIRES",
        "a step that requires its own atomic partner",
        "Steps under `atomic_with` are dispatched and finished together: neither can wait for the other.",
        _ROADMAP % ", requires: [5e], atomic_with: [5e]",
        _ROADMAP % ", atomic_with: [5e]",
        "Take the step out of one of the two lists.",
    ),
    Rule(
        "SHIP-QUORUM",
        "a quorum that cannot be counted, or cannot be met",
        "A quorum counts different values of an observation, such as `run.seed`. The contract of one of the falsifiers "
        "must observe it, which it does for every condition under `discharge`, and must allow that many values.",
        _QUORUM % "{at_least: 3, distinct: run.dtype}",
        _QUORUM % "{at_least: 3, distinct: run.seed}",
        "Name a discharge condition of a contract of these falsifiers, such as `run: {seed: {one_of: [0, 1, 2]}}`.",
    ),
    Rule(
        "SHIP-DATE",
        "a day that does not exist",
        "A waiver ends on a day, written as year, month and day.",
        _WAIVER % "2026-02-30",
        _WAIVER % "2026-02-28",
        "Write the last day on which the waiver applies.",
    ),
    Rule(
        "SHIP-WAIVED-TWICE",
        "two waivers of one criterion",
        "With two of them nobody could say who answers for the criterion, and until when.",
        _WAIVER % "2026-02-28" + "\n" + (_WAIVER % "2026-03-31").partition("\n")[2],
        _WAIVER % "2026-02-28",
        "Keep one of the two.",
    ),
    Rule(
        "SHIP-FILE-SUFFIX",
        "a ship file that is not read",
        "The ship file of a spec is called ship.yaml; one called ship.yml is passed over: its points count nowhere.",
        "(a file called spec/example/ship.yml)",
        "(a file called spec/example/ship.yaml)",
        "Rename it.",
        severity="warning",
    ),
)
