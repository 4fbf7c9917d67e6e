"""Canon names: every example of the reference race, every rule that rejects, and the laws of the grammar."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.race import errors
from falsifiable.race.ledger.names import (
    IGLA,
    Grammar,
    canon_fault,
    check_deployable,
    full_name,
    parse_canon,
    smoke_name,
)

LEDGER = Path(__file__).parents[3] / "shared" / "data" / "ledgers" / "race_queue.jsonl"

STRICT = re.compile(
    rf"IGLA-({'|'.join(sorted(IGLA.models, key=len, reverse=True))})-({'|'.join(IGLA.number_formats)})"
    r"-((?!E\d+(?:-|$))[A-Za-z0-9_]+(?:-(?!E\d+-)[A-Za-z0-9_]+)*)-E(\d{4})-seed(0|[1-9]\d*)",
    re.ASCII,
)
"""The full form as the reference race writes it down: the oracle of the parser."""

FULL = ["IGLA-HYBRID-FP32-WSD-E0005-seed200", "IGLA-HYBRID-FP32-WSD-E0006-seed201"]
SMOKE = [
    *(f"IGLA-HYBRID-FP32-{tag}-SMOKE-seed{500 + n}" for n, tag in enumerate(["WSD", "BS8", "EMA10", "h512", "h768"])),
    "IGLA-JEPA-T-FP32-GRADFIX-SMOKE-seed520",
    "IGLA-NCA-FP32-GRADFIX-SMOKE-seed530",
]
BASE = [
    *(f"IGLA-HYBRID-FP32-{tag}" for tag in ["WSD", "BS8", "EMA10", "h512", "h768"]),
    "IGLA-JEPA-T-FP32-GRADFIX",
    "IGLA-NCA-FP32-GRADFIX",
]
LEGACY = [
    "IGLA-TRAIN_V2-FP32-CHAMP-seed42",
    *(f"IGLA-TRAIN_V2-GF16-CHAMP-seed{seed}" for seed in (300, 301, 302)),
    *(f"IGLA-HYBRID-GF16-CHAMP-seed{seed}" for seed in (310, 311, 312)),
    *(f"IGLA-PHI-GF16-CHAMP-seed{seed}" for seed in (320, 321, 322)),
    "IGLA-TRAIN_V2-DLFLOAT-CHAMP-seed330",
    "IGLA-TRAIN_V2-BF16-CHAMP-seed331",
    "IGLA-HYBRID-FP8E4M3-CHAMP-seed340",
    "IGLA-HYBRID-FP8E5M2-CHAMP-seed341",
]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (text, form)
        for form, texts in {"full": FULL, "smoke": SMOKE, "base": BASE, "legacy": LEGACY}.items()
        for text in texts
    ],
)
def test_every_example_has_one_of_the_four_forms(text, form):
    name = parse_canon(text)

    assert (name.form, name.text) == (form, text)
    assert (STRICT.fullmatch(text) is not None) == (form == "full")


def test_a_full_name_in_its_parts():
    name = parse_canon("IGLA-JEPA-T-FP8E4M3-GRAD-FIX_2-E0019-seed0")

    assert (name.model, name.number_format, name.tag) == ("JEPA-T", "FP8E4M3", "GRAD-FIX_2")
    assert (name.exp_id, name.seed, name.recipe) == (19, 0, "JEPA-T-FP8E4M3-GRAD-FIX_2")


def test_a_smoke_run_and_the_run_it_rehearses_share_a_recipe():
    assert smoke_name("HYBRID-FP32-WSD", 500).recipe == full_name("HYBRID-FP32-WSD", 5, 200).recipe


@pytest.mark.parametrize(
    ("text", "error", "value"),
    [
        ("IGLA-HYBRID-FP32-WSD-E5-seed200", errors.MalformedExpId, "E5"),
        ("IGLA-HYBRID-FP32-WSD-E00005-seed200", errors.MalformedExpId, "E00005"),
        ("IGLA-HYBRID-FP32-WSD-E0005-E0006-seed200", errors.MalformedExpId, "E0005"),
        ("IGLA-HYBRID-FP32-E0005-WSD-seed200", errors.MalformedExpId, "E0005"),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed200-E0006-seed201", errors.MalformedExpId, "E0005"),
        ("IGLA-HYBRID-FP32-WSD-e0005-seed200", errors.WrongCase, "e0005"),
        ("igla-HYBRID-FP32-WSD-E0005-seed200", errors.WrongCase, "igla"),
        ("IGLA-hybrid-FP32-WSD-E0005-seed200", errors.WrongCase, "hybrid"),
        ("IGLA-jepa-t-FP32-WSD-E0005-seed200", errors.WrongCase, "jepa-t"),
        ("IGLA-HYBRID-fp32-WSD-E0005-seed200", errors.WrongCase, "fp32"),
        ("IGLA-HYBRID-FP32-WSD-E0005-SEED200", errors.WrongCase, "SEED200"),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed", errors.MalformedSeed, ""),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed007", errors.MalformedSeed, "007"),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed+7", errors.MalformedTag, "seed+7"),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed٣", errors.MalformedTag, "seed٣"),
        ("IGLA-HYBRID-FP32-WSD-E000٥-seed200", errors.MalformedTag, "E000٥"),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed2x", errors.MalformedSeed, "2x"),
        ("IGLA-HYBRID-FP32-seed7-WSD", errors.MalformedSeed, "seed7"),
        ("IGLA-HYBRID-FP32--WSD-E0005-seed200", errors.EmptySegment, 18),
        ("IGLA-HYBRID-FP32-WSD-", errors.EmptySegment, 22),
        ("IGLA--HYBRID-FP32-WSD", errors.EmptySegment, 6),
        ("IGLA-RNN-FP32-WSD-E0005-seed200", errors.UnknownModelType, "RNN"),
        ("IGLA-JEPA-FP32-WSD-E0005-seed200", errors.UnknownModelType, "JEPA"),
        ("IGLA-HYBRIDS-FP32-WSD-E0005-seed200", errors.UnknownModelType, "HYBRIDS"),
        ("IGLA-", errors.MissingModelType, None),
        ("IGLA-HYBRID-INT4-WSD-E0005-seed200", errors.UnknownNumberFormat, "INT4"),
        ("IGLA-HYBRID-WSD-E0005-seed200", errors.UnknownNumberFormat, "WSD"),
        ("IGLA-HYBRID", errors.MissingFormat, None),
        ("IGLA-HYBRID-E0005-seed200", errors.MissingFormat, None),
        ("IGLA-HYBRID-FP32", errors.MissingTag, None),
        ("IGLA-HYBRID-FP32-E0005-seed200", errors.MissingTag, None),
        ("IGLA-HYBRID-FP32-seed200", errors.MissingTag, None),
        ("IGLA-HYBRID-FP32-SMOKE-seed500", errors.MissingTag, None),
        ("IGLA-HYBRID-FP32-W.D-E0005-seed200", errors.MalformedTag, "W.D"),
        ("IGLA-HYBRID-FP32-WSD-E0005", errors.MissingRng, None),
        ("IGLA-HYBRID-FP32-WSD-SMOKE", errors.MissingRng, None),
        ("IGLA-HYBRID-FP32-WSD-SMOKE-seed499", errors.SmokeSeedOutOfRange, 499),
        ("IGLA-HYBRID-FP32-WSD-SMOKE-seed600", errors.SmokeSeedOutOfRange, 600),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed200\n", errors.TrailingText, "\n"),
        ("IGLA-HYBRID-FP32-WSD-E0005-seed200 ", errors.TrailingText, " "),
        ("IGLA-HYBRID-FP32-WSD\x00-E0005-seed200", errors.TrailingText, "\x00"),
        ("IGLA-HYBRID-FP32-WSD\u2028-E0005-seed200", errors.TrailingText, "\u2028"),
        ("CPU-LR-SWEEP-h384-lr0.003-s42", errors.MissingIglaPrefix, None),
        ("", errors.MissingIglaPrefix, None),
        (f"IGLA-HYBRID-FP32-{'W' * 200}-E0005-seed200", errors.NameTooLong, None),
    ],
)
def test_what_is_rejected_says_which_rule_it_breaks(text, error, value):
    fault = canon_fault(text)

    assert type(fault) is error
    assert STRICT.fullmatch(text) is None or error is errors.NameTooLong
    if value is not None:
        assert value in fault.values.values()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("IGLA-TRAIN_V2-FP32-E0506-NEEDLE-H2048-rng44", "before the tag"),
        ("IGLA-TRAIN_V2-FP32-E0001-rng43", "before the tag"),
        ("IGLA-JEPA-T-FP32-E0001-rng43", "before the tag"),
        ("IGLA-TRAIN_V2-FP32-WSD-rng43", "rng instead of seed"),
        ("IGLA-TRAIN_V2-FP32-WSD-rng43-acc0", "rng43 instead of seed"),
        ("IGLA-WAVE3-FP32-h828-LR0004-rng2584-adamw", "no experiment id"),
    ],
)
def test_the_grammar_of_a_sister_project_is_told_apart_and_refused(text, reason):
    fault = canon_fault(text)

    assert isinstance(fault, errors.ForeignGrammar)
    assert reason in fault.reason


@pytest.mark.parametrize(
    ("text", "smoke", "error"),
    [
        (FULL[0], False, None),
        (FULL[0], True, None),
        (SMOKE[0], True, None),
        (SMOKE[0], False, errors.NotDeployable),
        (BASE[0], False, errors.MissingExpId),
        (BASE[0], True, errors.MissingExpId),
        (LEGACY[0], False, errors.NakedSeedInDeployName),
        (LEGACY[0], True, errors.NakedSeedInDeployName),
    ],
)
def test_only_full_names_are_deployed_and_smoke_names_inside_the_smoke_gate(text, smoke, error):
    if error is None:
        check_deployable(parse_canon(text), smoke=smoke)
        return
    with pytest.raises(error):
        check_deployable(parse_canon(text), smoke=smoke)


def test_another_race_has_words_of_its_own():
    harbour = Grammar(prefix="HARBOUR", models=("TINY-2L", "TINY"), number_formats=("FP32",))

    assert parse_canon("HARBOUR-TINY-2L-FP32-WSD-E0005-seed1", harbour).model == "TINY-2L"
    assert isinstance(canon_fault("HARBOUR-HYBRID-FP32-WSD", harbour), errors.UnknownModelType)


def test_an_id_of_five_digits_cannot_be_written():
    with pytest.raises(errors.MalformedExpId):
        full_name("HYBRID-FP32-WSD", 10_000, 1)


TAGS = st.lists(
    st.text("abcEWSD0195_h", min_size=1, max_size=6).filter(lambda one: not re.fullmatch(r"E\d+", one)),
    min_size=1,
    max_size=3,
).map("-".join)
FULL_NAMES = st.builds(
    "IGLA-{}-{}-{}-E{:04d}-seed{}".format,
    st.sampled_from(IGLA.models),
    st.sampled_from(IGLA.number_formats),
    TAGS,
    st.integers(0, 9999),
    st.integers(0, 2**32 - 1),
)


@given(FULL_NAMES)
def test_every_full_name_round_trips(text):
    name = parse_canon(text)

    assert name.form == "full"
    assert full_name(name.recipe, name.exp_id, name.seed) == name


@given(FULL_NAMES, st.data())
def test_a_single_changed_character_is_rejected_or_another_name(text, data):
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("aEeSs059-_ \n.\u0665") | st.characters())
    mutated = data.draw(
        st.sampled_from([text[:place] + letter + text[place + 1 :], text[:place] + text[place + 1 :]]), "mutated"
    )
    if mutated == text:
        return
    fault = canon_fault(mutated)
    if fault is not None:
        assert isinstance(fault, errors.RaceError)
        return
    before, after = parse_canon(text), parse_canon(mutated)
    parts = [(one.form, one.model, one.number_format, one.tag, one.exp_id, one.seed) for one in (before, after)]
    assert parts[0] != parts[1]


@given(st.text(alphabet="IGLA-HYBRIDFP32WSDE0005seedrng_T\n", max_size=60) | st.from_regex(STRICT) | FULL_NAMES)
def test_the_full_form_is_exactly_the_strict_expression(text):
    fault = canon_fault(text)
    full = fault is None and parse_canon(text).form == "full"

    if len(text) <= 200:
        assert full == (STRICT.fullmatch(text) is not None)


@pytest.mark.skipif(not LEDGER.exists(), reason="the shared data is not here")
def test_the_names_of_a_real_ledger_by_the_rule_they_break():
    names = [json.loads(line)["canon_name"] for line in LEDGER.read_text().splitlines()]
    faults = [canon_fault(name) for name in names]
    counted = Counter("legacy" if fault is None else fault.name for fault in faults)

    assert counted == {
        "ForeignGrammar": 1316,
        "UnknownModelType": 486,
        "MissingIglaPrefix": 42,
        "MalformedExpId": 14,
        "legacy": 9,
        "MissingRng": 7,
        "UnknownNumberFormat": 1,
    }
    assert {parse_canon(name).form for name, fault in zip(names, faults, strict=True) if fault is None} == {"legacy"}
