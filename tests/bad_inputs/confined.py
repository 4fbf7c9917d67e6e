"""The command in a process of its own with little memory and five seconds of a processor, one fork per call.

The server has the command imported already, so that a call costs milliseconds; what a call needs of memory and whether
it came to an end is measured by the kernel. ``python -m tests.bad_inputs.confined`` is that server.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ADDRESS_SPACE_BYTES = 512 * 2**20
PROCESSOR_SECONDS = 5
SECONDS_UNTIL_IT_HANGS = 60
"""Of a call that computes nothing and does not end; a busy machine is given its time."""

ROOT = Path(__file__).parents[2]


def unmeasured() -> dict[str, str]:
    """The environment without the measuring of coverage, which takes processor time and writes files of its own."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}


@dataclass(frozen=True)
class Done:
    """What a call came to. ``ended_by`` is the signal that ended it (SIGXCPU, SIGKILL: it computed too long; SIGALRM:
    it hung), or None."""

    code: int
    out: str
    err: str
    peak_mebibytes: int
    ended_by: str | None


class Confined:
    """Calls ``contract ARGUMENTS``; close it when done."""

    def __init__(self) -> None:
        environment = {**unmeasured(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.bad_inputs.confined"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def call(self, *arguments: str | Path, folder: Path) -> Done:
        """The command with these arguments, in ``folder``."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps({"arguments": list(map(str, arguments)), "folder": str(folder)}) + "\n")
        self._server.stdin.flush()
        return Done(**json.loads(self._server.stdout.readline()))

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=10)
        self._server.stdout.close()


def main() -> None:
    """Serve calls, one JSON line each, until there are no more."""
    import numpy  # noqa: F401 - in the memory of every call, as it would be

    import falsifiable.artifacts.safety.inspection
    import falsifiable.cli.inspect
    import falsifiable.cli.validate
    import falsifiable.report.artifact  # noqa: F401
    from falsifiable.validation.catalogue import load_catalogue

    load_catalogue()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        answers.write(json.dumps(vars(_forked(asked["arguments"], asked["folder"]))) + "\n")
        answers.flush()


def _forked(arguments: Sequence[str], folder: str) -> Done:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _call(arguments, folder, out.fileno(), err.fileno())
        _, status, used = os.wait4(child, 0)
        code = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return Done(code, *texts, used.ru_maxrss // 1024, signal.Signals(-code).name if code < 0 else None)


def _call(arguments: Sequence[str], folder: str, out: int, err: int) -> None:
    """In the child: confine this process, run the command, and leave."""
    from falsifiable.cli import run

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS_UNTIL_IT_HANGS)
    code = run(list(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
