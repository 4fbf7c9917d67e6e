from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.evidence import CanonicalError, canonical_json, parse_canonical

json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_keys_are_sorted_and_nothing_is_spaced() -> None:
    assert canonical_json({"b": 1, "a": [True, None, "é"]}) == '{"a":[true,null,"é"],"b":1}'.encode()


def test_what_json_cannot_say_is_said_in_text() -> None:
    written = canonical_json([math.nan, math.inf, -math.inf, 2**53, "\udcff", 0.1, 1.0])
    assert written == rb'["NaN","Infinity","-Infinity","9007199254740992","\\udcff",0.1,1]'


def test_a_value_that_is_no_json_is_named_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"\$\.measurements\[1\] is a set"):
        canonical_json({"measurements": [1, {2}]})
    with pytest.raises(TypeError, match="keys of JSON objects are text"):
        canonical_json({1: 2})


@pytest.mark.parametrize(
    "data",
    [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1.0}', b'{"a":1,"a":1}', b"NaN", b"\xff", b"", b"[" * 100_000, b"1e999"],
)
def test_any_other_bytes_of_a_value_are_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        parse_canonical(data)


@given(json_data)
def test_written_and_read_back_it_is_written_the_same(value: object) -> None:
    written = canonical_json(value)
    assert canonical_json(parse_canonical(written)) == written
