"""The window of the adapter: its rows, what it refuses, and a short one trained for real in a ring of two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from examples.adapter.__main__ import main
from examples.adapter.chat import chat_markup, fault_of_row
from examples.adapter.conversations import TRAIN, VALID, Conversations, conversations_about
from examples.adapter.corrections import is_admissible
from examples.pretrain.corpus import read_corpus, standard_library
from falsifiable import open_corpus, open_model, open_run
from falsifiable.samples import write_specimens

MODULE = "model.layers.1.self_attn.q_proj"


@pytest.fixture(scope="module")
def conversations() -> Conversations:
    return conversations_about(read_corpus(standard_library()))


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_specimens(tmp_path_factory.mktemp("specimens"))


def answers(rows: Any) -> list[str]:
    return [row["messages"][-1]["content"] for row in rows]


def test_a_real_row_is_text_of_the_file_it_names(conversations: Conversations) -> None:
    row = next(row for row in conversations.rows[TRAIN] if row["kind"] == "real")
    source = conversations.sources[row["source"]].text

    lines = [line.strip() for line in answers([row])[0].splitlines()]
    assert all(line in source for line in lines)
    assert answers([row])[0].startswith(row["messages"][0]["content"])


def test_one_row_in_ten_was_made_up_and_says_so(conversations: Conversations) -> None:
    for rows in conversations.rows.values():
        kinds = [row["kind"] for row in rows]
        assert kinds.count("synthetic") == len(kinds) // 10
        assert all("source" in row for row in rows if row["kind"] == "real")


def test_no_row_is_judged_that_was_learnt(conversations: Conversations) -> None:
    learnt = "\n".join(answers(conversations.rows[TRAIN]))
    for answer in answers(conversations.rows[VALID]):
        assert not any(answer[at : at + 128] in learnt for at in range(max(1, len(answer) - 127)))


def test_a_row_in_chat_markup() -> None:
    row = {"messages": [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]}
    assert chat_markup(row) == "<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"messages": [{"role": "assistant", "content": "2"}]}, ""),
        ({"text": "def f(): ..."}, "no list of messages, but the keys text"),
        ({"messages": []}, "no list of messages, but the keys messages"),
        ({"messages": [{"role": "robot", "content": "2"}]}, "has no known role or no content"),
        ({"messages": [{"role": "assistant", "content": " "}]}, "has no known role or no content"),
        ({"messages": [{"role": "user", "content": "1 + 1?"}]}, "nothing to learn"),
        (["messages"], "a JSON list"),
    ],
)
def test_what_is_no_conversation(row: object, fault: str) -> None:
    assert fault_of_row(row) == fault if not fault else fault in fault_of_row(row)


def test_rows_of_plain_text_are_refused_before_anything_is_written(
    specimens: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "--base",
        str(specimens["trained"]),
        "--data",
        str(specimens["text-rows"]),
        "--output",
        str(tmp_path / "run"),
    ]
    assert main(asked) == 2
    said = capsys.readouterr().err
    assert "refused FALSIFY-WINDOW-009" in said
    assert "train.jsonl line 1: no list of messages, but the keys text" in said
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_is_refused_after_a_run_that_was_not_completed(
    specimens: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--base", str(specimens["trained"]), "--after", str(specimens["run"]), "--output", str(tmp_path / "run")]
    assert main(asked) == 2
    assert "FALSIFY-CHUNKS-001" in capsys.readouterr().err


def test_a_proposal_is_admissible_if_it_is_one_function() -> None:
    assert is_admissible("def add(a, b):\n    return a + b")
    assert not is_admissible("# 100000")
    assert not is_admissible("def add(a, b) return a + b")
    assert not is_admissible("def f(): ...\ndef g(): ...")


@pytest.mark.slow
def test_a_short_window_in_a_ring_of_two(specimens: dict[str, Path], tmp_path: Path) -> None:
    """Real processes, real gradients, on the specimen model: what comes out belongs together."""
    pytest.importorskip("peft")
    folder = tmp_path / "run"
    asked = [
        "--base",
        str(specimens["trained"]),
        "--output",
        str(folder),
        "--steps",
        "4",
        "--save-every",
        "2",
        "--rank",
        "2",
    ]
    assert main(asked) == 0

    run = open_run(folder)
    assert run.field("end_reason") == "completed"
    assert [rank["all_reduce"] for rank in run.field("launch.ranks")] == [2.0, 2.0]
    assert [save["step"] for save in run.field("checkpoints")] == [2, 4]
    assert run.field("optimizer") == {"class": "AdamW", "state_tensors_at_step_zero": 0}
    assert run.artifacts["adapter"].sha256 == open_model(folder / "adapter").digest

    adapter, twin, initial = (open_model(folder / name) for name in ("adapter", "twin", "initial"))
    assert adapter.updates.keys() == twin.updates.keys() != set()
    for name, update in adapter.updates.items():
        numpy.testing.assert_array_equal(update.numpy(), twin.updates[name].numpy())
    for first, second in adapter.low_rank_pairs.values():
        assert not initial.tensor(second).numpy().any()
        assert adapter.tensor(first).numpy().any()
        assert adapter.tensor(second).numpy().any()

    log = open_run(folder / "mlx.log")
    assert [step for step, _ in log.series("val_loss")] == [1, 2, 4]
    corpus = open_corpus(folder / "corpus" / "manifest.json")
    assert corpus.splits["train"].kind == "partial-real"
    rows = [json.loads(line) for line in (folder / "corrections/corrections.jsonl").read_text().splitlines()]
    assert {row["verdict"]["authority"] for row in rows} == {"admissibility-check"}

    assert main(asked) == 0, "the second call finds that there is nothing to do"
    assert open_run(folder).run_id == run.run_id
