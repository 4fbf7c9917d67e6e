"""Cases 77 to 86: pickles, archives and PyTorch checkpoints, through ``contract inspect`` in 512 MB."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from tests.artifacts.formats.test_pytorch import UNSOUND
from tests.artifacts.formats.test_zip import BROKEN as BROKEN_ARCHIVES
from tests.artifacts.safety.evil_pickles import WAYS, broken, by_reduce, in_tar, rezipped, saved, touching
from tests.bad_inputs.confined import Done
from tests.fuzz.make_seeds import zipped

ARCHIVES: Mapping[int, tuple[str, ...]] = {
    79: ("encrypted in the header only", "another name in the header", "another size in the header",
         "another checksum in the header", "another size in the directory", "another count"),
    80: ("empty", "archive of nothing", "cut", "prefix junk", "two archives", "two end records"),
    81: ("two of one name", "an absolute name", "a name that goes up", "a Windows name that goes up"),
}  # fmt: skip
VIEWS = ("view beyond its storage", "strides beyond the storage", "negative stride", "storage shorter than its record",
         "storage longer than its record", "storage that is not there")  # fmt: skip
NOT_EVEN_ONE = {"empty": "0 of 8 header bytes", "prefix junk": "", "archive of nothing": "an empty zip archive"}
"""What is said of bytes that do not begin as an archive does."""

EXIT = {"unreadable": 2, "unsound": 1}


@pytest.fixture
def payload(tmp_path: Path) -> str:
    """What a hostile pickle runs; ``refused`` looks for the file that it would make."""
    return touching(tmp_path / "canary")


@pytest.mark.bad_input(77)
@pytest.mark.parametrize("way", WAYS)
def test_a_pickle_that_calls_something_is_refused(
    way: str, payload: str, refused: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "model.pt").write_bytes(WAYS[way](payload))
    done = refused(tmp_path / "model.pt", 1)
    assert "dangerous" in done.out


@pytest.mark.bad_input(78)
@pytest.mark.parametrize("name", ["model.safetensors", "notes.txt", "weights", "model.gguf", "tokenizer.json"])
def test_its_name_makes_no_difference(name: str, payload: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(by_reduce(payload))
    assert "dangerous" in refused(tmp_path / name, 1).out


@pytest.mark.bad_input(78)
@pytest.mark.parametrize(
    "wrapped",
    [
        lambda content: in_tar("pickle", content),
        lambda content: zipped({"model/data.pkl": content}),
        lambda content: zipped({"model/extra/hidden.bin": content, "model/data.pkl": b"\x80\x02}."}),
        lambda content: gzip.compress(content),
    ],
    ids=["tar", "zip", "zip beside a harmless one", "gzip"],
)
def test_nor_does_what_it_is_wrapped_in(
    wrapped: Callable[[bytes], bytes], payload: str, refused: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(wrapped(by_reduce(payload)))
    assert "dangerous" in refused(tmp_path / "model.bin", 1).out


@pytest.mark.bad_input(78)
def test_an_archive_that_cannot_be_looked_into_is_named(refused: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(60))
    done = refused(tmp_path / "model.bin", 2, "a 7z archive")
    assert "suspicious" in done.out


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.bad_input(case)) for case, names in ARCHIVES.items() for name in names],
)
def test_an_archive_that_contradicts_itself(name: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    make, kind, said = BROKEN_ARCHIVES[name]
    (tmp_path / "model.pt").write_bytes(make())
    refused(tmp_path / "model.pt", EXIT[kind], NOT_EVEN_ONE.get(name, said))


@pytest.mark.bad_input(82)
def test_a_member_that_inflates_a_thousandfold_is_not_inflated(refused: Callable[..., Done], tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    megabyte = bytes(2**20)
    content = b"".join(packer.compress(megabyte) for _ in range(1024)) + packer.flush()
    assert len(content) < 1.1 * 2**20
    (tmp_path / "model.pt").write_bytes(archive_of_one("model/data.pkl", content, 2**30))
    done = refused(tmp_path / "model.pt", 1, "inflate")
    assert done.peak_mebibytes < 256


def archive_of_one(name: str, deflated: bytes, size: int) -> bytes:
    """An archive whose member states a size and no checksum that anybody has computed."""
    import struct

    text = name.encode()
    sizes = struct.pack("<3I2H", 0, len(deflated), size, len(text), 0)
    local = b"PK\x03\x04" + struct.pack("<5H", 20, 0, 8, 0, 33) + sizes + text + deflated
    central = (
        b"PK\x01\x02" + struct.pack("<6H", 20, 20, 0, 8, 0, 33) + sizes + struct.pack("<3H2I", 0, 0, 0, 0, 0) + text
    )
    return local + central + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(central), len(local), 0)


@pytest.mark.bad_input(83)
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_that_its_storage_cannot_hold(name: str, refused: Callable[..., Done], tmp_path: Path) -> None:
    content, said = UNSOUND[name]
    path = saved({"w": torch.ones(2)}, tmp_path / "model.pt")
    path.write_bytes(rezipped(path, {"data.pkl": content}))
    refused(path, 1, said)


@pytest.mark.bad_input(84)
@pytest.mark.parametrize("packed", [False, True], ids=["alone", "in a checkpoint"])
def test_what_comes_before_a_break_is_reported(
    packed: bool, payload: str, refused: Callable[..., Done], tmp_path: Path
) -> None:
    path = saved({"w": torch.ones(2)}, tmp_path / "model.pt")
    content = broken(by_reduce(payload))
    path.write_bytes(rezipped(path, {"data.pkl": content}) if packed else content)
    done = refused(path, 1)
    assert "system" in done.out


NINE_OF_THE_LAST = b"".join(b"](" + bytes([104, index]) * 9 + b"e\x94" for index in range(200))


@pytest.mark.bad_input(85)
@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04]\x94" + NINE_OF_THE_LAST + b".",
        b"\x80\x02" + b"N0" * 2**22 + b"N.",
        b"\x80\x04" + b"]\x94" * 2**20 + b".",
        b"\x80\x02" + b"(" * 2**20 + b".",
        b"\x80\x02" + b"]" * 2**20 + b"a" * (2**20 - 1) + b".",
    ],
    ids=["nine of the last, two hundred times", "opcodes", "memo", "marks", "nested"],
)
def test_a_pickle_that_grows_ends_in_little_memory(
    content: bytes, confined: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    done = confined("inspect", "model.pt")
    assert done.code in (1, 2)
    assert "model.pt" in done.err
    assert done.peak_mebibytes < 512


class Harmless:
    """An object that is no tensor."""


@pytest.mark.bad_input(86)
def test_objects_beside_the_tensors_are_kept_inert_and_reported(confined: Callable[..., Done], tmp_path: Path) -> None:
    saved({"w": torch.ones(2), "callback": Harmless()}, tmp_path / "model.pt")
    done = confined("inspect", "model.pt")
    assert "Harmless" in done.out
    assert "suspicious" in done.out
    assert done.code == 0, done.err
