"""What each opcode of a pickle does to the machine; none imports or calls anything.

The opcodes are those of CPython's ``Lib/pickle.py`` and ``Lib/pickletools.py`` (3.11): protocols 0 to 5 (PEP 574).
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable
from typing import Any, NoReturn

from falsifiable.artifacts.formats.pytorch.pickle_objects import EXTENSION, Called, OpaqueKey, Reference
from falsifiable.artifacts.formats.pytorch.pickle_stack import FaultError, Machine, StopError

_HIGHEST_PROTOCOL = 5
_LARGEST_INTEGER_KEY = 2**60  # beyond it, keys of equal hash could be chosen and a dict become quadratic
_DICT_KEYS = (str, bytes, int, float, bool, type(None))
_OCTAL = re.compile(rb"\s*([+-]?)0([0-7]*)")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = frozenset(b"\n\\'\"abfnrtvx01234567")

Handler = Callable[[Machine], None]


def _key(key: object) -> object:
    if type(key) not in _DICT_KEYS or (type(key) is int and abs(key) > _LARGEST_INTEGER_KEY):
        return OpaqueKey(key)
    return key


def _set_pairs(machine: Machine, keys_and_values: list[Any]) -> None:
    if len(keys_and_values) % 2:
        raise FaultError("sets a key without a value")
    target = machine.stack[-1]
    if isinstance(target, Called):
        target.pairs = {} if target.pairs is None else target.pairs
        target = target.pairs
    if not isinstance(target, dict):  # a list takes numbers, and whatever a name stands for may take anything
        machine.note(f"sets keys of {_described(target)}")
        return
    for key, value in zip(keys_and_values[::2], keys_and_values[1::2], strict=True):
        target[_key(key)] = value


def _add_items(machine: Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if isinstance(target, Called):
        target.items = [] if target.items is None else target.items
        target = target.items
    if isinstance(target, list):
        target.extend(items)
    else:
        machine.note(f"appends to {_described(target)}")


def _described(value: object) -> str:
    return str(value)[:80] if isinstance(value, Reference) else f"a {type(value).__name__}"


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _old_text(content: bytes) -> str:
    """A Python 2 ``str``: text in UTF-8, or bytes."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _protocol(machine: Machine) -> None:
    version = machine.take(1)[0]
    if version > _HIGHEST_PROTOCOL:
        raise FaultError(f"is of protocol {version}")


def _frame(machine: Machine) -> None:
    length = int.from_bytes(machine.take(8), "little")
    left = len(machine.content) - machine.position
    if length > left:
        raise machine.cut(length, f"has a frame of {length} bytes, {left} are left: the file was cut")
    end = machine.position + length
    machine.check_frame(end)
    machine.frame_end = max(machine.frame_end, end)


def _stop(machine: Machine) -> NoReturn:
    if not machine.stack:
        raise FaultError("stops with 0 values on its stack")
    if len(machine.stack) != 1 or machine.outer:
        machine.note(f"stops with {len(machine.stack)} values on its stack")
    machine.check_frame(len(machine.content) + 1)
    raise StopError


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.above_mark()


def _pop_mark(machine: Machine) -> None:
    machine.above_mark()


def _mark(machine: Machine) -> None:
    machine.outer.append(machine.stack)
    machine.stack = []


def _long(width: int) -> Handler:
    def handler(machine: Machine) -> None:
        length = int.from_bytes(machine.take(width), "little")
        content = machine.short(machine.take(length), machine.limits.pickle_integer_bytes, "an integer")
        machine.stack.append(int.from_bytes(content, "little", signed=True))

    return handler


def _int_line(machine: Machine) -> None:
    start = machine.position
    if machine.content[start : start + 3] in (b"00\n", b"01\n"):
        machine.stack.append(machine.line() == b"01")
    else:
        machine.stack.append(_whole_number(machine, machine.line()))


def _long_line(machine: Machine) -> None:
    machine.stack.append(_whole_number(machine, machine.line().removesuffix(b"L")))


def _whole_number(machine: Machine, text: bytes) -> int:
    """A whole number as C reads it: decimal, octal behind 0, and in other bases behind their sign."""
    if len(text) > machine.limits.json_number_characters:
        machine.note(f"has a number of {len(text)} digits")
        return 0
    octal = _OCTAL.fullmatch(text)
    if octal is not None:
        return int(octal[1] + b"0" + octal[2], 8)
    return int(text, 0)


def _float_line(machine: Machine) -> None:
    text = machine.line()
    if len(text) > machine.limits.json_number_characters:
        machine.note(f"has a number of {len(text)} characters")
        text = b"0"
    machine.stack.append(float(text))


def _string_line(machine: Machine) -> None:
    text = machine.line().strip()
    if len(text) < 2 or text[0] != text[-1] or text[:1] not in (b"'", b'"'):
        raise FaultError("has a text without quotes")
    text = machine.short(text[1:-1], machine.limits.pickle_string_bytes, "a text")
    machine.stack.append(_old_text(codecs.escape_decode(_ESCAPE.sub(_plain_escape, text))[0]))


def _plain_escape(found: re.Match[bytes]) -> bytes:
    """An escape of which Python does not warn that it means nothing: what it means is the same."""
    escaped = found[1]
    if len(escaped) == 3:
        return b"\\%03o" % (int(escaped, 8) & 0xFF)
    return found[0] if escaped[0] in _ESCAPED else b"\\" + found[0]


def _text_line(machine: Machine) -> None:
    text = machine.short(machine.line(), machine.limits.pickle_string_bytes, "a text")
    machine.stack.append(text.decode("raw-unicode-escape"))


def _tuple(count: int) -> Handler:
    def handler(machine: Machine) -> None:
        stack = machine.stack
        if len(stack) < count:
            raise IndexError
        stack[-count:] = [tuple(stack[-count:])]

    return handler


def _dict_from_mark(machine: Machine) -> None:
    pairs = machine.above_mark()
    machine.stack.append({})
    _set_pairs(machine, pairs)


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _set_pairs(machine, [key, value])


def _append_one(machine: Machine) -> None:
    item = machine.stack.pop()
    _add_items(machine, [item])


def _set_made(name: str) -> Handler:
    """A set is kept as an inert call: the things in it need not be hashable here."""

    def handler(machine: Machine) -> None:
        items = machine.above_mark() if name == "frozenset" else []
        made = Called(Reference("builtins", name), (), name.upper(), machine.offset)
        made.items = items
        machine.stack.append(made)

    return handler


def _global_line(machine: Machine) -> None:
    module, name = _text(machine.line()), _text(machine.line())
    machine.stack.append(machine.refer(module, name))


def _global_from_stack(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.refer(module, name))


def _extension(width: int) -> Handler:
    def handler(machine: Machine) -> None:
        code = int.from_bytes(machine.take(width), "little")
        machine.stack.append(machine.refer(EXTENSION, str(code)))

    return handler


def _reduce(machine: Machine) -> None:
    arguments = machine.stack.pop()
    target = machine.stack.pop()
    machine.stack.append(machine.call(target, arguments, "REDUCE"))


def _new_object(machine: Machine) -> None:
    arguments = machine.stack.pop()
    target = machine.stack.pop()
    machine.stack.append(machine.call(target, arguments, "NEWOBJ"))


def _new_object_with_keywords(machine: Machine) -> None:
    named, arguments = machine.stack.pop(), machine.stack.pop()
    target = machine.stack.pop()
    machine.stack.append(machine.call(target, arguments, "NEWOBJ_EX", named))


def _instance_line(machine: Machine) -> None:
    reference = machine.refer(_text(machine.line()), _text(machine.line()))
    arguments = tuple(machine.above_mark())
    machine.stack.append(machine.call(reference, arguments, "INST"))


def _object_from_mark(machine: Machine) -> None:
    target, *arguments = machine.above_mark() or _none_to_call()
    machine.stack.append(machine.call(target, tuple(arguments), "OBJ"))


def _none_to_call() -> NoReturn:
    raise FaultError("makes an object of no class")


def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if isinstance(target, Called):
        target.state = state
    elif isinstance(target, Reference):  # attributes of a class or function itself
        machine.call(target, (state,), "BUILD")


def _persistent(machine: Machine, identifier: object) -> None:
    if machine.persistent is None:
        raise FaultError("refers to an object outside itself")
    machine.stack.append(machine.persistent(identifier, machine.offset))


def _buffer(machine: Machine) -> None:
    machine.note("refers to a buffer outside itself")
    machine.stack.append(None)


def _read_only(machine: Machine) -> None:
    """Bytes are read-only as they are."""
    machine.stack.append(machine.stack.pop())


def _unknown(machine: Machine) -> NoReturn:
    raise FaultError(f"has the unknown opcode 0x{machine.content[machine.started]:02x}")


def _constant(value: object) -> Handler:
    return lambda machine: machine.stack.append(value)


def _handlers() -> tuple[Handler, ...]:
    """The handler of each opcode byte. Written out: a byte means what the table says and nothing else."""
    unsigned = int.from_bytes
    table: dict[bytes, Handler] = {
        b"\x80": _protocol, b"\x95": _frame, b".": _stop,
        b"0": _pop, b"1": _pop_mark, b"2": lambda m: m.push(m.stack[-1]), b"(": _mark,
        b"N": _constant(None), b"\x88": _constant(True), b"\x89": _constant(False),
        b"K": lambda m: m.push(m.take(1)[0]),
        b"M": lambda m: m.push(unsigned(m.take(2), "little")),
        b"J": lambda m: m.push(unsigned(m.take(4), "little", signed=True)),
        b"I": _int_line, b"L": _long_line, b"\x8a": _long(1), b"\x8b": _long(4),
        b"F": _float_line, b"G": lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
        b"S": _string_line, b"V": _text_line,
        b"U": lambda m: m.push(_old_text(m.counted(1))),
        b"T": lambda m: m.push(_old_text(m.counted(4))),
        b"\x8c": lambda m: m.push(_text(m.counted(1))), b"X": lambda m: m.push(_text(m.counted(4))),
        b"\x8d": lambda m: m.push(_text(m.counted(8))),
        b"C": lambda m: m.push(m.counted(1)), b"B": lambda m: m.push(m.counted(4)),
        b"\x8e": lambda m: m.push(m.counted(8)), b"\x96": lambda m: m.push(m.counted(8)),
        b")": _constant(()), b"t": lambda m: m.push(tuple(m.above_mark())),
        b"\x85": _tuple(1), b"\x86": _tuple(2), b"\x87": _tuple(3),
        b"]": lambda m: m.push([]), b"l": lambda m: m.push(m.above_mark()),
        b"a": _append_one, b"e": lambda m: _add_items(m, m.above_mark()),
        b"}": lambda m: m.push({}), b"d": _dict_from_mark,
        b"s": _set_item, b"u": lambda m: _set_pairs(m, m.above_mark()),
        b"\x8f": _set_made("set"), b"\x91": _set_made("frozenset"), b"\x90": lambda m: _add_items(m, m.above_mark()),
        b"p": lambda m: m.remember(m.digits()), b"q": lambda m: m.remember(m.take(1)[0]),
        b"r": lambda m: m.remember(unsigned(m.take(4), "little")), b"\x94": lambda m: m.remember(len(m.memo)),
        b"g": lambda m: m.recall(m.digits()), b"h": lambda m: m.recall(m.take(1)[0]),
        b"j": lambda m: m.recall(unsigned(m.take(4), "little")),
        b"c": _global_line, b"\x93": _global_from_stack, b"R": _reduce, b"b": _build,
        b"\x82": _extension(1), b"\x83": _extension(2), b"\x84": _extension(4),
        b"\x81": _new_object, b"\x92": _new_object_with_keywords, b"i": _instance_line, b"o": _object_from_mark,
        b"P": lambda m: _persistent(m, _text(m.line())), b"Q": lambda m: _persistent(m, m.stack.pop()),
        b"\x97": _buffer, b"\x98": _read_only,
    }  # fmt: skip
    return tuple(table.get(bytes([code]), _unknown) for code in range(256))


HANDLERS = _handlers()
