"""Where a run came from: its code and its data, how to do it again, and what it was allowed to touch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from falsifiable import NotApplicable, Run, Verdict, falsifier

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Option of the command -> the field of the record that says what was asked for.
_ASKED_FOR = {
    "--device": "device.requested",
    "--seed": "seed.requested",
    "--dtype": "dtype.requested",
    "--steps": "steps.planned",
    "--num-iters": "steps.planned",
    "--iters": "steps.planned",
}


@falsifier("provenance.reproducible")
def reproducible(run: Run) -> Verdict:
    """The record names itself, its code, its data and its numbers, and the command that does it again agrees with it.

    A run id, a commit in full, a command with its arguments, for every data set a sha256 and a number of tokens above
    zero, at least one finite metric, and every file by sha256. Where the command sets device, seed, dtype or steps, the
    record must say that just this was asked for; where it names an init checkpoint, the record must name one by digest.
    """
    if not run.has_record:
        return Verdict.inconclusive(f"{run.path}: no recorder wrote run.yaml; record the run with falsifiable.recorder")
    parts = (_identity_faults(run), _command_faults(run), _data_faults(run), _number_faults(run))
    faults = [said for part in parts for said in part]
    examined = 3 + len(run.datasets) + len(run.metrics) + len(run.artifacts)
    return Verdict.of(
        not faults,
        found="run.yaml: " + "; ".join(faults[:5]) + ". Nobody can do this run again from its record",
        examined=(examined, "entries"),
        missing=len(faults),
    )


def _identity_faults(run: Run) -> Iterator[str]:
    if not run.run_id:
        yield "run_id is absent"
    if not _COMMIT.fullmatch(run.commit or ""):
        yield f"commit is {run.commit!r}, expected all 40 hexadecimal digits of the code that trained"


def _command(run: Run) -> list[str] | None:
    command = run.field("command")
    texts = isinstance(command, list) and bool(command) and all(isinstance(one, str) and one for one in command)
    return command if texts else None


def _command_faults(run: Run) -> Iterator[str]:
    command = _command(run)
    if command is None:
        yield f"command is {run.field('command')!r:.60}, expected the program and its arguments"
        return
    for option, given in _options(command):
        field = _ASKED_FOR.get(option)
        recorded = run.field(field) if field else None
        if field and recorded is not None and str(recorded) != given:
            yield f"command says {option} {given}, {field} is {recorded}"
        if option == "--init" and not _SHA256.fullmatch(str(run.field("init.sha256"))):
            yield f"command names the checkpoint {given}, init.sha256 is {run.field('init.sha256')!r}"


def _options(command: list[str]) -> Iterator[tuple[str, str]]:
    """Every option that is given a value: ``--name value`` and ``--name=value``."""
    for place, part in enumerate(command):
        name, equals, value = part.partition("=")
        if not part.startswith("--"):
            continue
        following = command[place + 1] if place + 1 < len(command) else "--"
        if equals:
            yield name, value
        elif not following.startswith("--"):
            yield name, following


def _data_faults(run: Run) -> Iterator[str]:
    if not run.datasets:
        yield "datasets is empty"
    for name, entry in run.datasets.items():
        sha256 = entry.get("sha256") if isinstance(entry, Mapping) else None
        tokens = entry.get("tokens") if isinstance(entry, Mapping) else None
        if not _SHA256.fullmatch(str(sha256)):
            yield f"datasets.{name}.sha256 is {sha256!r:.70}"
        if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 1:
            yield f"datasets.{name}.tokens is {tokens!r:.20}"


def _number_faults(run: Run) -> Iterator[str]:
    if not run.metrics:
        yield "metrics is empty"
    yield from (f"metrics.{name} is {one.value}" for name, one in run.metrics.items() if not math.isfinite(one.value))
    if not run.artifacts:
        yield "artifacts is empty, so that no file is the run's"


@reproducible.counterexample
def no_command(run: Run) -> Run:
    """A record without the command that made it."""
    return run.with_field("command", [])


@reproducible.counterexample
def another_seed_asked_for(run: Run) -> Run:
    """A command that asks for another seed than the record says."""
    seed = run.field("seed.requested")
    if not isinstance(seed, int):
        raise NotApplicable("the record states no seed")
    return run.with_field("command", [*(_command(run) or ["python"]), "--seed", str(seed + 1)])


@reproducible.counterexample
def a_commit_cut_short(run: Run) -> Run:
    """Seven digits of a commit, which another may begin with as well."""
    return run.with_field("commit", (run.commit or "0" * 40)[:7])


@reproducible.counterexample
def data_without_a_digest(run: Run) -> Run:
    """A data set that is called by its name alone."""
    name = next(iter(run.datasets), None)
    if name is None:
        raise NotApplicable("the record names no data set")
    return run.with_field(f"datasets.{name}.sha256", None)


@reproducible.counterexample
def nobody_in_particular(run: Run) -> Run:
    """A record without a run id."""
    return run.with_field("run_id", None)


@falsifier("provenance.clean-tree")
def clean_tree(run: Run) -> Verdict:
    """The code that trained is the commit's: nothing in the working tree differed from it.

    With uncommitted changes, the commit in the record is not what ran, and nobody can get it back.
    """
    if run.dirty is None:
        return Verdict.inconclusive(f"{run.path}: does not say whether the tree was clean; record it as `dirty`")
    return Verdict.of(
        not run.dirty,
        found=f"run.yaml: dirty is true: what trained was not commit {(run.commit or 'of no name')[:12]}; "
        "commit what is changed and train again",
        examined=(1, "field"),
    )


@clean_tree.counterexample
def something_uncommitted(run: Run) -> Run:
    """A run of code that was being edited."""
    return run.with_field("dirty", True)


@falsifier("provenance.change-in-scope")
def change_in_scope(run: Run, *, paths: tuple[str, ...]) -> Verdict:
    """Compared with the commit it started from, only paths that this lane owns had changed when it ended.

    Args:
        paths: what may change, relative to the repository: `*` stands for any name, `**` for any number of folders.
    """
    base, changed = run.field("changes.base"), run.field("changes.paths")
    if not isinstance(changed, list) or not isinstance(base, str):
        return Verdict.inconclusive(f"{run.path}: does not state changes.base and changes.paths; the recorder does")
    if not _COMMIT.fullmatch(base):
        return Verdict.of(False, found=f"run.yaml: changes.base is {base!r:.60}, no commit in full", examined=1)
    allowed = [re.compile(_expression(path)) for path in paths]
    outside = [one for one in map(str, changed) if not _inside(one, allowed)]
    return Verdict.of(
        not outside,
        found=f"{outside[0] if outside else ''} changed since {base[:12]}, and is none of {', '.join(paths)} "
        f"({len(outside)} of {len(changed)} changed paths); another lane was touched, or the scope is too narrow",
        examined=(1 + len(changed), "the commit and changed paths"),
        changed_paths=len(changed),
    )


def _inside(path: str, allowed: list[re.Pattern[str]]) -> bool:
    """Whether a path stays below the repository and is one of those allowed."""
    climbs = path.startswith("/") or ".." in path.split("/")
    return not climbs and any(one.fullmatch(path) for one in allowed)


def _expression(pattern: str) -> str:
    """A path with ``*`` and ``**`` as a regular expression."""
    parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
    meant = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*"}
    return "".join(meant.get(part, re.escape(part)) for part in parts)


@change_in_scope.counterexample
def another_lane_was_touched(run: Run) -> Run:
    """A change where nobody of this lane may write."""
    return run.with_field("changes.paths", [*_changed(run), "another-lane/watcher.py"])


@change_in_scope.counterexample
def a_path_out_of_the_repository(run: Run, *, paths: tuple[str, ...]) -> Run:
    """A change that climbs out of a folder that may change."""
    folder = paths[0].split("*", maxsplit=1)[0] if paths else ""
    return run.with_field("changes.paths", [*_changed(run), f"{folder}../../elsewhere.py"])


def _changed(run: Run) -> list[Any]:
    changed = run.field("changes.paths")
    if not isinstance(changed, list) or not isinstance(run.field("changes.base"), str):
        raise NotApplicable("the record does not say what changed")
    return changed
