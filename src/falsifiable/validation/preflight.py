"""Whether a planned run can succeed, asked of headers, records and the driver before it costs anything.

Nothing is trained, no tensor is read and no library for tensors is imported: every question is answered from what lies
there. A question that cannot be answered refuses the plan as much as a wrong answer does, and says so.
"""

from __future__ import annotations

import datetime
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from falsifiable.artifacts import ArtifactError, Corpus, Model, open_corpus, open_model, open_run, open_tokenizer
from falsifiable.contracts.plans import Blocker, Plan

Answer = Literal["go", "refused", "unreadable"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question about a plan, in words, and what to do where it is not ``go``."""

    question: str
    answer: Answer
    said: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan is judged in: the checked-out commit, the day, and the root of the file system (for the driver)."""

    commit: str | None
    today: datetime.date
    system: Path = Path("/")


def preflight(plan: Plan, around: Surroundings) -> tuple[Finding, ...]:
    """One finding per question, in the order in which they are worth mending."""
    questions: dict[str, Callable[[], Iterator[Finding]]] = {
        "blockers": lambda: _blockers(plan, around),
        "device": lambda: _device(plan, around),
        "initialisation": lambda: _family(plan),
        "vocabulary": lambda: _vocabulary(plan),
        "data budget": lambda: _budget(plan),
        "disk": lambda: _disk(plan),
        "smoke run": lambda: _smoke(plan, around),
    }
    return tuple(one for question, ask in questions.items() for one in _answered(question, ask))


def _answered(question: str, ask: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(ask())
    except ArtifactError as error:
        return [Finding(question, "unreadable", str(error), "correct the path in the plan, or make the file readable")]


# What is known to stand in the way


def _blockers(plan: Plan, around: Surroundings) -> Iterator[Finding]:
    if not plan.blockers:
        yield Finding("blockers", "go", "none is declared")
    for blocker in plan.blockers:
        if _has_ended(blocker, plan, around.today):
            yield Finding("blockers", "go", f"{blocker.what}: ended, {blocker.until}", "take it out of the plan")
        else:
            said = f"{blocker.what}, until {blocker.until}: {blocker.why}"
            yield Finding("blockers", "refused", said, f"wait for {blocker.until}, or change the plan")


def _has_ended(blocker: Blocker, plan: Plan, today: datetime.date) -> bool:
    """A day is over when it is past; a file is there or not, so that no blocker outlives what it waited for."""
    if _DAY.fullmatch(blocker.until):
        try:
            return datetime.date.fromisoformat(blocker.until) < today
        except ValueError:  # no day of any month
            return False
    return plan.path(blocker.until).exists()


# Where it runs


def _device(plan: Plan, around: Surroundings) -> Iterator[Finding]:
    if plan.device == "cpu":
        yield Finding("device", "go", "cpu")
        return
    wanted = int(plan.device.partition(":")[2] or 0)
    found = cuda_devices(around.system)
    if wanted < found:
        yield Finding("device", "go", f"{plan.device}: the driver names {found} GPUs")
    else:
        said = f"{plan.device} is asked for, and the NVIDIA driver of this machine names {found or 'no'} GPUs"
        yield Finding("device", "refused", said, "start it where the GPU is, or plan for cpu")


def cuda_devices(system: Path = Path("/")) -> int:
    """How many GPUs the NVIDIA driver names; asked of the driver's files, so that no library is loaded for it."""
    if not (system / "proc/driver/nvidia/version").is_file():
        return 0
    named = sum(1 for _ in (system / "proc/driver/nvidia/gpus").glob("*"))
    return named or sum(1 for _ in (system / "dev").glob("nvidia[0-9]*"))


# The model


def _init(plan: Plan) -> Model | None:
    return None if plan.init is None else open_model(plan.path(plan.init))


def _parameters(plan: Plan, model: Model | None) -> int:
    """How many there are: from the header of the checkpoint, or as the plan says."""
    if model is not None:
        return model.parameters
    return plan.shape.parameters if plan.shape is not None else 0


def _family(plan: Plan) -> Iterator[Finding]:
    model = _init(plan)
    found = model.architecture.family if model is not None else plan.shape.family if plan.shape is not None else None
    where = f"{plan.init}" if plan.init else "the plan's shape"
    if model is not None and found is None:
        said = f"{where}: its metadata names no architecture that is known"
        yield Finding("initialisation", "refused", said, "state the architecture in its configuration")
    elif plan.family is not None and found != plan.family:
        said = f"{where} is of the family {found}, the plan says {plan.family}"
        yield Finding("initialisation", "refused", said, "name the checkpoint that is meant, or correct family")
    else:
        held = f"{_parameters(plan, model):,} parameters of the family {found or 'that the trainer builds'}"
        yield Finding("initialisation", "go", f"{where}: {held}")


def _vocabulary(plan: Plan) -> Iterator[Finding]:
    model = _init(plan)
    rows = model.embedding_rows if model is not None else plan.shape.vocab_size if plan.shape is not None else None
    if plan.tokenizer is not None:
        tokenizer = open_tokenizer(plan.path(plan.tokenizer))
    elif model is not None and model.tokenizer is not None:
        tokenizer = model.tokenizer
    else:
        yield Finding("vocabulary", "refused", "the plan names no tokenizer", "name it under 'tokenizer'")
        return
    if rows is None:
        said = f"{plan.init} has no embedding that is known"
        yield Finding("vocabulary", "refused", said, "name a checkpoint of a language model")
    elif tokenizer.size > rows:
        said = f"the tokenizer emits ids up to {tokenizer.size - 1}, the embedding has {rows} rows"
        yield Finding("vocabulary", "refused", said, "use the checkpoint's own tokenizer, or enlarge the embedding")
    else:
        yield Finding("vocabulary", "go", f"{tokenizer.size} ids in {rows} rows")


# The data


def _budget(plan: Plan) -> Iterator[Finding]:
    corpus = open_corpus(plan.path(plan.data.corpus))
    absent = [name for name in plan.data.splits if name not in corpus.splits]
    if absent:
        known = ", ".join(corpus.splits) or "none"
        said = f"{plan.data.corpus} has no split {', '.join(absent)}; it has {known}"
        yield Finding("data budget", "refused", said, "name the splits that are trained on")
        return
    there, parameters = _tokens(corpus, plan), _parameters(plan, _init(plan))
    if not there or not parameters:
        said = f"{there} tokens for {parameters} parameters"
        yield Finding("data budget", "refused", said, "count them: there is nothing to train, or to train on")
        return
    counted = min(plan.tokens_seen, there) if plan.budget.tokens == "distinct" else plan.tokens_seen
    share, passes = counted / parameters, plan.tokens_seen / there
    rule = f"{plan.budget.tokens} tokens per parameter {plan.budget.per_parameter}"
    measured = f"{counted:,} {plan.budget.tokens} tokens for {parameters:,} parameters are {share:.3g} for each"
    if not plan.budget.per_parameter.holds(share):
        short = f"{measured}; the rule is {rule}"
        yield Finding("data budget", "refused", short, "more data or steps, a smaller model, or another declared rule")
    elif plan.budget.passes is not None and not plan.budget.passes.holds(passes):
        said = f"{there:,} tokens are read {passes:.3g} times; the rule is {plan.budget.passes}"
        yield Finding("data budget", "refused", said, "more data, or fewer steps")
    else:
        yield Finding("data budget", "go", f"{measured} (rule: {rule}), read {passes:.3g} times")


def _tokens(corpus: Corpus, plan: Plan) -> int:
    return sum(corpus.splits[name].tokens for name in plan.data.splits)


# The machine


def _disk(plan: Plan) -> Iterator[Finding]:
    parameters = _parameters(plan, _init(plan))
    needed = parameters * plan.checkpoints.bytes_per_parameter * plan.checkpoints.saves
    folder = plan.path(plan.checkpoints.folder).absolute()
    existing = next(one for one in (folder, *folder.parents) if one.is_dir())
    free = shutil.disk_usage(existing).free
    said = f"{plan.checkpoints.saves} saves take {needed / _GIB:.3g} GiB, {free / _GIB:.3g} GiB are free"
    if needed > free:
        yield Finding("disk", "refused", said, "free space, keep fewer saves, or write them elsewhere")
    else:
        yield Finding("disk", "go", said)


# The rehearsal


def _smoke(plan: Plan, around: Surroundings) -> Iterator[Finding]:
    if plan.smoke is None:
        step = "run a few steps of the same command, to the end, and name its folder under 'smoke'"
        yield Finding("smoke run", "refused", "the plan names none", step)
        return
    run = open_run(plan.path(plan.smoke))
    command = run.field("command")
    ran = tuple(command) if isinstance(command, list) and all(isinstance(one, str) for one in command) else ()
    again = "run the smoke run again, with this code and this command"
    if run.field("end_reason") != "completed":
        said = f"{plan.smoke} ended because: {run.field('end_reason')}"
        yield Finding("smoke run", "refused", said, "find out why, and run it to the end")
    elif _program(ran) != _program(plan.command):
        said = (
            f"{plan.smoke} ran {' '.join(_program(ran)) or 'no command'}, planned is {' '.join(_program(plan.command))}"
        )
        yield Finding("smoke run", "refused", said, again)
    elif around.commit is None or run.commit != around.commit:
        said = (
            f"{plan.smoke} is of commit {(run.commit or 'unknown')[:12]}, this is {(around.commit or 'unknown')[:12]}"
        )
        yield Finding("smoke run", "refused", said, again)
    else:
        dirty = ", of a tree with uncommitted changes" if run.dirty else ""
        yield Finding("smoke run", "go", f"{plan.smoke} was completed at this commit{dirty}")


def _program(command: tuple[str, ...]) -> tuple[str, ...]:
    """The program without its options' values, which a smoke run has others of: what stands before the first ``--``."""
    end = next((place for place, part in enumerate(command) if part.startswith("--")), len(command))
    return command[:end]
