"""Generic mutations put to every falsifier that binds the mutated artifact, in worker processes.

First every mutator is asked what it can do to each artifact. Then the light falsifiers judge all mutants, and those
that load a heavy library judge what survived (all of it, when the whole matrix is wanted). What a falsifier says of the
mutants of known bytes is remembered like its verdicts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from falsifiable.artifacts import Model
from falsifiable.contracts import Contract
from falsifiable.contracts.model import Kind
from falsifiable.validation import events
from falsifiable.validation.bound import specimen_folder, specimen_variant
from falsifiable.validation.cache import Cache, key_of
from falsifiable.validation.executor import Executor
from falsifiable.validation.mutation_results import ArtifactResult, ContractScore, Fate, MutationReport, MutationResult
from falsifiable.validation.mutations import MUTATIONS, digest_of_mutators
from falsifiable.validation.plan import Options, Task
from falsifiable.validation.reading import with_fingerprints
from falsifiable.validation.results import Judgement
from falsifiable.validation.workers import Job, Outcome

ROOM = "mutants"
LIGHT = frozenset({"numpy", "blake3"})
"""Imports that cost a fork server little; a falsifier that needs more is asked about survivors only."""
MOST_LIGHT_BYTES = 1 << 26
"""Of tensors that a falsifier reads anew for every mutant. Dequantising and comparing so many takes about a second."""
SHAPE = 1
"""Of an entry in the cache; another number is another entry."""

Asked = Mapping[str, Mapping[str, str]]
"""Mutation -> ``{"fate": ..., "said": ...}``, for one falsifier and one of its artifacts."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An artifact that is mutated: bound bytes, or a specimen where nothing at all is bound."""

    kind: Kind
    label: str
    seed: str
    message: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Trial:
    """One falsifier and one of its artifacts: what is bound to it, or the ``specimen`` that stands for it."""

    task: Task
    parameter: str
    subject: Subject
    specimen: bool
    left_out: str = ""

    @property
    def id(self) -> str:
        """The falsifier, as the matrix names it."""
        return self.task.id

    @property
    def light(self) -> bool:
        """Whether asking costs little: no heavy library is loaded, and no large model read anew for every mutant."""
        if not set(self.task.signature.imports) <= LIGHT:
            return False
        return self.task.signature.needs != "tensors" or self.specimen or _tensor_bytes(self.task) <= MOST_LIGHT_BYTES

    @property
    def key(self) -> str:
        """Under which its answers are kept: everything that the verdict rests on, and the mutators."""
        return key_of(
            {
                "shape": SHAPE,
                "verdict": self.task.key(specimen=self.specimen),
                "parameter": self.parameter,
                "mutators": digest_of_mutators(),
            }
        )

    def job(self, names: Sequence[str], options: Options) -> Job:
        """The job that judges the mutants of these names."""
        job = self.task.job(options, specimen=self.specimen)
        wanted = {"parameter": self.parameter, "seed": self.subject.seed, "names": list(names)}
        return Job(
            f"{self.id} {self.parameter}", job.imports, {**job.message, "mutate": wanted}, job.seconds, job.memory_bytes
        )


def challenge_with_mutations(
    planned: Sequence[Task],
    judgements: Sequence[Judgement],
    executor: Executor,
    *,
    options: Options,
    cache: Cache,
    tell: events.Listener,
    whole_matrix: bool = False,
) -> MutationReport:
    """Mutate every artifact that ``planned`` falsifiers read, and report what killed what.

    ``judgements`` are those of a validation of the same tasks: who is scored depends on them. ``executor`` has been
    entered. With ``whole_matrix`` every falsifier is asked about every mutation; else heavy ones only about what light
    ones let through.
    """
    judged = {f"{one.contract}/{one.falsifier}": one for one in judgements}
    on_specimens = not any(opened.digest for task in planned for opened in task.artifacts.values() if opened.artifact)
    trials = [trial for task in planned for trial in _trials(task, judged[task.id], on_specimens=on_specimens)]
    applicable = _applicable({trial.subject: None for trial in trials}, executor, options)
    answers: dict[tuple[str, str], Asked] = {}
    scored = [trial for trial in _with_known_fingerprints(trials, executor, options, cache) if not trial.left_out]
    tell(events.Planned(len(scored), 0))
    light = [trial for trial in scored if trial.light or whole_matrix]
    heavy = [trial for trial in scored if not (trial.light or whole_matrix)]
    _ask(light, applicable, answers, executor, options, cache, tell)
    _ask(heavy, _surviving(light, applicable, answers), answers, executor, options, cache, tell)
    cache.trim_now_and_then()
    return _report(trials, applicable, answers)


def _trials(task: Task, judgement: Judgement, *, on_specimens: bool) -> Iterator[Trial]:
    """What is asked of one falsifier. As soon as anything is bound, what could not be judged there is left out.

    A specimen would then be defended by those falsifiers alone that lack their artifacts, which says nothing.
    """
    left_out = _left_out(task, judgement, on_specimens=on_specimens)
    for parameter, opened in task.artifacts.items():
        if task.signature.roles[parameter] not in MUTATIONS:  # nothing generic goes wrong with a command or a table
            continue
        if on_specimens:
            yield Trial(task, parameter, _specimen(task, parameter), True, left_out)
        elif opened.artifact is not None and opened.digest:
            subject = Subject(opened.kind, opened.path, opened.digest, {"bound": dict(opened.message)})
            yield Trial(task, parameter, subject, False, left_out)


def _tensor_bytes(task: Task) -> int:
    models = (one.artifact for one in task.artifacts.values() if isinstance(one.artifact, Model))
    return sum(info.nbytes for model in models for info in model.tensors.values())


def _left_out(task: Task, judgement: Judgement, *, on_specimens: bool) -> str:
    """Why a falsifier is not scored; "" where it is."""
    if task.signature.compares_copies:
        return "it only compares with a recorded digest or a copy"
    if judgement.vacuous:
        return "it is vacuous, or not proven able to fail"
    verdict = judgement.on_specimen if on_specimens else judgement.verdict
    if verdict is None or verdict.outcome != "held":
        return f"it did not hold on {'the specimens' if on_specimens else 'what is bound'}"
    return ""


def _specimen(task: Task, parameter: str) -> Subject:
    kind = task.signature.roles[parameter]
    variant = _first_alike(kind, specimen_variant(kind, task.declaration.on.get(parameter, ""), parameter))
    return Subject(kind, f"specimen {variant}", f"specimen {variant}", {"specimen": [kind, variant]})


@functools.cache
def _first_alike(kind: Kind, variant: str) -> str:
    """The first specimen of the same bytes: two roles that bind one artifact do so here too."""
    from falsifiable.samples import VARIANTS, specimen

    def digest(name: str) -> str:
        return str(specimen(kind, name, cache=specimen_folder()).digest)

    return next(one for one in VARIANTS[kind] if one == variant or digest(one) == digest(variant))


def _with_known_fingerprints(
    trials: Sequence[Trial], executor: Executor, options: Options, cache: Cache
) -> list[Trial]:
    """The same, the fingerprints of the originals made known, so that only changed tensors are read."""
    bound = {trial.task.id: trial.task for trial in trials if not trial.specimen and not trial.left_out}
    told = {task.id: task for task in with_fingerprints(list(bound.values()), executor, options, cache)}
    return [
        trial if trial.specimen else Trial(told.get(trial.id, trial.task), *_rest(trial)) for trial in trials
    ]  # fmt: skip


def _rest(trial: Trial) -> tuple[str, Subject, bool, str]:
    return trial.parameter, trial.subject, trial.specimen, trial.left_out


# Asking the mutators, then the falsifiers


def _outcomes(jobs: Sequence[Job], executor: Executor, options: Options) -> Iterator[Outcome]:
    return (event for event in executor.run(jobs, at_once=options.at_once) if isinstance(event, Outcome))


def _applicable(
    subjects: Mapping[Subject, None], executor: Executor, options: Options
) -> dict[Subject, dict[str, str]]:
    """Subject -> mutation -> why it is not applicable, "" where it is."""
    by_id = {f"{one.kind} {one.label} {one.seed}": one for one in subjects}
    jobs = [
        Job(name, (), {"roster": {**one.message, "kind": one.kind, "seed": one.seed}, "debug": options.debug},
            options.seconds, options.memory_bytes)
        for name, one in by_id.items()
    ]  # fmt: skip
    found: dict[Subject, dict[str, str]] = {one: {} for one in subjects}
    for outcome in _outcomes(jobs, executor, options):
        for report in outcome.reports:
            if "roster" in report:
                found[by_id[outcome.job.id]] = dict(report["roster"])
    return found


def _ask(
    trials: Sequence[Trial],
    wanted: Mapping[Subject, Mapping[str, str]],
    answers: dict[tuple[str, str], Asked],
    executor: Executor,
    options: Options,
    cache: Cache,
    tell: events.Listener,
) -> None:
    """Fill ``answers`` (falsifier and parameter -> mutation -> fate), from the cache where they are known.

    Trials of one key (two contracts that make one claim of the same bytes) are asked once.
    """
    by_key: dict[str, list[Trial]] = {}
    for trial in trials:
        by_key.setdefault(trial.key, []).append(trial)
    known = {key: dict(cache.get(ROOM, key) or {}) for key in by_key}
    jobs = {}
    for key, alike in by_key.items():
        names = [name for name, why in wanted[alike[0].subject].items() if not why and name not in known[key]]
        if names:
            jobs[alike[0].job(names, options).id] = (key, alike[0].job(names, options))
    asked = [job for _, job in jobs.values()]
    for outcome in _outcomes(asked, executor, options):
        key, _ = jobs[outcome.job.id]
        fresh = [report["mutant"] for report in outcome.reports if "mutant" in report]
        known[key] |= {one["name"]: {"fate": one["fate"], "said": one["said"]} for one in fresh}
        kept = {one["name"]: known[key][one["name"]] for one in fresh if not one["cause"]}
        if kept:
            cache.put(ROOM, key, {**(cache.get(ROOM, key) or {}), **kept})
        for _ in by_key[key]:
            tell(events.Challenged(by_key[key][0].id))
    for key, alike in by_key.items():
        for trial in alike:
            answers[trial.id, trial.parameter] = known[key]


def _surviving(
    trials: Sequence[Trial],
    applicable: Mapping[Subject, Mapping[str, str]],
    answers: Mapping[tuple[str, str], Asked],
) -> dict[Subject, dict[str, str]]:
    """Per subject the mutations that no light falsifier killed, and the control."""
    killed: dict[Subject, set[str]] = {one: set() for one in applicable}
    for trial in trials:
        asked = answers[trial.id, trial.parameter]
        if not _compares_bytes(trial, asked):
            killed[trial.subject] |= {name for name, one in asked.items() if one["fate"] == "killed"}
    return {
        subject: {name: why for name, why in names.items() if name not in killed[subject]}
        for subject, names in applicable.items()
    }


def _compares_bytes(trial: Trial, asked: Asked) -> bool:
    """Whether it refutes a mutant that means what the original means."""
    harmless = [name for name, one in MUTATIONS[trial.subject.kind].items() if one.harmless]
    return any(asked[name]["fate"] == "killed" for name in harmless if name in asked)


# The report


def _report(
    trials: Sequence[Trial],
    applicable: Mapping[Subject, Mapping[str, str]],
    answers: Mapping[tuple[str, str], Asked],
) -> MutationReport:
    left_out = {trial.id: trial.left_out for trial in trials if trial.left_out}
    found_out = {
        trial.id for trial in trials
        if not trial.left_out and _compares_bytes(trial, answers[trial.id, trial.parameter])
    }  # fmt: skip
    left_out |= dict.fromkeys(
        sorted(found_out), "it refutes the same content in other bytes: it compares digests, and should say so"
    )
    counted = [trial for trial in trials if trial.id not in left_out]
    artifacts = tuple(
        _artifact(subject, names, [one for one in trials if one.subject == subject],
                  [one for one in counted if one.subject == subject], answers)
        for subject, names in applicable.items()
    )  # fmt: skip
    contracts = {trial.task.contract.contract: trial.task.contract for trial in trials}
    scores = tuple(_score(one, artifacts) for one in contracts.values())
    unknown = tuple(one for contract in contracts.values() for one in _unknown_reasons(contract))
    return MutationReport(artifacts, scores, left_out, unknown)


def _unknown_reasons(contract: Contract) -> Iterator[str]:
    """What a contract explains although no mutation is called so: a name misspelt, or one that is gone."""
    for role, reasons in contract.unguarded.items():
        for name in reasons:
            if name not in MUTATIONS.get(contract.artifacts[role].kind, {}):
                yield f"{contract.contract}/{role}/{name}"


def _artifact(
    subject: Subject,
    names: Mapping[str, str],
    trials: Sequence[Trial],
    counted: Sequence[Trial],
    answers: Mapping[tuple[str, str], Asked],
) -> ArtifactResult:
    places = {
        f"{one.task.contract.contract}/{one.task.declaration.on[one.parameter]}": one.task.contract for one in trials
    }
    mutations = MUTATIONS[subject.kind]
    made = [name for name, why in names.items() if not why and not mutations[name].harmless]
    return ArtifactResult(
        subject.label,
        subject.kind,
        tuple(places),
        tuple(_mutation(subject, name, places, counted, answers) for name in made),
        {name: why for name, why in names.items() if why},
    )


def _mutation(
    subject: Subject,
    name: str,
    places: Mapping[str, Contract],
    counted: Sequence[Trial],
    answers: Mapping[tuple[str, str], Asked],
) -> MutationResult:
    mutation = MUTATIONS[subject.kind][name]
    fates: dict[str, Fate] = {}
    said: dict[str, str] = {}
    for trial in counted:
        answer = answers[trial.id, trial.parameter].get(name, {"fate": "not asked", "said": ""})
        if fates.get(trial.id) != "killed":  # of two parameters bound to one artifact, one is enough
            fates[trial.id], said[trial.id] = answer["fate"], answer["said"]  # type: ignore[assignment]
    accepted = [contract.unguarded.get(place.partition("/")[2], {}).get(name, "") for place, contract in places.items()]
    return MutationResult(name, mutation.describes, mutation.guards, fates, said, next(filter(None, accepted), ""))


def _score(contract: Contract, artifacts: Sequence[ArtifactResult]) -> ContractScore:
    prefix = f"{contract.contract}/"
    of_contract = [
        mutation
        for artifact in artifacts
        if any(place.startswith(prefix) for place in artifact.places)
        for mutation in artifact.mutations
    ]
    killed = sum(any(one.startswith(prefix) for one in mutation.killers) for mutation in of_contract)
    return ContractScore(contract.contract, killed, len(of_contract))
