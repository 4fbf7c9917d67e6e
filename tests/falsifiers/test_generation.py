"""What counts as Python, as a loop and as a solved problem, and what a program under test cannot do."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from falsifiable import Criterion, Model, open_model, open_table
from falsifiable.samples import specimen
from falsifiers import isolation
from falsifiers.functions import body_of, function_headers
from falsifiers.generation import greedy_stable, no_repetition, parses_as_python, repeated_share, stops
from falsifiers.isolation import can_unshare_network, run_isolated
from falsifiers.problems import pass_at_k, program, unbiased
from falsifiers.sampling import Completion, SamplingError, Settings, complete

PROBLEMS = Path(__file__).parents[2] / "examples" / "problems" / "python.jsonl"
SOLUTIONS = {
    "add": "return a + b",
    "is_even": "return number % 2 == 0",
    "square": "return x * x",
    "largest": "return max(numbers)",
    "reverse": "return text[::-1]",
    "area": "return math.pi * radius**2",
    "count_words": "return len(text.split())",
    "average": "return sum(numbers) / len(numbers)",
    "absolute": "return abs(x)",
    "upper": "return text.upper()",
}


def says(*texts: str, stopped: bool = True) -> Any:
    """A sampler that answers with ``texts`` in turn."""

    def sampler(_model: Model, prompts: Sequence[str], _settings: Settings) -> list[Completion]:
        return [Completion(prompt, texts[at % len(texts)], stopped) for at, prompt in enumerate(prompts)]

    return sampler


@pytest.fixture
def coder() -> Model:
    model = specimen("model", "coder")
    assert isinstance(model, Model)
    return model


# What counts as Python


def test_the_prompts_are_a_hundred_different_functions():
    headers = function_headers(100)

    assert len(set(headers)) == 100
    assert len(function_headers(20)) == 20
    for header in headers:
        compile(header, "header", "exec")


@pytest.mark.parametrize(
    ("text", "body", "ended"),
    [
        ("\n    return 1\n\ndef other():\n    pass", "\n    return 1\n\n", True),
        ("\n    return 1\n    x = ", "\n    return 1\n    x = ", False),
        (" return 1", " return 1", False),
    ],
)
def test_a_body_ends_where_the_text_returns_to_the_left_margin(text: str, body: str, ended: bool):
    assert body_of(Completion("def f(n):", text, stopped=False)) == (body, ended)


@pytest.mark.parametrize(
    "text",
    [
        "\n    return 1\nThis function returns one.",  # what follows the function is not judged
        "\n    if file:\n        with open(fi",  # the last line is unfinished, the block before it open
        "\n    return {\n        'a': 1,\n",
    ],
)
def test_what_may_still_become_python_is_no_error(coder: Model, text: str):
    verdict = parses_as_python(coder, samples=10, errors=Criterion(at_most=0), sampler=says(text, stopped=False))

    assert verdict.outcome == "held", verdict.found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n    retrun x y\n    z", "invalid syntax"),
        ("\n    return (1]\n    z", "does not match"),
        (" never a whole line", "not one whole line"),
    ],
)
def test_what_is_not_python_is_named(coder: Model, text: str, said: str):
    verdict = parses_as_python(coder, samples=10, errors=Criterion(at_most=1), sampler=says(text, stopped=False))

    assert verdict.outcome == "falsified"
    assert "10 of 10" in verdict.found
    assert said in verdict.found


# Loops


def test_a_text_that_repeats_itself_has_a_large_repeated_share():
    assert repeated_share("one two three four five six") == 0
    assert repeated_share("la " * 100) > 0.9
    assert repeated_share("too short") == 0


def test_one_loop_in_ten_is_chance_and_two_are_not(coder: Model):
    good, loop = "a b c d e f g h i j k", "x y " * 20
    once, twice = says(*[good] * 9, loop), says(*[good] * 8, loop, loop)

    assert no_repetition(coder, samples=10, sampler=once).outcome == "held"
    assert no_repetition(coder, samples=10, sampler=twice).outcome == "falsified"


def test_texts_too_short_to_loop_show_nothing(coder: Model):
    assert no_repetition(coder, samples=10, sampler=says("no")).outcome == "inconclusive"


# Solved problems


@pytest.mark.parametrize(("samples", "passed", "k"), [(5, 2, 1), (5, 2, 3), (4, 0, 2), (4, 4, 4), (6, 1, 6)])
def test_the_estimate_is_the_share_of_draws_with_a_success(samples: int, passed: int, k: int):
    draws = list(combinations([True] * passed + [False] * (samples - passed), k))

    assert unbiased(samples, passed, k) == pytest.approx(sum(any(draw) for draw in draws) / len(draws))


def test_right_bodies_solve_every_shipped_problem(coder: Model):
    problems = open_table(PROBLEMS)
    bodies = says(*(f"\n    {SOLUTIONS[row.values['entry_point']]}\n\nprint('done')" for row in problems.rows))

    verdict = pass_at_k(coder, problems, rate=Criterion(at_least=1.0), samples=1, sampler=bodies)

    assert verdict.outcome == "held", verdict.found
    assert len(problems.rows) == len(SOLUTIONS)


def test_imports_of_the_prompt_are_kept():
    row = next(row.values for row in open_table(PROBLEMS).rows if row.values["entry_point"] == "area")
    whole = program(row, Completion(row["prompt"], "\n    return math.pi * radius**2", stopped=True))

    assert run_isolated(whole, seconds=10).finished
    assert "NameError" in run_isolated(whole.replace("import math", ""), seconds=10).said


def test_a_wrong_body_is_shown_with_what_it_raised(coder: Model):
    problems = open_table(PROBLEMS)

    verdict = pass_at_k(coder, problems, rate=Criterion(at_least=0.5), samples=1, sampler=says("\n    return 41"))

    assert verdict.outcome == "falsified"
    assert "AssertionError" in verdict.found
    assert "return 41" in verdict.found


def test_rows_that_are_no_problems_are_said_to_be_none(coder: Model, tmp_path: Path):
    (tmp_path / "rows.jsonl").write_text('{"prompt": "def f():"}\n')

    verdict = pass_at_k(coder, open_table(tmp_path / "rows.jsonl"), rate=Criterion(at_least=0.5), sampler=says(""))

    assert verdict.outcome == "inconclusive"
    assert "line 1" in verdict.found


# Isolation


def test_a_program_that_comes_to_its_end_has_finished():
    assert run_isolated("import json, re, heapq\nopen('mine', 'w').write('x')", seconds=10).finished


ESCAPES = {
    "socket": "import socket\nsocket.create_connection(('127.0.0.1', 80))",
    "http": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
    "read outside": "open('/etc/passwd').read()",
    "write outside": "import tempfile\nopen('/tmp/falsifiable-escaped', 'w')",
    "rename from outside": "import os\nos.rename('/tmp', 'mine')",
    "link out": "import os\nos.symlink('/etc/passwd', 'link')\nopen('link').read()",
    "list outside": "import os\nos.listdir('/')",
    "process": "import subprocess\nsubprocess.run(['true'])",
    "fork": "import os\nos.fork()",
    "native code": "import ctypes",
    "kill": "import os\nos.kill(os.getppid(), 9)",
}


@pytest.mark.parametrize("network_namespace", [True, False])
@pytest.mark.parametrize("escape", ESCAPES)
def test_a_way_out_is_refused_and_said_to_be(escape: str, network_namespace: bool):
    ran = run_isolated(ESCAPES[escape], seconds=10, network_namespace=network_namespace)

    assert not ran.finished
    assert "PermissionError" in ran.said
    assert not Path("/tmp/falsifiable-escaped").exists()


LIMITS = {
    "time": ("while True: pass", "did not end within"),
    "sleep": ("import time\ntime.sleep(60)", "did not end within"),
    "memory": ("x = 'a' * (2 << 30)", "MemoryError"),
    "file size": ("open('big', 'w').write('a' * (2 << 20))", "File too large"),
    "left early": ("import os\nos._exit(0)", "left before its end"),
    "exit code 0": ("import sys\nsys.exit(0)", "SystemExit"),
    "crash": ("import os\nos.abort()", "ended with"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_ends_a_program_that_has_not_passed(limit: str):
    source, said = LIMITS[limit]

    ran = run_isolated(source, seconds=2)

    assert not ran.finished
    assert said in ran.said


def test_the_kernel_lets_no_connection_out_of_the_namespace():
    """Without the interpreter's hook, so that it is the namespace alone that holds."""
    if not can_unshare_network():
        pytest.skip("this machine lets no ordinary user make a network namespace")
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = threading.Thread(target=lambda: server.accept()[0].close(), daemon=True)
        listener.start()
        connect = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)"
        inside = subprocess.run([*isolation._NO_NETWORK, sys.executable, "-c", connect], capture_output=True, text=True)
        outside = subprocess.run([sys.executable, "-c", connect], capture_output=True, text=True)
        listener.join(10)

    assert inside.returncode != 0
    assert "unreachable" in inside.stderr
    assert outside.returncode == 0, outside.stderr


# The clients


@pytest.mark.parametrize("client", ["transformers", "llama.cpp"])
def test_a_model_that_knows_its_line_says_it_and_stops(coder: Model, client: Any):
    pytest.importorskip("torch")
    pytest.importorskip("xllamacpp")

    made = complete(coder, ["def f(x):", "def g(x):\n"], Settings(client, tokens=8))

    assert [one.text for one in made] == ["\n 1", " 1"]
    assert all(one.stopped for one in made)


@pytest.mark.parametrize("client", ["transformers", "llama.cpp"])
def test_weights_that_never_stop_are_found_not_to(coder: Model, client: Any):
    """A real mutation, of the weights: an output whose rows stand in another order, so that no end follows."""
    pytest.importorskip("torch")
    pytest.importorskip("xllamacpp")
    shuffled = coder.with_tensor("output", lambda values: values[::-1])

    assert stops(coder, prompts=("def f(x):",), client=client, tokens=8).outcome == "held"
    assert stops(shuffled, prompts=("def f(x):",), client=client, tokens=8).outcome == "falsified"


def test_what_no_file_can_hold_is_not_given_to_llama_cpp(coder: Model):
    with pytest.raises(SamplingError, match="a dict is no value of GGUF"):
        complete(coder.with_metadata({"general.name": {"a": 1}}), ["def f(x):"], Settings("llama.cpp"))


@pytest.mark.parametrize("client", ["transformers", "llama.cpp"])
def test_a_real_model_says_the_same_twice(client: Any):
    pytest.importorskip("torch")
    pytest.importorskip("xllamacpp")
    export = specimen("model", "export")
    assert isinstance(export, Model)

    verdict = greedy_stable(export, client=client, prompts=("Shall I compare",), tokens=8)

    assert verdict.outcome == "held", verdict.found


def test_llama_cpp_says_why_it_generates_nothing(tmp_path: Path, coder: Model):
    pytest.importorskip("xllamacpp")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(coder.path.read_bytes().replace(b"tokenizer.ggml.model", b"tokenizer.ggml.modem"))

    verdict = greedy_stable(open_model(broken), client="llama.cpp")

    assert verdict.outcome == "inconclusive"
    assert "llama.cpp generated nothing" in verdict.found
