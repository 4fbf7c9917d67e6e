"""The fixtures ``model``, ``tokenizer`` and ``run``: what they open, and what never goes green."""

from __future__ import annotations

import pytest


def test_fixtures_open_what_is_bound(run_pytest, workspace):
    (workspace / "tests/test_ordinary.py").write_text(
        "import pytest\n"
        "def test_all(model, tokenizer, run):\n"
        "    assert tokenizer.size <= model.tensor('token_embedding').shape[0]\n"
        "    assert run.run_id\n"
        "@pytest.mark.parametrize('model', ['trained', 'init'], indirect=True)\n"
        "def test_roles(model):\n"
        "    assert model.config.hidden_size == 56\n"
    )
    done = run_pytest("-rs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 1 skipped" in done.stdout
    assert "no model is bound; name the role init in artifacts.yaml" in done.stdout
    of_run = run_pytest("-rs", "--contracts-run", "run")
    assert "3 passed" in of_run.stdout, of_run.stdout


def test_a_fixture_that_was_forgotten_is_an_error_where_nothing_can_be_bound(run_pytest, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_forgotten.py").write_text(
        "def test_model(model): pass\ndef test_tokenizer(tokenizer): pass\ndef test_run(run): pass\n"
    )
    done = run_pytest("-p", "no:cacheprovider", folder=project)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 errors" in done.stdout
    assert "has neither artifacts.yaml nor contracts: no model is bound" in done.stdout
    assert "--contracts-artifact model=PATH" in done.stdout
    assert "Traceback" not in done.stdout
    (project / "artifacts.yaml").write_text("other: model\n")
    done = run_pytest("-p", "no:cacheprovider", folder=project)
    assert (done.returncode, "3 skipped" in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_role_that_is_bound_for_single_contracts_is_found_unless_they_differ(run_pytest, workspace):
    (workspace / "artifacts.yaml").write_text("shop/trained: run/finetuned\nother/trained: run/finetuned\n")
    (workspace / "tests/test_ordinary.py").write_text("def test_it(model): assert model.config.hidden_size == 56\n")
    done = run_pytest()
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    done = run_pytest("-rs", "--contracts-artifact", "shop/trained=run/export")
    assert "1 skipped" in done.stdout, done.stdout + done.stderr
    assert "and they differ: shop/trained is run/export, other/trained is " in done.stdout


def test_a_role_that_was_given_is_one_of_the_fixtures_or_of_a_contract(run_pytest, workspace):
    (workspace / "tests/test_ordinary.py").write_text("def test_it(model): pass\n")
    done = run_pytest("tests", "--contracts-artifact", "modle=run/finetuned")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "--contracts-artifact modle: no contract has a role 'modle'" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    done = run_pytest("--contracts", "--contracts-artifact", "model=run/finetuned")
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_an_artifact_that_cannot_be_read_is_told_once(run_pytest, workspace):
    (workspace / "artifacts.yaml").write_text("trained: nowhere\n")
    (workspace / "tests/test_ordinary.py").write_text("def test_it(model): pass\n")
    done = run_pytest()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "nowhere" in done.stdout
    assert "During handling of the above exception" not in done.stdout


def test_fixtures_find_the_workspace_around_the_tests_that_were_named(run_pytest, workspace, tmp_path):
    (workspace / "tests/test_ordinary.py").write_text("def test_it(run):\n    assert run.run_id\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run_pytest(str(workspace / "tests"), folder=elsewhere)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("asked", "run", "said"),
    [
        ([], "nowhere", "--contracts-run nowhere: there is no such folder"),
        (["--contracts"], "empty", "--contracts-run empty: no run can be opened there: "),
        ([], "notes.txt", "--contracts-run notes.txt: no run can be opened there: "),
    ],
)
def test_a_run_that_cannot_be_opened_is_wrong_usage(run_pytest, workspace, asked, run, said):
    (workspace / "empty").mkdir()
    (workspace / "notes.txt").write_text("no run at all\n")
    (workspace / "tests/test_ordinary.py").write_text("def test_it(run): pass\n")
    done = run_pytest(*asked, "--contracts-run", run)
    assert done.returncode == 4, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
