"""The amendments of a spec: numbers and versions follow from where files lie, and from nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from falsifiable.contracts import Baseline
from falsifiable.contracts.versions import Bump
from falsifiable.spec.amendments import (
    AmendmentLog,
    amendments_on_disk,
    baseline_of,
    one_line,
    read_amendments,
)
from tests.amending import amendment_name, amendment_text

FOLDER = "spec/ship/amendments"
BASELINE = Baseline("2.24.0", 49)


def pending(day: int, salt: str = "00000001", **more: object) -> tuple[str, bytes]:
    created = f"2026-05-{day:02d}T09:00:00Z"
    return f"{FOLDER}/{amendment_name(created, salt)}", amendment_text(created=created, **more).encode()  # type: ignore[arg-type]


def released(number: int, version: str, day: int, **more: object) -> tuple[str, bytes]:
    path, data = pending(day, f"{number:08x}", **more)
    return f"{FOLDER}/released/{version}/{number:04d}-{path.rpartition('/')[2]}", data


def log_of(*files: tuple[str, bytes], baseline: Baseline = BASELINE) -> AmendmentLog:
    shuffled = list(files)
    random.Random(len(files)).shuffle(shuffled)
    return read_amendments("ship", dict(shuffled), baseline)


def faults(log: AmendmentLog) -> list[str]:
    return [f"{one.rule} {one.path.rpartition('/')[2][:4]} {one.message}" for one in log.diagnostics]


HISTORY = (
    released(50, "2.25.0", 4, title="Fifty", contracts={"gpu": "patch"}, lessons=["Ask twice.", "Measure."]),
    released(51, "2.25.0", 6, title="Fifty-one", contracts={"gpu": "minor", "packaging": "patch"}),
    released(52, "2.26.0", 5, title="Fifty-two", supersedes=[50, 49], lessons=["Ask\n twice.", "Stop."]),
)


def test_a_spec_stands_at_its_newest_release() -> None:
    log = log_of(*HISTORY)
    assert log.diagnostics == ()
    assert [(one.number, one.version, one.amendment.amendment) for one in log.sections] == [
        (50, "2.25.0", "Fifty"), (51, "2.25.0", "Fifty-one"), (52, "2.26.0", "Fifty-two"),
    ]  # fmt: skip
    assert (log.version, log.last_section) == ("2.26.0", 52)
    assert [(one.version, one.date, one.contracts) for one in log.releases] == [
        ("2.25.0", "2026-05-06", {"gpu": Bump.MINOR, "packaging": Bump.PATCH}),
        ("2.26.0", "2026-05-05", {}),
    ]
    assert log.section(51) == log.sections[1]
    assert log.section(49) is None


def test_versions_are_ordered_as_numbers() -> None:
    log = log_of(released(50, "2.9.0", 1), released(51, "2.10.0", 2), baseline=Baseline("2.8.0", 49))
    assert (log.version, log.diagnostics) == ("2.10.0", ())


def test_before_any_release_the_baseline_counts() -> None:
    assert (log_of().version, log_of().last_section) == ("2.24.0", 49)
    alone = read_amendments("ship", {})
    assert (alone.version, alone.last_section, alone.releases) == ("0.0.0", 0, ())


def test_a_lesson_said_twice_keeps_its_number_and_names_both_sections() -> None:
    log = log_of(*HISTORY)
    assert [(one.number, one.text, one.sections) for one in log.lessons] == [
        (1, "Ask twice.", (50, 52)), (2, "Measure.", (50,)), (3, "Stop.", (52,)),
    ]  # fmt: skip
    assert log.lesson("Ask twice.\n").number == 1
    with pytest.raises(KeyError):
        log.lesson("Never taught")


def test_what_took_the_place_of_a_section_is_known() -> None:
    log = log_of(*HISTORY)
    assert [log.superseded_by(number) for number in (49, 50, 51)] == [(52,), (52,), ()]


def test_pending_amendments_are_ordered_by_time_then_digest() -> None:
    same_second = [pending(3, f"0000000{salt}", title=f"Number {salt}") for salt in range(5)]
    log = log_of(pending(9), *same_second, pending(1), (f"{FOLDER}/{amendment_name()}", b"no amendment"))
    created = [one.amendment.created[8:10] if one.amendment else "" for one in log.pending]
    assert created == ["01", "03", "03", "03", "03", "03", "09", ""]
    digests = [one.digest for one in log.pending[1:6]]
    assert digests == sorted(digests)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([released(51, "2.25.0", 1)], "AMENDMENT-RELEASED 0051 this is section 51, expected section 50"),
        (
            [*HISTORY, (HISTORY[1][0].replace("0051-", "0052-"), HISTORY[1][1])],
            "AMENDMENT-RELEASED 0052 this is section 52, expected section 53",
        ),
        (
            [released(50, "2.26.0", 1), released(51, "2.25.0", 2)],
            "AMENDMENT-RELEASED 0051 section 51 stands in version 2.25.0, those before it in a later one",
        ),
        ([released(50, "2.24.0", 1)], "AMENDMENT-RELEASED 0050 section 50 stands in version 2.24.0"),
        ([released(50, "2.25", 1)], "AMENDMENT-RELEASED 0050 expected released/VERSION/NUMBER-NAME.md"),
        ([(f"{FOLDER}/old/{amendment_name()}", b"")], "AMENDMENT-RELEASED 2026 expected released/VERSION/"),
        ([(f"{FOLDER}/released/2.25.0/50-a.md", b"")], "AMENDMENT-RELEASED 50-a expected released/VERSION/"),
        ([(f"{FOLDER}/notes.txt", b"")], "AMENDMENT-FILE-NAME note this is no name of an amendment"),
        (
            [(f"{FOLDER}/released/2.25.0/0050-notes.md", amendment_text().encode())],
            "AMENDMENT-FILE-NAME 0050 this is no name of an amendment",
        ),
        (
            [(pending(2)[0], pending(1)[1])],
            "AMENDMENT-FILE-NAME 2026 the name says 20260502T090000Z, but the amendment was created 2026-05-01",
        ),
        (
            [*HISTORY, (f"{FOLDER}/{HISTORY[1][0].rpartition('/0051-')[2]}", HISTORY[1][1])],
            "AMENDMENT-RELEASED 2026 it is released already, as spec/ship/amendments/released/2.25.0/0051-",
        ),
        ([pending(1, bump="huge")], "AMENDMENT-VALUE 2026 bump: 'huge' is not one of the words allowed here"),
        ([released(50, "2.25.0", 1, body="<b>")], "AMENDMENT-MARKDOWN 0050 raw HTML"),
    ],
)  # fmt: skip
def test_a_file_in_the_wrong_place_is_told(files: list[tuple[str, bytes]], said: str) -> None:
    assert any(one.startswith(said) for one in faults(log_of(*files))), faults(log_of(*files))


def test_only_what_is_not_hidden_is_read_from_disk(tmp_path: Path) -> None:
    for path, data in (*HISTORY, pending(9), (f"{FOLDER}/.notes.md.0123456789abcdef.tmp", b"half")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    found = amendments_on_disk(tmp_path, "ship")
    assert found.keys() == {path for path, _ in (*HISTORY, pending(9))}
    assert read_amendments("ship", found, BASELINE) == log_of(*HISTORY, pending(9))
    assert amendments_on_disk(tmp_path, "other") == {}


def test_the_baseline_is_what_the_ship_file_says() -> None:
    ship = (
        b"ship: ship\nbaseline: {version: 2.24.0, section: 49}\ndeliverables: {model: {title: It, criteria: "
        b"[{id: AC-1, text: It loads, points: 5, falsifiers: [F-1]}]}}\n"
    )
    assert baseline_of(ship, "ship") == BASELINE
    assert baseline_of(ship.replace(b"baseline", b"basline"), "ship") == Baseline("0.0.0", 0)
    assert baseline_of(None, "ship") == Baseline("0.0.0", 0)


def test_a_section_more_belongs_to_a_log_like_the_others() -> None:
    log = log_of(*HISTORY[:2])
    assert log.with_section(log_of(*HISTORY).sections[2]) == log_of(*HISTORY)
    assert one_line("a\n  b ") == "a b"
