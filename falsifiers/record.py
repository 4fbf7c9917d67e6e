"""A run record says what the log and the files say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from falsifiable import Corpus, Model, NotApplicable, Run, Tokenizer, Verdict, falsifier


@falsifier("record.agrees-with-log")
def agrees_with_log(run: Run) -> Verdict:
    """Every metric in run.yaml is the number that metrics.jsonl holds at the step it names.

    `val_loss` and `train_loss` are those of the last step, never the best one; `init_val_loss` is the fine-tune's step
    0, and a name that begins with `pretrain_` is of that phase.
    """
    if not run.metrics or not run.has_record:
        return Verdict.inconclusive(f"{run.path}: no recorder stated a metric apart from the log")
    faults = [said for name in run.metrics if (said := _metric_fault(run, name))]
    before, logged = run.state_at_step_zero, run.metrics.get("init_val_loss")
    if before is not None and logged is not None and before.val_loss not in (None, logged.value):
        faults.append(f"run.yaml: init_val_loss is {logged.value}, step_zero.json says {before.val_loss}")
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The number was typed by hand, or the log is of another run",
        examined=(len(run.metrics), "metrics"),
        disagreements=len(faults),
    )


def _metric_fault(run: Run, name: str) -> str:
    recorded = run.metrics[name]
    phase, column = _place_in_log(name)
    logged: dict[int, Any] = {
        row["step"]: row[column] for row in run.rows if row.get("phase") == phase and column in row
    }
    if not logged:
        return f"run.yaml: {name} is {recorded.value}, metrics.jsonl has no {column} in phase {phase}"
    wanted = 0 if name.startswith("init_") else max(logged)
    if recorded.step != wanted:
        return f"run.yaml: {name} is of step {recorded.step}, expected step {wanted}: the final value, not a better one"
    if logged.get(recorded.step) != recorded.value:
        said = logged.get(recorded.step)
        return f"run.yaml: {name} is {recorded.value} at step {recorded.step}, metrics.jsonl says {said}"
    return ""


def _place_in_log(name: str) -> tuple[str, str]:
    """Phase and column of metrics.jsonl that hold the metric ``name``."""
    for prefix, phase in (("pretrain_", "pretrain"), ("init_", "finetune")):
        if name.startswith(prefix):
            return phase, name.removeprefix(prefix)
    return "finetune", "loss" if name == "train_loss" else name


@agrees_with_log.counterexample
def a_metric_typed_by_hand(run: Run) -> Run:
    """A first metric a thousandth lower than the log says."""
    name, recorded = next(iter(run.metrics.items()))
    return run.with_metric(name, recorded.value - 1e-3, recorded.step)


@agrees_with_log.counterexample
def a_log_improved(run: Run) -> Run:
    """A log whose every validation loss was lowered."""
    if not run.series("val_loss"):
        raise NotApplicable("the log holds no val_loss")
    return run.with_series("val_loss", lambda series: [(step, value - 0.1) for step, value in series])


@falsifier("record.log-untouched", compares_copies=True)
def log_untouched(run: Run) -> Verdict:
    """The log and the state before the first step are, to the last bit, the files that run.yaml names."""
    if not run.has_record:
        return Verdict.inconclusive(f"{run.path}: no recorder wrote what its log should be")
    roles = ("metrics", "step_zero")
    faults = [said for role in roles if (said := _log_fault(run, role))]
    return Verdict.of(not faults, found="; ".join(faults), examined=(len(roles), "files"), files_differing=len(faults))


def _log_fault(run: Run, role: str) -> str:
    """What is wrong with the bytes of a file beside the record, or "" where nothing is."""
    recorded = run.artifacts.get(role)
    if recorded is None:
        return f"run.yaml names no artifact {role}, so its log can be exchanged"
    found = run.found_digest(role) or "absent"
    if found == recorded.sha256:
        return ""
    return f"{recorded.path}: sha256 {found[:12]}, run.yaml recorded {recorded.sha256[:12]}; it was edited since"


@log_untouched.counterexample
def a_log_of_other_bytes(run: Run) -> Run:
    """A record that names other bytes for its log."""
    if "metrics" not in run.artifacts:
        raise NotApplicable("the record names no log")
    return run.with_field("artifacts.metrics.sha256", "0" * 64)


@log_untouched.counterexample
def a_log_edited(run: Run) -> Run:
    """A log that lost its last line."""
    if not run.rows:
        raise NotApplicable("the log is empty")
    return run.with_rows(lambda rows: rows[:-1])


@falsifier("record.artifacts-are-there")
def artifacts_are_there(run: Run) -> Verdict:
    """Every artifact that run.yaml names lies where it says."""
    if not run.artifacts:
        return Verdict.inconclusive(f"{run.path}: names no artifact; a recorder names what it wrote")
    faults = [said for role in run.artifacts if (said := _place_fault(run, role))]
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". It was moved after the run, or was never written",
        examined=(len(run.artifacts), "artifacts"),
        artifacts_absent=len(faults),
    )


def _place_fault(run: Run, role: str) -> str:
    recorded, path = run.artifacts[role], run.artifact_path(role)
    if path is None or not path.exists():
        return f"artifacts.{role}: there is no {recorded.path} in {run.folder.name}"
    return "" if path.is_file() or any(path.iterdir()) else f"artifacts.{role}: {recorded.path} is empty"


@artifacts_are_there.counterexample
def an_artifact_moved(run: Run) -> Run:
    """A record that names a place where nothing lies."""
    role = _first_artifact(run)
    return run.with_field(f"artifacts.{role}.path", f"{run.artifacts[role].path}-moved")


@artifacts_are_there.counterexample
def an_artifact_never_written(run: Run) -> Run:
    """A record that names one artifact more than there is."""
    named = {"path": "never-written.gguf", "size": 1, "sha256": "0" * 64}
    return run.with_field("artifacts.never-written", named)


def _first_artifact(run: Run) -> str:
    if not run.artifacts:
        raise NotApplicable("the record names no artifact")
    return next(iter(run.artifacts))


@falsifier("record.names-these-bytes", compares_copies=True)
def names_these_bytes(
    run: Run, model: Model | None = None, tokenizer: Tokenizer | None = None, corpus: Corpus | None = None
) -> Verdict:
    """The file bound here is the one that the run recorded when it wrote it, to the last bit."""
    bound = [one for one in (model, tokenizer, corpus) if one is not None]
    unknown = [one for one in bound if not run.has_digest(one.digest)]
    found = ""
    if unknown:
        name = unknown[0].path.name
        recorded = next(
            (one.sha256[:12] for one in run.artifacts.values() if PurePath(one.path).name == name), "no such file"
        )
        found = (
            f"{unknown[0].path} has sha256 {unknown[0].digest[:12]}, run.yaml recorded {recorded} for {name}; "
            "it was changed after the run, or is of another"
        )
    return Verdict.of(not found, found=found, examined=(len(bound), "artifacts"), unknown_artifacts=len(unknown))


@names_these_bytes.counterexample
def changed_after_the_run(
    _run: Run, model: Model | None = None, tokenizer: Tokenizer | None = None, corpus: Corpus | None = None
) -> dict[str, Any]:
    """The bound file with something added to it."""
    if model is not None:
        return {"model": model.with_metadata({"general.description": "edited"})}
    if tokenizer is not None:
        return {"tokenizer": tokenizer.with_tokens(tokenizer.size + 1)}
    if corpus is not None and corpus.splits:
        split = next(iter(corpus.splits))
        return {"corpus": corpus.with_split(split, tokens=0)}
    raise NotApplicable("nothing is bound beside the run")


@falsifier("record.agrees-with-files")
def agrees_with_files(run: Run, model: Model, corpus: Corpus) -> Verdict:
    """What run.yaml says of its model and its data is what the files themselves say.

    The number of parameters is that of the tensors; sha256, tokens, files and share of real rows of every split are
    those of the corpus manifest. Each was typed into the record of a run once (SHIP-TWO: a 494M checkpoint was passed
    for the 370M one that the criterion names; twenty reports repeated the state of a corpus that its manifest denied).
    """
    faults = [] if run.field("parameters") == model.parameters else [
        f"run.yaml: parameters is {run.field('parameters')}, the tensors of {model.path.name} hold {model.parameters}"
    ]  # fmt: skip
    splits = list(dict.fromkeys([*corpus.splits, *run.datasets]))
    faults += [said for split in splits for said in _dataset_faults(run, corpus, split)]
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The record was typed by hand, or is of another model or other data",
        examined=(1 + len(splits), "entries"),
        disagreements=len(faults),
    )


def _dataset_faults(run: Run, corpus: Corpus, name: str) -> Iterator[str]:
    recorded, split = run.datasets.get(name), corpus.splits.get(name)
    if split is None or not isinstance(recorded, Mapping):
        absent, present = (
            ("run.yaml", "the corpus manifest") if split is not None else ("the corpus manifest", "run.yaml")
        )
        yield f"datasets.{name} is in {present} and absent from {absent}"
        return
    pinned = {"sha256": split.sha256, "tokens": split.tokens, "files": len(split.files), "real_share": split.real_share}
    for key, expected in pinned.items():
        if expected is not None and recorded.get(key) != expected:
            yield f"run.yaml: datasets.{name}.{key} is {recorded.get(key)}, the corpus manifest says {expected}"


@agrees_with_files.counterexample
def another_number_of_parameters(run: Run, model: Model, corpus: Corpus) -> tuple[Run, Model, Corpus]:
    """A record of a model that is a parameter larger."""
    return run.with_field("parameters", model.parameters + 1), model, corpus


@agrees_with_files.counterexample
def data_of_another_digest(run: Run, model: Model, corpus: Corpus) -> tuple[Run, Model, Corpus]:
    """A record that names other bytes for its first split."""
    return run.with_field(f"datasets.{_first_split(corpus)}.sha256", "0" * 64), model, corpus


@agrees_with_files.counterexample
def more_tokens_than_there_are(run: Run, model: Model, corpus: Corpus) -> tuple[Run, Model, Corpus]:
    """A record of ten times the tokens of its first split."""
    name = _first_split(corpus)
    return run.with_field(f"datasets.{name}.tokens", 10 * corpus.splits[name].tokens + 1), model, corpus


def _first_split(corpus: Corpus) -> str:
    if not corpus.splits:
        raise NotApplicable("the corpus has no split")
    return next(iter(corpus.splits))


@falsifier("record.agrees-with-corpus")
def agrees_with_corpus(run: Run, corpus: Corpus) -> Verdict:
    """What run.yaml says of its data is what the corpus manifest says: sha256, tokens, files and share of every split.

    ``record.agrees-with-files`` without the model, for records whose parameters are not those of one file: an adapted
    model's are those of its base and its adapter together.
    """
    splits = list(dict.fromkeys([*corpus.splits, *run.datasets]))
    faults = [said for split in splits for said in _dataset_faults(run, corpus, split)]
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The record was typed by hand, or is of other data",
        examined=(len(splits), "splits"),
        disagreements=len(faults),
    )


@agrees_with_corpus.counterexample
def a_split_of_another_digest(run: Run, corpus: Corpus) -> tuple[Run, Corpus]:
    """A record that names other bytes for its first split."""
    return run.with_field(f"datasets.{_first_split(corpus)}.sha256", "0" * 64), corpus


@agrees_with_corpus.counterexample
def a_split_the_record_does_not_name(run: Run, corpus: Corpus) -> tuple[Run, Corpus]:
    """A record without the first split of the corpus."""
    name = _first_split(corpus)
    if name not in run.datasets:
        raise NotApplicable(f"the record does not name {name}")
    return run.without_field(f"datasets.{name}"), corpus
