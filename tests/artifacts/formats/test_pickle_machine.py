"""Pickles read as data: plain values come out as they went in, and nothing is ever imported or called."""

from __future__ import annotations

import collections
import math
import pickle
import pickletools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.artifacts.formats.pytorch.pickle_assessment import assess
from falsifiable.artifacts.formats.pytorch.pickle_machine import Called, PickleRun, Reference, run_pickle
from falsifiable.artifacts.limits import DEFAULT_LIMITS
from tests.artifacts.safety.evil_pickles import WAYS, broken, short

HERE = Path("a.pkl")
SMALL = replace(
    DEFAULT_LIMITS, pickle_opcodes=1_000, pickle_memo_entries=100, pickle_string_bytes=1_000, pickle_integer_bytes=16
)


def run(content: bytes, **options) -> PickleRun:
    return run_pickle(content, HERE, **options)


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(plain_values, st.integers(3, 5))  # protocols below 3 write bytes as a call
def test_plain_values_come_out_as_they_went_in(value, protocol):
    done = run(pickle.dumps(value, protocol))
    assert (done.value, done.fault, done.calls, done.references) == (value, None, (), ())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.integers(-(2**60), 2**60), inner),
        max_leaves=10,
    ),
    st.integers(0, 2),
)
def test_old_protocols_too(value, protocol):
    assert run(pickle.dumps(value, protocol)).value == value


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_one_fault(content):
    done = run(content, limits=SMALL)
    assert done.fault is None or (done.fault.kind == "unsound" and 0 <= done.fault.offset <= len(content))


@given(plain_values, st.data())
def test_every_cut_is_a_fault(value, data):
    content = pickle.dumps(value, 4)
    cut = data.draw(st.integers(0, len(content) - 1))
    assert run(content[:cut]).fault.kind == "unsound"


def test_a_call_is_inert():
    done = run(pickle.dumps(collections.OrderedDict(a=1), 2))
    assert isinstance(done.value, Called)
    assert (done.value.target, done.value.pairs) == (Reference("collections", "OrderedDict"), {"a": 1})


def test_what_build_hands_over_is_kept():
    import argparse

    made = run(pickle.dumps(argparse.Namespace(layers=2), 4)).value
    assert (str(made.target), made.state) == ("argparse.Namespace", {"layers": 2})


def test_a_set_is_kept_as_a_list():
    assert sorted(run(pickle.dumps({1, 2}, 4)).value.items) == [1, 2]
    assert run(pickle.dumps(frozenset({3}), 4)).value.items == [3]


def test_a_list_that_holds_itself():
    endless: list = []
    endless.append(endless)
    value = run(pickle.dumps(endless, 4)).value
    assert value[0] is value


def test_every_opcode_of_python_is_known():
    for opcode in pickletools.opcodes:
        fault = run(opcode.code.encode("latin-1")).fault
        assert fault is None or "unknown opcode" not in fault.message, opcode.name


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_call_is_told_and_not_taken(way, tmp_path):
    canary = tmp_path / "canary"
    done = run(WAYS[way](f"touch {canary}"))
    judged = [one for one in assess(done) if one.judgement == "dangerous"]
    assert judged, way
    assert not canary.exists()


@pytest.mark.parametrize("way", WAYS)
def test_what_was_named_before_a_break_is_told(way):
    done = run(broken(WAYS[way]("touch x")))
    assert done.fault.kind == "unsound"
    assert any(one.judgement == "dangerous" for one in assess(done))


def test_the_offset_is_that_of_the_file():
    done = run(b"junk\x80\x02cos\nsystem\n" + short("true") + b"\x85R.", start=4, base_offset=1000)
    assert next(assess(done)).offset == 1006
    assert run(b"\x80\x02NN\xff.", base_offset=64).fault.offset == 68


BROKEN = {
    "nothing": (b"", "ends before its STOP"),
    "no STOP": (b"\x80\x02N", "ends before its STOP"),
    "protocol 6": (b"\x80\x06N.", "protocol 6"),
    "unknown opcode": (b"\x80\x02\xff.", "unknown opcode 0xff"),
    "empty stack": (b"\x80\x02R.", "empty stack"),
    "two values": (b"\x80\x02NN.", "stops with 2 values"),
    "MARK left open": (b"\x80\x02(N.", "stops with 1 values"),
    "MARK never set": (b"\x80\x02Nt.", "MARK that is not there"),
    "memo never written": (b"\x80\x02h\x07.", "memo entry 7"),
    "string beyond the file": (b"\x80\x02X\xff\x00\x00\x00abc.", "needs 255 bytes"),
    "string beyond the limit": (b"\x80\x02X\xe9\x03\x00\x00" + b"a" * 1001 + b".", "string of 1001 bytes"),
    "text not UTF-8": (b"\x80\x02X\x01\x00\x00\x00\xff.", "malformed value"),
    "integer beyond the limit": (b"\x80\x02\x8b\x11\x00\x00\x00" + b"\1" * 17 + b".", "integer of 17 bytes"),
    "integer of many digits": (b"I" + b"9" * 5000 + b"\n.", "number of 5000 digits"),
    "negative memo": (b"Ng-1\n.", "memo entry -1"),
    "frame beyond the file": (b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.", "frame of 255 bytes"),
    "opcode over the end of a frame": (b"\x80\x04\x95\2\0\0\0\0\0\0\0M\0\0N.", "over the end of a frame"),
    "text over the end of a frame": (b"\x80\x04\x95\2\0\0\0\0\0\0\0I1\n.", "over the end of a frame"),
    "frame over the end of a frame": (
        b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\4\0\0\0\0\0\0\0NNN.", "over the end of a frame"),
    "STOP before the end of a frame": (b"\x80\x04\x95\4\0\0\0\0\0\0\0N.N.", "over the end of a frame"),
    "out-of-band buffer": (b"\x80\x05\x97.", "buffer outside"),
    "persistent id": (b"\x80\x02NQ.", "object outside itself"),
    "key without value": (b"\x80\x02}(Nu.", "key without a value"),
    "items into a number": (b"\x80\x02K\x01(NNu.", "sets keys of a int"),
    "append to a text": (b"\x80\x02U\x01aNa.", "appends to a str"),
    "arguments no tuple": (b"\x80\x02ctorch\nSize\nNR.", "no tuple"),
    "object of no class": (b"\x80\x02(o.", "no class"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_malformed_stream_is_a_fault(case):
    content, said = BROKEN[case]
    done = run(content, limits=replace(SMALL, pickle_string_bytes=1_000))
    assert (done.value, done.fault.kind) == (None, "unsound")
    assert said in done.fault.message


NINE_OF_THE_LAST = b"".join(b"](" + bytes([104, index]) * 9 + b"e\x94" for index in range(200))
BOMBS = {
    "opcodes": (b"N0" * 2_000 + b"N.", "opcodes"),
    "memo": (b"\x80\x04" + b"N\x940" * 300 + b"N.", "memo entries"),
    "lists of lists": (b"\x80\x04]\x94" + NINE_OF_THE_LAST, "opcodes"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_what_grows_beyond_the_budget_stops(case):
    content, said = BOMBS[case]
    assert said in run(content, limits=SMALL).fault.message


def test_nesting_is_deep_without_recursion():
    done = run(b"\x80\x02N" + b"\x85" * 100_000 + b".")
    assert done.fault is None
    assert isinstance(done.value, tuple)


def test_nested_keys_are_not_hashed():
    done = run(b"\x80\x02}N" + b"\x85" * 100_000 + b"K\x01s.")
    assert list(done.value.values()) == [1]


def test_numbers_keep_their_kind():
    done = run(b"(I01\nI7\nL8L\nF1.5\nG" + b"\x7f\xf0" + b"\0" * 6 + b"l.")
    assert done.value == [True, 7, 8, 1.5, math.inf]
    assert done.value[0] is True


def test_huge_keys_that_could_share_a_hash_are_opaque():
    prime = 2**61 - 1
    assert not set(run(pickle.dumps({prime: 1, 2 * prime: 2}, 2)).value) & {prime, 2 * prime}


# What no unpickler stops at must not hide what comes behind it: each of these is followed by a call of os.system.
HIDING = {
    "hexadecimal": b"I0x10\n0",
    "octal": b"I010\n0",
    "hexadecimal long": b"L0x10L\n0",
    "underscore": b"I1_0\n0",
    "many digits": b"L" + b"1" * 100 + b"L\n0",
    "long integer": b"\x8b\x11\0\0\0" + b"\1" * 17 + b"0",
    "long float": b"F1." + b"0" * 100 + b"\n0",
    "long text": b"S'" + b"a" * 1_001 + b"'\n0",
    "long line": b"V" + b"a" * 1_001 + b"\n0",
    "long bytes": b"B\xe9\x03\0\0" + b"a" * 1_001 + b"0",
    "escape": b"S'\\d'\n0",
    "read-only buffer": b"C\x01a\x980",
    "item of a list": b"]NaK\x00Ns0",
    "item of a name": b"ccopyreg\ndispatch_table\n(u0",
    "append to a name": b"ckeyword\nkwlist\n(Ne0",
    "item of bytes": b"\x96\x01\0\0\0\0\0\0\0aK\x00K\x01s0",
    "append to bytes": b"\x96\x01\0\0\0\0\0\0\0aK\x01a0",
    "left on the stack": b"N",
    "open MARK": b"(",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid:DeprecationWarning")  # Python's own, about the escape
@pytest.mark.parametrize("case", HIDING)
def test_nothing_hides_what_comes_behind(case, tmp_path):
    canary = tmp_path / "canary"
    content = HIDING[case] + WAYS["by_protocol_0"](f"touch {canary}")
    done = run(content, limits=SMALL)
    assert "os.system" in [one.name for one in assess(done) if one.judgement == "dangerous"]
    assert not canary.exists()
    pickle.loads(content)  # the claim that unpicklers go on is checked with the real one
    assert canary.exists()


@pytest.mark.parametrize(
    ("text", "value"), [(b"I0x10", 16), (b"I010", 8), (b"I-07", -7), (b"I1_0", 10), (b"L-0o17L", -15)]
)
def test_whole_numbers_are_those_of_python(text, value):
    assert run(text + b"\n.").value == value == pickle.loads(text + b"\n.")


@pytest.mark.parametrize("text", [rb"\d\\d\n", rb"\777\101", rb"a\'b"])
def test_escapes_warn_of_nothing(text, recwarn):
    value = run(b"S'" + text + b"'\n.").value
    assert not recwarn.list
    assert value == pickle.loads(b"S'" + text + b"'\n.", encoding="latin-1")


def test_where_a_run_ends_is_said():
    assert run(b"N.").ending == "stop"
    assert (run(b"X\x05\0\0\0a").ending, run(b"X\x05\0\0\0a").wanted) == ("cut", 10)
    assert run(b"N0" * 1_000, limits=SMALL).ending == "limit"
    assert run(b"\xff").ending == "break"
