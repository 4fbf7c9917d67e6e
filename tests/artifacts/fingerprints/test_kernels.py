"""The compiled loops against numpy, on every bit pattern there is and on those that mislead."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from falsifiable.artifacts.dtypes import ELEMENT_TYPES, decode
from falsifiable.artifacts.fingerprints.statistics import (
    ByteCounter,
    NumpyCounter,
    Statistics,
    counter_for,
    kernels_for,
)

pytest.importorskip("numba")

FLOATS = {"BF16": "<u2", "F16": "<u2", "F32": "<u4", "F64": "<u8"}
BYTES = ("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL")
BLOCK = 2**11
ENOUGH_FOR_KERNELS = 2**30


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    found = kernels_for(ENOUGH_FOR_KERNELS)
    assert found is not None
    return found


def stored(values: Any, name: str) -> Any:
    """Values as the bytes of an element type; ``values`` are cut to bfloat16, not rounded."""
    if name == "BF16":
        return (numpy.asarray(values, "<f4").view("<u4") >> 16).astype("<u2").view(numpy.uint8)
    return numpy.asarray(values, f"<f{int(name[1:]) // 8}").view(numpy.uint8)


def counted(counter: Any, content: Any, cuts: tuple[int, ...] = ()) -> Statistics:
    for part in numpy.split(content, cuts):
        counter.add(part)
    result: Statistics = counter.result()
    return result


def agree(one: Statistics, other: Statistics) -> None:
    exact = ("elements", "nonfinite", "first_nonfinite", "zeros")
    assert [getattr(one, name) for name in exact] == [getattr(other, name) for name in exact]
    if math.isnan(other.minimum):
        assert all(map(math.isnan, (one.minimum, one.maximum, one.mean, one.std)))
        return
    assert (one.minimum, one.maximum) == (other.minimum, other.maximum)
    assert math.copysign(1, one.minimum) == math.copysign(1, other.minimum)
    largest = max(abs(one.minimum), abs(one.maximum))
    if largest < 1e150:  # the squares of larger ones overflow
        assert one.mean == pytest.approx(other.mean, rel=1e-12, abs=1e-12 * largest)
        assert one.std == pytest.approx(other.std, rel=1e-12)


@pytest.mark.parametrize("name", ["BF16", "F16"])
def test_all_patterns_of_16_bits_in_any_order(name: str, kernels: ModuleType) -> None:
    patterns = numpy.arange(2**16, dtype="<u2")
    for content in (patterns, patterns[::-1].copy(), numpy.random.default_rng(0).permutation(patterns)):
        ours = counted(kernels.CompiledCounter(name), content.view(numpy.uint8))
        agree(ours, counted(NumpyCounter(ELEMENT_TYPES[name]), content.view(numpy.uint8)))
    assert ours.nonfinite == (2 * 2**7 if name == "BF16" else 2 * 2**10)
    assert ours.zeros == 2


@pytest.mark.parametrize("name", BYTES)
def test_all_patterns_of_8_bits(name: str, kernels: ModuleType) -> None:
    content = numpy.random.default_rng(0).permutation(numpy.arange(256, dtype=numpy.uint8)).repeat(3)[:-2]
    kind = ELEMENT_TYPES[name]
    compiled = counted(ByteCounter(kind, kernels), content, (5, 17))
    assert repr(compiled) == repr(counted(ByteCounter(kind, None), content))
    agree(compiled, counted(NumpyCounter(kind), content))


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.5],
        [-0.0],
        [-0.0, 0.0, -0.0],
        [math.nan],
        [math.inf, -math.inf, math.nan],
        [-math.inf, 1.0],
        [1e-40, -1e-40, 3e-42],  # subnormal in bfloat16 and float32
        [6e-8, -6e-8, 1.2e-7, 0.0],  # subnormal in float16
        [60000.0, 60000.0, 59968.0],  # a large mean, one unit in the last place apart
        [1.0] * 5000,
        [3e4] + [1e-3] * 5000,  # an outlier where the differences are taken from
        [1e-3] * BLOCK + [math.nan] * BLOCK + [-1e-3] * 7,  # a whole block with nothing finite
        [*numpy.linspace(-3, 3, 5 * BLOCK + 3), math.inf],
    ],
    ids=lambda values: f"{len(values)} values from {values[0] if len(values) else 'nothing'}",
)
def test_values_that_mislead(name: str, values: list[float], kernels: ModuleType) -> None:
    with numpy.errstate(over="ignore"):
        content = stored(values, name)
    agree(counted(kernels.CompiledCounter(name), content), counted(NumpyCounter(ELEMENT_TYPES[name]), content))


@pytest.mark.parametrize("name", FLOATS)
def test_a_constant_has_no_deviation(name: str, kernels: ModuleType) -> None:
    with numpy.errstate(over="ignore"):
        content = stored([0.1] * 100_003, name)
    for counter in (kernels.CompiledCounter(name), NumpyCounter(ELEMENT_TYPES[name])):
        result = counted(counter, content)
        assert result.std == 0
        assert result.mean == result.minimum == result.maximum


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(sorted(FLOATS)),
    seed=st.integers(0, 2**32 - 1),
    elements=st.integers(0, 3 * BLOCK),
    share_finite=st.sampled_from([0.0, 0.5, 1.0]),
)
@example(name="F32", seed=0, elements=BLOCK, share_finite=1.0)
def test_any_bit_patterns_count_the_same(name: str, seed: int, elements: int, share_finite: float) -> None:
    kernels = kernels_for(ENOUGH_FOR_KERNELS)
    assert kernels is not None
    random = numpy.random.default_rng(seed)
    kind = ELEMENT_TYPES[name]
    patterns = random.integers(0, 2 ** (8 * kind.block_bytes) - 1, elements, FLOATS[name], endpoint=True)
    with numpy.errstate(invalid="ignore"):
        values = decode(patterns.tobytes(), kind)
    patterns[(random.random(elements) < share_finite) & ~numpy.isfinite(values)] = 0
    content = patterns.view(numpy.uint8)
    agree(counted(kernels.CompiledCounter(name), content), counted(NumpyCounter(kind), content))


@settings(deadline=None, max_examples=40)
@given(name=st.sampled_from([*FLOATS, *BYTES, "I32"]), data=st.data())
def test_where_the_cuts_are_changes_no_bit(name: str, data: st.DataObject) -> None:
    kind, kernels = ELEMENT_TYPES[name], kernels_for(ENOUGH_FOR_KERNELS)
    grain = counter_for(kind, kernels).grain_elements * kind.block_bytes
    content = numpy.random.default_rng(0).integers(0, 255, 3 * grain + 5 * kind.block_bytes, numpy.uint8)
    cuts = tuple(sorted(grain * cut for cut in data.draw(st.sets(st.integers(1, 3)))))
    whole, cut = counted(counter_for(kind, kernels), content), counted(counter_for(kind, kernels), content, cuts)
    assert repr(whole) == repr(cut)  # repr: a NaN equals itself


def test_bytes_that_numba_would_compile_anew_for_are_copied(kernels: ModuleType) -> None:
    content = stored(numpy.linspace(-1, 1, 100), "F32")
    shifted = numpy.concatenate([numpy.zeros(1, numpy.uint8), content])[1:]
    fixed = content.copy()
    fixed.flags.writeable = False
    assert not shifted.view("<f4").flags.aligned
    results = {repr(counted(kernels.CompiledCounter("F32"), one)) for one in (content, shifted, fixed)}
    assert len(results) == 1
    assert kernels.bytes_by_value(fixed).sum() == content.size


def test_plain_python_says_the_same(kernels: ModuleType) -> None:
    """The source of a loop, run uncompiled: what numba made of it is what is written there."""
    patterns = numpy.array([0, -32768, 5, 0x7F80, -1, 0x3F80], numpy.int16)
    counts = numpy.zeros(6, numpy.int64)
    counts[3] = -1
    spare = numpy.empty(6, numpy.int16)
    block = kernels._finite_block.py_func(patterns, numpy.int16(0x7FFF), numpy.int16(0x7F80), spare, counts)
    assert block.tolist() == [0, -32768, 5, 0x3F80]
    assert (counts[0], counts[2], counts[3]) == (6, 2, 3)


def test_the_kernels_work_where_their_folder_cannot_be_written(tmp_path: Path) -> None:
    """Neither beside the module nor in a home folder: they are then compiled for this process alone."""
    package = Path(sys.modules["falsifiable"].__file__ or "").parent
    shutil.copytree(package, tmp_path / "falsifiable", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "falsifiable/artifacts/fingerprints/__pycache__").write_text("a file where a folder would be")
    program = (
        "import numpy; from falsifiable.artifacts.fingerprints import kernels\n"
        "assert kernels.bytes_by_value(numpy.zeros(9, numpy.uint8))[0] == 9\n"
        "print(kernels.__file__)"
    )
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "NUMBA_"))},
        "PYTHONPATH": str(tmp_path),
        "HOME": str(tmp_path / "falsifiable/__init__.py"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "falsifiable/artifacts/fingerprints/kernels.py")
