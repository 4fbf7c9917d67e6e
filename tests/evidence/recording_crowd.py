"""A crowd of processes that record into one spec at once; some are killed with -9 at random moments.

    python -m tests.evidence.recording_crowd ROOT REPORTS --processes 16 --seconds 3 --seed 0

ROOT is a workspace with the contracts of :data:`CONTRACTS`. Every finished recording appends its digest to REPORTS.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import time
from pathlib import Path

from falsifiable.evidence import Repository
from falsifiable.falsifier import Verdict
from falsifiable.spec import record
from tests.evidence.builders import CODE, claim, contract, judgement, result

CONTRACTS = tuple(contract(f"crowd-{number}", claim(f"CROWD-{number}")) for number in range(4))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("reports", type=Path)
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--seconds", type=float, help="kill and replace until then; without it nobody is killed")
    parser.add_argument("--recordings", type=int, help="of each process, where nobody is killed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    stop = options.reports.with_suffix(".stop")
    running = {start(options, number, stop): number for number in range(options.processes)}
    if options.seconds is not None:
        running = kill_and_replace(options, running, stop)
        stop.touch()
    for process in running:
        assert os.waitpid(process, 0)[1] == 0, f"process {process} failed"


def kill_and_replace(options: argparse.Namespace, running: dict[int, int], stop: Path) -> dict[int, int]:
    """Kill one at a time for so many seconds, each followed by a new one."""
    chance = random.Random(options.seed)
    until = time.monotonic() + options.seconds
    number = options.processes
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.005, 0.1))
        victim = chance.choice(sorted(running))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        del running[victim]
        running[start(options, number, stop)] = number
        number += 1
    return running


def start(options: argparse.Namespace, number: int, stop: Path) -> int:
    """Fork a process that records; its id."""
    if child := os.fork():
        return child
    code = 1
    try:
        work(options, number, stop)
        code = 0
    finally:
        os._exit(code)


def work(options: argparse.Namespace, number: int, stop: Path) -> None:
    """Record something new again and again, and report each recording once it is finished."""
    reports = os.open(options.reports, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    of = CONTRACTS[number % len(CONTRACTS)]
    recordings = 0
    while True:
        last = stop.exists() if options.recordings is None else recordings + 1 == options.recordings
        verdict = Verdict.of(True, examined=1, process=number, recording=recordings)
        seen = result(of, judgement(of, verdict=verdict))
        done = record(options.root, CONTRACTS, [seen], code=CODE, repository=Repository(options.root))
        (one,) = done.statements
        assert one.written is not None
        assert not [finding for spec in done.specs for finding in spec.findings]
        os.write(reports, f"{one.sha256}\n".encode())  # one system call: a process is killed before it, or after
        recordings += 1
        if last:
            return


if __name__ == "__main__":
    main()
