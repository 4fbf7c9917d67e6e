"""Every rule has a page whose examples are true: the wrong one breaks the rule, the right one breaks none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from falsifiable.contracts import (
    RULES,
    Diagnostic,
    KnownNames,
    Rule,
    check_amendment,
    check_ships,
    read_amendment,
    read_bindings,
    read_contract,
    read_plan,
    read_ship,
    read_trust,
    read_yaml,
)
from falsifiable.contracts.pv.check import check_pv
from falsifiable.contracts.pv.reader import read_pv
from falsifiable.contracts.rules.pv_rules import AS_PV_RULES
from falsifiable.race.deciding.read_race import read_race

IN_WORDS = {rule.id for rule in RULES.values() if rule.wrong.startswith("(")}
SHOWN = sorted(set(RULES) - IN_WORDS)
DECLARED = {"example": {"export": "model", "trainer": "command", "run": "run"}}


PLAN = {
    "plan": "next",
    "command": "[python, train.py]",
    "device": "cpu",
    "steps": "500",
    "batch": "{sequences: 8, sequence_length: 64}",
    "data": "{corpus: manifest.json, splits: [train]}",
    "budget": "{tokens: seen, per_parameter: {at_least: 20}}",
    "checkpoints": "{folder: runs, saves: 1, bytes_per_parameter: 4}",
    "init": "checkpoint",
}


def complete_plan(example: str) -> str:
    """A whole plan with the keys of ``example`` in the place of its own."""
    given = {line.partition(":")[0] for line in example.splitlines()}
    return "".join(f"{key}: {value}\n" for key, value in PLAN.items() if key not in given) + example


RACE = {
    "race": "smoke",
    "unit": "bits_per_byte",
    "vocabulary_size": "256",
    "steps": "500",
    "evaluate_every": "10",
    "seeds": "[500]",
    "recipes": "{wsd: {model: HYBRID, number_format: FP32, tag: WSD}}",
    "rungs": "[{step: 100}]",
    "states": "[{state: RACING, when: [{}], action: rank}]",
}


def complete_race(example: str) -> str:
    """A whole race with the keys of ``example`` in the place of its own."""
    given = {line.partition(":")[0] for line in example.splitlines()}
    return "".join(f"{key}: {value}\n" for key, value in RACE.items() if key not in given) + example


AMENDMENT = {
    "amendment": "Exports are read before they are published",
    "created": "2026-11-21T17:50:00Z",
    "bump": "minor",
    "finding": "The export holds no tokenizer.",
    "five_whys": "[It has no tokens., None were written., None were asked for., Nobody read it., No test did.]",
    "net_effect": "Two checks more run before a release.",
}
AROUND = KnownNames(
    "ship", {"example": "ship", "elsewhere": "thunder"}, {"5f3a09c27b1e" + "0" * 52, "123456789012" + "0" * 52}, 49
)


def of_amendment(example: str) -> Sequence[Diagnostic]:
    """The faults of a whole amendment with the keys of ``example`` in the place of its own."""
    given = {line.partition(":")[0] for line in example.splitlines()}
    front = "".join(f"{key}: {value}\n" for key, value in AMENDMENT.items() if key not in given) + example
    file = read_amendment(f"---\n{front}\n---\n".encode())
    return (*file.diagnostics, *check_amendment(file, AROUND))


SHIP = {
    "ship": "example",
    "deliverables": "{model: {title: The model, criteria: "
    "[{id: AC-001, text: It loads, points: 5, falsifiers: [FALSIFY-001]}]}}",
}
EXAMPLE = b"""\
contract: example
version: 1.0.0
title: The export can be loaded
artifacts: {run: {kind: run}}
falsifiers: [{id: FALSIFY-001, claim: It loads, check: field, on: {run: run}}]
discharge: {run: {seed: {one_of: [0, 1, 2]}}}
"""


def ship_faults(example: str) -> list[Diagnostic]:
    """What is wrong with a whole ship file in which the keys of ``example`` take the place of its own."""
    given = {line.partition(":")[0] for line in example.splitlines()}
    text = "".join(f"{key}: {value}\n" for key, value in SHIP.items() if key not in given) + example
    contract = read_contract(EXAMPLE).contract
    assert contract is not None
    (file,) = check_ships([read_ship(text.encode(), "example")], [contract])
    return list(file.diagnostics)


PV = {
    "metadata": "{version: 1.0.0, description: Softmax, references: [Bridle (1990)]}",
    "equations": "{softmax: {formula: exp(x) / sum(exp(x))}}",
    "proof_obligations": "[{id: SM-INV-001, type: invariant, property: the outputs sum to 1}]",
    "falsification_tests": "[{id: FALSIFY-SM-001, rule: sum, prediction: it sums to 1, if_fails: no maximum}]",
    "kani_harnesses": "[{id: KANI-SM-001, obligation: SM-INV-001, bound: 8}]",
    "qa_gate": "{id: F-SM-001, name: Softmax}",
}


def of_pv(example: str) -> Sequence[Diagnostic]:
    """The faults of a whole contract of pv with the keys of ``example``; every test in it is named by a pytest id."""
    given = {line.partition(":")[0] for line in example.splitlines()}
    text = "".join(f"{key}: {value}\n" for key, value in PV.items() if key not in given) + example
    if " test: " not in text:
        text = text.replace("if_fails: ", "test: test_softmax.py::test_the_sum, if_fails: ")
    with TemporaryDirectory() as folder:
        for path in (Path(folder), Path(folder, "tests")):
            path.mkdir(exist_ok=True)
            (path / "test_softmax.py").write_text("def test_the_sum(): ...\n")
        (file,) = check_pv([read_pv(text.encode())], Path(folder))
    return file.diagnostics


TRUST = {
    "signers": '\n  ci: {key: "f7tICzy94nYPbae1yfvTUemCSff8f61KlrBkUtSHxHo="}',
    "specs": '\n  "*": {evidence: [ci]}',
}


def complete_trust(example: str) -> str:
    """A whole trust policy with the keys of ``example`` in the place of its own."""
    given = {line.partition(":")[0] for line in example.splitlines()}
    return "".join(f"{key}: {value}\n" for key, value in TRUST.items() if key not in given) + example


@pytest.fixture(scope="session")
def broken_by(
    complete: Callable[[str], str], faults: Callable[..., list[Diagnostic]]
) -> Callable[[Rule, str], set[str]]:
    """The ids of the rules that an example of a rule's page breaks."""

    def rules_of(rule: Rule, example: str) -> set[str]:
        found: Sequence[Diagnostic]
        if rule.id.startswith("YAML-"):
            found = read_yaml(example.encode()).diagnostics
        elif rule.id.startswith("ARTIFACTS-"):
            found = read_bindings(example.encode(), DECLARED)[1]  # type: ignore[arg-type]
        elif rule.id.startswith("PLAN-"):
            found = read_plan(complete_plan(example).encode())[1]
        elif rule.id.startswith("RACE-"):
            found = read_race(complete_race(example).encode()).diagnostics
        elif rule.id.startswith("AMENDMENT-"):
            found = of_amendment(example)
        elif rule.id.startswith("SHIP-"):
            found = ship_faults(example)
        elif rule.id.startswith(("PV-", "SCHEMA-", "PROVABILITY-")):
            found = of_pv(example)
        elif rule.id.startswith("TRUST-"):
            found = read_trust(complete_trust(example).encode())[1]
        else:
            found = faults(complete(example))
        return {one.rule for one in found}

    return rules_of


@pytest.mark.parametrize("rule", SHOWN)
def test_the_wrong_example_breaks_the_rule(rule: str, broken_by: Callable[[Rule, str], set[str]]) -> None:
    assert rule in broken_by(RULES[rule], RULES[rule].wrong)


@pytest.mark.parametrize("rule", SHOWN)
def test_the_right_example_breaks_no_rule(rule: str, broken_by: Callable[[Rule, str], set[str]]) -> None:
    assert broken_by(RULES[rule], RULES[rule].right) == set()


@pytest.mark.parametrize("rule", sorted(IN_WORDS))
def test_a_rule_without_an_executable_example_is_broken_by_a_test(rule: str) -> None:
    tests = [
        path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*.py") if path.name != "test_rules.py"
    ]
    assert any(f'"{rule}"' in text or f"{rule}:" in text for text in tests)


def test_ids_say_which_file_they_are_about() -> None:
    assert all(
        re.fullmatch(r"(YAML|CONTRACT|ARTIFACTS|PLAN|RACE|SHIP|TRUST|AMENDMENT|PV)(-[A-Z]+)+", rule)
        for rule in RULES
        if rule not in {one.id for one in AS_PV_RULES}
    )
    assert all(re.fullmatch(r"(SCHEMA|PROVABILITY)-[0-9]{3}", one.id) for one in AS_PV_RULES)


def test_a_page_has_everything_a_person_needs() -> None:
    page = RULES["YAML-TAB"].page
    assert page.index("indented with spaces") < page.index("Wrong:") < page.index("Right:") < page.index("What to do:")
    assert "    artifacts:\n    \texport: {kind: model}" in page
