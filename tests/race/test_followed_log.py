"""A log that is read while it is written."""

from __future__ import annotations

import math
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable.race.deciding.plan import Log
from falsifiable.race.engines.followed_log import FollowedLog, Logged, Said

SAID_IN = Log(
    pattern=r"^step=(?P<step>\d+) evaluation=(?P<evaluation>\d+) BPB=(?P<value>\d+\.\d{4})( nats=(?P<nats>\d+\.\d+))?",
    metric="BPB=",
    reported=r"^SMOKE_DONE BPB=(?P<value>\d+\.\d{4})$",
)
LOG = f"""\
config {{"hidden_size": 512}}
corpus=tiny train_sha256={"a" * 64} validation_sha256={"b" * 64}
BPB=5.1234
step=10 evaluation=1 BPB=5.1234 nats=3.5513
step=20 evaluation=2 BPB=4.1234
SMOKE_DONE BPB=4.1234
"""
SAID = [
    Said("config", {"hidden_size": 512}),
    Said("corpus", {"name": "tiny", "train_sha256": "a" * 64, "validation_sha256": "b" * 64}),
    Logged(10, 5.1234, "1", 3.5513, "BPB=5.1234"),
    Logged(20, 4.1234, "2"),
    Said("reported", {"value": "4.1234"}),
]


def test_a_log_that_is_not_there_yet_says_nothing(tmp_path: Path) -> None:
    assert FollowedLog(tmp_path / "log.txt", SAID_IN).read() == []


@settings(deadline=None)  # it reads and writes a file
@given(cuts=st.lists(st.integers(0, len(LOG)), max_size=6).map(sorted))
def test_the_same_is_read_however_the_log_is_cut(cuts: list[int], tmp_path_factory: object) -> None:
    path = tmp_path_factory.mktemp("log") / "log.txt"  # type: ignore[attr-defined]
    followed, found = FollowedLog(path, SAID_IN), []
    for start, end in zip([0, *cuts], [*cuts, len(LOG)], strict=True):
        with path.open("a") as file:
            file.write(LOG[start:end])
        found += followed.read()
    assert found == SAID


def test_a_line_that_is_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("step=10 evaluation=1 BPB=5.1234")
    followed = FollowedLog(path, SAID_IN)
    assert followed.read() == []
    assert followed.read(to_end=True) == [Logged(10, 5.1234, "1")]


def test_a_value_that_is_no_number_is_heard(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("step=10 evaluation=1 BPB=nan\n")
    (found,) = FollowedLog(tmp_path / "log.txt", SAID_IN).read()
    assert isinstance(found, Logged)
    assert math.isnan(found.value)


def test_without_a_number_of_evaluations_every_step_is_one(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("10: 5.5\n")
    assert FollowedLog(tmp_path / "log.txt", Log(r"(?P<step>\d+): (?P<value>\d\.\d)")).read() == [Logged(10, 5.5, "10")]


def test_a_configuration_that_is_no_json_is_malformed(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("config {width: 3}\n")
    (found,) = FollowedLog(tmp_path / "log.txt", SAID_IN).read()
    assert isinstance(found, Said)
    assert found.kind == "malformed"
