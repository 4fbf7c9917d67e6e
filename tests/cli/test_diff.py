"""``contract diff``: what changed between two files, folders or revisions, and the versions that this demands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.evidence.builders import commit_all, git
from tests.golden.comparison import assert_golden

RETRIEVAL = """\
contract: retrieval
version: 1.4.0
title: What is asked for is found
requires: [packaging]
artifacts:
  export: {kind: model}
  run: {kind: run}
falsifiers:
  - id: FALSIFY-RET-001
    claim: A forward pass is that of the checkpoint
    check: attention.grouped-query-forward
    on: {model: export}
    with: {cosine: {at_least: 0.9999}}
  - {id: FALSIFY-RET-002, claim: No matrix is empty, check: weights.not-degenerate, on: {model: export}}
  - {id: FALSIFY-RET-003, claim: Every weight is finite, check: weights.finite, on: {model: export}}
discharge:
  run: {device: cuda, steps: {at_least: 500}}
"""
PACKAGING = """\
contract: packaging
version: 2.0.1
title: The file is whole
artifacts:
  export: {kind: model}
falsifiers:
  - {id: FALSIFY-PACK-001, claim: It is whole, check: artifact.sound, on: {model: export}}
"""
SAFETY = PACKAGING.replace("packaging", "safety").replace("PACK", "SAFE").replace("2.0.1", "0.3.0")


def write(folder, **contracts):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contracts.items():
        (folder / f"{name}.yaml").write_text(text)


def edit(path, *edits):
    text = path.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture
def workspace(here):
    """A committed workspace of three contracts, in the current folder."""
    write(here / "contracts", retrieval=RETRIEVAL, packaging=PACKAGING, safety=SAFETY)
    git(here, "init", "-q")
    commit_all(here, "begin")
    return here


@pytest.fixture
def changed(workspace):
    """The same with changes of every kind that are not committed, one contract gone and one new."""
    edit(
        workspace / "contracts/retrieval.yaml",
        ("version: 1.4.0", "version: 1.4.1"),
        ("title: What", "title: All that"),
        ("at_least: 0.9999", "at_least: 0.99"),
        ("check: weights.finite", "check: artifact.sound"),
        ("RET-002, claim: No matrix is empty, check: weights.not-degenerate, on: {model: export}",
         "RET-004, claim: No matrix is empty, check: weights.not-degenerate, on: {model: export}"),
        ("[packaging]", "[packaging, data]"),
        ("device: cuda, steps: {at_least: 500}", "steps: {at_least: 600}"),
    )  # fmt: skip
    (workspace / "contracts/safety.yaml").unlink()
    data = SAFETY.replace("contract: safety", "contract: data") + (
        "  - {id: FALSIFY-DATA-001, claim: It is finite, check: weights.finite, on: {model: export}}\n"
    )
    write(workspace / "contracts/deep", data=data)
    return workspace


def test_what_a_person_reads(contract, changed):
    done = contract("diff", "main")
    assert (done.code, done.err) == (0, "")
    assert_golden("diff.txt", done.out)


def test_what_a_program_reads(contract, changed):
    read = json.loads(contract("diff", "main", "--format", "json").out)
    assert (read["differences"], read["before"], read["after"], read["compared"]) == (1, "main", "the working tree", 4)
    retrieval, safety, data = read["contracts"]
    assert {key: retrieval[key] for key in retrieval.keys() - {"changes"}} == {
        "contract": "retrieval", "before": "1.4.0", "after": "1.4.1", "demands": "major", "demanded_version": "2.0.0",
    }  # fmt: skip
    assert {
        "contract": "retrieval", "subject": "FALSIFY-RET-001 with.cosine", "kind": "loosened", "demands": "major",
        "part": "other", "was": "at least 0.9999", "now": "at least 0.99",
        "why": "at least 0.9999 became at least 0.99: values from 0.99 to below 0.9999 would hold now",
    } in retrieval["changes"]  # fmt: skip
    assert (safety["contract"], safety["after"], safety["demands"]) == ("safety", None, "major")
    assert (data["contract"], data["before"], data["demands"]) == ("data", None, "none")
    assert [one["subject"] for one in data["changes"]] == ["FALSIFY-DATA-001", "FALSIFY-SAFE-001", "contract"]


def test_two_revisions_are_compared_whatever_the_working_tree_says(contract, changed):
    commit_all(changed)
    edit(changed / "contracts/packaging.yaml", ("It is whole", "It is complete"))
    between = contract("diff", "main~1", "main")
    assert between.code == 0
    assert "from main~1 to main:" in between.out
    assert "FALSIFY-PACK-001" not in between.out
    since = contract("diff", "main")
    assert "reworded   patch  FALSIFY-PACK-001 claim: the claim reads differently" in since.out
    assert since.out.endswith("  packaging: 2.0.1 -> 2.0.2 (patch): 1 reworded\n")


def test_no_difference_is_an_answer(contract, workspace):
    done = contract("diff", "HEAD")
    assert (done.code, done.out) == (0, "no difference from HEAD to the working tree: 3 contracts compared\n")


def test_a_contract_in_another_file_is_the_same_contract(contract, workspace):
    (workspace / "contracts/ship").mkdir()
    (workspace / "contracts/packaging.yaml").rename(workspace / "contracts/ship/other.yaml")
    assert contract("diff", "HEAD").out.startswith("no difference")


def test_two_files(contract, here):
    write(here, old=RETRIEVAL, new=RETRIEVAL.replace("0.9999", "0.99999"))
    done = contract("diff", "old.yaml", "new.yaml")
    assert done.out == (
        "retrieval 1.4.0\n"
        "  tightened  minor  FALSIFY-RET-001 with.cosine: at least 0.9999 became at least 0.99999: "
        "values from 0.9999 to below 0.99999 would hold no longer\n\n"
        "Versions that this demands, from old.yaml to new.yaml:\n"
        "  retrieval: 1.4.0 -> 1.5.0 (minor): 1 tightened\n"
    )


def test_a_default_of_the_check_written_out_is_no_change(contract, here):
    said = RETRIEVAL.replace(
        "weights.not-degenerate, on", "weights.not-degenerate, with: {zero_share: {below: 0.8}}, on"
    )
    write(here, old=RETRIEVAL, new=said)
    assert contract("diff", "old.yaml", "new.yaml").out.startswith("no difference")
    edit(here / "new.yaml", ("below: 0.8", "below: 0.9"))
    assert (
        "below 0.8 became below 0.9: values from 0.8 to below 0.9 would" in contract("diff", "old.yaml", "new.yaml").out
    )


def test_a_file_is_compared_with_its_contract_alone(contract, workspace):
    write(workspace, draft=RETRIEVAL.replace("500", "400"))
    for names in (("main", "draft.yaml"), ("contracts", "draft.yaml")):
        done = contract("diff", *names)
        assert "loosened   major  discharge run.steps" in done.out
        assert "packaging" not in done.out
    assert "tightened  minor  discharge run.steps" in contract("diff", "draft.yaml").out
    assert "contract: the contract is new" in contract("diff", "draft.yaml", "contracts/safety.yaml").out


@pytest.mark.parametrize("folder", [".", "contracts", "contracts/deep/.."])
def test_a_folder_is_a_workspace_or_holds_contracts(contract, changed, folder):
    (changed / "artifacts.yaml").write_text("export: export.gguf\n")  # which is no contract
    done = contract("diff", "main", folder)
    assert "Versions that this demands" in done.out
    assert done.out.count("->") == 2


def test_a_workspace_may_lie_below_the_top_of_the_repository(contract, here, monkeypatch):
    write(here / "models/one/contracts", packaging=PACKAGING)
    write(here / "contracts", safety=SAFETY)
    git(here, "init", "-q")
    commit_all(here)
    edit(here / "models/one/contracts/packaging.yaml", ("2.0.1", "3.0.0"))
    assert (
        "2.0.1 -> 2.0.1, where the file says 3.0.0 (none): 1 changed"
        in contract("diff", "main", "--root", "models/one").out
    )
    monkeypatch.chdir(here / "models/one/contracts")
    done = contract("diff", "main")
    assert done.out.startswith("packaging 2.0.1\n  changed    none   version: ")
    assert "safety" not in done.out


@pytest.mark.parametrize(("name", "what"), [("v1", "file"), ("v2", "folder")])
def test_a_name_that_is_both_is_the_file_and_a_note_says_so(contract, workspace, name, what):
    git(workspace, "tag", name)
    if what == "file":
        (workspace / name).write_text(PACKAGING.replace("It is whole", "It is complete"))
    else:
        write(workspace / name, packaging=PACKAGING.replace("It is whole", "It is complete"))
    done = contract("diff", name, "contracts/packaging.yaml")
    assert "+ It is whole" in done.out
    assert done.err == f"note: {name} is a {what} and a revision; the {what} is read. Write {name}~0 otherwise\n"
    plain = contract("diff", f"{name}~0", "contracts/packaging.yaml")
    assert (plain.out[:13], plain.err) == ("no difference", "")


@pytest.mark.parametrize("name", ["nowhere", "nowhere.yaml", "HEAD~9", "main:contracts", "--upload-pack=x"])
def test_what_is_neither_is_refused(contract, workspace, name):
    for arguments in ((name,), ("main", name), (name, "contracts")):
        done = contract("diff", "--", *arguments)
        assert (done.code, done.out) == (4, "")
        assert done.err == f"contract: {name!r} is no file, no folder and no revision that git knows here\n"


def test_outside_a_repository_git_is_quoted(contract, here, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(here.parent))
    write(here / "contracts", packaging=PACKAGING)
    done = contract("diff", "main")
    assert done.code == 4
    assert "'main' is no file, no folder and no revision that git knows here: not a git repository" in done.err


def test_a_contract_that_cannot_be_read_is_named_with_its_place(contract, workspace):
    edit(workspace / "contracts/retrieval.yaml", ("title:", "titel:"))
    done = contract("diff", "main")
    assert (done.code, done.out) == (4, "")
    assert "contracts/retrieval.yaml:3:1: error CONTRACT-UNKNOWN-KEY" in done.err
    assert "contract: nothing was compared" in done.err
    commit_all(workspace)
    edit(workspace / "contracts/retrieval.yaml", ("titel:", "title:"))
    assert "main:contracts/retrieval.yaml:3:1: error CONTRACT-UNKNOWN-KEY" in contract("diff", "main").err
    assert contract("diff", "main~1").code == 0


def test_an_id_that_only_looks_the_same_is_no_way_around(contract, workspace):
    edit(workspace / "contracts/retrieval.yaml", ("FALSIFY-RET-001", "FАLSIFY-RET-001"))
    done = contract("diff", "main")
    assert done.code == 4
    assert "character 2 is U+0410, CYRILLIC CAPITAL LETTER A" in done.err


def test_one_name_in_two_files_cannot_be_matched(contract, workspace):
    write(workspace / "contracts", copy=PACKAGING)
    done = contract("diff", "main")
    assert done.code == 4
    assert "contracts/packaging.yaml:1:11: error CONTRACT-NAME-DUPLICATE" in done.err


def test_a_link_in_the_history_is_refused(contract, workspace):
    (workspace / "contracts/linked.yaml").symlink_to("packaging.yaml")
    commit_all(workspace)
    done = contract("diff", "main", "main~1")
    assert (done.code, done.out) == (4, "")
    assert "contract: main cannot be read: contracts/linked.yaml is a link" in done.err


def test_a_folder_without_contracts_and_a_history_without_contracts(contract, here):
    (here / "empty").mkdir()
    assert contract("diff", "empty", "empty").err.startswith("contract: empty holds no contract; name a folder")
    (here / "empty/artifacts.yaml").write_text("export: export.gguf\n")
    assert contract("diff", "empty", "empty").err.startswith("contract: empty holds no contract; name a folder")
    git(here, "init", "-q")
    commit_all(here)
    done = contract("diff", "HEAD")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("note: HEAD has no contracts below contracts/\nnote: ")
    assert done.err.endswith("contract: there is no contract in HEAD nor in the working tree\n")
    write(here / "contracts", packaging=PACKAGING)
    assert "packaging: new, at 2.0.1 (none): 2 added" in contract("diff", "HEAD").out


def test_nothing_that_stands_in_a_file_reaches_the_terminal_as_a_command(contract, here):
    write(here, old=PACKAGING, new=PACKAGING.replace("title: The file is", 'title: "\\e[31mThe\\u202e file" #'))
    done = contract("diff", "old.yaml", "new.yaml")
    assert "+ \\x1b[31mThe\\u202e file\n" in done.out
    assert "\x1b" not in done.out


def test_no_library_for_tensors_is_loaded(contract, changed):
    contract("diff", "main")  # the catalogue of checks is read once and kept
    program = (
        "import sys\nfrom falsifiable.cli import run\ncode = run(['diff', 'main'])\n"
        "sys.exit(' '.join({'torch', 'numpy', 'scipy', 'jsonschema', 'cryptography'} & set(sys.modules)) or code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
