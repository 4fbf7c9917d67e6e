"""Rules about contracts in the ``pv`` dialect: those that pv reports, under its ids, and what it misses, under ours."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule

_TEST = "falsification_tests:\n  - {id: FALSIFY-SM-001, rule: sum, prediction: %s, if_fails: %s}"
_TESTED = _TEST % ("it sums to 1", "no maximum is subtracted")
_PROVED = "proof_obligations:\n  - {id: SM-INV-001, type: invariant, property: %s, formal: sum = 1}"
_KANI = "kani_harnesses:\n  - {id: KANI-SM-001, obligation: %s, bound: 8}"
_METADATA = "metadata: {version: %s, description: Softmax, references: [%s]}"
_BRIDLE = "Bridle (1990)"
_CITED = (
    "falsification_tests:\n"
    "  - {id: FALSIFY-SM-001, rule: sum, prediction: it sums to 1, if_fails: no maximum is subtracted, test: %s}"
)
_OWN_WORDS = "`pv` itself reports this, under the same id."

AS_PV_RULES = (
    Rule(
        "SCHEMA-001",
        "a pv contract that cites nothing",
        f"`metadata.references` says where the claims come from. {_OWN_WORDS}",
        _METADATA % ("1.0.0", ""),
        _METADATA % ("1.0.0", _BRIDLE),
        "Cite the paper or the document.",
    ),
    Rule(
        "SCHEMA-002",
        "a pv contract without a version",
        f"`metadata.version` is an empty text. {_OWN_WORDS}",
        _METADATA % ('""', _BRIDLE),
        _METADATA % ("1.0.0", _BRIDLE),
        "Write a version.",
    ),
    Rule(
        "SCHEMA-003",
        "a pv contract of a kernel without equations",
        f"`equations` is empty. A registry, or a `metadata.kind` other than kernel, needs none. {_OWN_WORDS}",
        "equations: {}",
        "equations: {softmax: {formula: exp(x) / sum(exp(x))}}",
        "Write the equation that is claimed.",
    ),
    Rule(
        "SCHEMA-004",
        "an equation with an empty formula",
        f"An equation without a formula claims nothing. {_OWN_WORDS}",
        'equations: {softmax: {formula: ""}}',
        "equations: {softmax: {formula: exp(x) / sum(exp(x))}}",
        "Write the formula.",
    ),
    Rule(
        "SCHEMA-005",
        "a proof obligation with an empty property",
        f"It does not say what is to be proved. {_OWN_WORDS}",
        _PROVED % '""',
        _PROVED % "the outputs sum to 1",
        "Write the property.",
    ),
    Rule(
        "SCHEMA-006",
        "two proof obligations of one formal predicate",
        f"The same predicate stands twice; one of the two was perhaps copied and not changed. {_OWN_WORDS}",
        "proof_obligations:\n"
        "  - {id: SM-INV-001, type: invariant, property: the outputs sum to 1, formal: sum = 1}\n"
        "  - {type: bound, property: no output exceeds 1, formal: sum = 1}",
        "proof_obligations:\n"
        "  - {id: SM-INV-001, type: invariant, property: the outputs sum to 1, formal: sum = 1}\n"
        "  - {type: bound, property: no output exceeds 1, formal: y <= 1}",
        "Remove one, or write the predicate it is about.",
        severity="warning",
    ),
    Rule(
        "SCHEMA-007",
        "two falsification tests of one id in a file",
        f"An id names one test. {_OWN_WORDS}",
        f"{_TESTED}\n  - {{id: FALSIFY-SM-001, rule: order, prediction: the order stays, if_fails: a wrong index}}",
        f"{_TESTED}\n  - {{id: FALSIFY-SM-002, rule: order, prediction: the order stays, if_fails: a wrong index}}",
        "Give one of them the next free number.",
    ),
    Rule(
        "SCHEMA-008",
        "a falsification test that predicts nothing",
        f"Without a prediction nothing could refute the claim. {_OWN_WORDS}",
        _TEST % ('""', "no maximum is subtracted"),
        _TESTED,
        "Write what must be observed.",
    ),
    Rule(
        "SCHEMA-009",
        "a falsification test that does not say what is broken",
        f"`if_fails` is empty: whoever sees the test fail is told nothing. {_OWN_WORDS}",
        _TEST % ("it sums to 1", '""'),
        _TESTED,
        "Write the likely cause.",
        severity="warning",
    ),
    Rule(
        "SCHEMA-010",
        "two kani harnesses of one id in a file",
        f"An id names one harness. {_OWN_WORDS}",
        f"{_KANI % 'SM-INV-001'}\n  - {{id: KANI-SM-001, obligation: SM-INV-001, bound: 8}}",
        f"{_KANI % 'SM-INV-001'}\n  - {{id: KANI-SM-002, obligation: SM-INV-001, bound: 8}}",
        "Give one of them the next free number.",
    ),
    Rule(
        "SCHEMA-011",
        "a kani harness that names no proof obligation",
        f"`obligation` is an empty text. {_OWN_WORDS}",
        _KANI % '""',
        _KANI % "SM-INV-001",
        "Name the obligation that it proves.",
    ),
    Rule(
        "SCHEMA-012",
        "a kani harness without a bound",
        f"Kani unwinds loops as far as `bound` says. {_OWN_WORDS}",
        "kani_harnesses:\n  - {id: KANI-SM-001, obligation: SM-INV-001}",
        _KANI % "SM-INV-001",
        "Add a bound.",
        severity="warning",
    ),
    Rule(
        "SCHEMA-013",
        "a pv contract of a kernel without a qa_gate",
        f"Nothing says when the kernel may be released. {_OWN_WORDS}",
        "qa_gate: null",
        "qa_gate: {id: F-SM-001, name: Softmax}",
        "Add the block.",
        severity="warning",
    ),
    Rule(
        "PROVABILITY-001",
        "a kernel that nothing proves",
        "A contract of a kernel needs proof obligations, falsification tests and kani harnesses. One with `registry: "
        f"true`, or of another `metadata.kind`, does not. {_OWN_WORDS}",
        "falsification_tests: []",
        _TESTED,
        "Write what is missing.",
    ),
)

MISSED_RULES = (
    Rule(
        "PV-MISSING-KEY",
        "a key without which pv reads no contract",
        "`metadata` and `equations` must be there, and in every block the keys that pv has no default for. pv names "
        "the first of them and stops; here all are told.",
        "falsification_tests:\n  - {id: FALSIFY-SM-001, rule: sum, prediction: it sums to 1}",
        _TESTED,
        "Add the key. A registry of bindings is no contract: keep it elsewhere.",
    ),
    Rule(
        "PV-TYPE",
        "a value in a pv contract of the wrong type",
        "A list stands where pv reads a text, a text where it reads a number, and so on. pv refuses the file.",
        "kani_harnesses:\n  - {id: KANI-SM-001, obligation: SM-INV-001, bound: eight}",
        _KANI % "SM-INV-001",
        "Write a value of the type that the message names.",
    ),
    Rule(
        "PV-VALUE",
        "a word that pv does not know",
        "The kind of a contract, the type of an obligation, the strategy of a harness and the status of a proof are "
        "one of a few words each. A contract of a kind that pv does not know is judged as a kernel, so that a slip of "
        "the pen frees no kernel from the rules of kernels.",
        "proof_obligations:\n  - {id: SM-INV-001, type: invarient, property: the outputs sum to 1}",
        _PROVED % "the outputs sum to 1",
        "Correct the spelling; the message lists the words.",
    ),
    Rule(
        "PV-NEAR-MISS",
        "a misspelt key in a pv contract",
        "pv drops a key it does not know without a word, and with it every claim below. This one is nearly a key it "
        "does know.",
        "metadata: {version: 1.0.0, description: Softmax, references: [Bridle (1990)], depend_on: []}",
        "metadata: {version: 1.0.0, description: Softmax, references: [Bridle (1990)], depends_on: []}",
        "Correct the spelling.",
    ),
    Rule(
        "PV-UNKNOWN-KEY",
        "keys of a pv contract that pv does not read",
        "What stands under them is checked by nobody.",
        "formats: {Q4_K: {block: 256}}",
        "equations: {softmax: {formula: exp(x) / sum(exp(x))}}",
        "Move it into a block that is read, or into a document.",
        severity="warning",
    ),
    Rule(
        "PV-BLANK",
        "a text in a pv contract that says nothing",
        "White space, `null` and `~` are texts like any other to pv, so that a prediction of them counts as one.",
        _TEST % ('" "', "no maximum is subtracted"),
        _TESTED,
        "Write what is meant.",
    ),
    Rule(
        "PV-OBLIGATION-UNKNOWN",
        "a kani harness that proves an obligation that does not exist",
        "A harness names an obligation by an id, and no obligation of the file has it. pv asks only that the text is "
        "not empty, and its obligations have no ids at all unless somebody adds the key `id`.",
        _KANI % "SM-INV-999",
        _KANI % "SM-INV-001",
        "Give the obligation that is meant this `id`.",
        severity="warning",
    ),
    Rule(
        "PV-DEPENDS-UNKNOWN",
        "a pv contract that depends on one that does not exist",
        "`metadata.depends_on` holds names of contracts: their files without the ending. There is none of this name, "
        "neither among the files given nor beside this one.",
        "metadata: {version: 1.0.0, description: Softmax, references: [Bridle (1990)], depends_on: [exp-v1]}",
        "metadata: {version: 1.0.0, description: Softmax, references: [Bridle (1990)], depends_on: []}",
        "Correct the name, or add the contract.",
        severity="warning",
    ),
    Rule(
        "PV-DEPENDS-CYCLE",
        "pv contracts that depend on each other",
        "Of two contracts that rest on each other neither rests on anything.",
        "(contracts/a.yaml depends on b, and contracts/b.yaml on a)",
        "(only one of the two depends on the other)",
        "Remove one of the dependencies.",
    ),
    Rule(
        "PV-REFERENCE-UNKNOWN",
        "a reference of a pv contract that resolves to nothing",
        "An enforcement rule names a falsification test that the file does not have, or `references` names a file that "
        "is not in the workspace.",
        "enforcement: {sum: {description: it sums to 1, check: contract_tests::FALSIFY-SM-999}}",
        "enforcement: {sum: {description: it sums to 1, check: contract_tests::FALSIFY-SM-001}}",
        "Correct the reference.",
        severity="warning",
    ),
    Rule(
        "PV-TEST-UNKNOWN",
        "a cited pytest test that does not exist",
        "`test` holds the id of a pytest test (FILE.py::CLASS::FUNCTION), and the file, the class or the function is "
        "not there. What is never run refutes nothing.",
        _CITED % "tests/test_softmax.py::test_that_nobody_wrote",
        _TESTED,
        "Correct the id: pytest --collect-only -q lists them.",
    ),
    Rule(
        "PV-TEST-ABSENT",
        "a cited function that no file has",
        "`test` names a test function, or a command that runs one, and no .py or .rs file of the workspace defines it.",
        _CITED % "cargo test falsify_that_nobody_wrote",
        _TESTED,
        "Correct the name, or write the test.",
        severity="warning",
    ),
    Rule(
        "PV-TEST-PROSE",
        "falsification tests that name no test",
        "`test` describes a test in words, or is absent: no program can find or run it, and nobody can tell whether it "
        "exists.",
        _CITED % "proptest with random vectors",
        "falsification_tests:\n"
        "  - {id: FALSIFY-SM-001, rule: sum, prediction: it sums to 1, if_fails: no maximum is subtracted, "
        "test: tests/test_softmax.py::test_the_sum}",
        "Write the id of the pytest test, such as tests/test_softmax.py::test_the_sum.",
        severity="warning",
    ),
    Rule(
        "PV-STATUS-TYPED",
        "a status that somebody typed",
        "A word such as DISCHARGED or `proved` is no evidence: nothing that was run stands behind it, and it stays "
        "when the code changes.",
        "status: DISCHARGED",
        "equations: {softmax: {formula: exp(x) / sum(exp(x))}}",
        "Remove it; contract import pv FILE writes claims whose status is earned.",
        severity="warning",
    ),
    Rule(
        "PV-SUMMARY",
        "a verification summary that does not add up",
        "`verification_summary` is typed by hand. It counts other obligations, harnesses or proofs than the file has.",
        "verification_summary: {total_obligations: 7}",
        "verification_summary: {total_obligations: 1}",
        "Correct the numbers, or remove the block.",
        severity="warning",
    ),
    Rule(
        "PV-ID-REUSED",
        "an id that stands in two files",
        "Reports name a test by its id alone. pv compares ids within a file only.",
        "(contracts/a.yaml and contracts/b.yaml both have a test FALSIFY-SM-001)",
        "(every test has an id of its own)",
        "Give one of the two another id.",
        severity="warning",
    ),
)

PV_RULES = (*AS_PV_RULES, *MISSED_RULES)
