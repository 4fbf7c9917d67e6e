"""A falsifier that crashes, hangs or eats memory costs its own verdict, says why, and leaves the others alone."""

from __future__ import annotations

import contextlib
import subprocess
import textwrap
from dataclasses import asdict

import pytest

from falsifiable.contracts.signature import CheckSignature
from falsifiable.validation.workers import ForkServers, Job, Outcome, run_jobs

MISBEHAVING = textwrap.dedent('''
    """Checks that break in every way a check can break."""
    import ctypes, os, signal, subprocess, sys, time
    from falsifiable import Verdict, falsifier

    @falsifier("misbehaving.well")
    def well() -> Verdict:
        """Holds."""
        return Verdict.of(True, examined=(3, "things"))

    @falsifier("misbehaving.segfault")
    def segfault() -> Verdict:
        """Reads address zero."""
        ctypes.string_at(0)
        return Verdict.of(True, examined=1)

    @falsifier("misbehaving.sleep")
    def sleep() -> Verdict:
        """Never ends, nor does its child."""
        subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
        return Verdict.of(True, examined=1)

    @falsifier("misbehaving.allocate")
    def allocate() -> Verdict:
        """Allocates without end."""
        kept = []
        while True:
            kept.append(bytearray(1 << 24))

    @falsifier("misbehaving.raises")
    def raises() -> Verdict:
        """Raises."""
        return {}["vocab_size"]

    @falsifier("misbehaving.nothing")
    def nothing() -> Verdict:
        """Returns no verdict."""

    @falsifier("misbehaving.prints")
    def prints() -> Verdict:
        """Prints where reports are expected, then holds."""
        print('{"verdict": {}}')
        return Verdict.of(True, examined=1)

    @falsifier("misbehaving.dies-later")
    def dies_later() -> Verdict:
        """Holds, and its counterexample kills the process."""
        return Verdict.of(True, examined=1)

    @dies_later.counterexample
    def fatal():
        os._exit(7)

    @falsifier("misbehaving.served")
    def served() -> Verdict:
        """Says by which server it was forked."""
        return Verdict.of(True, examined=1, server=os.getppid())

    @falsifier("misbehaving.looks-around")
    def looks_around() -> Verdict:
        """Says whether a part of a library was there before it started."""
        return Verdict.of(True, examined=1, loaded="scipy.stats" in sys.modules)

    @falsifier("misbehaving.kills-its-server")
    def kills_its_server() -> Verdict:
        """Takes along what would fork the next."""
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
''')


@pytest.fixture
def outcomes(tmp_path, monkeypatch):
    """Run checks of the module above by name, together; name -> outcome."""
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(*names: str, imports: tuple[str, ...] = (), servers: ForkServers | None = None) -> dict[str, Outcome]:
        jobs = [_job(name, imports) for name in names]
        with contextlib.nullcontext(servers) if servers else ForkServers() as used:
            return {one.job.id: one for one in run_jobs(jobs, used, at_once=2) if isinstance(one, Outcome)}

    return run


def _job(name: str, imports: tuple[str, ...]) -> Job:
    signature = CheckSignature(f"misbehaving.{name}", "", "misbehaving", "misbehaving", imports=imports)
    message = {
        "signature": asdict(signature),
        "roles": {},
        "artifacts": {},
        "parameters": {},
        "specimen": False,
        "root": "/nowhere",
    }
    return Job(name, imports, message, seconds=3.0 if name == "sleep" else 60.0, memory_bytes=1 << 28)


def verdict(outcome: Outcome) -> dict:
    return next(report["verdict"] for report in outcome.reports if "verdict" in report)


@pytest.mark.bad_input(103)
def test_a_crash_a_hang_and_a_flood_each_cost_one_verdict(outcomes):
    found = outcomes("segfault", "sleep", "allocate", "well")
    assert (found["segfault"].cause, found["segfault"].said) == ("crashed", "its process was ended by SIGSEGV")
    assert found["sleep"].cause == "time"
    assert "time limit of 3 seconds" in found["sleep"].said
    assert found["allocate"].reports[0]["cause"] == "memory"
    assert "memory limit of 256 MiB" in verdict(found["allocate"])["found"]
    assert verdict(found["well"])["outcome"] == "held"


def test_an_exception_names_its_place(outcomes):
    found = verdict(outcomes("raises")["raises"])
    assert found["outcome"] == "inconclusive"
    assert "KeyError: 'vocab_size' (at misbehaving.py:" in found["found"]


def test_a_check_that_returns_no_verdict_is_told_what_to_return(outcomes):
    assert "returned NoneType, expected a Verdict" in verdict(outcomes("nothing")["nothing"])["found"]


def test_what_a_check_prints_is_no_report(outcomes):
    assert [*outcomes("prints")["prints"].reports[0]] == ["verdict", "cause"]


def test_a_death_after_the_verdict_keeps_the_verdict(outcomes):
    found = outcomes("dies-later")["dies-later"]
    assert verdict(found)["outcome"] == "held"
    assert (found.cause, found.said) == ("crashed", "its process ended with exit code 7 before it had finished")


def test_a_library_that_cannot_be_imported_is_named(outcomes):
    found = outcomes("well", imports=("no_such_library",))["well"]
    assert found.cause == "crashed"
    assert "importing no_such_library failed: ModuleNotFoundError" in found.said


def test_what_a_library_loads_late_is_there_before_a_worker_starts(outcomes):
    found = outcomes("looks-around", imports=("scipy",))["looks-around"]
    (loaded,) = verdict(found)["measurements"]
    assert loaded["value"] == 1


def test_one_server_serves_all_rounds_and_one_that_died_is_replaced(outcomes):
    with ForkServers() as servers:
        first, second = (server_of(outcomes("served", servers=servers)) for _ in range(2))
        assert first == second
        assert outcomes("kills-its-server", servers=servers)["kills-its-server"].cause == "crashed"
        assert server_of(outcomes("served", servers=servers)) != first


def server_of(found: dict[str, Outcome]) -> int:
    (measured,) = verdict(found["served"])["measurements"]
    return measured["value"]


def test_a_library_that_cannot_be_imported_is_tried_once_and_named_in_every_round(outcomes, monkeypatch):
    started = []

    def counted(*command, **options):
        started.append(command)
        return popen(*command, **options)

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", counted)
    with ForkServers() as servers:
        for _ in range(2):
            found = outcomes("well", imports=("no_such_library",), servers=servers)["well"]
            assert "importing no_such_library failed: ModuleNotFoundError" in found.said
    assert len(started) == 1
