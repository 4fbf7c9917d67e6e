"""What yaml-language-server makes of the schemas: the real server, asked as an editor asks it, while somebody writes.

``make language-server`` brings it; where it is not installed, nothing here can be asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from falsifiable.validation.catalogue import load_catalogue
from tests.cli.language_server import Editor, editor, installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(installed() is None, reason="yaml-language-server is not installed"),
]

ROOT = Path(__file__).parents[2]
FILES = {
    "artifacts": ["artifacts.yaml"],
    "ship": ["spec/**/ship.yaml"],
    "race": ["race.yaml"],
    "trust": ["trust.yaml"],
    "contract": ["contracts/**/*.yaml"],
}
SCHEMA_LINE = "# yaml-language-server: $schema=contracts/contract.schema.json\n"
CLAIM = f"{SCHEMA_LINE}contract: a\nversion: 0.1.0\ntitle: t\nfalsifiers:\n  - id: F-1\n    claim: c\n"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """An editor with this repository open, set up as the documentation says."""
    folder = tmp_path_factory.mktemp("schemas")
    schemas = {}
    for file, patterns in FILES.items():
        path = folder / f"{file}.schema.json"
        command = [sys.executable, "-m", "falsifiable", "schema", "--of", file, "--write", str(path)]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        schemas[path.as_uri()] = patterns
    with editor([str(installed())], ROOT, schemas) as one:
        yield one


def told(item: dict[str, object]) -> str:
    """The documentation of a completion, which is Markdown or plain text."""
    said = item.get("documentation", "")
    return said["value"] if isinstance(said, dict) else str(said)


def test_check_is_completed_with_every_check_each_with_what_it_asks(asked):
    offered = asked.completions(f"{CLAIM}    check: |\n")
    signatures = load_catalogue().signatures
    assert set(offered) == set(signatures)
    for name, signature in signatures.items():
        assert signature.summary.replace("``", "`").replace("`", "") in told(offered[name]).replace("`", "")


@pytest.mark.parametrize("check", ["attention.cuda-parity", "loss-curves.in-range", "artifact.sound", "metric"])
def test_with_is_completed_with_the_parameters_of_that_check_alone(asked, check):
    offered = asked.completions(f"{CLAIM}    check: {check}\n    with:\n      |\n")
    parameters = load_catalogue().signatures[check].parameters
    assert {one for one in offered if not one.startswith("parameters of")} == set(parameters)
    for name, one in parameters.items():
        assert ("has to be given" if one.required else "by default") in told(offered[name])


def test_a_parameter_is_offered_with_type_default_unit_and_source(asked):
    offered = asked.completions(f"{CLAIM}    check: attention.cuda-parity\n    with:\n      |\n")
    assert offered["tie"]["insertText"] == "tie: ${1:0.005}"
    assert told(offered["tie"]).startswith("nats between the two best logits on the CPU")
    assert "A number; by default 0.005." in told(offered["tie"])
    assert "0.99 is the reference contract's bound (cpu-vs-gpu-output-parity)" in told(offered["cosine"])
    assert "by default {at_least: 0.99}" in told(offered["cosine"])


def test_on_is_completed_with_the_roles_of_that_check(asked):
    offered = asked.completions(f"{CLAIM}    check: vocabulary.fits-model\n    on:\n      |\n")
    assert {"tokenizer", "model", "roles of vocabulary.fits-model"} == set(offered)
    assert "A role of kind tokenizer" in told(offered["tokenizer"])
    assert "May be left out" in told(offered["tokenizer"])


def test_an_entry_that_is_still_empty_is_offered_the_keys_of_a_claim(asked):
    offered = asked.completions(f"{SCHEMA_LINE}falsifiers:\n  - |\n")
    keys = {"id", "claim", "check", "on", "with", "up_to", "if_falsified"}
    assert keys <= set(offered) <= {*keys, "falsifier"}
    assert all(told(offered[key]) for key in keys)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("    check: attention.cuda-parity\n    with:\n      cosine:\n        |\n", {"at_least", "one_of", "within"}),
        ("    check: vocabulary.fits-model\n    with:\n      bound: |\n", {"at-most", "exactly"}),
        ("    up_to: |\n", {"partial", "integration", "discharged"}),
    ],
)
def test_values_are_completed(asked, text, offered):
    assert offered <= set(asked.completions(CLAIM + text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("check: vocabulary.fi|ts-model\n", "Every id the tokenizer can emit has an embedding row."),
        ("check: vocabulary.fits-model\n    wi|th: {bound: exactly}\n", "vocabulary.fits-model takes bound."),
        ("check: vocabulary.fits-model\n    with: {bou|nd: exactly}\n", "by default at-most"),
        ("check: vocabulary.fits-model\n    on: {mod|el: m}\n", "A role of kind model"),
        ("check: device.memory-resident\n    with: {cop|ies: 3}\n", "4 for AdamW in one type"),
        ("up_to: par|tial\n", "it holds on generated or sample inputs"),
    ],
)
def test_what_a_word_means_is_shown_over_it(asked, text, shown):
    said = asked.hover(f"{CLAIM}    {text}")
    assert shown in said
    assert len(said) < 2000, "a list of every check is no explanation"


@pytest.mark.parametrize(
    ("text", "underlined"),
    [
        ("with: {boud: exactly}\n", "11: Property boud is not allowed."),
        ("with: {bound: exact}\n", '11: Value is not accepted. Valid values: "at-most", "exactly".'),
        ("up_to: discharge\n", '11: Value is not accepted. Valid values: "partial", "integration", "discharged".'),
    ],
)
def test_what_is_wrong_is_underlined(asked, text, underlined):
    said = asked.underlined(f"{CLAIM}    check: vocabulary.fits-model\n    on: {{model: m}}\n    {text}")
    assert said == [underlined.replace("11:", "10:")]


def test_a_check_that_is_not_installed_is_underlined(asked):
    (said,) = asked.underlined(f"{CLAIM}    check: vocabulary.fits-modl\n    on: {{model: m}}\n")
    assert said.startswith("8: Value ")
    assert '"vocabulary.fits-model"' in said


def test_nothing_is_underlined_in_the_files_of_this_repository(asked):
    files = [
        *ROOT.glob("contracts/**/*.yaml"), *ROOT.glob("spec/**/ship.yaml"), *ROOT.glob("spec/**/race.yaml"),
        *ROOT.glob("examples/**/race.yaml"), *ROOT.glob("docs/**/contracts/*.yaml"), *ROOT.glob("docs/**/ship.yaml"),
        *ROOT.glob("docs/**/artifacts.yaml"), ROOT / "artifacts.yaml", ROOT / "trust.yaml",
    ]  # fmt: skip
    assert len(files) > 30
    found = {os.path.relpath(path, ROOT): asked.underlined(path) for path in files}
    assert {path: said for path, said in found.items() if said} == {}


@pytest.mark.parametrize(("file", "text"), [
    ("contracts/x/wrong.yaml", "contract: A B\nversion: 1.0.0\ntitle: t\nfalsifiers: []\n"),
    ("artifacts.yaml", "model: {pth: a}\n"),
    ("spec/a/ship.yaml", "ship: a\ndeliverable: {}\n"),
    ("spec/a/race.yaml", "race: a\nstep: 1\n"),
    ("trust.yaml", "signers: {}\nspec: {}\n"),
])  # fmt: skip
def test_each_kind_of_file_is_known_by_its_name(asked, tmp_path, file, text):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert asked.underlined(path)


def test_a_new_workspace_is_checked_by_the_line_that_init_writes(tmp_path, contract, specimens, here):
    (here / "m.gguf").symlink_to(specimens["export"])
    assert contract("init").code == 0
    (written,) = (here / "contracts").glob("*.yaml")
    with editor([str(installed())], here) as fresh:
        assert fresh.underlined(written) == []
        written.write_text(written.read_text().replace("tied_output", "tied_outputs"))
        fresh.folder = written.parent
        (said,) = fresh.underlined(written.read_text())
        assert "Property tied_outputs is not allowed." in said
