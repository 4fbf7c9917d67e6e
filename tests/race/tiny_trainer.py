"""A process that logs as a trainer does and computes nothing: a race of it takes seconds, and it can misbehave.

The values fall with the step, differ by seed and setting, and are the same on every call.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("--seed", "--steps", "--every"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--floor", type=float, default=2.0, help="where the curve goes")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds per evaluation")
    parser.add_argument("--fault", default="", help="how it misbehaves")
    asked = parser.parse_args()
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    config = {"floor": asked.floor, "pace": asked.pace, "fault": asked.fault}
    if asked.fault == "other-config":
        config["floor"] += 1
    if asked.fault == "mute":
        time.sleep(60)
    say("config " + json.dumps(config))
    say(f"corpus=sample train_sha256={'1' * 64} validation_sha256={('3' if asked.fault == 'corpus' else '2') * 64}")
    for step in range(asked.every, asked.steps + 1, asked.every):
        if step > asked.steps // 2 and asked.fault in ("crash", "early", "stubborn"):
            return misbehave(asked.fault)
        if ended:
            say(f"stopped at {step}")
            return 143
        time.sleep(asked.pace)
        value = asked.floor + 4 / math.sqrt(step) + (asked.seed * 37 % 101) / 1000
        if asked.fault == "unrepeatable":
            value += time.time() % 1
        say(f"step={step} evaluation={step // asked.every} BPB={'nan' if asked.fault == 'nan' else f'{value:.4f}'}")
    say("SMOKE_DONE")
    return 0


def misbehave(fault: str) -> int:
    if fault == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say("will not end")
        time.sleep(60)
    return 0 if fault == "early" else 3


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
