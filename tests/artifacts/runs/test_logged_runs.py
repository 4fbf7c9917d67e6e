"""Runs without a recorder: the Hugging Face Trainer's state, and plain logs read by a declared pattern."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsifiable import Criterion, Verdict, validate
from falsifiable.artifacts import ArtifactError, Run, open_artifact, open_run
from falsifiable.artifacts.limits import Limits
from falsifiable.artifacts.runs.text_log import identity_of_pattern
from falsifiable.contracts import read_bindings
from falsifiers.convergence import loss_falls
from falsifiers.fields import field, metric
from falsifiers.logged_losses import loss_varies
from falsifiers.record import agrees_with_log
from falsifiers.substitution import as_requested

PATTERN = r"step (?P<step>\d+) .* loss (?P<loss>[0-9.e+-]+)"

HISTORY: list[dict[str, Any]] = [
    {"epoch": 0.5, "learning_rate": 5e-5, "loss": 3.5, "step": 10},
    {"epoch": 1.0, "learning_rate": 2e-5, "loss": 3.25, "step": 20},
    {"epoch": 1.0, "eval_loss": 3.0, "eval_runtime": 0.1, "step": 20},
    {"epoch": 2.0, "loss": 2.5, "step": 40},
    {"epoch": 2.0, "eval_loss": 3.125, "eval_runtime": 0.2, "step": 40},
]


def state(folder: Path, history: list[Any] | None = None, **fields: Any) -> Path:
    """A folder with a ``trainer_state.json`` as transformers writes it."""
    from transformers.trainer_callback import TrainerState

    stated = {"global_step": 40, "max_steps": 40, "num_train_epochs": 2, "epoch": 2.0, "best_metric": 3.0, **fields}
    folder.mkdir(parents=True, exist_ok=True)
    log = HISTORY if history is None else history
    TrainerState(log_history=log, **stated).save_to_json(str(folder / "trainer_state.json"))
    return folder


def log(folder: Path, content: bytes | str) -> Path:
    path = folder / "train.log"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, **options: Any) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        open_run(path, **options)
    return caught.value


# trainer_state.json


def test_an_evaluation_that_was_run_twice_may_take_another_time(tmp_path: Path) -> None:
    again = {"epoch": 1.0, "eval_loss": 3.0, "eval_runtime": 0.2, "eval_samples_per_second": 7.0, "step": 20}
    run = open_run(state(tmp_path, [*HISTORY[:3], again]))
    assert run.series("val_loss") == [(20, 3.0)]


def test_a_trainer_state_is_a_run_with_the_usual_names_beside_the_stored_ones(tmp_path: Path) -> None:
    run = open_run(state(tmp_path))
    assert run.series("train_loss") == run.series("loss") == [(10, 3.5), (20, 3.25), (40, 2.5)]
    assert run.series("val_loss") == run.series("eval_loss") == [(20, 3.0), (40, 3.125)]
    assert (run.field("steps.planned"), run.field("steps.done"), run.field("num_train_epochs")) == (40, 40, 2)
    assert (run.run_id, run.commit, run.dirty, run.field("end_reason"), run.step_zero) == (None,) * 5
    assert not run.has_record


def test_the_final_metric_is_the_last_and_not_the_best(tmp_path: Path) -> None:
    run = open_run(state(tmp_path))
    assert (run.metrics["val_loss"].value, run.metrics["val_loss"].step) == (3.125, 40)
    assert run.field("best_metric") == 3.0
    typed = run.with_metric("val_loss", 1.0)
    assert (typed.metrics["val_loss"].value, typed.metrics["train_loss"].value) == (1.0, 2.5)


def test_the_mean_in_the_trainers_summary_is_not_the_last_loss(tmp_path: Path) -> None:
    after = {"epoch": 2.0, "eval_loss": 2.875, "step": 40}  # of the best weights, which were loaded in the end
    summary = {"epoch": 2.0, "train_loss": 3.08, "train_runtime": 9.0, "step": 40}
    run = open_run(state(tmp_path, [*HISTORY, summary, after]))
    assert run.metrics["train_loss"].value == 2.5
    assert run.metrics["val_loss"].value == 3.125
    assert run.field("summary.train_loss") == 3.08
    assert run.field("after_training.val_loss") == 2.875


def test_a_run_that_was_continued_goes_on_after_its_summary(tmp_path: Path) -> None:
    summary = {"train_loss": 3.08, "train_runtime": 9.0, "step": 40}
    more = {"loss": 2.0, "step": 60}
    run = open_run(state(tmp_path, [*HISTORY, summary, more], global_step=60, max_steps=60))
    assert run.series("train_loss")[-1] == (60, 2.0)


def test_it_is_opened_by_its_checkpoint_folder_or_by_itself(tmp_path: Path) -> None:
    folder = state(tmp_path / "checkpoint-40")
    by_folder, by_file = open_run(folder), open_run(folder / "trainer_state.json")
    assert by_folder.rows == by_file.rows
    digest = hashlib.sha256((folder / "trainer_state.json").read_bytes()).hexdigest()
    assert by_file.digest == digest
    assert by_folder.file_digests == {"trainer_state.json": digest}
    assert not by_file.has_digest(digest)
    state(tmp_path / "checkpoint-100")
    error = refused(tmp_path)
    assert "2 checkpoints that have one" in str(error)
    assert "Bind the run to checkpoint-100" in str(error)


def test_a_run_record_in_the_same_folder_is_read_instead(tmp_path: Path) -> None:
    state(tmp_path)
    (tmp_path / "run.yaml").write_text("run_record: 1\nrun_id: one\nmetrics: {}\nartifacts: {}\n")
    assert open_run(tmp_path).run_id == "one"


@pytest.mark.parametrize(
    ("history", "fields", "said"),
    [
        ([{"step": 2, "loss": 1.0}, {"step": 1, "loss": 1.0}], {}, "log_history[1]: step 1 comes after step 2"),
        ([{"step": 1, "loss": 1.0}, {"step": 1, "loss": 2.0}], {}, "log_history[1]: loss is 2.0 at step 1, and 1.0"),
        ([{"step": 41, "loss": 1.0}], {}, "log_history[0] is of step 41, and global_step is 40"),
        ([{"loss": 1.0}], {}, "log_history[0].step is None"),
        ([{"step": 1.5}], {}, "log_history[0].step is 1.5"),
        ([7], {}, "log_history[0].step is None"),
        ([], {"global_step": "40"}, "global_step is '40'"),
        ([], {"max_steps": True}, "max_steps is True"),
        ([{"step": 20, "grad_norm": float("nan"), "loss": 1.0}], {}, "step 20: grad_norm is NaN, not a number"),
        ([{"step": 20, "loss": float("-inf")}], {}, "step 20: loss is -Infinity, not a number"),
    ],
    ids=str,
)
def test_a_state_that_contradicts_itself_is_unsound(
    history: list[Any], fields: dict[str, Any], said: str, tmp_path: Path
) -> None:
    error = refused(state(tmp_path, history, **fields))
    assert said in str(error)
    assert error.kind == "unsound"


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "unreadable", "not JSON"),
        (b"<html>", "unreadable", "not JSON"),
        (b"[]", "unreadable", "has no list log_history"),
        (b'{"global_step": 1}', "unreadable", "has no list log_history"),
        (b'{"log_history": [{"step": 1', "unsound", "not JSON"),
        (b'{"log_history": [{"step": 1, "loss": 1e400}]}', "unsound", "1e400 is beyond the range"),
        (b'{"log_history": [{"step": 1, "loss": 1,23}]}', "unsound", "not JSON"),
        (b'{"log_history": [], "log_history": []}', "unsound", "stands twice"),
        (b'{"log_history": ' + b"[" * 100_000, "unsound", "nested deeper"),
        (b'{"log_history": [], "global_step": ' + b"9" * 5_000 + b"}", "unsound", "a number of 5000 digits"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bytes_that_are_no_trainer_state(content: bytes, kind: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_bytes(content)
    error = refused(tmp_path)
    assert said in str(error)
    assert error.kind == kind


# Plain logs


def test_a_plain_log_is_read_by_its_pattern(tmp_path: Path) -> None:
    path = log(tmp_path, "loading\nstep 1 of 9 loss 2.5 lr 3e-4\nsaved\nstep 2 of 9 loss 2.25, done\n")
    run = open_run(path, pattern=PATTERN)
    assert run.rows == ({"step": 1, "loss": 2.5, "train_loss": 2.5}, {"step": 2, "loss": 2.25, "train_loss": 2.25})
    assert (run.metrics["train_loss"].value, run.torn, dict(run.artifacts)) == (2.25, False, {})
    assert run.files == (path,)


def test_phases_and_columns_that_some_lines_lack(tmp_path: Path) -> None:
    pattern = r"^(?P<phase>\w+) (?P<step>\d+) loss (?P<loss>\S+)(?: val (?P<val_loss>\S+))?$"
    run = open_run(log(tmp_path, "warm 5 loss 3.5\nmain 1 loss 3\nmain 2 loss 2 val 2.5\n"), pattern=pattern)
    assert run.series("loss", phase="warm") == [(5, 3.5)]
    assert run.series("val_loss") == [(2, 2.5)]


def test_colours_and_what_a_progress_bar_wrote_over_are_left_out(tmp_path: Path) -> None:
    content = (
        b"\x1b[32mstep 1 of 9\x1b[0m loss \x1b[1m2.5\x1b[0m\r\n"
        b"\x1b]0;title\x07 10%|#  step 2 of 9 loss 9.0\r 20%|## step 3 of 9 loss 2.0\n"
        b" 30%|## step 4 of 9 loss 1.5\r\r\n"
    )
    run = open_run(log(tmp_path, content), pattern=PATTERN)
    assert run.series("loss") == [(1, 2.5), (3, 2.0), (4, 1.5)]


def test_a_progress_bar_of_any_length_is_one_line(tmp_path: Path) -> None:
    bar = b"".join(b"%6d/50000 step %d of 5 loss 2.0\r" % (step, step) for step in range(50_000))
    run = open_run(log(tmp_path, bar + b"\nstep 50001 of 5 loss 1.0\n"), pattern=PATTERN)
    assert run.series("loss") == [(49_999, 2.0), (50_001, 1.0)]


def test_a_word_that_begins_like_a_number_that_is_none_is_a_word(tmp_path: Path) -> None:
    path = log(tmp_path, "1 info: loaded\n1 nano\n1 2.5\n")
    assert open_run(path, pattern=r"^(?P<step>\d+) (?P<loss>[0-9.]+)").series("loss") == [(1, 2.5)]


def test_columns_between_commas(tmp_path: Path) -> None:
    path = log(tmp_path, "step,loss,lr\n1,2.5,0.1\n2,2.25,0.1\n")
    assert open_run(path, pattern=r"^(?P<step>\d+),(?P<loss>[^,]+),").series("loss") == [(1, 2.5), (2, 2.25)]


@pytest.mark.parametrize("content", ["", "\n\n", "step,loss\n", "nothing was logged\n"], ids=repr)
def test_a_log_of_which_the_pattern_finds_nothing_has_no_rows(content: str, tmp_path: Path) -> None:
    assert open_run(log(tmp_path, content), pattern=PATTERN).rows == ()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_killed_run_is_usable_up_to_its_last_whole_line(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = b"".join(b"step %d of 20 loss %f\n" % (step, 5 - step / 10) for step in range(20))
    cut = data.draw(st.integers(0, len(whole)))
    run = open_run(log(tmp_path_factory.mktemp("cut"), whole[:cut]), pattern=PATTERN)
    assert len(run.rows) == whole[:cut].count(b"\n")
    assert run.torn == (cut > 0 and whole[cut - 1 : cut] != b"\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("step 2 of 9 loss nan", "line 2: step 2: loss is nan, not a finite number"),
        ("step 2 of 9 loss -Infinity", "line 2: step 2: loss is -Inf"),
        ("step 2 of 9 loss 1,23", "line 2: step 2: loss is 1,23"),
        ("step 2 of 9 loss 1e400", "line 2: step 2: loss is 1e400"),
        ("step 2 of 9 loss 1.2.3", "line 2: step 2: loss is 1.2.3"),
        ("step 2 of 9 loss --", "line 2: step 2: loss is --"),
        ("step 2 of 9 loss " + "9" * 400, "line 2: step 2: loss is 999"),
        ("step 1 of 9 loss 2", "line 2: step 1 comes after step 1 (line 1)"),
        ("step 0 of 9 loss 2", "line 2: step 0 comes after step 1 (line 1)"),
        ("step " + "9" * 5_000 + " of 9 loss 2", "line 2: step is 999"),
    ],
    ids=lambda value: value[:40],
)
def test_a_number_that_is_none_is_unsound_and_named(line: str, said: str, tmp_path: Path) -> None:
    error = refused(log(tmp_path, f"step 1 of 9 loss 2.5\n{line}\n"), pattern=PATTERN)
    assert said in str(error)
    assert (error.kind, error.offset) == ("unsound", 21)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"step 1 of 9 loss 2.5\nna\xefve\n", "at byte 23: line 2: not UTF-8"),
        ("step 1\nstep 2\n".encode("utf-16"), "line 1: UTF-16"),
        (b"a" * (2**20 + 1), "line 1 is longer than 1048576 bytes"),
    ],
    ids=["latin-1", "utf-16", "long"],
)
def test_a_log_that_is_no_text_in_lines_is_unreadable(content: bytes, said: str, tmp_path: Path) -> None:
    error = refused(log(tmp_path, content), pattern=PATTERN)
    assert said in str(error)
    assert error.kind == "unreadable"


def test_a_line_beyond_the_limit_is_not_held_and_rows_have_a_limit(tmp_path: Path) -> None:
    with (tmp_path / "train.log").open("wb") as file:
        file.truncate(2**33)  # a single line of 8 GiB, sparse on disk
    assert "line 1 is longer than" in str(refused(tmp_path / "train.log", pattern=PATTERN))
    path = log(tmp_path, "".join(f"step {step} of 9 loss 1\n" for step in range(5)))
    assert "more than 4 logged steps" in str(refused(path, pattern=PATTERN, limits=Limits(metrics_rows=4)))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a", "no regular expression: missing )"),
        ("loss (?P<loss>.+)", "has no group (?P<step>...)"),
        (r"(?P<step>\d+)", "has no group but step"),
        (r"(?P<step>\d+) (?=x)(?P<loss>.+)", "lookaround and backreferences"),
        (r"(?P<step>\d+) (?P<loss>.+)\2", "lookaround and backreferences"),
        (r"(?P<step>\d+) (?P<loss>.+)(?P=step)", "lookaround and backreferences"),
        (r"(?P<step>(\d{1000}){1000}) (?P<loss>.+)", "RE2 refuses the pattern"),
        (r"(?P<step>\d+) (?P<loss>(?>a))", "RE2 refuses the pattern"),
        (r"(?P<step>\d+) (?P<loss>\ud800)", "RE2 refuses the pattern"),
        ("(" * 900 + ")" * 900, "at most 1000"),
        ("(" * 450 + ")" * 450, "has no group"),
        (r"(?P<step>\d+).*(?P<loss>\d\.\d)", "the end of a longer number"),
    ],
    ids=lambda value: value[:40],
)
def test_a_pattern_that_cannot_be_used_is_unreadable_and_says_why(pattern: str, said: str, tmp_path: Path) -> None:
    error = refused(log(tmp_path, "1 loss 12.5\n"), pattern=pattern)
    assert said in str(error)
    assert error.kind == "unreadable"


def test_a_pattern_that_would_backtrack_without_end_is_matched_at_once(tmp_path: Path) -> None:
    path = log(tmp_path, b"a" * 1_000_000 + b"\n")
    # A backtracking engine would not come back.
    assert open_run(path, pattern=r"^(?P<loss>(a+)+)(?P<step>\d)$").rows == ()


def test_without_the_linear_time_engine_nothing_is_matched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    error = refused(log(tmp_path, "step 1 of 9 loss 2\n"), pattern=PATTERN)
    assert "google-re2 is not installed" in str(error)
    assert "pip install 'falsifiable[logs]'" in str(error)


def test_a_bracket_inside_a_class_or_escaped_does_not_end_a_group(tmp_path: Path) -> None:
    path = log(tmp_path, "step (1) loss (2.5)\nstep (2) loss (nan)\n")
    pattern = r"step \((?P<step>\d+)\) loss (?P<loss>[\])(]?\(?[0-9.]+|[^])\d]*\))"
    assert "loss is" in str(refused(path, pattern=pattern))


def test_the_same_log_read_otherwise_is_another_run(tmp_path: Path) -> None:
    path = log(tmp_path, "step 1 of 9 loss 2.5\n")
    first, second = open_run(path, pattern=PATTERN), open_run(path, pattern=PATTERN + " ?")
    assert first.file_digests == second.file_digests
    assert first.digest != second.digest
    assert isinstance(open_artifact("run", path, pattern=PATTERN), Run)


def test_a_log_without_a_pattern_and_a_pattern_without_a_log(tmp_path: Path) -> None:
    assert "has no key run_record" in str(refused(log(tmp_path, "step 1\n")))
    assert "a pattern reads one log" in str(refused(tmp_path, pattern=PATTERN))


# In a workspace


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("run: {path: a.log, pattern: 'loss (?P<loss>.+)'}", "has no group (?P<step>...)"),
        ("run: {path: a.log, pattern: '(?P<step>'}", "no regular expression"),
        (r"run: {path: a.log, pattern: '(?P<step>\d)(?P<a>b)(?!c)'}", "lookaround"),
        (r"model: {path: a.log, pattern: '(?P<step>\d)(?P<a>b)'}", "a pattern beside a model"),
    ],
)
def test_a_pattern_is_checked_where_it_is_declared(entry: str, said: str) -> None:
    bindings, (fault,) = read_bindings(entry.encode(), {"shop": {"run": "run", "model": "model"}})
    assert bindings == {}
    assert (fault.rule, fault.line) == ("ARTIFACTS-PATTERN", 1)
    assert said in fault.message


def test_a_pattern_goes_with_a_path_only() -> None:
    entry = b"trainer: {command: [python], pattern: '(?P<step>1)(?P<a>b)'}"
    (fault,) = read_bindings(entry, {"shop": {"trainer": "command"}})[1]
    assert (fault.rule, "a pattern beside a command" in fault.message) == ("ARTIFACTS-ENTRY", True)


CONTRACT = """\
contract: shop
version: 1.0.0
title: A run that nobody recorded
artifacts:
  run: {kind: run}
falsifiers:
  - {id: FALSIFY-SHOP-001, claim: it learns, check: metric, on: {run: run},
     with: {series: train_loss, criterion: {below: 2.4}}}
  - {id: FALSIFY-SHOP-002, claim: it validates, check: metric, on: {run: run},
     with: {series: val_loss, criterion: {below: 2.4}}}
"""


@pytest.mark.parametrize("pinned", [False, True], ids=["free", "pinned"])
def test_a_contract_judges_a_plain_log(pinned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALSIFIABLE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/shop.yaml").write_text(CONTRACT)
    path = log(tmp_path, "step 1 of 9 loss 2.5\nstep 2 of 9 loss 2.25\n")
    pin = f", sha256: {hashlib.sha256(path.read_bytes()).hexdigest()}" if pinned else ""
    (tmp_path / "artifacts.yaml").write_text(f"run: {{path: train.log, pattern: '{PATTERN}'{pin}}}\n")
    (result,) = validate(tmp_path)
    assert [one.verdict.outcome for one in result.judgements] == ["held", "inconclusive"]
    (bound,) = result.judgements[0].artifacts
    assert bound.digest == open_run(path, pattern=PATTERN).digest
    assert bound.files == {"train.log": hashlib.sha256(path.read_bytes()).hexdigest(), **identity_of_pattern(PATTERN)}


# The falsifiers of runs


@pytest.fixture(params=["trainer_state.json", "train.log"])
def logged(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    if request.param == "trainer_state.json":
        return open_run(state(tmp_path))
    rows = [f"step {step} of 40 loss {loss}\n" for step, loss in ((10, 3.5), (20, 3.25), (40, 2.5))]
    return open_run(log(tmp_path, "".join(rows)), pattern=PATTERN)


def test_what_was_logged_is_judged_and_what_was_not_is_open(logged: Run) -> None:
    below = Criterion(below=2.6)
    assert metric(logged, series="train_loss", criterion=below).outcome == "held"
    assert metric(logged, series="train_loss", criterion=Criterion(above=2.6)).outcome == "falsified"
    assert metric(logged, series="accuracy", criterion=below).outcome == "inconclusive"
    assert loss_varies(logged).outcome == "held"
    assert loss_falls(logged).outcome == ("falsified" if logged.path.suffix == ".json" else "held")
    assert agrees_with_log(logged).outcome == "inconclusive"
    assert as_requested(logged).outcome == "inconclusive"


def test_counterexamples_can_be_made_of_what_was_logged(logged: Run) -> None:
    constant = logged.with_series("loss", lambda points: [(step, 1.5) for step, _ in points])
    assert loss_varies(constant).outcome == "falsified"
    worse = logged.with_series("train_loss", lambda points: [(step, 9.0) for step, _ in points])
    assert metric(worse, series="train_loss", criterion=Criterion(below=2.6)).outcome == "falsified"
    assert worse.digest.startswith(f"mutant:{logged.digest}+")


def test_fields_of_a_trainer_state_are_judged_as_those_of_a_record(tmp_path: Path) -> None:
    run = open_run(state(tmp_path))
    verdict: Verdict = field(run=run, path="steps.done", criterion=Criterion(equals=40))
    assert verdict.outcome == "held"
