"""``contract check``: an answer about one file or folder within a minute of first meeting the tool."""

from __future__ import annotations

import json
import re
import shutil

import numpy
import pytest

from falsifiable.samples.apr_writer import write_apr

ACCEPTED = (
    "Nothing was checked. PATH may be a .gguf, .safetensors, .apr or PyTorch file, a Hugging Face folder (config.json "
    "and weights), the URL of one, or a run folder (run.yaml).\n"
)


@pytest.fixture
def gguf(here, specimens):
    """A GGUF file of one's own to break."""
    return shutil.copy(specimens["export"], here / "my model.gguf")


@pytest.fixture
def checkpoint(here, specimens):
    """A Hugging Face folder of one's own to break."""
    return shutil.copytree(specimens["trained"], here / "checkpoint")


def outcomes(done) -> dict[str, str]:
    """Falsifier -> outcome, from a JSON report."""
    contracts = json.loads(done.out)["contracts"]
    return {one["falsifier"]: one["verdict"]["outcome"] for contract in contracts for one in contract["judgements"]}


def test_a_sound_gguf_file_is_asked_what_llama_cpp_needs(contract, gguf):
    done = contract("check", "my model.gguf")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("llama.cpp: nothing found against my model.gguf, all 12 claims held\n")


def test_a_sound_checkpoint_is_asked_what_transformers_needs(contract, checkpoint):
    done = contract("check", "checkpoint")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("transformers: nothing found against checkpoint, all 8 claims held\n")


def test_the_current_folder_can_be_checked(contract, checkpoint, monkeypatch):
    monkeypatch.chdir(checkpoint)
    done = contract("check", ".")
    assert done.code == 0, done.err
    assert done.out.endswith("transformers: nothing found against ., all 8 claims held\n")


def test_a_format_that_the_consumer_does_not_open_is_said(contract, here, checkpoint, gguf):
    """A bare "nothing found against it" would read as if the file could be loaded as it is."""
    write_apr(here / "model.apr", {"architecture": "qwen2"}, {"weight": numpy.ones((2, 2), numpy.float32)})
    done = contract("check", "model.apr")
    assert "note: transformers does not open the format of model.apr (apr)" in done.err
    assert done.out.splitlines()[-1].startswith("transformers, once converted: ")
    done = contract("check", checkpoint, "--for", "llama.cpp")
    assert "note: llama.cpp does not open" in done.err
    assert done.out.splitlines()[-1].startswith("llama.cpp, once converted: ")
    assert contract("check", gguf, "--for", "transformers").err == ""


def test_who_must_load_it_can_be_named(contract, gguf):
    done = contract("check", gguf, "--for", "llama.cpp, transformers", "--format", "json")
    assert done.code == 0
    report = json.loads(done.out)
    assert [one["contract"] for one in report["contracts"]] == ["llama-cpp-loads", "transformers-loads"]
    assert report["counts"] == {"held": 20, "falsified": 0, "inconclusive": 0}


def test_weights_beside_their_configuration_are_checked_together(contract, checkpoint):
    done = contract("check", "checkpoint/model.safetensors")
    note = "note: checkpoint/model.safetensors belongs to the checkpoint in checkpoint, and that is checked\n"
    assert (done.code, done.err) == (0, note)


def test_weights_alone_are_not_enough(contract, here, specimens):
    shutil.copy(specimens["safetensors"], here)
    done = contract("check", "model.safetensors")
    assert done.code == 1
    assert done.err == "note: model.safetensors stands alone; who loads it needs config.json in the same folder\n"
    assert "transformers: NOT as it is: falsified" in done.out


def test_a_broken_file_is_named_with_the_key_the_value_and_the_next_step(contract, gguf):
    content = gguf.read_bytes()
    name = (5).to_bytes(8, "little") + b"qwen2"
    gguf.write_bytes(content.replace(name, name.replace(b"q", b"Q"), 1))
    done = contract("check", gguf.name)
    assert done.code == 1
    assert done.out.startswith("FALSIFIED FALSIFY-LLAMACPP-002 (llama-cpp-loads, check packaging.architecture-name)\n")
    assert "general.architecture is 'Qwen2', expected a name from llama.cpp's list; the exporter wrote" in done.out
    assert "  on:       export = my model.gguf (" in done.out
    assert "  next:     contract explain packaging.architecture-name\n" in done.out
    assert "llama.cpp: NOT as it is: falsified 2 of 12 claims about my model.gguf; see above\n" in done.out


def test_a_configuration_that_is_off_by_one_ends_1(contract, checkpoint):
    config = checkpoint / "config.json"
    config.write_text(config.read_text().replace('"hidden_size": 56', '"hidden_size": 57'))
    done = contract("check", checkpoint)
    assert done.code == 1
    assert "FALSIFIED FALSIFY-TRANSFORMERS-006 (transformers-loads, check packaging.tensor-inventory)" in done.out


def test_a_file_cut_in_half_is_falsified_and_nothing_else_is_claimed_of_it(contract, gguf):
    gguf.write_bytes(gguf.read_bytes()[: gguf.stat().st_size // 2])
    done = contract("check", gguf, "--format", "json")
    assert done.code == 1
    found = outcomes(done)
    assert found.pop("FALSIFY-LLAMACPP-001") == "falsified"
    assert set(found.values()) == {"inconclusive"}
    assert len(found) == 11


def test_a_run_folder_is_asked_everything_about_what_it_left_behind(contract, specimens):
    done = contract("check", specimens["run"])
    assert done.code == 0, done.out
    assert re.search(rf"training-run: nothing found against {specimens['run']}, all \d+ claims held\n", done.out)
    assert "is not bound" not in done.out, "claims about the trainer's command are not asked of its files"


def test_a_run_record_that_was_cut_ends_1(contract, here):
    (here / "run.yaml").write_text("run_record: 1\nrun_id: a\n")
    done = contract("check", "run.yaml")
    assert (done.code, done.err) == (
        1,
        "contract: run.yaml: has no key metrics, artifacts: it is cut, or no recorder wrote it\n"
        "Nothing else can be asked of this run.\n",
    )


def test_nothing_that_lies_in_the_current_folder_has_a_say(contract, here, gguf):
    (here / "artifacts.yaml").write_text("model: [not, a, binding]\n")
    (here / "contracts").mkdir()
    (here / "contracts/broken.yaml").write_text("contract: [")
    assert contract("check", gguf).code == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("weights.bin", b"\x01\x02\x03\x04" * 100, "weights.bin: at byte 0: a header of "),
        (
            "model.gguf",
            b"\x01\x02\x03\x04" * 100,
            "model.gguf: at byte 0: begins with 01 02 03 04; expected a GGUF file",
        ),
        ("model.gguf", b"", "model.gguf: at byte 0: begins with nothing: the file is empty; expected a GGUF file"),
    ],
)
def test_bytes_of_no_known_format_end_2(contract, here, name, content, said):
    (here / name).write_bytes(content)
    done = contract("check", name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"contract: {said}")
    assert done.err.endswith(ACCEPTED)


def test_an_empty_folder_ends_2(contract, here):
    (here / "empty").mkdir()
    done = contract("check", "empty")
    assert (done.code, done.err) == (
        2,
        "contract: empty: the folder holds nothing; expected config.json with model.safetensors or "
        f"model.safetensors.index.json\n{ACCEPTED}",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "Path 'nowhere' does not exist."),
        ([], "Missing argument 'PATH'."),
        (["{export}", "--for", "lama.cpp"],
         "no consumer 'lama.cpp' is known; did you mean 'llama.cpp'? --for takes: llama.cpp, transformers"),
        (["{export}", "--for", "vllm"], "no consumer 'vllm' is known; --for takes: llama.cpp, transformers"),
        (["{export}", "--for", ","], "--for names nobody; it takes llama.cpp, transformers"),
        (["{run}", "--for", "llama.cpp"],
         "--for says who must load a model, and {run} is a run folder; check one of its models instead"),
        (["{tokenizer}"],
         "{tokenizer} is a tokenizer, and check takes a model or a run folder. See contract inspect {tokenizer}"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_4_and_says_what_is_accepted(contract, specimens, arguments, said):
    done = contract("check", *(one.format(**specimens) for one in arguments))
    assert (done.code, done.out) == (4, "")
    assert done.err.endswith(f"{said.format(**specimens)}\n")
