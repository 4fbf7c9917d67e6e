"""Pickles that would touch a file if anything executed them: every way an unpickler can be made to call something.

They are written opcode by opcode, because Python's pickler writes only some of the ways. ``touch`` is a shell command
for ``os.system``; the canary file it creates must never appear.
"""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch


def short(text: str) -> bytes:
    """SHORT_BINUNICODE, or BINUNICODE where the text is longer."""
    content = text.encode()
    return (
        b"\x8c" + bytes([len(content)]) + content
        if len(content) < 256
        else b"X" + len(content).to_bytes(4, "little") + content
    )


def touching(canary: Path) -> str:
    return f"touch {canary}"


def by_reduce(command: str) -> bytes:
    return b"\x80\x02cos\nsystem\n" + short(command) + b"\x85R."


def by_posix(command: str) -> bytes:
    return b"\x80\x02cposix\nsystem\n" + short(command) + b"\x85R."


def by_stack_global(command: str) -> bytes:
    return b"\x80\x04" + short("os") + short("system") + b"\x93" + short(command) + b"\x85R."


def by_memo_names(command: str) -> bytes:
    """The names go through the memo, and what lies between them is popped."""
    names = short("system") + b"\x940" + short("os") + b"\x940" + b"h\x01h\x00\x93"
    return b"\x80\x04" + names + short(command) + b"\x85R."


def by_computed_name(command: str) -> bytes:
    """The name is what a call returns."""
    name = b"c_codecs\nencode\n" + short("system") + short("latin1") + b"\x86R"
    return b"\x80\x04" + short("os") + name + b"\x93" + short(command) + b"\x85R."


def by_instance(command: str) -> bytes:
    return b"(S'" + command.encode() + b"'\nios\nsystem\n."


def by_object(command: str) -> bytes:
    return b"\x80\x02(cos\nsystem\n" + short(command) + b"o."


def by_new_object(command: str) -> bytes:
    return b"\x80\x02csubprocess\nPopen\n" + short(command) + b"\x85\x81."


def by_new_object_with_keywords(command: str) -> bytes:
    return b"\x80\x04csubprocess\nPopen\n" + short(command) + b"\x85}" + short("shell") + b"\x88s\x92."


def by_eval(command: str) -> bytes:
    return b"\x80\x02c__builtin__\neval\n" + short(f"__import__('os').system('{command}')") + b"\x85R."


def by_setstate(command: str) -> bytes:
    """A class whose __setstate__ is os.system: BUILD calls it with the state."""
    made = b"cargparse\nNamespace\n)\x81" + b"}" + short("__setstate__") + b"cos\nsystem\nsb"
    return b"\x80\x02" + made + short(command) + b"b."


def by_dotted_name(command: str) -> bytes:
    return b"\x80\x04" + short("torch") + short("serialization.os.system") + b"\x93" + short(command) + b"\x85R."


def by_getattr(command: str) -> bytes:
    found = b"c__builtin__\ngetattr\nctorch.serialization\nos\n" + short("system") + b"\x86R"
    return b"\x80\x02" + found + short(command) + b"\x85R."


def by_protocol_0(command: str) -> bytes:
    return b"cos\nsystem\n(S'" + command.encode() + b"'\ntR."


def by_pip(command: str) -> bytes:
    return b"\x80\x02cpip\nmain\n(" + short("install") + short(command) + b"t\x85R."


WAYS: dict[str, Callable[[str], bytes]] = {
    name: function
    for name, function in list(globals().items())
    if name.startswith("by_")
}  # fmt: skip


def unexecuted_ways(command: str) -> dict[str, bytes]:
    """Every way, spelled out for a command."""
    return {name: way(command) for name, way in WAYS.items()}


def broken(payload: bytes) -> bytes:
    """nullifAI: the payload, then bytes that are no opcode instead of STOP."""
    return payload[:-1] + b"\xff\xff\xff"


class Nested:
    """Pickled by torch.save, it calls ``function`` when it is loaded."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def saved(value: object, path: Path, *, legacy: bool = False) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    return path


def rezipped(path: Path, changed: dict[str, bytes]) -> bytes:
    """A checkpoint with members replaced or (under another name) added, in a consistent archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        root = old.namelist()[0].split("/")[0]
        rest = {f"{root}/{name}": content for name, content in changed.items()}
        for name in old.namelist():
            new.writestr(name, rest.pop(name) if name in rest else old.read(name))
        for name, content in rest.items():
            new.writestr(name, content)
    return out.getvalue()


def in_tar(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def plain(value: object, protocol: int = 2) -> bytes:
    return pickle.dumps(value, protocol)
