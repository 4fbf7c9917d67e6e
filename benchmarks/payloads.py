"""Checkpoints that would run code if they were loaded, and honest ones, for the programs that claim to tell them apart.

Nothing here is ever loaded: the files are written opcode by opcode and only scanned. What they would run is ``touch``
on a canary's path, so that a scanner that executes what it scans is found out.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# A stream of before torch 1.6 is five pickles: a magic number, a version, the machine, the object, the storage keys.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_MACHINE = {
    "protocol_version": _LEGACY_VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


@dataclass(frozen=True, slots=True)
class Case:
    """A file, what it holds in words, and whether loading it runs code of somebody else's choosing."""

    path: Path
    said: str
    evil: bool


def write_cases(folder: Path) -> list[Case]:
    """Write all files; ``folder/canary`` appears if one of them is executed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = f"touch {folder / 'canary'}".encode()
    cases = []
    for name, (said, evil, build) in _CASES.items():
        path = folder / f"{name}.pt"
        path.write_bytes(build(command))
        cases.append(Case(path, said, evil))
    return cases


def _text(content: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(content)) + content


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _call(function: bytes, *arguments: bytes) -> bytes:
    """Opcodes that leave what ``function`` returns on the stack."""
    return function + b"(" + b"".join(arguments) + b"tR"


def _pickled(opcodes: bytes, protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + opcodes + b"."


def _system(command: bytes) -> bytes:
    return _call(_global("posix", "system"), _text(command))


def _evaluated(command: bytes) -> bytes:
    return b"__import__('os').system('" + command + b"')"


def _instance(command: bytes) -> bytes:
    return b"(S'" + command + b"'\niposix\nsystem\n."


def _names_from_memo(command: bytes) -> bytes:
    """STACK_GLOBAL whose module and name come out of the memo, where a reader of neighbouring opcodes misses them."""
    stored = b"\x8c\x05posix\x94" + b"0" + b"\x8c\x06system\x94" + b"0"
    return _pickled(stored + _call(b"h\x00h\x01\x93", _text(command)), protocol=4)


def _through_getattr(command: bytes) -> bytes:
    module = _call(_global("importlib", "import_module"), _text(b"os"))
    return _pickled(_call(_call(_global("builtins", "getattr"), module, _text(b"system")), _text(command)))


def _broken_afterwards(command: bytes) -> bytes:
    """The payload has run by the time a reader meets a byte that is no opcode."""
    return b"\x80\x02" + _system(command) + b"\xff\xff not a pickle any more"


def _zip(content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """A checkpoint as torch.save has written it since 1.6, with this as its pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, member in (("data.pkl", content), ("byteorder", b"little"), ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), member, method)
    return buffer.getvalue()


def _wrong_checksum(content: bytes) -> bytes:
    """torch does not look at the checksum, and executes the pickle; Python's zipfile refuses to read it."""
    whole = _zip(content)
    right = struct.pack("<I", zlib.crc32(content))
    return whole.replace(right, bytes(byte ^ 0xFF for byte in right))


def _legacy(content: bytes) -> bytes:
    head = b"".join(pickle.dumps(one, protocol=2) for one in (_LEGACY_MAGIC, _LEGACY_VERSION, _MACHINE))
    return head + content + pickle.dumps([], protocol=2)


_HONEST_STATE = {"epoch": 3, "learning_rate": 1e-4, "betas": (0.9, 0.95), "state_dict": {}}

_CASES: dict[str, tuple[str, bool, Callable[[bytes], bytes]]] = {
    "honest-zip": ("plain values", False, lambda _: _zip(pickle.dumps(_HONEST_STATE, protocol=2))),
    "honest-legacy": ("plain values, written before 1.6", False, lambda _: _legacy(pickle.dumps(_HONEST_STATE, 2))),
    "honest-arguments": (
        "plain values and an argparse.Namespace",
        False,
        lambda _: _zip(pickle.dumps({**_HONEST_STATE, "args": Namespace(seed=0)}, protocol=2)),
    ),
    "system-zip": ("a call of os.system", True, lambda command: _zip(_pickled(_system(command)))),
    "system-legacy": (
        "a call of os.system, written before 1.6",
        True,
        lambda command: _legacy(_pickled(_system(command))),
    ),
    "system-deflated": (
        "a call of os.system, the archive compressed",
        True,
        lambda command: _zip(_pickled(_system(command)), zipfile.ZIP_DEFLATED),
    ),
    "wrong-checksum": (
        "a call of os.system, the member's CRC wrong (torch.load does not mind)",
        True,
        lambda command: _wrong_checksum(_pickled(_system(command))),
    ),
    "broken-afterwards": (
        "a call of os.system, then no pickle",
        True,
        lambda command: _zip(_broken_afterwards(command)),
    ),
    "instance-opcode": ("a call of os.system by the opcode INST", True, lambda command: _zip(_instance(command))),
    "names-from-memo": ("os and system fetched from the memo", True, lambda command: _zip(_names_from_memo(command))),
    "through-getattr": (
        "getattr(import_module('os'), 'system')",
        True,
        lambda command: _zip(_through_getattr(command)),
    ),
    "eval": (
        "a call of eval",
        True,
        lambda command: _zip(_pickled(_call(_global("builtins", "eval"), _text(_evaluated(command))))),
    ),
    "timeit": (
        "a call of timeit.timeit, which executes its argument",
        True,
        lambda command: _zip(_pickled(_call(_global("timeit", "timeit"), _text(_evaluated(command))))),
    ),
    "unknown-module": (
        "a call of a function nobody has heard of: layers_of_mine.build",
        True,
        lambda command: _zip(_pickled(_call(_global("layers_of_mine", "build"), _text(command)))),
    ),
}
