"""Fingerprints against numpy over the whole tensor at once."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import numpy
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import save_file

from falsifiable.artifacts import Fingerprint, Model, open_model

CHUNK = 2**18


def model_of(folder: Path, values: Any) -> Model:
    save_file({"w": values}, folder / "model.safetensors")
    return open_model(folder / "model.safetensors")


@settings(deadline=None)
@given(
    values=arrays(
        st.sampled_from(["<f4", "<f8", "<f2", "<i4", "|u1"]), array_shapes(min_side=0, max_dims=3), fill=st.nothing()
    )
)
def test_fingerprint_agrees_with_numpy(values: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    one = model_of(tmp_path_factory.mktemp("w"), values).fingerprints["w"]
    wide = values.astype(numpy.float64).reshape(-1)
    finite = wide[numpy.isfinite(wide)]
    assert one.blake3 == blake3(values.tobytes()).hexdigest()
    assert one.nonfinite == wide.size - finite.size
    assert one.finite == (one.nonfinite == 0)
    assert one.first_nonfinite == (int(numpy.isfinite(wide).argmin()) if one.nonfinite else None)
    assert one.zero_share == (numpy.mean(wide == 0) if wide.size else 0)
    assert one.constant == (wide.size > 1 and bool((wide == wide[0]).all()) and one.finite)
    if not finite.size:
        assert math.isnan(one.minimum)
        assert math.isnan(one.std)
        return
    assert (one.minimum, one.maximum) == (finite.min(), finite.max())
    if abs(finite).max() < 1e150:  # the squares of larger ones overflow, here as in numpy
        exact = finite.tolist()  # in fractions: numpy's own mean of large neighbours is rounded, and its std then off
        rounding = 1e-12 * abs(finite).max()
        assert one.mean == pytest.approx(statistics.mean(exact), rel=1e-12, abs=rounding)
        assert one.std == pytest.approx(statistics.pstdev(exact), rel=1e-6, abs=rounding)


def test_chunks_add_up(tmp_path: Path) -> None:
    values = numpy.random.default_rng(0).normal(100, 1e-3, size=2 * CHUNK + 17)
    values[CHUNK + 5] = numpy.inf
    values[CHUNK + 9] = 0
    one = model_of(tmp_path, values).fingerprint("w")
    finite = values[numpy.isfinite(values)]
    assert (one.nonfinite, one.first_nonfinite) == (1, CHUNK + 5)
    assert one.zero_share == 1 / values.size
    assert one.mean == pytest.approx(finite.mean(), rel=1e-14)
    assert one.std == pytest.approx(finite.std(), rel=1e-10)
    assert one.blake3 == blake3(values.tobytes()).hexdigest()


def test_constant_means_more_than_one_element_all_equal(tmp_path: Path) -> None:
    def constant(*values: float) -> bool:
        return model_of(tmp_path, numpy.array(values, dtype=numpy.float32)).fingerprint("w").constant

    assert constant(2, 2, 2)
    assert not constant(2, 2, 3)
    assert not constant(2)
    assert not constant(math.nan, math.nan)


def test_quantised_values_are_counted_as_what_they_stand_for(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    kind = gguf.GGMLQuantizationType.Q8_0
    data = gguf.quants.quantize(numpy.random.default_rng(0).normal(size=(6, 64)).astype(numpy.float32), kind)
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tensor("w", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = open_model(tmp_path / "model.gguf")
    values = model.tensor("w").numpy().astype(numpy.float64)
    one = model.fingerprint("w")
    assert one.blake3 == blake3(data.tobytes()).hexdigest()
    assert (one.minimum, one.maximum) == (values.min(), values.max())
    assert one.mean == pytest.approx(values.mean())
    assert one.std == pytest.approx(values.std())


def test_json_round_trip_keeps_what_is_not_finite() -> None:
    empty = Fingerprint("00", False, 3, 0, math.nan, math.nan, math.nan, math.nan, 0.0, False)
    written = json.dumps(empty.to_json(), allow_nan=False)
    again = Fingerprint.from_json(json.loads(written))
    assert again.to_json() == empty.to_json()
    assert math.isnan(again.mean)
    finite = Fingerprint("00", True, 0, None, -1.5, 2.0, 0.25, 1.0, 0.5, False)
    assert Fingerprint.from_json(json.loads(json.dumps(finite.to_json()))) == finite
