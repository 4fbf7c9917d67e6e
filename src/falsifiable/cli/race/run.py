"""``contract race run``: a race from its file to its last run, on this machine or through Ray."""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, quiet_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.cli.race.sources import read_plan

if TYPE_CHECKING:
    from falsifiable.race.deciding.plan import RacePlan
    from falsifiable.race.engines.race_summary import RaceSummary
    from falsifiable.recorder import RunRecorder


@click.command()
@click.argument("race", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the ledger and a folder per run are written.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Runs at once [default: one per processor].")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--apply", is_flag=True, help="Stop the runs that a rung tells to stop; without it, that is advice.")
@click.option("--probe", is_flag=True, help="First break the ledger's rules on purpose, and see it refuse.")
@click.option("--phase", metavar="NAME", help="Run the experiments of one phase, if what it waits for is green.")
@click.option(
    "--validated",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What `contract validate --format json` printed about the phases before.",
)
@click.option("--done", "finished", multiple=True, metavar="NAME", help="A phase or a blocker that is out of the way.")
@click.option("--budget", type=click.IntRange(min=1), metavar="RUNS", help="Runs that can be paid for in the phase.")
@format_option
@quiet_option
@traceback_option
def command(
    race: Path,
    output: Path,
    workers: int | None,
    engine: str,
    apply: bool,
    probe: bool,
    phase: str | None,
    validated: Path | None,
    finished: tuple[str, ...],
    budget: int | None,
    form: str,
    quiet: bool,
) -> ExitCode:
    """Run a race: claim every run, start them, follow their logs, decide at every rung, and keep it all in a ledger.

    RACE is a race.yaml with a command, a log pattern and a corpus. The command is started without a shell, in the
    current directory. Interrupted or killed, the same call goes on where it was: what had ended stays, what was going
    is trained again and must repeat the values it had logged. A race that is over is shown, and not touched.

    \b
    Examples:
        contract race run race.yaml --output runs/race
        contract race run race.yaml --output runs/race --apply --workers 2
        contract race run race.yaml --output runs/champion --phase champion --validated smoke.json --done smoke

    Exit codes: 0 every run was done or was stopped by a rung, 1 a run failed its checks, 2 something could not be run,
    4 the race is not valid, 5 the phase may not start yet, 130 interrupted: every run was ended gracefully.
    """
    plan = _read(race)
    if phase is not None:
        plan = _phase(plan, phase, validated, finished, budget)
    summary = _over(plan, output)
    if summary is None:
        with _recorder(plan, output) as recorder:
            at_once = workers or os.cpu_count() or 1
            # An engine of somebody else prints what it likes, and stdout belongs to the summary.
            with redirect_stdout(sys.stderr):
                summary = _run(plan, race, output, at_once, engine, apply=apply, probe=probe, quiet=quiet)
            _record(recorder, plan, summary, output)
    if form == "json":
        click.echo(json.dumps(summary.as_json(), indent=2))
    else:
        click.echo(summary.as_text())
    return ExitCode.HELD if summary.is_sound else ExitCode.FALSIFIED


def _read(race: Path) -> RacePlan:
    plan = read_plan(race)
    for key in ("command", "log", "corpus"):
        if not getattr(plan, key):
            raise Failure(f"{race}: a race that is to be run needs '{key}'; nothing was run")
    return plan


def _phase(
    plan: RacePlan, name: str, validated: Path | None, finished: tuple[str, ...], budget: int | None
) -> RacePlan:
    from falsifiable.race.engines.phase_start import judged_in, phase_plan
    from falsifiable.race.errors import RaceError

    try:
        judged = {} if validated is None else judged_in(json.loads(validated.read_text(encoding="utf-8")))
        return phase_plan(plan, name, judged, finished=finished, removed=finished, runs=budget)
    except ValueError as error:
        raise Failure(f"{validated}: {error}; write `contract validate --format json` to that file") from error
    except RaceError as error:
        raise Failure(f"{error.name}: {error}", ExitCode.GATE_REFUSED) from error


def _over(plan: RacePlan, output: Path) -> RaceSummary | None:
    from falsifiable.race.engines.local_race import over
    from falsifiable.race.engines.race_folder import RaceFolderError
    from falsifiable.race.errors import RaceError

    try:
        return over(plan, output)
    except RaceFolderError as error:
        raise Failure(str(error)) from error
    except RaceError as error:
        raise Failure(f"{output}: {error.name}: {error}", ExitCode.COULD_NOT_RUN) from error


def _recorder(plan: RacePlan, output: Path) -> RunRecorder:
    """The record of the race as a whole, which vouches for its ledger."""
    from falsifiable.recorder import RunRecorder

    assert plan.corpus is not None  # noqa: S101 - asked for when the plan was read
    recorder = RunRecorder(
        output,
        command=[Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]],
        seed=plan.seeds[0],
        device="cpu",
        dtype="float32",
        data=plan.corpus.name,
        steps=plan.steps,
        inputs={"race": plan.race, "recipes": len(plan.recipes), "seeds": list(plan.seeds)},
    )
    pins = {
        "train": (plan.corpus.train_sha256, plan.corpus.train_tokens),
        "validation": (plan.corpus.validation_sha256, plan.corpus.validation_tokens),
    }
    for split, (sha256, tokens) in pins.items():
        recorder.dataset(split, sha256=sha256, files=1, tokens=tokens or 0, real_share=1.0)
    return recorder


def _record(recorder: RunRecorder, plan: RacePlan, summary: RaceSummary, output: Path) -> None:
    """What came out: the lowest last value of a run that is done, the steps all such runs took, and the ledger."""
    from falsifiable.race.ledger.ledger import LEDGER_FILE

    done = {one.run: (one.value, one.step) for one in summary.runs if one.status == "done" and one.value is not None}
    if done:
        lowest, step = min(done.values())
        recorder.log("race", step, lowest=lowest)
        recorder.metric("lowest", lowest, step)
        recorder.steps_done(min(step for _, step in done.values()))
    if plan.corpus is not None:
        recorder.observe_data(plan.corpus.name)
    recorder.artifact("race", output / LEDGER_FILE)
    recorder.artifact("curves", output / LEDGER_FILE)
    if not summary.is_sound:
        recorder.end("failed")


def _run(
    plan: RacePlan, race: Path, output: Path, workers: int, engine: str, *, apply: bool, probe: bool, quiet: bool
) -> RaceSummary:
    from falsifiable.race.engines.commands import CommandError
    from falsifiable.race.engines.local_race import Asked, run_here
    from falsifiable.race.engines.race_folder import RaceFolderError
    from falsifiable.race.errors import RaceError
    from falsifiable.report.race.live import watching

    asked = Asked(output, race.read_bytes(), workers, f"{socket.gethostname()}:{os.getpid()}", apply, probe)
    try:
        if engine == "ray":
            from falsifiable.race.engines.ray_engine import run_on_ray

            return run_on_ray(plan, asked)
        with watching(plan, quiet=quiet) as watch:
            return run_here(plan, asked, watch)
    except (RaceFolderError, CommandError) as error:
        raise Failure(str(error)) from error
    except RaceError as error:
        raise Failure(f"{output}: {error.name}: {error}", ExitCode.COULD_NOT_RUN) from error
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}", ExitCode.COULD_NOT_RUN) from error
