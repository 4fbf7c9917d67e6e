"""Rules about an amendment: what ``contract amend`` and ``contract record --check`` read."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule

AMENDMENT_RULES = (
    Rule(
        "AMENDMENT-FRONT-MATTER",
        "an amendment without a front matter",
        "An amendment is a Markdown file whose first lines are YAML: a line `---`, the keys, and a line `---`. They "
        "say what was found, why, and what follows; below them there is room for free text.",
        "(a file that begins with text, or whose front matter is never closed)",
        "bump: minor",
        "Start from what `contract amend new` writes.",
    ),
    Rule(
        "AMENDMENT-UNKNOWN-KEY",
        "a key that an amendment does not have",
        "A misspelt key that is ignored is a lesson or a contract that nobody hears of, so every key must be known.",
        "lesons: [Re-measure before continuing]",
        "lessons: [Re-measure before continuing]",
        "Correct the spelling; the message names the nearest known key and all others.",
    ),
    Rule(
        "AMENDMENT-MISSING-KEY",
        "a key of the amendment is missing",
        "An amendment says what was found, why it could happen (five times), how far it moves the version, and what "
        "is different from now on: `amendment`, `created`, `bump`, `finding`, `five_whys`, `net_effect`.",
        "(an amendment without one of its keys)",
        "net_effect: Two checks more run before a release.",
        "Add the key.",
    ),
    Rule(
        "AMENDMENT-TYPE",
        "a value of the wrong type in an amendment",
        "A number stands where a text is wanted, a single value where a list is, and so on. A digest that happens to "
        "be all digits is a number to YAML unless it is quoted.",
        "evidence: [123456789012]",
        'evidence: ["123456789012"]',
        "Add or remove the quotes, or the brackets of a list.",
    ),
    Rule(
        "AMENDMENT-VALUE",
        "a value that an amendment cannot have",
        "A bump is patch, minor or major; times are in UTC and exist; digests are the 64 hexadecimal digits of a "
        "sha256, or at least the first 12 of them; no text is blank.",
        "bump: huge",
        "bump: major",
        "Write one of the values that the message names.",
    ),
    Rule(
        "AMENDMENT-WHYS",
        "not five whys",
        "The first answer to why something went wrong is a symptom. Five answers, each to the question why the one "
        "above it could be, end at something that can be changed for good.",
        "five_whys: [The test was skipped.]",
        "five_whys: [It has no tokens., None were written., None were asked for., Nobody read it., No test did.]",
        "Ask on, or join answers to the same question, until there are five.",
    ),
    Rule(
        "AMENDMENT-PLACEHOLDER",
        "a text of the template that nobody has written yet",
        "`contract amend new` writes `...` where only the author knows what to say. That is fine while the amendment "
        "is pending on a branch; it cannot be released like that.",
        'finding: "..."',
        "finding: The export holds no tokenizer.",
        "Write the text.",
        "warning",
    ),
    Rule(
        "AMENDMENT-MARKDOWN",
        "a text that would reach beyond its section",
        "The texts of all amendments stand in one document. Raw HTML (a comment could pass for the marker of a "
        "region), headings of the rank of sections, link definitions, a code block that is never closed and invisible "
        "characters would change how the text of others is read.",
        "net_effect: The region ends here <!-- /contract:amendments --> and this is outside.",
        "net_effect: The region ends at `<!-- /contract:amendments -->` and nowhere else.",
        "Put code between backticks, write addresses where they are used, and headings as #### or deeper.",
    ),
    Rule(
        "AMENDMENT-BUMP",
        "a spec that moves less than a contract of it",
        "What its contracts claim is what a spec promises: where a claim is loosened or removed, which is major for "
        "the contract, it is major for the spec, too.",
        "bump: patch\ncontracts: {example: minor}",
        "bump: minor\ncontracts: {example: minor}",
        "Raise `bump` to the highest bump among `contracts`.",
    ),
    Rule(
        "AMENDMENT-FILE-NAME",
        "a file among the amendments that is not named like one",
        "The file of an amendment is called by the time it was created, a few words, and eight hexadecimal digits, so "
        "that no two people choose the same. Whatever is called otherwise would be left out of every release.",
        "(a file named notes.md, or one that says another time than `created`)",
        "created: 2026-11-21T17:50:00Z",
        "Let `contract amend new` name it, or move what is no amendment elsewhere.",
    ),
    Rule(
        "AMENDMENT-CONTRACT-UNKNOWN",
        "an amendment of a contract that its spec does not have",
        "`contracts` names contracts of the spec that is amended; a release writes their versions.",
        "contracts: {elsewhere: minor}",
        "contracts: {example: minor}",
        "Correct the name, or write an amendment of the spec that the contract belongs to.",
    ),
    Rule(
        "AMENDMENT-EVIDENCE-UNKNOWN",
        "evidence that was never recorded",
        "`evidence` names statements below the spec's `evidence/`, each by its sha256 or the first 12 digits or more "
        "of it. What is not there was seen by nobody.",
        'evidence: ["000000000000"]',
        'evidence: ["5f3a09c27b1e"]',
        "Record the evidence first, or correct the digits.",
    ),
    Rule(
        "AMENDMENT-SECTION-UNKNOWN",
        "a section that does not exist",
        "`supersedes` names sections that were released, by their numbers. A pending amendment has no number yet.",
        "supersedes: [99]",
        "supersedes: [49]",
        "Correct the number.",
    ),
    Rule(
        "AMENDMENT-RELEASED",
        "a released amendment in the wrong place",
        "`contract amend release` puts amendments below `released/`, in a folder named by the version, each under its "
        "section's number. Numbers go on without a gap, in the order of the versions; nobody moves these files.",
        "(two sections of one number, a gap between numbers, a folder that is no version)",
        "supersedes: []",
        "Restore the files from git: git checkout -- FOLDER.",
    ),
)
