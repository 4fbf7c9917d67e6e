"""The trainer of the race: what it prints, how it ends, and that its numbers are what they are called."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from examples.race.__main__ import RACE, write_race
from examples.race.corpus import Bytes, read_bytes
from examples.race.options import MODELS, Options, fault_of
from falsifiable.race.deciding.read_race import read_race

torch = pytest.importorskip("torch")
from examples.race.models import build_model  # noqa: E402
from examples.race.schedule import data_order, learning_rate  # noqa: E402
from examples.race.training import Training, bpb_of  # noqa: E402

SMALL = Options(steps=20, hidden_size=32, context=3, batch_size=2, sequence_length=16)
COMMAND = [sys.executable, "-m", "examples.race.train", "--hidden-size=32", "--batch-size=2"]


@pytest.fixture(scope="module")
def corpus() -> Bytes:
    return read_bytes(None)


def test_a_run_says_everything_a_runner_needs(tmp_path: Path, corpus: Bytes) -> None:
    done = subprocess.run(
        [*COMMAND, "--steps=20", f"--output={tmp_path}", "--name=a-run", "--schedule=wsd", "--ema=10"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(re.fullmatch(r"BPB=\d\.\d{4}", line) for line in done.stdout.splitlines())
    config, digests, *steps, end = done.stderr.splitlines()
    assert json.loads(config.removeprefix("config ")).items() >= {"name": "a-run", "ema": 10, "device": "cpu"}.items()
    train, validation = corpus.digests
    assert digests == f"corpus=python-stdlib train_sha256={train} validation_sha256={validation}"
    assert [line.split()[:2] for line in steps] == [["step=10", "evaluation=1"], ["step=20", "evaluation=2"]]
    assert end.startswith("SMOKE_DONE step=20")
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [f"BPB={row['bpb']:.4f}" for row in rows] == done.stdout.splitlines()
    assert len(json.loads((tmp_path / "data_order.json").read_text())) == 40


def test_a_run_that_is_asked_to_end_says_where(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen([*COMMAND, "--steps=100000", f"--output={tmp_path}"], stdout=file, stderr=file)
    deadline = time.monotonic() + 60
    while "BPB" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert log.read_text().splitlines()[-1].startswith("SMOKE_STOPPED step=")


def test_a_folder_without_sources_is_refused_and_nothing_else_is_trained_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, f"--corpus={tmp_path}", f"--output={tmp_path}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "refused" in done.stderr
    assert done.stdout == ""


def test_train_and_validation_bytes_are_disjoint(corpus: Bytes) -> None:
    """No run of 200 bytes of validation, at any offset on a grid of 5,000, stands anywhere in the training bytes."""
    places = range(0, len(corpus.validation) - 200, 5_000)
    assert not any(corpus.validation[place : place + 200] in corpus.train for place in places)


@pytest.mark.parametrize("model", MODELS)
def test_no_model_looks_ahead(model: str) -> None:
    built = build_model(replace(SMALL, model=model))
    ids = torch.randint(0, 256, (1, 16))
    changed = ids.clone()
    changed[0, 10:] = 7
    with torch.no_grad():
        assert torch.allclose(built(ids)[:, :10], built(changed)[:, :10], atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_the_metric_is_cross_entropy_over_ln_2_whatever_is_minimised(model: str, corpus: Bytes) -> None:
    training = Training(replace(SMALL, model=model), corpus)
    ids = training._validation
    with torch.no_grad():
        logits = training._model(ids[:, :-1].long()).double().log_softmax(-1)
    by_hand = -logits.gather(-1, ids[:, 1:].long().unsqueeze(-1)).mean().item() / math.log(2)
    assert bpb_of(training.evaluate()) == pytest.approx(by_hand, abs=1e-5)


def test_the_same_options_give_the_same_numbers_and_another_seed_others(corpus: Bytes) -> None:
    def values(options: Options) -> list[float]:
        training = Training(options, corpus)
        return [training.evaluate() for step, _ in training.steps() if step % 10 == 0]

    assert values(SMALL) == values(SMALL)
    assert values(SMALL) != values(replace(SMALL, seed=1))


@pytest.mark.parametrize("other", [1, 2, 97])
def test_seeds_see_the_data_in_independent_orders(other: int) -> None:
    """Of 4,000 sequences drawn twice from 100,000, 160 are shared by chance; in one and the same place, hardly any."""
    options = replace(SMALL, steps=2_000)
    first, second = data_order(options, 100_000), data_order(replace(options, seed=other), 100_000)
    assert len(set(first) & set(second)) < 240
    assert sum(one == two for one, two in zip(first, second, strict=True)) < 5
    assert len(set(first)) == len(first)


def test_schedules_rise_and_end_as_they_say() -> None:
    options = replace(SMALL, steps=500, learning_rate=1.0, warmup=50)
    for schedule, last in {"cosine": 0.1, "wsd": 0.0, "constant": 1.0}.items():
        asked = replace(options, schedule=schedule)
        assert learning_rate(asked, 25) == 0.5
        assert learning_rate(asked, 50) == 1.0
        assert learning_rate(asked, 500) == pytest.approx(last)
    assert learning_rate(replace(options, schedule="wsd"), 400) == 1.0


@pytest.mark.parametrize("change", [{"steps": 15}, {"hidden_size": 0}, {"context": 99}, {"ema": -1}])
def test_options_that_make_no_run_are_named(change: dict[str, int]) -> None:
    assert fault_of(replace(SMALL, **change))  # type: ignore[arg-type]


def test_the_race_of_the_example_is_valid_with_the_corpus_of_this_machine(tmp_path: Path, corpus: Bytes) -> None:
    assert read_race(RACE).diagnostics == ()
    plan = read_race(write_race(tmp_path)).plan
    assert plan is not None
    assert plan.corpus is not None
    assert (plan.corpus.train_sha256, plan.corpus.validation_sha256) == corpus.digests
    assert len(plan.recipes) * len(plan.seeds) == 21
