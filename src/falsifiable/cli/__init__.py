"""The command ``contract``: one thin module per verb, imported only when that verb is used."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from typing import NoReturn

from falsifiable.cli.exit_codes import ExitCode

VERBS = {
    "init": "Start a workspace: write artifacts.yaml and a first contract for the files found here.",
    "check": "Check one file or folder for the programs that must load it; no YAML needed.",
    "validate": "Run every falsifier whose artifacts are bound, and say what was falsified.",
    "record": "Write the evidence of a validation, and the statuses it earned into the spec.",
    "evidence": "Sign, verify, review and show evidence.",
    "status": "Show the status each claim has earned, and what it still needs.",
    "next": "Show what can be dispatched now, by points per hour, and what the rest waits for.",
    "why": "Walk a percentage, a criterion or a status back to the bytes it rests on.",
    "graph": "Draw contracts, criteria and steps, and what each of them leans on.",
    "amend": "Write, list, preview and release amendments of a spec.",
    "gate": "Refuse a change that moves a status or a percentage without evidence.",
    "diagnose": "Say what a training run suffers from, before anyone tunes.",
    "report": "Write the promotion packet of a run, or a ship percentage by version.",
    "preflight": "Check the plan of a run before it costs GPU hours.",
    "race": "Predict many runs early, stop losers, promote leaders, judge by quorum over seeds.",
    "challenge": "Prove that falsifiers can fail, and list what none of them guards.",
    "diff": "Show how contracts changed, and the version each change demands.",
    "import": "Write a contract of ours for each that was written for pv.",
    "inspect": "Show what a model, tokenizer, run, corpus or table holds.",
    "explain": "Explain a check, a claim, a rule, a status or a verb; print a guide.",
    "schema": "Print the path of the JSON Schema for contract files.",
    "limits": "Show how much of a file the readers accept before they refuse it.",
    "cache": "Show or empty the cache of digests, fingerprints and verdicts.",
}


OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Python looks for cycles after every 700 objects, which is a tenth of the time that reading contracts takes."""


class Failure(Exception):
    """A verb that cannot go on: a message for the person, and the exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.INVALID) -> None:
        super().__init__(message)
        self.code = code


def main() -> NoReturn:
    """Run the command and exit with its code. A traceback is shown only with ``--debug``."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character still gets the rest
    signal.signal(signal.SIGTERM, _end_like_control_c)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    sys.exit(run(sys.argv[1:]))


def _open_what_is_closed() -> None:
    """Whoever closes a stream (``2>&-``) wants none of it, which is no failure; no file of ours may take its place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _end_like_control_c(*_: object) -> NoReturn:
    """Who is told to end (by a CI runner that gives up) keeps what had finished, and takes the workers along."""
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """Run the command on ``arguments`` and return its exit code; messages go to stdout and stderr."""
    try:
        code = _on_names_alone(arguments)
        if code is None:
            from falsifiable.cli.program import parsed

            code = parsed(arguments)
        sys.stdout.flush()
    except Failure as failure:
        _tell(_printable(str(failure)))
        return failure.code
    except KeyboardInterrupt:
        _tell("interrupted; what had finished is kept")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _unheard()
    except SystemExit as done:
        return _left_by_click(done)
    except Exception as error:  # the last door: a person sees a sentence, a developer asks for the traceback
        if "--debug" in arguments:
            raise
        _tell(f"{_in_words(error)}; run again with --debug to see where")
        return ExitCode.COULD_NOT_RUN
    return code


def _on_names_alone(arguments: list[str]) -> int | None:
    """The exit code of ``validate`` on nothing but contracts of ``pv``; None where the options have to be parsed.

    To import what parses options takes as long as to look at a folder of contracts that have not changed.
    """
    verb, *names = arguments or [""]
    if verb != "validate" or not names or any(one.startswith("-") for one in names):
        return None
    from falsifiable.cli.pv import code_of_pv, named_pv, tell_passed_over, tell_pv

    named = named_pv(names, None)
    if named.others:
        return None
    tell_passed_over(named)
    tell_pv(named.theirs)
    return code_of_pv(named.theirs, strict=False)


def _tell(message: str) -> None:
    sys.stderr.write(f"contract: {message}\n")


def _printable(message: str) -> str:
    """A message line by line: what it quotes from somebody's file must not steer the terminal."""
    from falsifiable.report.text import clean

    return "\n".join(clean(line) for line in message.split("\n"))


def _in_words(error: Exception) -> str:
    """What went wrong: a full disk or a missing permission is no defect of ours, and names the file."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return f"unexpected {type(error).__name__}: {error}"


def _left_by_click(done: SystemExit) -> int:
    """Click exits by itself in two cases: a completion script was printed, or whoever read our output has gone."""
    return _unheard() if done.code else ExitCode.HELD


def _unheard() -> int:
    """Whoever read our output has gone: there is no answer, and nothing is written again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return ExitCode.COULD_NOT_RUN
