"""What a person, a terminal and a machine are told."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.contracts import Diagnostic, Position, printable, suggestion
from falsifiable.contracts.faults import Faults

FAULT = Diagnostic("YAML-TAB", "error", "a.yaml", 3, 1, "a tab in the indentation", "replace it by spaces")


def test_one_line_several_lines_and_json() -> None:
    assert str(FAULT.moved("::error::b.yaml")).startswith("./::error::b.yaml:3:1: error")
    assert str(FAULT) == "a.yaml:3:1: error YAML-TAB: a tab in the indentation; replace it by spaces"
    assert FAULT.explained() == (
        "a.yaml:3:1: error: a tab in the indentation\n    replace it by spaces\n    more: contract explain YAML-TAB"
    )
    assert Diagnostic(**FAULT.to_json()) == FAULT


def test_what_does_not_print_as_itself_is_escaped() -> None:
    fault = Diagnostic("YAML-TAG", "error", "a\x1b[31m.yaml", 1, 1, "tag '\u202e'\n::error::", "\u200b")
    assert str(fault) == "a\\x1b[31m.yaml:1:1: error YAML-TAG: tag '\\u202e'\\n::error::; \\u200b"
    assert "\n" not in str(fault)


@settings(deadline=None)
@given(st.text())
def test_a_printable_text_is_printable_and_stays_so(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("tolerence", "did you mean 'tolerance'? keys: bound, if_falsified, tolerance"),
        ("If-Falsified", "did you mean 'if_falsified'? keys: bound, if_falsified, tolerance"),
        ("zzz", "keys: bound, if_falsified, tolerance"),
        ("tolerance" * 10_000, "keys: bound, if_falsified, tolerance"),
    ],
)
def test_the_nearest_spelling_is_suggested(word: str, hint: str) -> None:
    assert suggestion(word, ["tolerance", "if_falsified", "bound"], "keys") == hint


def test_long_lists_of_names_are_cut() -> None:
    assert suggestion("x", [f"name-{n:02}" for n in range(20)], "names").endswith("name-11 and 8 more")
    assert suggestion("x", [], "names") == "names: none"


def test_a_fault_needs_a_registered_rule() -> None:
    with pytest.raises(KeyError):
        Faults("a.yaml").add("CONTRACT-NO-SUCH-RULE", Position(), "")


def test_reading_contracts_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'torch', 'transformers', 'scipy', 'jsonschema', 'hypothesis'}"
    code = f"import sys, falsifiable.contracts; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
