"""Fuzz the readers: ``python -m tests.fuzz [TARGET ...] [--seconds N]``.

Coverage-guided mutations (atheris, which drives libFuzzer) of the seeds in ``seeds/TARGET``. New inputs that reach new
code are kept in ``runs/fuzz/TARGET/corpus``; what broke a reader lies in ``runs/fuzz/TARGET/findings``. Keep a finding
as ``regressions/TARGET/WHAT-IT-DOES``: a test reads all of them for ever.

Exit codes: 0 nothing was found, 1 something was, 2 atheris is not installed or a target does not exist.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

HERE = Path(__file__).parent
SEEDS, REGRESSIONS = HERE / "seeds", HERE / "regressions"
ROOMS = ("artifacts", "contracts", "evidence", "spec")
COMPILED = ("falsifiable.artifacts.fingerprints.kernels",)
"""Modules that numba compiles: instrumented, they would be other code."""

SECONDS_PER_INPUT = 60
"""By the clock on the wall, of an interpreter that is watched at every step, on a machine that may stall."""
MEBIBYTES = 512
MOST_BYTES = 16 * 1024


def main() -> int:
    """Fuzz the targets named, or all, one after the other."""
    asked = _arguments()
    try:
        import atheris
    except ImportError:
        sys.stderr.write("atheris is not installed; it has wheels for Python 3.11 to 3.13 on Linux\n")
        return 2
    with atheris.instrument_imports(include=["falsifiable"], exclude=list(COMPILED)):
        _import_rooms()
        targets = import_module("tests.fuzz.targets").TARGETS
    from tests.fuzz.targets import remove_scratch, scratch

    unknown = [name for name in asked.targets if name not in targets]
    if unknown:
        sys.stderr.write(f"there is no target {unknown[0]}; there are {', '.join(targets)}\n")
        return 2
    found = []
    for name in asked.targets or targets:
        scratch()  # made here, because libFuzzer ends its process without cleaning up
        if _in_a_child(lambda n=name: _fuzz(n, targets[n], asked)):
            found.append(name)
        remove_scratch()
    for name in found:
        sys.stderr.write(f"{name}: broke on the input in {asked.folder / name / 'findings'}\n")
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the readers.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="by default all of them")
    parser.add_argument("--seconds", type=int, default=0, help="for each target; 0 is no limit")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each target; -1 is no limit")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; 0 is another one each time")
    parser.add_argument("--folder", type=Path, default=Path("runs/fuzz"), help="for the corpus and the findings")
    return parser.parse_args()


def _import_rooms() -> None:
    """Import the readers while imports are instrumented; they import one another inside functions otherwise."""
    for room in ROOMS:
        package = import_module(f"falsifiable.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name not in COMPILED:
                import_module(module.name)


def _in_a_child(fuzz: Callable[[], None]) -> bool:
    """Whether fuzzing ended with a finding. A child per target: libFuzzer ends the process it runs in."""
    child = os.fork()
    if child == 0:
        fuzz()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) != 0


def _fuzz(name: str, target: Target, asked: argparse.Namespace) -> None:
    import atheris

    from tests.fuzz.mutators import MUTATORS

    corpus, findings = asked.folder / name / "corpus", asked.folder / name / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    dictionary = asked.folder / name / "words"
    dictionary.write_text(_dictionary(target.words))
    options = {
        "max_total_time": asked.seconds, "runs": asked.runs, "seed": asked.seed, "timeout": SECONDS_PER_INPUT,
        "rss_limit_mb": MEBIBYTES, "max_len": MOST_BYTES, "artifact_prefix": f"{findings}/", "dict": dictionary,
        "print_final_stats": 1, "verbosity": 1,
    }  # fmt: skip
    folders = [one for one in (corpus, SEEDS / name, REGRESSIONS / name) if one.is_dir()]
    arguments = [name, *(f"-{key}={value}" for key, value in options.items()), *map(str, folders)]
    mutator = MUTATORS.get(name)
    more = {}
    if mutator is not None:
        more["custom_mutator"] = lambda data, most, seed: mutator(data, most, atheris.Mutate, seed)
    atheris.Setup(arguments, target, **more)
    atheris.Fuzz()


def _dictionary(words: Sequence[str]) -> str:
    """The words in the form that libFuzzer reads: quoted, everything but printable ASCII escaped."""
    quoted = []
    for word in words:
        escaped = "".join(
            chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word.encode()
        )
        quoted.append(f'"{escaped}"\n')
    return "".join(quoted)


if __name__ == "__main__":
    sys.exit(main())
