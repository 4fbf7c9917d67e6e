"""Commands: what is captured, what is ended, and what a digest covers."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from falsifiable.artifacts import ArtifactError, Command
from falsifiable.artifacts.limits import Limits

SECONDS = 60.0

STARTS_A_CHILD = """\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
"""


def python(program: str, *arguments: str, folder: Path, **options: object) -> Command:
    return Command(("python", "-c", program, *arguments), folder=folder, **options)  # type: ignore[arg-type]


def test_exit_code_output_and_written_files_are_seen(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; folder = pathlib.Path(sys.argv[1], 'inner'); folder.mkdir()\n"
        "(folder / 'model.safetensors').write_text('x'); print('out'); sys.exit('FALSIFY-X-001: refused')"
    )
    completed = python(program, "{output}", folder=tmp_path).run(SECONDS)
    assert completed.exit_code == 1
    assert completed.stdout == "out\n"
    assert completed.stderr == "FALSIFY-X-001: refused\n"
    assert completed.written == ("inner/model.safetensors",)
    assert not completed.timed_out


def test_every_run_gets_a_fresh_folder_that_is_gone_afterwards(tmp_path: Path) -> None:
    command = python("import pathlib, sys; pathlib.Path(sys.argv[1], 'x').touch(exist_ok=False); print(sys.argv[1])",
                     "{output}", folder=tmp_path)  # fmt: skip
    first, second = command.run(SECONDS), command.run(SECONDS)
    assert first.exit_code == second.exit_code == 0
    assert first.stdout != second.stdout
    assert not Path(first.stdout.strip()).exists()


def test_braces_of_a_program_are_left_alone(tmp_path: Path) -> None:
    assert python("print({'a': 1})", folder=tmp_path).run(SECONDS).stdout == "{'a': 1}\n"


def test_it_runs_in_its_folder_without_input_and_without_a_shell(tmp_path: Path) -> None:
    program = "import os, sys; print(os.getcwd(), repr(sys.stdin.read()), sys.argv[1])"
    completed = python(program, "$HOME; ls", folder=tmp_path).run(SECONDS)
    assert completed.stdout.split(maxsplit=2) == [str(tmp_path.resolve()), "''", "$HOME; ls\n"]


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    completed = python(STARTS_A_CHILD + "time.sleep(600)", folder=tmp_path).run(3.0)
    assert completed.timed_out
    assert completed.exit_code is None
    assert is_gone(int(completed.stdout))


def test_what_a_program_leaves_running_is_ended(tmp_path: Path) -> None:
    completed = python(STARTS_A_CHILD, folder=tmp_path).run(SECONDS)
    assert completed.exit_code == 0
    assert is_gone(int(completed.stdout))


def is_gone(process: int) -> bool:
    for _ in range(100):  # until its new parent has collected it
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    assert python("import os; os.abort()", folder=tmp_path).run(SECONDS).exit_code == -6


def test_output_is_read_to_its_end_and_kept_up_to_the_limit(tmp_path: Path) -> None:
    program = "import sys; sys.stdout.write('a' * 3_000_000); sys.stderr.buffer.write(b'\\xff' * 10)"
    completed = python(program, folder=tmp_path).run(SECONDS, limits=Limits(command_output_bytes=1_000))
    assert completed.exit_code == 0
    assert completed.stdout == "a" * 1_000
    assert completed.stderr == "\ufffd" * 10


def test_listed_files_stop_at_the_limit(tmp_path: Path) -> None:
    program = "import pathlib, sys; [pathlib.Path(sys.argv[1], str(n)).touch() for n in range(9)]"
    completed = python(program, "{output}", folder=tmp_path).run(SECONDS, limits=Limits(command_written_files=3))
    assert len(completed.written) == 3


@pytest.mark.parametrize("argv", [(), ("no-such-program-anywhere",), ("a\0b",)])
def test_what_cannot_be_started_is_unreadable(argv: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be started") as caught:
        Command(argv, folder=tmp_path).run(SECONDS)
    assert caught.value.kind == "unreadable"


def test_the_digest_covers_arguments_sources_and_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "main.py").write_text("print(1)")
    (tmp_path / "script.py").write_text("print(2)")
    sources = (tmp_path / "package", tmp_path / "script.py")
    command = python("pass", folder=tmp_path, sources=sources, reads={"init": "a" * 64})
    assert set(command.file_digests) == {"package/main.py", "script.py"}
    same = python("pass", folder=tmp_path, sources=sources, reads={"init": "a" * 64})
    assert command.digest == same.digest
    others = [
        python("1", folder=tmp_path, sources=sources, reads={"init": "a" * 64}),
        python("pass", folder=tmp_path, sources=sources[:1], reads={"init": "a" * 64}),
        python("pass", folder=tmp_path, sources=sources, reads={"init": "b" * 64}),
    ]
    (tmp_path / "package" / "main.py").write_text("print(3)")
    others.append(python("pass", folder=tmp_path, sources=sources, reads={"init": "a" * 64}))
    assert command.digest not in {other.digest for other in others}


def test_compiled_files_do_not_count_as_sources(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")
    assert set(python("pass", folder=tmp_path, sources=(tmp_path,)).file_digests) == {"main.py"}


def test_an_absent_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"absent\.py"):
        _ = python("pass", folder=tmp_path, sources=(tmp_path / "absent.py",)).digest


def test_a_mutant_answers_without_running(tmp_path: Path) -> None:
    command = python("raise SystemExit(1)", folder=tmp_path)
    mutant = command.answering(exit_code=0, stderr="all well", written=("model.safetensors",))
    completed = mutant.run(SECONDS)
    assert (completed.exit_code, completed.stderr, completed.written) == (0, "all well", ("model.safetensors",))
    assert mutant.digest.startswith(f"mutant:{command.digest}+")
