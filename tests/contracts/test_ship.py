"""Ship files: read strictly, and held to what the workspace has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from falsifiable.contracts import (
    Contract,
    DoneWhen,
    Ship,
    ShipFile,
    check_ships,
    load_ships,
    load_workspace,
    read_contract,
    read_ship,
    ship_schema,
)
from falsifiable.contracts.ship import groups_of
from tests.contracts.test_schema import as_yaml, criteria, mutated

CONTRACTS = """\
contract: {name}
version: 1.0.0
title: What is claimed
artifacts:
  run: {{kind: run}}
falsifiers:
  - {{id: FALSIFY-{number}01, claim: It is, check: field, on: {{run: run}}}}
  - {{id: FALSIFY-{number}02, claim: It stays, check: field, on: {{run: run}}}}
discharge:
  run: {{seed: {{one_of: [0, 1, 2]}}, device: cuda}}
"""

SHIP = """\
ship: ship-two
baseline: {version: 2.24.0, section: 49}
deliverables:
  model-1:
    title: The teacher
    criteria:
      - id: AC-001
        text: The checkpoint loads
        points: 5
        effort: {hours: 2, device: cpu}
        falsifiers: [FALSIFY-A01, FALSIFY-A02]
        quorum: {at_least: 3, distinct: run.seed}
        tripwires:
          - {falsifier: FALSIFY-A01, measurement: loss, when: {below: 0.1}, why: too good to be true}
      - {id: AC-002, text: It answers, points: 2.5, falsifiers: [FALSIFY-B01]}
roadmap:
  - {step: 5e, title: Read it, hours: 2, done_when: {falsifiers: [FALSIFY-A01], status: integration}}
  - {step: 5f, title: Wire it, hours: 8, device: cuda, requires: [5e], done_when: [FALSIFY-A02], earns: [AC-001],
     predicted: 3, atomic_with: [5g], declared_done: true}
  - {step: 5g, title: Run it, hours: 1, done_when: [FALSIFY-B01]}
stages:
  train: [a]
  export: [b]
waivers:
  - {criterion: AC-002, owner: A. Person, reason: no fixture yet, expires: 2026-12-01}
"""


def contracts_ab() -> list[Contract]:
    read = [read_contract(CONTRACTS.format(name=name.lower(), number=name).encode()).contract for name in "AB"]
    return [one for one in read if one is not None]


def checked(*texts: str, specs: tuple[str, ...] = ("ship-two", "other")) -> tuple[ShipFile, ...]:
    read = [
        read_ship(text.encode(), spec, shown=f"spec/{spec}/ship.yaml") for text, spec in zip(texts, specs, strict=False)
    ]
    return check_ships(read, contracts_ab())


def faults(text: str) -> list[str]:
    return [str(one).removeprefix("spec/ship-two/ship.yaml:") for one in checked(text)[0].diagnostics]


def test_a_ship_file_is_read_whole() -> None:
    (file,) = checked(SHIP)
    assert file.diagnostics == ()
    assert isinstance(file.ship, Ship)
    first, second = file.ship.criteria
    assert (first.points, second.points, first.effort and first.effort.hours) == (5.0, 2.5, 2.0)
    assert first.quorum is not None
    assert (first.quorum.role, first.quorum.name) == ("run", "seed")
    assert [one.shown_by for one in file.ship.roadmap] == [
        DoneWhen(("FALSIFY-A01",), "integration"),
        DoneWhen(("FALSIFY-A02",)),
        DoneWhen(("FALSIFY-B01",)),
    ]
    assert file.ship.waiver("AC-002") == file.ship.waivers[0]
    assert file.ship.waiver("AC-001") is None
    assert file.ship.groups == {"5e": ("5e",), "5f": ("5f", "5g"), "5g": ("5f", "5g")}


def test_a_waiver_applies_on_its_last_day_and_not_after() -> None:
    (waiver,) = checked(SHIP)[0].ship.waivers  # type: ignore[union-attr]
    assert not waiver.expired(date(2026, 12, 1))
    assert waiver.expired(date(2026, 12, 2))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("points: 5", "points: 0", "9:17: error SHIP-VALUE: points is 0; above 0"),
        ("hours: 8", "hours: -1", "SHIP-VALUE: hours is -1; above 0"),
        ("predicted: 3", "predicted: -3", "SHIP-VALUE: predicted is -3; 0 or above"),
        ("section: 49", "section: -1", "SHIP-VALUE: section is -1; 0 or above"),
        ("at_least: 3", "at_least: 0", "SHIP-VALUE: at_least is 0; above 0"),
        ("points: 2.5", "point: 2.5", "did you mean 'points'?"),
        ("points: 2.5, ", "", "SHIP-MISSING-KEY: the key 'points' is missing from this acceptance criterion"),
        ("step: 5e", "step: 5.1", 'SHIP-TYPE: step: expected a text, got the number 5.1; quote it: "5.1"'),
        ("[FALSIFY-A02]", "[]", "SHIP-VALUE: done_when is empty, so that nothing could fall; name at least one"),
        ("[FALSIFY-B01]}\nroadmap", "[]}\nroadmap", "SHIP-VALUE: falsifiers is empty"),
        ("done_when: [FALSIFY-B01]", "done_when: FALSIFY-B01", "done_when: expected a list or a mapping, got the text"),
        ("done_when: [FALSIFY-B01]", "done_when: null", "done_when: expected a list or a mapping, got nothing"),
        ("when: {below: 0.1}", "when: {above: 1, below: 0}", "SHIP-VALUE: when: no number is both above 1 and below 0"),
        ("device: cuda", "device: gpu", "device: 'gpu' is not one of the words allowed here"),
        ("expires: 2026-12-01", "expires: 2026-12-41", "SHIP-DATE: expires: there is no day '2026-12-41'"),
        ("expires: 2026-12-01", "expires: soon", "SHIP-VALUE: expires: expected a day, such as 2026-12-01"),
        ("ship: ship-two", "ship: other", "1:7: error SHIP-NAME: ship: this file stands in spec/ship-two"),
        ("[FALSIFY-B01]}\nroadmap", "[FALSIFY-B10]}\nroadmap", "SHIP-FALSIFIER-UNKNOWN: falsifiers: no contract of"),
        ("{falsifier: FALSIFY-A01", "{falsifier: FALSIFY-A0I", "falsifier: no contract of this workspace has the"),
        ("{falsifiers: [FALSIFY-A01]", "{falsifiers: [FALSIFY-C01]", "did you mean 'FALSIFY-B01'?"),
        ("requires: [5e]", "requires: [5d]", "SHIP-STEP-UNKNOWN: requires: this roadmap has no step '5d'"),
        ("atomic_with: [5g]", "atomic_with: [5h]", "SHIP-STEP-UNKNOWN: atomic_with: this roadmap has no step '5h'"),
        ("earns: [AC-001]", "earns: [AC-01]", "SHIP-CRITERION-UNKNOWN: earns: no deliverable of this file has"),
        ("criterion: AC-002", "criterion: AC-003", "SHIP-CRITERION-UNKNOWN: criterion: no deliverable"),
        ("train: [a]", "train: [c]", "SHIP-CONTRACT-UNKNOWN: train: no contract of this workspace is called 'c'"),
        ("requires: [5e]", "requires: [5g]", "SHIP-ATOMIC-REQUIRES: requires: 5f is dispatched together with '5g'"),
        ("id: AC-002", "id: АС-002", "character 1 is U+0410, CYRILLIC CAPITAL LETTER A"),
        ("id: AC-002", "id: AC-001", "SHIP-ID-DUPLICATE: the criterion 'AC-001' is already taken in line 7"),
        ("step: 5g", "step: 5f", "SHIP-ID-DUPLICATE: the step '5f' is already taken in line 18"),
        ("distinct: run.seed", "distinct: run.sead", "did you mean 'run.seed'? their discharge conditions: run.device"),
        ("distinct: run.seed", "distinct: run.device", "SHIP-QUORUM: at_least: a lets run.device have one value, not"),
        ("at_least: 3", "at_least: 4", "SHIP-QUORUM: at_least: a lets run.seed have 3 values, not 4"),
        ("distinct: run.seed", "distinct: seed", "expected ROLE.NAME, such as run.seed, got 'seed'"),
    ],
)  # fmt: skip
def test_faults_are_named_where_they_stand(old: str, new: str, said: str) -> None:
    assert old in SHIP
    found = faults(SHIP.replace(old, new))
    assert any(said in one for one in found), found
    assert checked(SHIP.replace(old, new))[0].ship is None


def test_a_cycle_is_named_in_full_and_once() -> None:
    turned = SHIP.replace("hours: 2, done", "hours: 2, requires: [5g], done")
    found = [one for one in faults(turned) if "SHIP-CYCLE" in one]
    assert len(found) == 1
    assert "requires: these steps wait for each other: 5e -> 5f+5g -> 5e" in found[0]


def test_a_step_that_requires_itself_is_a_cycle() -> None:
    assert any(
        "wait for each other: 5e -> 5e" in one
        for one in faults(SHIP.replace("hours: 2, d", "hours: 2, requires: [5e], d"))
    )


def test_ids_are_unique_over_all_specs() -> None:
    other = SHIP.replace("ship: ship-two", "ship: other").replace("AC-00", "AC-01").replace("step: 5e", "step: 6e")
    _, second = checked(SHIP, other.replace("[5e]", "[6e]"))
    assert [one.message for one in second.diagnostics] == [
        "the step '5f' is already taken in spec/ship-two/ship.yaml:18",
        "the step '5g' is already taken in spec/ship-two/ship.yaml:20",
    ]


def test_a_criterion_is_waived_once() -> None:
    twice = SHIP + "  - {criterion: AC-002, owner: Another, reason: none, expires: 2026-12-02}\n"
    assert any("SHIP-WAIVED-TWICE: criterion 'AC-002' is already waived in line 25" in one for one in faults(twice))


def test_a_fault_in_one_criterion_leaves_the_others_known() -> None:
    found = faults(SHIP.replace("points: 5", "points: many"))
    assert len(found) == 1, found


def test_links_make_one_group_in_whichever_direction() -> None:
    links: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["b", "nowhere"], "d": []}
    assert groups_of(links) == {"a": ("a", "b", "c"), "b": ("a", "b", "c"), "c": ("a", "b", "c"), "d": ("d",)}


def test_the_ships_of_a_folder_are_loaded_by_spec(tmp_path: Path) -> None:
    for name, text in {"ship-two": SHIP, "broken": "ship: [\n"}.items():
        (tmp_path / "spec" / name).mkdir(parents=True)
        (tmp_path / "spec" / name / "ship.yaml").write_text(text)
    (tmp_path / "spec" / "late").mkdir()
    (tmp_path / "spec" / "late" / "ship.yml").write_text(SHIP)
    ships = load_ships(tmp_path, contracts_ab())
    assert [one.ship for one in ships.sound] == ["ship-two"]
    assert ships.sound[0].path == tmp_path / "spec" / "ship-two" / "ship.yaml"
    assert {(one.path, one.rule) for one in ships.diagnostics} == {
        ("spec/broken/ship.yaml", "YAML-SYNTAX"),
        ("spec/late/ship.yml", "SHIP-FILE-SUFFIX"),
    }
    broken = ships.of("broken")
    assert broken is not None
    assert broken.ship is None
    assert ships.of("late") is None


def test_a_workspace_knows_its_ship_files_once_its_contracts_are_sound(
    tmp_path: Path, complete: Callable[[str], str]
) -> None:
    (tmp_path / "spec" / "ship-two").mkdir(parents=True)
    (tmp_path / "spec" / "ship-two" / "ship.yaml").write_text(SHIP)
    (tmp_path / "contracts").mkdir()
    for name in "AB":
        (tmp_path / "contracts" / f"{name}.yaml").write_text(CONTRACTS.format(name=name.lower(), number=name))
    workspace = load_workspace(tmp_path, {})
    assert [one.ship for one in workspace.ships.sound] == ["ship-two"]
    (tmp_path / "contracts" / "A.yaml").write_text("contract: a\n")
    assert not any(one.rule.startswith("SHIP") for one in load_workspace(tmp_path, {}).diagnostics)


ids = st.from_regex(r"[A-Z0-9]{1,5}(-[A-Z0-9]{1,3}){0,2}", fullmatch=True).filter(lambda one: not one.isdigit())
names = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3}){0,2}", fullmatch=True)
sentences = st.text("abc ", min_size=1, max_size=5)
amounts = st.integers(1, 100) | st.floats(0.001, 1000)
steps = st.from_regex(r"s[a-z]{1,3}(\.[0-9])?", fullmatch=True)
acceptance = st.fixed_dictionaries(
    {"id": ids, "text": sentences, "points": amounts, "falsifiers": st.lists(ids, min_size=1, max_size=2)},
    optional={
        "effort": st.fixed_dictionaries({"hours": amounts}, optional={"device": st.sampled_from(["cpu", "cuda"])}),
        "quorum": st.fixed_dictionaries({"at_least": st.integers(1, 5), "distinct": st.just("run.seed")}),
        "tripwires": st.lists(
            st.fixed_dictionaries(
                {"falsifier": ids, "measurement": sentences, "when": criteria | st.just({"above": 1}), "why": sentences}
            ),
            max_size=2,
        ),
    },
)
roadmap_steps = st.fixed_dictionaries(
    {
        "step": steps,
        "title": sentences,
        "hours": amounts,
        "done_when": st.lists(ids, min_size=1, max_size=2)
        | st.fixed_dictionaries(
            {"falsifiers": st.lists(ids, min_size=1, max_size=2)},
            optional={"status": st.sampled_from(["partial", "integration", "discharged"])},
        ),
    },
    optional={
        "device": st.sampled_from(["cpu", "cuda"]),
        "requires": st.lists(steps, max_size=2),
        "earns": st.lists(ids, max_size=2),
        "predicted": st.integers(0, 9),
        "atomic_with": st.lists(steps, max_size=2),
        "declared_done": st.booleans(),
    },
)
ships = st.fixed_dictionaries(
    {
        "ship": names,
        "deliverables": st.dictionaries(
            names,
            st.fixed_dictionaries({"title": sentences, "criteria": st.lists(acceptance, min_size=1, max_size=2)}),
            min_size=1,
            max_size=2,
        ),
    },
    optional={
        "baseline": st.fixed_dictionaries({"version": st.just("2.24.0"), "section": st.integers(0, 99)}),
        "roadmap": st.lists(roadmap_steps, max_size=2),
        "stages": st.dictionaries(names, st.lists(names, max_size=2), max_size=2),
        "waivers": st.lists(
            st.fixed_dictionaries(
                {"criterion": ids, "owner": sentences, "reason": sentences, "expires": st.just("2026-12-01")}
            ),
            max_size=1,
        ),
    },
)
SCHEMA = Draft7Validator(ship_schema())
OF_SHAPE = {"SHIP-UNKNOWN-KEY", "SHIP-MISSING-KEY", "SHIP-TYPE"}
OF_VALUES = (" is empty, so", "; above 0", "; 0 or above", "SHIP-VALUE: when: ")


@settings(deadline=None)
@given(mutated(ships))
def test_reader_and_schema_agree_on_ship_files(data: Any) -> None:
    """What a schema cannot say (a number above 0, a list of at least one, a criterion that can be met) is left out."""
    found = [
        one
        for one in read_ship(as_yaml(data), "any").diagnostics
        if one.rule != "SHIP-DATE" and not any(part in str(one) for part in OF_VALUES)
    ]
    errors = [one.message for one in SCHEMA.iter_errors(data)]
    assert (not found) == (not errors), (found, errors)


def test_the_schema_is_a_draft_07_schema_that_describes_every_key() -> None:
    made = ship_schema()
    Draft7Validator.check_schema(made)
    assert all(one["description"] for one in made["properties"].values())
    assert made["additionalProperties"] is False
