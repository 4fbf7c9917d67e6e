"""Number formats: exhaustively against their own bit patterns, and against what torch casts to."""

from __future__ import annotations

import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.race.errors import UnknownNumberFormat
from falsifiable.race.judging.precision import (
    NUMBER_FORMATS,
    decode,
    number_format,
    quantise,
    representation,
    rounding_of,
)

NARROW = [one for one in NUMBER_FORMATS.values() if one.width <= 16]
TORCH = {"FP16": "float16", "BF16": "bfloat16", "FP8E4M3": "float8_e4m3fn", "FP8E5M2": "float8_e5m2"}


def numbers(target):
    """All finite numbers of a format from 0 up, by their patterns: the oracle."""
    values = decode(numpy.arange(2 ** (target.width - 1)), target)
    return numpy.unique(values[numpy.isfinite(values)])


@pytest.mark.parametrize(
    ("name", "width", "smallest", "largest"),
    [
        ("FP32", 32, 2.0**-149, 3.4028234663852886e38),
        ("FP16", 16, 2.0**-24, 65504.0),
        ("BF16", 16, 2.0**-133, 3.3895313892515355e38),
        ("FP8E4M3", 8, 2.0**-9, 448.0),
        ("FP8E5M2", 8, 2.0**-16, 57344.0),
        ("DLFLOAT", 16, 2.0**-31 * (1 + 2.0**-9), 2.0**32 * (2 - 2.0**-8)),
        ("GF16-bias15", 16, 2.0**-14, 2.0**47 * (2 - 2.0**-9)),
        ("GF16-bias60", 16, 2.0**-59, 2.0**2 * (2 - 2.0**-9)),
    ],
)
def test_width_and_range(name, width, smallest, largest):
    target = NUMBER_FORMATS[name]

    assert (target.width, target.smallest_positive, target.largest_finite) == (width, smallest, largest)
    if width <= 16:
        assert numbers(target)[1] == smallest
        assert numbers(target)[-1] == largest


@pytest.mark.parametrize("target", NARROW, ids=lambda one: one.name)
def test_every_number_is_itself(target):
    known = numbers(target)

    assert numpy.array_equal(quantise(known, target), known)
    assert numpy.array_equal(quantise(-known, target), -known)
    assert representation(known, target).holds
    assert representation(known, target).mantissa_bits <= target.mantissa_bits


@pytest.mark.parametrize("target", NARROW, ids=lambda one: one.name)
def test_between_two_neighbours_the_nearer_one_is_taken_and_the_even_one_in_the_middle(target):
    known = numbers(target)
    low, high = known[:-1], known[1:]
    middle = (low + high) / 2
    nearly = numpy.nextafter(middle, 0), numpy.nextafter(middle, numpy.inf)
    even = numpy.where(numpy.arange(len(low)) % 2 == 0, low, high)

    assert numpy.array_equal(quantise(nearly[0], target), low)
    assert numpy.array_equal(quantise(nearly[1], target), high)
    assert numpy.array_equal(quantise(middle, target, "nearest-away"), high)
    assert numpy.array_equal(quantise(numpy.nextafter(high, 0), target, "truncation"), low)
    if target.smallest == "zero":  # the mantissa of 0 and of the smallest number are both even: 0 is taken
        even[0] = 0.0
        even[1:] = numpy.where(numpy.arange(1, len(low)) % 2 == 1, low[1:], high[1:])
    assert numpy.array_equal(quantise(middle, target), even)


@pytest.mark.parametrize(("name", "dtype"), TORCH.items())
def test_torch_casts_to_the_same_numbers(name, dtype):
    torch = pytest.importorskip("torch")
    target = NUMBER_FORMATS[name]
    known = numbers(target).astype(numpy.float32)
    around = [(known[:-1].astype(numpy.float64) + known[1:]) / 2]
    positive = numpy.concatenate([known, *(one.astype(numpy.float32) for one in around)])
    with numpy.errstate(over="ignore"):
        positive = numpy.concatenate([positive, numpy.nextafter(positive, numpy.float32(0)), positive * 2])
    special = numpy.array([0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan], dtype=numpy.float32)
    values = numpy.concatenate([positive, -positive, special]).astype(numpy.float32)

    theirs = torch.from_numpy(values).to(getattr(torch, dtype)).to(torch.float64).numpy()
    ours, saturated = quantise(values, target), quantise(values, target, saturate=True)

    assert numpy.all((theirs == ours) | (theirs == saturated) | (numpy.isnan(theirs) & numpy.isnan(ours)))
    assert numpy.array_equal(numpy.signbit(theirs[values == 0]), numpy.signbit(ours[values == 0]))


@given(st.lists(st.floats(width=32), min_size=1, max_size=50), st.sampled_from(sorted(TORCH)))
@settings(deadline=None)
def test_torch_agrees_on_any_float(values, name):
    torch = pytest.importorskip("torch")
    single = numpy.array(values, dtype=numpy.float32)
    theirs = torch.from_numpy(single).to(getattr(torch, TORCH[name])).to(torch.float64).numpy()
    ours, saturated = (quantise(single, NUMBER_FORMATS[name], saturate=one) for one in (False, True))

    assert numpy.all((theirs == ours) | (theirs == saturated) | (numpy.isnan(theirs) & numpy.isnan(ours)))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20), st.sampled_from(sorted(NUMBER_FORMATS)))
def test_rounding_twice_changes_nothing(values, name):
    once = quantise(numpy.array(values), NUMBER_FORMATS[name])

    assert numpy.array_equal(quantise(once, NUMBER_FORMATS[name]), once, equal_nan=True)


@pytest.mark.parametrize("name", TORCH)
def test_patterns_mean_what_torch_says(name):
    torch = pytest.importorskip("torch")
    target = NUMBER_FORMATS[name]
    patterns = numpy.arange(2**target.width).astype(numpy.uint8 if target.width == 8 else numpy.uint16)
    theirs = torch.from_numpy(patterns).view(getattr(torch, TORCH[name])).to(torch.float64).numpy()

    assert numpy.array_equal(decode(patterns, target), theirs, equal_nan=True)


def test_32_bits_are_those_of_numpy():
    values = numpy.random.default_rng(0).normal(size=1000) * 10.0 ** numpy.arange(-50, 50).repeat(10)
    with numpy.errstate(over="ignore"):
        assert numpy.array_equal(quantise(values, NUMBER_FORMATS["FP32"]), values.astype(numpy.float32))


def test_beyond_the_largest_number():
    assert math.isnan(quantise(numpy.array([465.0]), NUMBER_FORMATS["FP8E4M3"])[0])
    assert quantise(numpy.array([465.0]), NUMBER_FORMATS["FP8E4M3"], saturate=True)[0] == 448
    assert quantise(numpy.array([464.0]), NUMBER_FORMATS["FP8E4M3"])[0] == 448
    assert quantise(numpy.array([1e9]), NUMBER_FORMATS["FP8E5M2"])[0] == math.inf
    assert quantise(numpy.array([1e9]), NUMBER_FORMATS["FP8E5M2"], "truncation")[0] == 57344
    assert math.isnan(quantise(numpy.array([math.inf]), NUMBER_FORMATS["DLFLOAT"])[0])


def test_dlfloat_has_no_subnormals_and_no_two_to_the_minus_31():
    target = NUMBER_FORMATS["DLFLOAT"]
    least = target.smallest_positive

    assert quantise(numpy.array([2.0**-31, least / 2, least * 0.51]), target).tolist() == [least, 0.0, least]


@pytest.fixture(scope="module")
def weights():
    return numpy.random.default_rng(7).normal(scale=0.02, size=(64, 65)).astype(numpy.float32)


def test_a_tensor_claimed_to_be_bf16_shows_itself_by_its_bits(weights):
    target = NUMBER_FORMATS["BF16"]
    honest = quantise(weights, target).astype(numpy.float32)
    found = representation(weights, target)

    assert representation(honest, target).holds
    assert representation(honest, target).mantissa_bits == 7
    assert not found.holds
    assert found.outside > 4000
    place, value, nearest = found.first
    assert (value, nearest) == (weights.reshape(-1)[place], honest.reshape(-1)[place])


def test_one_value_among_all_is_found(weights):
    target = NUMBER_FORMATS["BF16"]
    damaged = quantise(weights, target).astype(numpy.float32)
    damaged[17, 3] = numpy.nextafter(damaged[17, 3], numpy.float32(1))

    assert representation(damaged, target).outside == 1
    assert representation(damaged, target).first[0] == 17 * 65 + 3


def test_a_narrower_tensor_passes_for_the_wider_claim_and_says_how_narrow_it_is(weights):
    narrow = quantise(weights, NUMBER_FORMATS["FP8E4M3"]).astype(numpy.float32)
    found = representation(narrow, NUMBER_FORMATS["BF16"])

    assert found.holds
    assert found.mantissa_bits == 3


def test_numbers_of_a_narrow_format_are_numbers_of_wider_ones_alone(weights):
    half = quantise(weights, NUMBER_FORMATS["BF16"])

    assert {name for name, one in NUMBER_FORMATS.items() if representation(half, one).holds} == {
        "FP32",
        "BF16",
        "DLFLOAT",
        "GF16-bias60",
    }


def test_nothing_and_zeros_prove_nothing():
    target = NUMBER_FORMATS["BF16"]

    assert not representation(numpy.zeros(0), target).holds
    assert representation(numpy.zeros(4), target).mantissa_bits == 0
    assert not rounding_of(numpy.zeros(4), numpy.zeros(4), target).nearest_even


@pytest.mark.parametrize("name", sorted(set(NUMBER_FORMATS) - {"FP32"}))
@pytest.mark.parametrize("rounding", ["nearest-even", "truncation"])
def test_how_a_tensor_was_rounded_is_told_from_its_reference(weights, name, rounding):
    target = NUMBER_FORMATS[name]
    report = rounding_of(weights, quantise(weights, target, rounding), target)

    assert report.nearest_even == (rounding == "nearest-even")
    assert rounding in report.explained_by
    assert report.examined == weights.size
    assert report.informative > 100


def test_ties_tell_nearest_even_from_nearest_away():
    target = NUMBER_FORMATS["BF16"]
    tie = numpy.array([1 + 2.0**-8, 1 + 3 * 2.0**-8])

    assert rounding_of(tie, quantise(tie, target, "nearest-away"), target).explained_by == ("nearest-away",)
    assert rounding_of(tie, quantise(tie, target), target).explained_by == ("nearest-even",)


def test_a_tensor_rounded_from_another_one_is_explained_by_nothing(weights):
    target = NUMBER_FORMATS["BF16"]
    report = rounding_of(weights, quantise(weights * 1.01, target), target)

    assert report.explained_by == ()
    assert report.first is not None


def test_shapes_must_agree(weights):
    with pytest.raises(ValueError, match="shape"):
        rounding_of(weights, weights.reshape(-1), NUMBER_FORMATS["BF16"])


def test_gf16_has_two_definitions_and_names_without_one_are_refused():
    assert number_format("GF16", bias=15).bias == 15
    assert number_format("GF16", bias=60).bias == 60
    assert number_format("BF16").mantissa_bits == 7
    for name in ("GF16", "GF8", "GFTERN"):
        with pytest.raises(UnknownNumberFormat):
            number_format(name)
