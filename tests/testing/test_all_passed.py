"""Success of a test program counts where something was tested and nothing was left out."""

from __future__ import annotations

import subprocess
import sys

import pytest

PASSING = "import pytest\n\n\ndef test_one(): ...\n\n\n"


def run(folder, *command):
    program = [sys.executable, "-m", "falsifiable.testing.all_passed", *command]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ("", 0, "every test passed: 1\n"),
        ("@pytest.mark.skip\ndef test_two(): ...\n", 1, "exit code 0, 1 passed, 1 skipped, ignored or deselected; "),
        ("def test_two(): pytest.xfail()\n", 1, "exit code 0, 1 passed, 1 skipped, ignored or deselected; "),
        ("def test_two(): assert False\n", 1, "exit code 1, 1 passed, 0 skipped, ignored or deselected; "),
        ("pytest.skip(allow_module_level=True)\n", 5, "exit code 5, 0 passed, 1 skipped, ignored or deselected; "),
    ],
)
def test_pytest(tmp_path, more, code, said):
    (tmp_path / "test_it.py").write_text(PASSING + more)
    done = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert (done.returncode, done.stderr.startswith(said)) == (code, True), done.stderr


CARGO = "test result: ok. {} passed; 0 failed; {} ignored; 0 measured; 3 filtered out; finished in 0.00s"


@pytest.mark.parametrize(
    ("lines", "passed"),
    [
        ([CARGO.format(2, 0), CARGO.format(0, 0), CARGO.format(1, 0)], 3),
        (["test result: \x1b[32mok\x1b[0m. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"], 1),
        ([CARGO.format(0, 0)], 0),
        ([CARGO.format(1, 1)], 0),
        (["     Summary [   0.012s] 2 tests run: 2 passed, 5 skipped"], 2),
        (["VERIFICATION:- SUCCESSFUL", "Complete - 1 successfully verified harnesses, 0 failures, 1 total."], 1),
        (["No proof harnesses (functions with #[kani::proof]) were found to verify."], 0),
        ([], 0),
    ],
)
def test_a_program_that_counts_as_cargo_does(tmp_path, lines, passed):
    done = run(tmp_path, "printf", "%s\\n", *lines)
    assert (done.returncode == 0) == (passed > 0)
    assert done.stdout.splitlines() == (lines or [""])
    assert done.stderr.startswith(f"every test passed: {passed}\n" if passed else "exit code 0, ")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sh", "-c", f"echo '{CARGO.format(1, 0)}'; exit 101"], "exit code 101, 1 passed"),
        (["there-is-no-such-program"], "there-is-no-such-program: cannot be started: "),
        ([], "no command: cannot be started: "),
    ],
)
def test_a_program_that_failed_is_a_failure(tmp_path, command, said):
    done = run(tmp_path, *command)
    assert done.returncode > 0
    assert done.stderr.startswith(said)
