"""The report of a race: one HTML page that stands alone, the same as Markdown beside its images, and as JSON."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from falsifiable.race.deciding.decision import Decision
from falsifiable.race.judging.gains import GainRow
from falsifiable.report.race.plots import ImageFormat
from falsifiable.report.race.regret import share_of_compute
from falsifiable.report.race.status import RaceStatus, prediction_as_json, status_as_json
from falsifiable.report.race.table import HEAD, cells, headline, interval, number
from falsifiable.report.text import clean
from falsifiable.spec.markdown import escaped, table

DECISION_HEAD = ("rung", "step", "run", "state", "action", "predicted", "seeds asked for", "reason")
CAPTIONS: Mapping[str, str] = {
    "curves": "Every curve in the colour of the last decision about it; the band leads to the predicted interval.",
    "predictions": "What was predicted of each run at each rung. A bar is the value that a finished run came to.",
    "regret": "Distance of the best value so far from the best of the race, over the steps of all runs together.",
}
_MEDIA = {"svg": "image/svg+xml", "png": "image/png"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1100px; padding: 0 1rem; color: #1c2833; }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { text-align: left; padding: 2px 10px 2px 0; border-bottom: 1px solid #d5d8dc; vertical-align: top; }
td { white-space: nowrap; } td:last-child { white-space: normal; min-width: 22em; }
img { max-width: 100%; } figure { margin: 1.5rem 0; } figcaption { color: #566573; font-size: 13px; }
.stop { color: #b03a2e; } .promote { color: #1e8449; } .hold { color: #9a7d0a; } .fault { color: #b03a2e; }
"""


def report_html(status: RaceStatus, images: Mapping[str, bytes], image: ImageFormat) -> str:
    """The report as one HTML page: no script, and nothing that is fetched from elsewhere.

    Every name from the ledger is escaped; images are part of the page, and cannot run anything either.
    """
    return "\n".join(_html_parts(status, images, image)) + "\n"


def _html_parts(status: RaceStatus, images: Mapping[str, bytes], image: ImageFormat) -> Iterator[str]:
    title = f"Race {_html(status.name)}"
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    yield "<!DOCTYPE html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield f"<style>{_STYLE}</style></head><body>"
    yield f"<h1>{title}</h1>"
    yield from (f"<p>{_html(line)}</p>" for line in summary(status))
    yield from (f'<p class="fault">ledger: {_html(fault)}</p>' for fault in status.faults)
    for name, content in images.items():
        data = base64.b64encode(content).decode()
        yield f'<figure><img alt="{_html(name)}" src="data:{_MEDIA[image]};base64,{data}">'
        yield f"<figcaption>{_html(CAPTIONS[name])}</figcaption></figure>"
    yield "<h2>Runs</h2>"
    yield _html_table(HEAD, [(one.action, cells(one)) for one in status.runs])
    yield "<h2>Decisions</h2>"
    yield _html_table(DECISION_HEAD, [(one.action, decision_cells(one)) for one in status.decisions])
    yield "</body></html>"


def _html_table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    lines = ["<table><thead><tr>", *(f"<th>{_html(one)}</th>" for one in head), "</tr></thead><tbody>"]
    for action, row in rows:
        lines.append(f'<tr class="{_html(action)}">' + "".join(f"<td>{_html(one)}</td>" for one in row) + "</tr>")
    return "\n".join([*lines, "</tbody></table>"])


def _html(text: str) -> str:
    return html.escape(clean(text), quote=True)


def report_markdown(status: RaceStatus, images: Mapping[str, str]) -> str:
    """The report as Markdown. ``images`` maps the name of each plot to the file beside it."""
    return "\n\n".join(_markdown_parts(status, images)) + "\n"


def _markdown_parts(status: RaceStatus, images: Mapping[str, str]) -> Iterator[str]:
    yield f"# Race {escaped(status.name)}"
    yield from (escaped(line) for line in summary(status))
    yield from (f"**ledger: {escaped(fault)}**" for fault in status.faults)
    yield from (f"![{CAPTIONS[name]}]({file})" for name, file in images.items())
    yield "## Runs"
    yield table(HEAD, (tuple(map(escaped, cells(one))) for one in status.runs))
    yield "## Decisions"
    yield table(DECISION_HEAD, (tuple(map(escaped, decision_cells(one))) for one in status.decisions))


def summary(status: RaceStatus) -> Iterator[str]:
    """What a reader wants first: how many runs, which one leads, what was spent, and what predicted."""
    yield headline(status) + "."
    leader = next((one for one in status.runs if one.value is not None), None)
    if leader is not None and leader.value is not None:
        yield f"{leader.run} leads with {number(leader.value)} at step {leader.step} of {leader.steps}."
    share = share_of_compute(status.curves)
    if share == share:
        yield f"{share:.1%} of the steps that the runs were asked for were run."
    for predictor, may_stop in sorted({(one.predictor, one.may_stop) for one in _predicted(status)}):
        said = "was back-tested on comparable runs" if may_stop else "was not back-tested, and may rank but not stop"
        yield f"Predictions are those of {predictor}, which {said}."
    yield from (_gain(one, status.unit) for one in status.gains)
    for recipe, one in status.seeds.items():
        sizes = f"{one.sizes[0]} against {one.sizes[1]} runs"
        yield f"That phi-anchored seeds do better is {one.answer} for {recipe}: {sizes}."


def _gain(one: GainRow, unit: str) -> str:
    measured = (
        "was not measured" if one.measured is None else f"was {number(one.measured)} [{one.low:.4g}, {one.high:.4g}]"
    )
    expected = f"{one.recipe} was to gain {number(one.expected)} {unit} on {one.against}"
    return f"{expected}, and the gain {measured}: {one.outcome}."


def _predicted(status: RaceStatus) -> Iterator[Any]:
    return (one.prediction for one in status.decisions if one.prediction is not None)


def decision_cells(one: Decision) -> tuple[str, ...]:
    """The cells of one decision, in the order of ``DECISION_HEAD``, safe to print."""
    return (
        str(one.rung),
        str(one.step),
        clean(one.run),
        clean(one.state),
        clean(one.action),
        "" if one.prediction is None else interval(one.prediction),
        ", ".join(map(str, one.mirrors)),
        clean(one.reason),
    )


def report_as_json(status: RaceStatus) -> dict[str, Any]:
    """The report as JSON data: the status, every decision in order, and the share of compute that was spent."""
    share = share_of_compute(status.curves)
    decisions = [
        {
            "rung": one.rung,
            "step": one.step,
            "run": one.run,
            "state": one.state,
            "action": one.action,
            "leader": one.leader,
            "mirrors": list(one.mirrors),
            "predicted": None if one.prediction is None else prediction_as_json(one.prediction),
            "reason": one.reason,
        }
        for one in status.decisions
    ]
    return {**status_as_json(status), "share_of_compute": share if share == share else None, "decisions": decisions}
