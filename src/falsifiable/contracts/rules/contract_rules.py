"""Rules about what a contract means: names, checks, roles, parameters, conditions."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule


def _falsifier(*lines: str, name: str = "FALSIFY-001") -> str:
    """A piece of a contract: one falsifier with these lines."""
    said = "".join(f"\n    {line}" for line in lines)
    return f"falsifiers:\n  - id: {name}\n    claim: Every id has an embedding row{said}"


_ARTIFACTS = "artifacts:\n  export: {kind: model}\n  tokenizer: {kind: tokenizer}\n"
_CHECK = "check: vocabulary.fits-model"
_ON = "on: {tokenizer: tokenizer, model: export}"
_FITS = _ARTIFACTS + _falsifier(_CHECK, _ON)
_CLOSE = "check: forward.agrees"


def _close(criterion: str) -> str:
    """A piece of a contract whose check takes a criterion."""
    return _falsifier(_CLOSE, "on: {model: export}", f"with: {{cosine: {criterion}}}")


_ENOUGH = _close("{at_least: 0.999}")

CONTRACT_RULES = (
    Rule(
        "CONTRACT-NAME-RESERVED",
        "a name that is no file name on Windows",
        "Contracts and falsifiers become file names. CON, PRN, AUX, NUL, COM1 to COM9 and LPT1 to LPT9 cannot be.",
        _falsifier("check: artifact.sound", "on: {artifact: export}", name="CON"),
        _falsifier("check: artifact.sound", "on: {artifact: export}"),
        "Choose another name.",
    ),
    Rule(
        "CONTRACT-NAME-DUPLICATE",
        "two contracts of one name",
        "Evidence and status are kept by the name of the contract, so that a name may stand once in the workspace.",
        "(contracts/a.yaml and contracts/b.yaml both say `contract: packaging`)",
        "(every file has a name of its own)",
        "Rename one of the two.",
    ),
    Rule(
        "CONTRACT-ID-DUPLICATE",
        "two falsifiers of one id",
        "An id names one claim in the whole workspace: in reports, in evidence and in the spec.",
        "falsifiers:\n"
        "  - {id: FALSIFY-001, claim: It loads, check: artifact.sound, on: {artifact: export}}\n"
        "  - {id: FALSIFY-001, claim: It is whole, check: artifact.sound, on: {artifact: export}}",
        "falsifiers:\n"
        "  - {id: FALSIFY-001, claim: It loads, check: artifact.sound, on: {artifact: export}}\n"
        "  - {id: FALSIFY-002, claim: It is whole, check: artifact.sound, on: {artifact: export}}",
        "Give one of them the next free number.",
    ),
    Rule(
        "CONTRACT-NO-FALSIFIERS",
        "a contract that claims nothing",
        "Without falsifiers nothing is examined, and nothing examined is not a success.",
        "falsifiers: []",
        _falsifier("check: artifact.sound", "on: {artifact: export}"),
        "Write at least one claim that could turn out false.",
        severity="warning",
    ),
    Rule(
        "CONTRACT-CHECK-UNKNOWN",
        "a check that no installed package provides",
        "`check` names a falsifier by its dotted name. It is not among those of the installed packages.",
        _ARTIFACTS + _falsifier("check: vocabulary.fit-model", _ON),
        _FITS,
        "Correct the spelling, or install the package that provides it (entry point `falsifiable.falsifiers`).",
    ),
    Rule(
        "CONTRACT-PARAMETER-UNKNOWN",
        "a parameter that the check does not have",
        "`with` holds the check's parameters. One that it does not know would change nothing.",
        _ARTIFACTS + _falsifier(_CHECK, _ON, "with: {bond: exactly}"),
        _ARTIFACTS + _falsifier(_CHECK, _ON, "with: {bound: exactly}"),
        "Correct the spelling, or remove it; `contract explain CHECK` lists the parameters of a check.",
    ),
    Rule(
        "CONTRACT-PARAMETER-MISSING",
        "a parameter that the check cannot do without",
        "This parameter has no default: the claim is not complete without it.",
        _falsifier(_CLOSE, "on: {model: export}"),
        _ENOUGH,
        "Add it under `with`.",
    ),
    Rule(
        "CONTRACT-PARAMETER-TYPE",
        "a parameter of the wrong type",
        "Each parameter has a type: number, integer, text, boolean, one of some words, list of texts, or criterion.",
        _ARTIFACTS + _falsifier(_CHECK, _ON, "with: {bound: atmost}"),
        _ARTIFACTS + _falsifier(_CHECK, _ON, "with: {bound: at-most}"),
        "Write a value of the type that the message names.",
    ),
    Rule(
        "CONTRACT-CRITERION",
        "a condition that nothing, or everything, can meet",
        "A criterion must be possible to meet and to miss: it has at least one bound, the lower does not exceed the "
        "upper, `within` is a positive tolerance of a number under `equals`, and `one_of` is not empty.",
        _close("{at_least: 1.0, at_most: 0.5}"),
        _close("{at_least: 0.5, at_most: 1.0}"),
        "Exchange or correct the bounds.",
    ),
    Rule(
        "CONTRACT-CRITERION-EXACT",
        "a fraction compared exactly",
        "Two computations of one fraction rarely agree in the last digit, so that this falls for no reason.",
        _close("{equals: 0.1}"),
        _close("{equals: 0.1, within: 1e-6}"),
        "Add `within` with the tolerance that is meant.",
        severity="warning",
    ),
    Rule(
        "CONTRACT-ROLE-UNKNOWN",
        "a role that the check does not read",
        "The keys of `on` are the check's artifact parameters.",
        _ARTIFACTS + _falsifier(_CHECK, "on: {tokeniser: tokenizer, model: export}"),
        _FITS,
        "Correct the spelling; `contract explain CHECK` lists the roles of a check.",
    ),
    Rule(
        "CONTRACT-ROLE-MISSING",
        "a role that the check needs is not bound",
        "`on` must say which declared artifact each of the check's parameters is.",
        _ARTIFACTS + _falsifier(_CHECK, "on: {model: export}"),
        _FITS,
        "Add the role under `on`.",
    ),
    Rule(
        "CONTRACT-ROLE-UNDECLARED",
        "a role that the contract does not declare",
        "The values of `on` are roles from this contract's `artifacts`.",
        _ARTIFACTS + _falsifier(_CHECK, "on: {tokenizer: tokenizer, model: exprt}"),
        _FITS,
        "Correct the spelling, or declare the role under `artifacts`.",
    ),
    Rule(
        "CONTRACT-ROLE-KIND",
        "a role of the wrong kind",
        "The check reads another kind of artifact than this role is declared to be.",
        _ARTIFACTS + _falsifier(_CHECK, "on: {tokenizer: tokenizer, model: tokenizer}"),
        _FITS,
        "Name a role of the right kind, or correct the kind under `artifacts`.",
    ),
    Rule(
        "CONTRACT-ROLE-UNUSED",
        "a role that nothing reads",
        "No falsifier and no discharge condition speaks about this artifact. (Where a contract declares a command, any "
        "role may be one of the command's arguments, so that nothing is said there.)",
        "artifacts:\n  export: {kind: model}\n  spare: {kind: model}",
        "artifacts:\n  export: {kind: model}",
        "Remove it, or write the claim that was meant.",
        severity="warning",
    ),
    Rule(
        "CONTRACT-REQUIRES-UNKNOWN",
        "a required contract that is not there",
        "`requires` names contracts of this workspace; this one is none.",
        "requires: [packagin]",
        "requires: []",
        "Correct the spelling, or add the contract.",
    ),
    Rule(
        "CONTRACT-REQUIRES-CYCLE",
        "contracts that require each other",
        "No contract of a cycle could ever stand: each waits for the next.",
        "requires: [example]",
        "requires: []",
        "Remove one of the `requires` that the message lists.",
    ),
    Rule(
        "CONTRACT-DISCHARGE-ROLE",
        "a condition on a role that is not declared",
        "The keys of `discharge` are roles from this contract's `artifacts`.",
        "discharge:\n  exprt: {parameters: {at_least: 490e6}}",
        "discharge:\n  export: {parameters: {at_least: 490e6}}",
        "Correct the spelling, or declare the role.",
    ),
    Rule(
        "CONTRACT-DISCHARGE-EMPTY",
        "a role without conditions",
        "An empty set of conditions is met by everything, so that DISCHARGED would be given away.",
        "discharge:\n  export: {}",
        "discharge:\n  export: {parameters: {at_least: 490e6}}",
        "Write the conditions, or remove `discharge`: then INTEGRATION is the highest status.",
    ),
    Rule(
        "CONTRACT-UNGUARDED-ROLE",
        "a reason about a role that is not declared",
        "The keys of `unguarded` are roles from this contract's `artifacts`. Below each stand generic mutations of "
        "`contract challenge` that no claim notices, with the reason why that is accepted.",
        "unguarded:\n  exprt: {row-zeroed: nothing but the checkpoint could tell}",
        "unguarded:\n  export: {row-zeroed: nothing but the checkpoint could tell}",
        "Correct the spelling, or declare the role.",
    ),
    Rule(
        "CONTRACT-FILE-SUFFIX",
        "a file that is not read",
        "Contracts are the files under contracts/ that end in .yaml. This one is passed over.",
        "(contracts/ship-two/packaging.yml)",
        "(contracts/ship-two/packaging.yaml)",
        "Rename it to end in .yaml.",
        severity="warning",
    ),
    Rule(
        "CONTRACT-FILE-NEITHER",
        "a YAML file that is no contract",
        "A folder was named, and this file in it is written neither for contract nor for pv. It is passed over.",
        "(contract validate ., where mkdocs.yml lies beside contracts/)",
        "(contract validate contracts)",
        "If it should be a contract, begin it with contract:; else name the folder of the contracts alone.",
        severity="warning",
    ),
)
