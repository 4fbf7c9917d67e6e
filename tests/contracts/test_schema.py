"""The JSON Schema and the typed reader accept and refuse the same documents."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from falsifiable.contracts import (
    CheckSignature,
    artifacts_schema,
    check_contracts,
    contract_schema,
    plain,
    read_bindings,
    read_contract,
    read_yaml,
)
from falsifiable.contracts.check_schema import in_yaml

SCHEMA = Draft7Validator(contract_schema())
ARTIFACTS = Draft7Validator(artifacts_schema())

texts = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=8) | st.sampled_from(
    ["", "a", "F-1", "1.0.0", "init", "a\n", "F-1\n", "model", "é", "1e-5", "true", "A" * 101, "x/y", "f" * 64]
)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
scalars = texts | numbers | st.booleans()
words = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3}){0,2}", fullmatch=True)
anything = st.recursive(
    scalars | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
criteria = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("at_least", "at_most", "above", "below", "within"), numbers),
        "equals": scalars,
        "one_of": st.lists(scalars, max_size=3),
    },
)
conditions = st.dictionaries(words, st.dictionaries(texts, criteria | scalars, max_size=3), max_size=2)
falsifiers = st.fixed_dictionaries(
    {
        "id": st.from_regex(r"[A-Z0-9]{1,5}(-[A-Z0-9]{1,3}){0,2}", fullmatch=True),
        "claim": st.text("abc ", min_size=1, max_size=5),
        "check": st.builds("{}.{}".format, words, words),
    },
    optional={
        "on": st.dictionaries(texts, words, max_size=2),
        "with": st.dictionaries(texts, anything, max_size=2),
        "up_to": st.sampled_from(["partial", "integration", "discharged"]),
        "if_falsified": texts,
    },
)
kinds = st.sampled_from(["model", "tokenizer", "run", "corpus", "command", "table", "files", "curves", "race"])
contracts = st.fixed_dictionaries(
    {
        "contract": words,
        "version": st.builds("{}.{}.{}".format, *[st.integers(0, 99)] * 3),
        "title": st.text("abc ", min_size=1, max_size=5),
        "falsifiers": st.lists(falsifiers, max_size=2),
    },
    optional={
        "spec": words,
        "references": st.lists(texts, max_size=2),
        "requires": st.lists(words, max_size=2),
        "artifacts": st.dictionaries(
            words, st.fixed_dictionaries({"kind": kinds}, optional={"description": texts}), max_size=2
        ),
        "discharge": conditions,
        "unguarded": st.dictionaries(
            words, st.dictionaries(texts, st.text("abc ", min_size=1), max_size=2), max_size=2
        ),
    },
)
bindings = st.dictionaries(
    words | st.builds("{}/{}".format, words, words),
    texts
    | st.fixed_dictionaries(
        {},
        optional={
            "path": texts,
            "sha256": st.just("f" * 64) | texts,
            "command": st.lists(texts, max_size=3),
            "sources": st.lists(texts, max_size=2),
            "url": st.just("https://example.org/m.gguf") | texts,
            "pattern": st.just("(?P<step>1)(?P<loss>2)") | texts,
        },
    ),
    max_size=3,
)


def collections_in(data: Any) -> Iterator[Any]:
    """Every mapping and list in ``data`` that is not empty."""
    inside = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    if inside:
        yield data
    for one in inside:
        yield from collections_in(one)


@st.composite
def mutated(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> Any:
    """A document with up to two places changed, taken away, or added."""
    data = copy.deepcopy(draw(documents))
    for _ in range(draw(st.integers(0, 2))):
        places = list(collections_in(data))
        if not places:
            break
        place = draw(st.sampled_from(places))
        key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        action = draw(st.sampled_from(["change", "remove", "add"]))
        if action == "remove":
            del place[key]
        elif action == "add" and isinstance(place, dict):
            place[draw(texts | st.sampled_from(["on", "with", "parameters", "at_least", "kind", "path"]))] = draw(
                anything
            )
        else:
            place[key] = draw(anything)
    return data


def as_yaml(data: Any) -> bytes:
    """JSON is YAML, and has no doubt about what is a text."""
    return json.dumps(data, ensure_ascii=False).encode()


def has_merge_key(data: Any) -> bool:
    return any(isinstance(one, dict) and "<<" in one for one in collections_in(data))


@settings(deadline=None)
@given(mutated(contracts))
def test_reader_and_schema_agree_on_contracts(data: Any) -> None:
    file = read_contract(as_yaml(data))
    errors = [one.message for one in SCHEMA.iter_errors(data)]
    assert (file.contract is not None) == (not errors), (file.diagnostics, errors)


@settings(deadline=None)
@given(contracts)
def test_generated_contracts_are_sound(data: Any) -> None:
    assert read_contract(as_yaml(data)).diagnostics == ()


@settings(deadline=None)
@given(mutated(bindings))
def test_reader_and_schema_agree_on_artifacts(data: Any) -> None:
    shape_rules = {"ARTIFACTS-UNKNOWN-KEY", "ARTIFACTS-TYPE", "ARTIFACTS-VALUE"}
    refused = any(one.rule in shape_rules or one.rule.startswith("YAML") for one in read_bindings(as_yaml(data), {})[1])
    assert refused == (not ARTIFACTS.is_valid(data))


@settings(deadline=None)
@given(data=st.fixed_dictionaries(
    {"cosine": criteria | scalars},
    optional={"loss": anything, "length": numbers, "scale": numbers | texts,
              "layers": st.lists(texts | numbers, max_size=2), "causal": scalars,
              "dtype": scalars, "padding": anything, "other": scalars},
))  # fmt: skip
def test_reader_and_schema_agree_on_the_parameters_of_a_check(
    signatures: Mapping[str, CheckSignature], data: Any
) -> None:
    falsifier = {"id": "F-1", "claim": "c", "check": "forward.agrees", "on": {"model": "m"}, "with": data}
    whole = {
        "contract": "a", "version": "1.0.0", "title": "t",
        "artifacts": {"m": {"kind": "model"}}, "falsifiers": [falsifier],
    }  # fmt: skip
    (file,) = check_contracts([read_contract(as_yaml(whole))], signatures)
    shape = [one for one in file.diagnostics if not one.rule.startswith("CONTRACT-CRITERION")]
    assert (not shape) == Draft7Validator(contract_schema(signatures)).is_valid(whole), shape


@pytest.mark.parametrize("schema", ["contract", "artifacts", "checks"])
def test_the_schema_is_a_draft_07_schema(schema: str, signatures: Mapping[str, CheckSignature]) -> None:
    made = {"contract": contract_schema(), "artifacts": artifacts_schema(), "checks": contract_schema(signatures)}[
        schema
    ]
    Draft7Validator.check_schema(made)
    assert json.loads(json.dumps(made)) == made


def test_an_editor_is_told_what_a_check_takes(signatures: Mapping[str, CheckSignature]) -> None:
    falsifier = contract_schema(signatures)["definitions"]["falsifier"]
    named = falsifier["properties"]["check"]["anyOf"]
    assert [one["const"] for one in named] == sorted(signatures)
    fits = next(one["then"] for one in falsifier["allOf"] if _check_of(one) == "vocabulary.fits-model")
    assert fits["required"] == ["on"]
    assert fits["properties"]["on"]["required"] == ["model", "tokenizer"]
    assert fits["properties"]["with"]["properties"]["bound"] == {
        "description": "how tightly\n\nOne of at-most, exactly; by default at-most.",
        "enum": ["at-most", "exactly"],
        "default": "at-most",
    }


def _check_of(entry: Any) -> str | None:
    """The check that an entry of ``allOf`` is about; None for the last, which is about every check."""
    return entry["if"]["properties"]["check"]["const"] if "if" in entry else None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"at_least": 0.5}, "{at_least: 0.5}"),
        ({"one_of": ["real", "a b"]}, '{one_of: [real, "a b"]}'),
        ([], "[]"), (True, "true"), ("", '""'), ("at-most", "at-most"), ("é", '"é"'), (1e-06, "1e-06"), ("12", '"12"'),
    ],
)  # fmt: skip
def test_a_default_is_shown_as_it_would_be_written(value: Any, written: str) -> None:
    assert in_yaml(value) == written
    assert plain(read_yaml(f"is: {written}".encode()).root) == {"is": value}


def test_every_key_has_a_description() -> None:
    schema = contract_schema()
    records = [schema, *schema["definitions"].values(), schema["properties"]["artifacts"]["additionalProperties"]]
    for record in records:
        assert all(one["description"] for one in record["properties"].values())
        assert record["additionalProperties"] is False
