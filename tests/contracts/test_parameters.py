"""``with`` as typed arguments of a check."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from falsifiable.contracts import CheckSignature, Criterion, Level, typed_parameters


def test_values_become_typed_and_defaults_fill_the_rest(signatures: Mapping[str, CheckSignature]) -> None:
    given = {"cosine": {"at_least": 1}, "length": 32.0, "scale": 2, "layers": ["all"], "dtype": "bfloat16"}
    assert typed_parameters(given, signatures["forward.agrees"]) == {
        "cosine": Criterion(at_least=1.0),
        "loss": Criterion(below=9.0),
        "length": 32,
        "scale": 2.0,
        "layers": ("all",),
        "causal": True,
        "dtype": "bfloat16",
        "padding": 0,
    }


def test_an_absent_optional_parameter_is_none(signatures: Mapping[str, CheckSignature]) -> None:
    assert typed_parameters({"cosine": 1}, signatures["forward.agrees"])["dtype"] is None


@pytest.mark.parametrize("value", [0.5, "cuda", True])
def test_a_bare_value_is_the_value_expected(value: object, signatures: Mapping[str, CheckSignature]) -> None:
    typed = typed_parameters({"cosine": value}, signatures["forward.agrees"])
    assert typed["cosine"] == Criterion(equals=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "'cosine' is missing"),
        ({"cosine": None}, "cosine: expected a value or a mapping, got nothing"),
        ({"cosine": {"atleast": 1}}, "unknown key 'atleast'"),
        ({"cosine": 1, "length": 1.5}, "length: expected a whole number, got the number 1.5"),
        ({"cosine": 1, "scale": True}, "scale: expected a number, got the boolean True"),
        ({"cosine": 1, "causal": 1}, "causal: expected true or false, got the number 1"),
        ({"cosine": 1, "layers": [1]}, r"layers\[0\]: expected a text, got the number 1"),
        ({"cosine": 1, "padding": []}, "padding: expected a text, number or boolean, got a list"),
    ],
)
def test_what_does_not_fit_is_refused(
    given: Mapping[str, object], says: str, signatures: Mapping[str, CheckSignature]
) -> None:
    with pytest.raises(ValueError, match=says):
        typed_parameters(given, signatures["forward.agrees"])


def test_a_signature_knows_how_high_it_can_lift(signatures: Mapping[str, CheckSignature]) -> None:
    assert signatures["artifact.sound"].ceiling is Level.DISCHARGED


def test_signatures_survive_json(signatures: Mapping[str, CheckSignature]) -> None:
    for signature in signatures.values():
        assert CheckSignature.from_json(signature.to_json()) == signature
