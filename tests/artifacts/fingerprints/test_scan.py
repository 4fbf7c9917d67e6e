"""One pass over a model's files: what it finds, and that it reads each byte once."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from falsifiable.artifacts import ArtifactError, Model, open_model
from falsifiable.artifacts.fingerprints import scan, statistics
from falsifiable.artifacts.fingerprints.scan import fingerprint_of_stored, scan_model_files
from falsifiable.artifacts.sources.files import SourceFile
from falsifiable.artifacts.tensors import NOT_IN_A_FILE, TensorInfo

torch = pytest.importorskip("torch")

MANY = 2_500_000  # elements: ten megabytes of float32, more than one thread is given without a second


class CountingFile(SourceFile):
    """A real file that remembers which bytes were read of it, and how often."""

    __slots__ = ("reads",)

    def __init__(self, path: Path, relative: str | None = None) -> None:
        super().__init__(path, relative)
        self.reads: Counter[tuple[int, int]] = Counter()

    def read(self, offset: int, count: int) -> bytes:
        self.reads[offset, count] += 1
        return super().read(offset, count)

    def read_into(self, buffer: memoryview, offset: int) -> None:
        self.reads[offset, len(buffer)] += 1
        super().read_into(buffer, offset)

    def view(self, offset: int, count: int) -> memoryview:
        self.reads[offset, count] += 1
        return super().view(offset, count)

    def times_read(self) -> Any:
        """How often each byte was read."""
        times = numpy.zeros(self.size, numpy.int64)
        for (offset, count), often in self.reads.items():
            times[offset : offset + count] += often
        return times


def several_tensors(folder: Path) -> Path:
    random = numpy.random.default_rng(0)
    tensors = {
        "large": random.normal(size=(250, MANY // 250)).astype(numpy.float32),
        "half": random.normal(size=1_000_003).astype(numpy.float16),
        "wide": random.normal(size=100_001),
        "empty": numpy.empty((0, 4), numpy.float32),
        "one": numpy.ones(1, numpy.float32),
        "bytes": random.integers(0, 255, 70_001, numpy.uint8),
        "whole": random.integers(-5, 5, 100_000),
        "flags": random.integers(0, 2, 33).astype(bool),
    }
    save_file(
        tensors,
        folder / "model.safetensors",
        {"said": "something that no tensor holds, which is read for the sha256 alone"},
    )
    return folder / "model.safetensors"


@pytest.mark.parametrize("sha256", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_every_byte_is_read_once(sha256: bool, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_threads", lambda: threads)
    model = open_model(several_tensors(tmp_path))
    source = CountingFile(model.path)
    found = scan_model_files(model.tensors.values(), [source], sha256=sha256)
    times = source.times_read()
    first = min(info.offset for info in model.tensors.values())
    assert (times[first:] == 1).all()
    assert (times[:first] == (1 if sha256 else 0)).all()
    content = model.path.read_bytes()
    for name, info in model.tensors.items():
        assert found.fingerprints[name].blake3 == blake3(content[info.offset :][: info.nbytes]).hexdigest()
    digest = hashlib.sha256(content).hexdigest()
    assert found.sha256 == ({"model.safetensors": digest} if sha256 else {})
    assert source.known_sha256 == (digest if sha256 else None)


def test_how_many_threads_and_whether_the_file_is_hashed_change_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, found = several_tensors(tmp_path), set()
    for threads in (1, 2, 5):
        monkeypatch.setattr(scan, "_threads", lambda threads=threads: threads)
        for sha256 in (False, True):
            model = open_model(path)
            found.add(repr(scan_model_files(model.tensors.values(), [SourceFile(path)], sha256=sha256).fingerprints))
    assert len(found) == 1


def test_a_model_scanned_is_not_read_again(tmp_path: Path) -> None:
    model = open_model(several_tensors(tmp_path))
    scanned = model.scan()
    assert scanned.sha256 == {"model.safetensors": hashlib.sha256(model.path.read_bytes()).hexdigest()}
    model.path.write_bytes(b"")  # any reading would now be refused
    assert model.digest == scanned.sha256["model.safetensors"]
    assert model.fingerprints == scanned.fingerprints


def test_a_folder_is_hashed_with_all_its_files(tmp_path: Path) -> None:
    from falsifiable.samples import specimen

    model = specimen("model", "huggingface")
    assert isinstance(model, Model)
    scanned = open_model(model.path).scan()
    assert scanned.sha256 == model.file_digests
    assert len(scanned.sha256) > 1
    assert scanned.fingerprints == model.fingerprints


def test_compiled_and_not_the_same_model_has_the_same_fingerprints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    path = several_tensors(tmp_path)
    plain = open_model(path).fingerprints
    monkeypatch.setattr(statistics, "_COMPILED_PAYS_BYTES", 0)
    compiled = open_model(path).fingerprints
    for name, one in plain.items():
        other = compiled[name]
        exact = ("blake3", "nonfinite", "first_nonfinite", "zero_share", "constant")
        assert [getattr(one, field) for field in exact] == [getattr(other, field) for field in exact]
        assert repr((one.minimum, one.maximum)) == repr((other.minimum, other.maximum))  # repr: a NaN equals itself
        assert (one.mean, one.std) == pytest.approx((other.mean, other.std), rel=1e-12, abs=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_statistics_do_not_depend_on_the_order_of_the_values(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = numpy.array(data.draw(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50)), "<f4")
    order = data.draw(st.permutations(range(values.size)))
    folder = tmp_path_factory.mktemp("order")
    save_file({"a": values, "b": values[order]}, folder / "model.safetensors")
    one, other = open_model(folder / "model.safetensors").fingerprints.values()
    assert (one.minimum, one.maximum, one.zero_share, one.nonfinite) == (
        other.minimum, other.maximum, other.zero_share, other.nonfinite,
    )  # fmt: skip
    if one.finite:
        largest = max(abs(one.minimum), abs(one.maximum))
        assert one.mean == pytest.approx(other.mean, rel=1e-12, abs=1e-12 * largest)
        assert one.std == pytest.approx(other.std, rel=1e-10, abs=1e-12 * largest)


def test_bfloat16_agrees_with_torch(tmp_path: Path) -> None:
    from safetensors.torch import save_file as save_torch

    values = torch.randn(300, 1001, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    save_torch({"w": values}, tmp_path / "model.safetensors")
    one = open_model(tmp_path / "model.safetensors").fingerprints["w"]
    wide = values.double()
    assert one.blake3 == blake3(values.view(torch.uint8).numpy().tobytes()).hexdigest()
    assert (one.minimum, one.maximum) == (wide.min().item(), wide.max().item())
    assert one.mean == pytest.approx(wide.mean().item(), rel=1e-12)
    assert one.std == pytest.approx(wide.std(correction=0).item(), rel=1e-12)


def infos(path: Path, *places: tuple[int, int], **changes: Any) -> list[TensorInfo]:
    """Tensors of float32 at these offsets with these numbers of elements."""
    return [
        TensorInfo(f"t{index}", None, (elements,), "F32", path, offset, 4 * elements, **changes)
        for index, (offset, elements) in enumerate(places)
    ]


@pytest.mark.parametrize("sha256", [False, True])
def test_tensors_that_share_bytes(sha256: bool, tmp_path: Path) -> None:
    """The same place is read once for both; one that begins inside another is read after it."""
    values = numpy.arange(100, dtype="<f4")
    path = tmp_path / "views"
    path.write_bytes(b"head" + values.tobytes() + b"tail")
    source = CountingFile(path)
    tensors = infos(path, (4, 100), (4, 100), (204, 50), (4, 10))
    found = scan_model_files(tensors, [source], sha256=sha256).fingerprints
    assert [found[f"t{index}"].maximum for index in range(4)] == [99, 99, 99, 9]
    assert found["t2"].blake3 == blake3(values[50:].tobytes()).hexdigest()
    times = source.times_read()
    assert times[4:44].tolist() == [2] * 40
    assert times[44:204].tolist() == [1] * 160
    assert times[204:404].tolist() == [2] * 200


def test_a_view_out_of_order_is_taken_row_by_row(tmp_path: Path) -> None:
    values = numpy.arange(6, dtype="<f4").reshape(2, 3)
    path = tmp_path / "transposed"
    path.write_bytes(values.tobytes())
    info = TensorInfo("t", None, (3, 2), "F32", path, 0, 24, strides=(1, 3))
    found = scan_model_files([info], [SourceFile(path)], sha256=True)
    assert found.fingerprints["t"].blake3 == blake3(values.T.tobytes()).hexdigest()
    assert found.sha256["transposed"] == hashlib.sha256(values.tobytes()).hexdigest()


def test_a_tensor_in_no_file_is_zeros(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"")
    (info,) = infos(tmp_path / "model", (NOT_IN_A_FILE, 3))
    found = scan_model_files([info], [SourceFile(tmp_path / "model")], sha256=True)
    assert found.fingerprints["t0"].constant
    assert found.sha256 == {"model": hashlib.sha256(b"").hexdigest()}


def test_a_prefix_belongs_to_every_block(tmp_path: Path) -> None:
    """One scale for the whole of a tensor that takes many chunks."""
    steps = numpy.random.default_rng(0).integers(-127, 127, MANY).astype(numpy.int8)
    content = numpy.float32(0.5).tobytes() + steps.tobytes()
    path = tmp_path / "model"
    path.write_bytes(content)
    info = TensorInfo("t", None, (MANY,), "APR_Q8", path, 0, len(content))
    one = fingerprint_of_stored(info, SourceFile(path))
    assert one.blake3 == blake3(content).hexdigest()
    assert (one.minimum, one.maximum) == (steps.min() / 2, steps.max() / 2)
    assert one.mean == pytest.approx(steps.mean() / 2)


def test_blocks_of_a_quantised_type_are_not_cut(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    kind = gguf.GGMLQuantizationType.Q4_0
    values = numpy.random.default_rng(0).normal(size=(1024, 2048)).astype(numpy.float32)
    data = gguf.quants.quantize(values, kind)
    (tmp_path / "model").write_bytes(b"!" + data.tobytes())  # at an odd place
    info = TensorInfo("t", None, values.shape, "Q4_0", tmp_path / "model", 1, data.nbytes)
    one = fingerprint_of_stored(info, SourceFile(tmp_path / "model"))
    decoded = gguf.quants.dequantize(data, kind).astype(numpy.float64)
    assert one.blake3 == blake3(data.tobytes()).hexdigest()
    assert (one.minimum, one.maximum) == (decoded.min(), decoded.max())
    assert (one.mean, one.std) == pytest.approx((decoded.mean(), decoded.std()), rel=1e-9)


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3"])
@pytest.mark.parametrize("sha256", [False, True])
def test_a_type_without_numbers_is_refused_by_name(dtype: str, sha256: bool, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(bytes(6_000_000))
    elements = {"F4": 12_000_000, "F6_E2M3": 8_000_000}[dtype]
    info = TensorInfo("t", None, (elements,), dtype, path, 0, 6_000_000)
    with pytest.raises(ArtifactError, match=f"tensor 't': elements of type {dtype} cannot be decoded"):
        scan_model_files([info], [SourceFile(path)], sha256=sha256)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sha256", [False, True])
@pytest.mark.parametrize("rewritten", [b"", b"x" * 20_000_000])
def test_a_file_that_changes_is_noticed(
    rewritten: bytes, sha256: bool, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_threads", lambda: threads)
    model = open_model(several_tensors(tmp_path))
    model.path.write_bytes(rewritten)
    with pytest.raises(ArtifactError, match="the file changed while it was read"):
        model.scan() if sha256 else model.fingerprints


WORKER = """
import multiprocessing, resource, sys
from falsifiable.artifacts import open_model

def work():
    resource.setrlimit(resource.RLIMIT_DATA, (256 * 2**20, 256 * 2**20))
    print(open_model(sys.argv[1]).fingerprints["w"].blake3, "numba" in sys.modules)

worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join(60)
sys.exit(worker.exitcode)
"""


def test_a_worker_with_less_memory_than_the_model_has_bytes(tmp_path: Path) -> None:
    """As the workers of the engine: forked, with a limit on data; there is enough to count for the compiled loops."""
    pytest.importorskip("numba")
    nbytes = 300_000_000
    header = json.dumps({"w": {"dtype": "F16", "shape": [nbytes // 2], "data_offsets": [0, nbytes]}}).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:  # what is not written is zeros, and takes no disk
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + nbytes)
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(tmp_path / "model.safetensors")], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [blake3(bytes(nbytes)).hexdigest(), "True"]
