"""``contract race import``: somebody's ledger, checked row by row before anybody believes a number in it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from falsifiable.cli import Failure
from falsifiable.cli.common import format_option, traceback_option
from falsifiable.cli.exit_codes import ExitCode
from falsifiable.report.text import clean

if TYPE_CHECKING:
    from falsifiable.race.importing.defects import Defect
    from falsifiable.race.importing.ledger_import import ImportReport

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="import")
@click.argument("queue", type=_FILE)
@click.argument("samples", type=_FILE)
@click.option(
    "--vocabulary", default=128, show_default=True, type=click.IntRange(2), help="Symbols its models predict."
)
@click.option(
    "--unit",
    default="bits_per_byte",
    show_default=True,
    type=click.Choice(["bits_per_byte", "bits_per_char", "nats_per_token"]),
    help="Unit of its values.",
)
@click.option("--floor", default=0.1, show_default=True, type=float, help="Below it, no value is a model's.")
@click.option("--review", default=1.89, show_default=True, type=float, help="Below it, a result is held for a person.")
@click.option("--forbidden-seed", "forbidden", multiple=True, type=int, default=(42, 43, 44, 45), show_default=True)
@click.option(
    "--survivors", type=click.Path(dir_okay=False, path_type=Path), help="Write the curves left as JSON Lines."
)
@format_option
@traceback_option
def command(
    queue: Path,
    samples: Path,
    vocabulary: int,
    unit: str,
    floor: float,
    review: float,
    forbidden: tuple[int, ...],
    survivors: Path | None,
    form: str,
) -> ExitCode:
    """Check somebody's ledger: every class of defects with its count and first rows, and the curves that survive.

    QUEUE and SAMPLES are JSON Lines. A row of QUEUE has canon_name, seed, steps_budget, status, final_bpb, final_step,
    prune_reason and last_error; a row of SAMPLES has run, seed, step and bpb (null where there was no number). Nothing
    is repaired, and nothing is left out: a class that does not occur is listed with 0.

    Exit codes: 0 no defect, 1 defects were found, 2 a file could not be read or a row not understood, 3 there was
    nothing in it.
    """
    from falsifiable.artifacts.errors import ArtifactError
    from falsifiable.race.errors import MalformedRow
    from falsifiable.race.importing.ledger_import import ImportRules, import_ledger

    if not (math.isfinite(floor) and math.isfinite(review)):
        raise click.UsageError(f"--floor is {floor} and --review {review}; every value is on one side of such a line")
    if survivors is not None and survivors.resolve() in (queue.resolve(), samples.resolve()):
        raise click.UsageError(f"--survivors would overwrite {survivors}, which is read; name another file")
    rules = ImportRules(vocabulary, unit, floor, review, forbidden)
    try:
        report = import_ledger(queue, samples, rules)
    except (ArtifactError, MalformedRow) as error:
        raise Failure(str(error), ExitCode.COULD_NOT_RUN) from error
    if survivors is not None:
        _write_survivors(survivors, report)
    click.echo(json.dumps(_as_json(report), indent=2) if form == "json" else _as_text(report))
    if not report.queue_rows and not report.runs:
        return ExitCode.NOTHING_EXAMINED
    return ExitCode.FALSIFIED if report.found else ExitCode.HELD


def _as_text(report: ImportReport) -> str:
    lines = [f"{report.queue_rows} runs in the queue; {report.sample_rows} samples of {report.runs} runs", ""]
    for one in report.found:
        lines.append(f"{one.name:<24}{one.count:>6} {one.of:<7} {one.title}" + (f" ({one.more})" if one.more else ""))
        lines += [f"{'':<31}{place}" for place in one.first]
    absent = [one.name for one in report.defects if not one.count]
    lines += ["", f"looked for and not found: {', '.join(absent) or 'none'}"]
    points = sum(len(curve.steps) for curve in report.survivors)
    lines.append(f"{len(report.survivors)} curves with {points} points survive all checks")
    if report.held:
        lines.append(f"{len(report.held)} of them held until a person has looked: {', '.join(report.held)}")
    return "\n".join(map(clean, lines))


def _as_json(report: ImportReport) -> dict[str, Any]:
    return {
        "queue_rows": report.queue_rows,
        "sample_rows": report.sample_rows,
        "runs": report.runs,
        "defects": [_defect_as_json(one) for one in report.defects],
        "survivors": [
            {"run": curve.run, "points": len(curve.steps), "final": curve.final} for curve in report.survivors
        ],
        "held": list(report.held),
    }


def _defect_as_json(one: Defect) -> dict[str, Any]:
    first = [{"file": str(place.path), "line": place.line, "said": place.said} for place in one.first]
    plain = {"name": one.name, "title": one.title, "count": one.count, "of": one.of, "more": one.more}
    return {**plain, "voids": one.voids, "runs": len(one.runs), "first": first}


def _write_survivors(path: Path, report: ImportReport) -> None:
    from falsifiable.evidence import write_atomically

    rows = [
        {"run": curve.run, "recipe": curve.recipe, "seed": curve.seed, "step": step, "value": value, "unit": curve.unit}
        for curve in report.survivors
        for step, value in zip(curve.steps, curve.values, strict=True)
    ]
    try:
        write_atomically(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}; name another file after --survivors"
        raise Failure(message, ExitCode.COULD_NOT_RUN) from error
