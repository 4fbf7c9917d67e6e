"""Reading and checking contracts, nothing run: ``python -m benchmarks.static_path``.

Whole processes are measured, from the start of a plain interpreter to its end, in turn: the first call of
``contract validate`` (an empty cache), the second, and ``check-jsonschema`` on the same files with a schema of the same
shape. The contracts are those of pv's authors, which lie beside the repository and not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.results import Machine
from falsifiable.contracts.pv.shape import CONTRACT, Block, Key

SAMPLES = ROOT.parent / "shared" / "data" / "pv"
PAGE = Path(__file__).parent / "STATIC.md"
COMMAND = str(Path(sys.executable).with_name("contract"))
"""The command as it is installed: a script of four lines that calls ``main``."""
ROUNDS = 15
SIZES = (10, 100, 1_000, 10_000)
PV_SECONDS = 1.45e-3
"""What ``pv validate`` takes for one file, its process included; measured without us, for pv is no Python package."""
COLD_TARGET, WARM_TARGET, PEER_TARGET = 1.2, 0.8, 4.0
LINEAR_WITHIN = 1.5

_ID = re.compile(r"\b(FALSIFY|KANI)-")
_ABOUT = """# Reading and checking contracts

Made by `python -m benchmarks.static_path --write`, on {machine}.

Whole processes, from the start of a plain interpreter to its end, in turn, {rounds} rounds after one that compiles: the
fastest, for whatever else the machine does only adds to it, and the median. `first`: `contract validate FOLDER` with an
empty cache, which it fills; `again`: the same once more. `check-jsonschema` {peer} reads the same {files} files in one
process, with a JSON Schema of the blocks, keys and words that `contract validate` knows too; it looks neither at what
is said twice nor at other files, tests or line numbers. pv's own use is one process for each file, at {pv} ms each,
measured elsewhere.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One process: how long it took, the CPU it used (seconds), and the most memory it had (bytes)."""

    seconds: float
    cpu: float
    peak: int


def run(arguments: Sequence[str], cache: Path) -> Run:
    """Run the interpreter on ``arguments``. Raises RuntimeError where it ends with neither 0 nor a finding (1 or 4)."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "FALSIFIABLE_CACHE": str(cache),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "PYTHONPYCACHEPREFIX": str(cache.parent / "bytecode"),  # compiled as an installed package is, whoever runs this
    }
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment, cwd=cache.parent,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1, 4):
        raise RuntimeError(f"{' '.join(arguments[:4])} ended with {process.returncode}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def sides(samples: Path, folder: Path, rounds: int) -> dict[str, list[Run]]:
    """Per side one run for each round, the sides in turn; a round more, which compiles, is not counted."""
    cache, schema = folder / "cache", folder / "pv.schema.json"
    schema.write_text(json.dumps(pv_schema()), encoding="utf-8")
    validate = [COMMAND, "validate", str(samples)]
    files = [str(path) for path in sorted(samples.rglob("*.yaml"))]
    calls = {"interpreter": ["-c", "pass"], "first": validate, "again": validate}
    if find_spec("check_jsonschema") is not None:
        calls["check-jsonschema"] = ["-m", "check_jsonschema", "--schemafile", str(schema), *files]
    found: dict[str, list[Run]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        shutil.rmtree(cache, ignore_errors=True)
        for name, arguments in calls.items():
            measured = run(arguments, cache)
            if number:
                found[name].append(measured)
        print(".", end="", file=sys.stderr, flush=True)
    return found


def pv_schema() -> dict[str, Any]:
    """The JSON Schema of a contract of pv: the same blocks, keys and words that our reader knows."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", **_of_block(CONTRACT)}


def _of_block(block: Block) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _of_key(key) for name, key in block.keys.items()},
        "required": [name for name, key in block.keys.items() if key.required],
    }


def _of_key(key: Key) -> dict[str, Any]:
    inside = _of_block(key.block) if key.block else {}
    scalar = ["string", "number", "boolean"]
    shapes: dict[str, dict[str, Any]] = {
        "text": {"type": scalar},
        "word": {"enum": sorted(key.words)},
        "texts": {"type": "array", "items": {"type": scalar}},
        "count": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
        "block": inside,
        "blocks": {"type": "array", "items": inside},
        "named": {"type": "object", "additionalProperties": inside},
        "anything": {},
        "number": {"type": "number"},
        "flag": {"type": "boolean"},
    }
    shape = shapes[key.form]
    return {"anyOf": [shape, {"type": "null"}]} if key.nullable else shape


def varied(samples: Path, folder: Path, count: int) -> Path:
    """A folder of ``count`` contracts: the samples again and again, each copy with ids and a name of its own."""
    made = folder / f"contracts-{count}"
    made.mkdir()
    texts = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(samples.rglob("*.yaml"))]
    for number in range(count):
        stem, text = texts[number % len(texts)]
        copy = number // len(texts)
        (made / f"{stem}-{copy}.yaml").write_text(_ID.sub(rf"\g<0>C{copy}-", text), encoding="utf-8")
    return made


def growth(samples: Path, folder: Path, sizes: Sequence[int]) -> Iterator[tuple[int, Run, Run]]:
    """For each number of contracts the first call and the second; the faster of three where that takes no minutes."""
    for count in sizes:
        contracts = varied(samples, folder, count)
        first: list[Run] = []
        again: list[Run] = []
        for _ in range(3 if count <= 1_000 else 1):
            shutil.rmtree(folder / "cache", ignore_errors=True)
            for runs in (first, again):
                runs.append(run([COMMAND, "validate", str(contracts)], folder / "cache"))
        shutil.rmtree(contracts)
        print(".", end="", file=sys.stderr, flush=True)
        yield count, min(first, key=lambda one: one.seconds), min(again, key=lambda one: one.seconds)


def page(found: Mapping[str, Sequence[Run]], grown: Sequence[tuple[int, Run, Run]], files: int) -> str:
    """What was measured, as a page."""
    here = Machine.here()
    machine = f"{here.cores} cores of {here.processor}, {here.system}, Python {sys.version.split()[0]}; load average "
    machine += f"{here.load:.1f} at the end; commit {here.commit}"
    peer = version("check-jsonschema") if "check-jsonschema" in found else "(not installed)"
    rounds = len(found["first"])
    about = _ABOUT.format(machine=machine, rounds=rounds, peer=peer, files=files, pv=PV_SECONDS * 1e3)
    return "\n".join([about, *_side_lines(found, files), "", *_growth_lines(grown)]) + "\n"


def _side_lines(found: Mapping[str, Sequence[Run]], files: int) -> Iterator[str]:
    pv = PV_SECONDS * files
    yield f"| {files} files | fastest | median | CPU, least | of pv's {pv * 1e3:.1f} ms | target | met |"
    yield "|---|---|---|---|---|---|---|"
    targets = {"first": COLD_TARGET, "again": WARM_TARGET}
    for name, runs in found.items():
        best = min(one.seconds for one in runs)
        times = f"{best * 1e3:.1f} ms | {statistics.median(one.seconds for one in runs) * 1e3:.1f} ms"
        share, target = best / pv, targets.get(name)
        judged = f"at most {target} | {'met' if share <= target else 'not met'}" if target else " | "
        yield f"| {name} | {times} | {min(one.cpu for one in runs) * 1e3:.1f} ms | {share:.2f} | {judged} |"
    if "check-jsonschema" in found:
        theirs = min(one.seconds for one in found["check-jsonschema"])
        yield ""
        for name in targets:
            ratio = theirs / min(one.seconds for one in found[name])
            judged = f"target: at least {PEER_TARGET:g}, {'met' if ratio >= PEER_TARGET else 'not met'}"
            yield f"`check-jsonschema` takes {ratio:.1f} times as long as `{name}` ({judged})."


def _growth_lines(grown: Sequence[tuple[int, Run, Run]]) -> Iterator[str]:
    yield "| contracts | first | per contract | memory | again | per contract | memory |"
    yield "|---|---|---|---|---|---|---|"
    for count, *both in grown:
        cells = [f"{one.seconds:.2f} s | {one.seconds / count * 1e3:.2f} ms | {one.peak / 1e6:.0f} MB" for one in both]
        yield f"| {count:,} | {' | '.join(cells)} |"
    if len(grown) > 1:
        (less, *small), (more, *large) = grown[-2:]
        yield ""
        for name, one, many in zip(("first", "again"), small, large, strict=True):
            ratio = (many.cpu / more) / (one.cpu / less)
            said = f"`{name}`: a contract among {more:,} costs {ratio:.2f} times the CPU of one among {less:,}"
            yield f"{said}: {'linear' if ratio <= LINEAR_WITHIN else 'more than linear'}."
            yield ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page, and write it beside the other results with --write."""
    parser = argparse.ArgumentParser(description="Read and check contracts, beside check-jsonschema.")
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="the folder of contracts in the dialect of pv")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each side runs (default: {ROUNDS})")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out folders of more contracts")
    parser.add_argument("--write", action="store_true", help=f"keep the page in {PAGE.name}")
    asked = parser.parse_args(arguments)
    if not asked.samples.is_dir():
        print(f"{asked.samples}: no such folder; name one with contracts of pv after --samples", file=sys.stderr)
        return 2
    files = len(list(asked.samples.rglob("*.yaml")))
    with tempfile.TemporaryDirectory(prefix="falsifiable-static-") as name:
        found = sides(asked.samples, Path(name), asked.rounds)
        grown = list(growth(asked.samples, Path(name), [one for one in SIZES if one <= asked.largest]))
    text = page(found, grown, files)
    print(text)
    if asked.write:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
