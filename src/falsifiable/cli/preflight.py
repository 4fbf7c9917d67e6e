"""``contract preflight``: whether a planned run can succeed, before it costs anything."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode, combined


@click.command()
@click.argument("plan", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@format_option
@traceback_option
def command(plan: Path, form: str) -> ExitCode:
    """Check the plan of a run before it costs GPU hours: data budget, vocabulary, initialisation, device, disk, a
    smoke run of the same command and commit, and whatever is declared to stand in the way.

    PLAN is a YAML file; paths in it are relative to its folder. It is answered from headers, records and the driver:
    nothing is trained, and no tensor is read.

    \b
    A plan:
        plan: finetune-qwen
        command: [python, -m, examples.pretrain, --output, runs/next]
        device: cuda
        steps: 5000
        batch: {sequences: 16, sequence_length: 512}
        init: runs/reference/pretrained
        tokenizer: runs/reference/finetuned/tokenizer.json
        data: {corpus: runs/reference/corpus/manifest.json, splits: [finetune]}
        budget: {tokens: distinct, per_parameter: {at_least: 20}}
        checkpoints: {folder: runs, saves: 5, bytes_per_parameter: 12}
        smoke: runs/smoke
        blockers:
          - {what: the licence is not settled, until: 2026-12-01, why: nothing may be published}

    Exit codes: 0 go, 1 something refuses it, 2 something that it names could not be read, 4 the plan is not valid.
    """
    import datetime

    from falsifiable.contracts import read_plan
    from falsifiable.evidence import Repository
    from falsifiable.validation.preflight import Surroundings, preflight

    read, faults = read_plan(plan, shown=str(plan))
    for fault in faults:
        click.echo(str(fault), err=True)
    if read is None:
        raise Failure(f"{plan} is no valid plan; nothing was looked at. See contract explain RULE")
    today = datetime.datetime.now(tz=datetime.UTC).date()
    findings = preflight(read, Surroundings(Repository(plan.absolute().parent).head, today))
    codes = {"go": ExitCode.HELD, "refused": ExitCode.FALSIFIED, "unreadable": ExitCode.COULD_NOT_RUN}
    code = combined(codes[one.answer] for one in findings)
    if form == "json":
        answer = "go" if code is ExitCode.HELD else "no go"
        click.echo(json.dumps({"plan": read.plan, "answer": answer, "findings": list(map(asdict, findings))}, indent=2))
        return code
    for one in findings:
        click.echo(f"{one.answer:<10}  {one.question}: {one.said}")
        if one.next_step:
            click.echo(f"{'':<10}  next: {one.next_step}")
    click.echo("\ngo" if code is ExitCode.HELD else "\nno go")
    return code
