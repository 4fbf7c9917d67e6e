"""What the falsifiers of provenance, corpora, mirrors and tables say, in the words a person reads."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from falsifiable import Corpus, FileSet, Run, Table, open_corpus, open_files, open_table
from falsifiable.samples import specimen
from falsifiers.corpus import chat_format, digests_match, real_share, rows_have_sources
from falsifiers.mirror import is_the_original
from falsifiers.provenance import change_in_scope, clean_tree, reproducible
from falsifiers.repetition import no_overlap, not_periodic
from falsifiers.tables import accepted_by_authority, matches_schema


@pytest.fixture
def run() -> Run:
    return specimen("run")  # type: ignore[return-value]


@pytest.fixture
def poems() -> Corpus:
    return specimen("corpus")  # type: ignore[return-value]


@pytest.fixture
def conversations() -> Corpus:
    return specimen("corpus", "conversations")  # type: ignore[return-value]


@pytest.fixture
def corrections() -> Table:
    return specimen("table", "corrections")  # type: ignore[return-value]


@pytest.fixture
def schema() -> Table:
    return specimen("table", "schema")  # type: ignore[return-value]


def rows_of(corpus: Corpus, split: str) -> list[Any]:
    return [record.values for record in corpus.records(split)]


# Provenance


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("run_id", None, "run_id is absent"),
        ("commit", "8874e7f", "commit is '8874e7f', expected all 40"),
        ("command", "specimen --seed 0", "command is 'specimen --seed 0', expected the program and its arguments"),
        ("command", ["specimen", "--device=cuda"], "command says --device cuda, device.requested is cpu"),
        ("command", ["specimen", "--steps", "500"], "command says --steps 500, steps.planned is 12"),
        ("datasets.finetune.tokens", 0, "datasets.finetune.tokens is 0"),
        ("datasets", {}, "datasets is empty"),
        ("metrics", {}, "metrics is empty"),
    ],
)
def test_a_record_that_cannot_be_done_again_says_what_it_lacks(run: Run, path: str, value: Any, said: str) -> None:
    assert said in reproducible(run.with_field(path, value)).found


def test_a_command_that_names_a_checkpoint_needs_its_digest(run: Run) -> None:
    started = run.with_field("command", ["specimen", "--init", "base"])

    assert reproducible(started).outcome == "held"
    assert (
        "names the checkpoint base, init.sha256 is None" in reproducible(started.with_field("init.sha256", None)).found
    )


def test_a_dirty_tree_is_refuted_and_an_unknown_one_is_not_judged(run: Run) -> None:
    assert "commit what is changed and train again" in clean_tree(run.with_field("dirty", True)).found
    assert clean_tree(run.with_field("dirty", None)).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        (["examples/adapter/ring.py"], "held"),
        (["examples/adapter/deep/er.py", "notes.md"], "held"),
        (["examples/adapter.py"], "falsified"),
        (["examples/adapter/../../src/x.py"], "falsified"),
        (["/etc/passwd"], "falsified"),
        (["deep/notes.md"], "falsified"),
        ([], "held"),
    ],
)
def test_only_declared_paths_may_have_changed(run: Run, changed: list[str], outcome: str) -> None:
    verdict = change_in_scope(run.with_field("changes.paths", changed), paths=("examples/adapter/**", "*.md"))

    assert verdict.outcome == outcome
    assert outcome == "held" or changed[0] in verdict.found


def test_a_run_that_does_not_say_what_changed_is_not_judged(run: Run) -> None:
    assert change_in_scope(run.without_field("changes"), paths=("**",)).outcome == "inconclusive"
    assert change_in_scope(run.with_field("changes.base", "HEAD"), paths=("**",)).outcome == "falsified"


# Corpora


def test_files_on_disk_are_compared_with_the_manifest(conversations: Corpus, tmp_path: Path) -> None:
    copy = tmp_path / "corpus"
    shutil.copytree(conversations.folder, copy)
    replay = copy / "sources" / "replay-0001.json"
    replay.write_text(replay.read_text().replace("lovely", "lonely"))
    (copy / "train.jsonl").unlink()

    found = digests_match(open_corpus(copy), None).found

    assert "train.jsonl (split train) is absent" in found
    assert "source replay-0001: sources/replay-0001.json has sha256" in found


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "plain"}, "train.jsonl line 9 (split train): messages is None, the row has 'text'"),
        ({"messages": [{"role": "human", "content": "x"}]}, "messages[0].role is 'human'"),
        ({"messages": [{"role": "user", "content": "x"}]}, "the last message is of the user"),
        ({"messages": []}, "messages is []"),
    ],
)
def test_a_row_that_is_no_conversation_is_named(conversations: Corpus, row: dict[str, Any], said: str) -> None:
    assert said in chat_format(conversations.with_records("train", [*rows_of(conversations, "train"), row])).found


def test_shares_are_counted(conversations: Corpus, run: Run) -> None:
    assert {m.name: m.value for m in real_share(conversations, None).measurements}["real_share_train"] == 0.75
    assert (
        "declares real_share 0.5, counted are 0.75"
        in real_share(conversations.with_split("train", real_share=0.5), None).found
    )
    assert "is declared synthetic" in real_share(conversations.with_split("train", kind="synthetic"), None).found
    recorded = run.with_field("datasets.train", {"real_share": 1.0})
    assert "run.yaml: datasets.train.real_share is 1, counted are 0.75" in real_share(conversations, recorded).found


def test_a_row_without_a_source_is_named(conversations: Corpus) -> None:
    rows = rows_of(conversations, "train")
    other = [{**rows[0], "source": "replay-0009"}, *rows[1:]]

    found = rows_have_sources(conversations.with_records("train", other)).found

    assert "train.jsonl line 1: source 'replay-0009' is not in the manifest" in found


def test_a_copied_window_is_named_by_both_offsets(poems: Corpus) -> None:
    learnt, held_out = poems.token_ids("finetune"), poems.token_ids("validation")
    mixed = poems.with_tokens("finetune", np.concatenate((learnt[:51], held_out[7:79], learnt[51:])))

    found = no_overlap(mixed, train=("pretrain", "finetune"), validation="validation").found

    assert "validation from token 7 is finetune from 51 for 72 tokens" in found


def test_a_shifted_copy_is_called_one(poems: Corpus) -> None:
    copied = poems.with_tokens("validation", poems.token_ids("pretrain")[3:])

    assert "validation is a copy, shifted by 3" in no_overlap(copied, train=("pretrain",)).found


def test_a_conversation_in_both_splits_is_named_by_both_lines(conversations: Corpus) -> None:
    both = [*rows_of(conversations, "train"), rows_of(conversations, "valid")[1]]

    found = no_overlap(conversations.with_records("train", both), train=("train",), validation="valid").found

    assert "valid.jsonl line 2 is the conversation of train.jsonl line 9" in found


def test_splits_that_were_not_kept_are_not_judged(poems: Corpus) -> None:
    lost = poems.with_split("finetune", tokens_path=None, path=None)

    assert no_overlap(lost, train=("finetune",)).outcome == "inconclusive"
    assert no_overlap(poems, train=("train",)).outcome == "inconclusive"
    assert not_periodic(lost, splits=("finetune",)).outcome == "inconclusive"


def test_text_is_compared_character_by_character_where_no_tokens_were_kept(poems: Corpus) -> None:
    text = poems.with_split("finetune", tokens_path=None).with_split("validation", tokens_path=None)

    verdict = no_overlap(text, train=("finetune",), window=16)

    assert (verdict.outcome, verdict.examined_unit) == ("held", "characters")


def test_data_that_wrap_around_are_told_with_their_period(poems: Corpus) -> None:
    tokens = poems.token_ids("finetune")

    found = not_periodic(poems.with_tokens("finetune", np.tile(tokens, 9)), splits=("finetune",)).found

    assert f"most of them {len(tokens)} tokens earlier" in found


# Mirrors


def test_a_partial_copy_is_found_and_named(tmp_path: Path) -> None:
    original: FileSet = specimen("files", "original")  # type: ignore[assignment]
    copy = tmp_path / "mirror"
    shutil.copytree(original.path, copy)
    assert is_the_original(original, open_files(copy)).outcome == "held"

    weights = copy / "0000004_adapters.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    (copy / "adapter_config.json").unlink()
    (copy / "stray").touch()
    found = is_the_original(original, open_files(copy)).found

    size = original.sizes["0000004_adapters.safetensors"]
    assert f"0000004_adapters.safetensors has {size - 7} of {size} bytes in the mirror: the copy broke off" in found
    assert "adapter_config.json is not in the mirror" in found
    assert "stray is in the mirror alone" in found


# Tables


def test_a_row_that_does_not_fit_is_named_by_line_and_json_path(corrections: Table, schema: Table) -> None:
    other = corrections.with_row(1, lambda row: {**row, "verdict": {"authority": "adapter", "outcome": "fine"}})

    found = matches_schema(other, schema).found

    assert "corrections.jsonl line 2: $.verdict.outcome: 'fine' is not one of ['admissible', 'inadmissible']" in found
    assert "1 of 3 rows" in found


def test_a_reference_out_of_the_schema_is_not_followed(
    corrections: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    path = tmp_path / "schema.json"
    path.write_text(json.dumps({"properties": {"id": {"$ref": "https://example.org/id.json"}}}))

    verdict = matches_schema(corrections, open_table(path))

    assert verdict.outcome == "inconclusive"
    assert "https://example.org/id.json" in verdict.found


def test_what_is_no_schema_judges_nothing(corrections: Table, tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text('{"type": "objekt"}')

    assert "is no JSON Schema" in matches_schema(corrections, open_table(path)).found
    assert "is one JSON object" in matches_schema(corrections, corrections).found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": None}, "verdict.authority is None, expected admissibility-check"),
        ({"verdict": {"authority": "adapter", "outcome": "admissible"}}, "verdict.authority is 'adapter'"),
        (
            {"verdict": {"authority": "admissibility-check", "outcome": "inadmissible"}},
            "verdict.outcome is 'inadmissible'",
        ),
        ({"proposed_by": "admissibility-check"}, "proposed_by is 'admissibility-check', who judged it too"),
    ],
)
def test_no_proposal_counts_without_the_verdict_of_the_authority(
    corrections: Table, change: dict[str, Any], said: str
) -> None:
    other = corrections.with_row(0, lambda row: {**row, **change})

    found = accepted_by_authority(other, authority="admissibility-check").found

    assert "corrections.jsonl line 1: state is accepted, and " + said in found
