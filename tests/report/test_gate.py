"""What the gate decided, in each of its four forms."""

from __future__ import annotations

import json

import pytest

from falsifiable.contracts import Waiver
from falsifiable.report.gate import FORMATS
from falsifiable.spec.gate import Decision
from falsifiable.status.gate.block import Block
from falsifiable.status.gate.ships import ship_movements
from tests.status.ships import TRAINING, acceptance, grounds, recorded, ship

UNTIL = ("A. Person", "it is urgent", "2999-12-31")
WAIVED = ship(acceptance(), acceptance("AC-2", "UNHEARD"), waivers=(Waiver("AC-1", *UNTIL), Waiver("AC-2", *UNTIL)))
"""Two criteria that somebody waived, of which the evidence can discharge the first."""
REFUSED = Decision(
    "a" * 40,
    "b" * 40,
    blocks=(
        Block("GATE-FALSIFIED", "LOSS", "it fell"),
        Block(
            "GATE-REGION-EDITED",
            "spec/ship/spec.md:7",
            "says 100 %, not 50 %",
            "restore the region",
            "spec/ship/spec.md",
            7,
        ),
    ),
    undecided=("this is a shallow clone",),
    notes=("an amendment is pending",),
    ships=ship_movements(
        {"ship": (WAIVED, grounds())},
        {"ship": (WAIVED, grounds([TRAINING], recorded()))},
        {"ship": (WAIVED, grounds())},
    ),
)


def test_a_person_reads_every_reason_with_the_next_step() -> None:
    assert FORMATS["text"](REFUSED) == (
        "gate: aaaaaaaaaaaa to bbbbbbbbbbbb\n"
        "    ship: 0.0 % -> 50.0 %, 5 of 10 points\n"
        "    ship: waived, and not counted: AC-2\n"
        "\n"
        "GATE-REGION-EDITED: spec/ship/spec.md:7\n"
        "    says 100 %, not 50 %\n"
        "    next: restore the region\n"
        "\n"
        "GATE-FALSIFIED: LOSS\n"
        "    it fell\n"
        "    next: Mend what the claim is about and record again.\n"
        "\n"
        "undecided: this is a shallow clone\n"
        "note: an amendment is pending\n"
        "refused for 2 reasons; contract explain RULE says more of each\n"
    )


def test_a_pull_request_is_annotated_where_the_reason_is() -> None:
    assert FORMATS["github"](REFUSED).splitlines() == [
        "::error file=spec/ship/spec.md,line=7,title=GATE-REGION-EDITED::spec/ship/spec.md:7: says 100 %25, not 50 %25",
        "::error title=GATE-FALSIFIED::LOSS: it fell",
        "::warning title=gate::this is a shallow clone",
        "refused for 2 reasons; contract explain RULE says more of each",
    ]


def test_a_job_summary_is_a_table_of_reasons() -> None:
    lines = FORMATS["markdown"](REFUSED).splitlines()
    assert lines[0] == "## Gate: refused"
    assert "| `GATE-REGION-EDITED` | spec/ship/spec.md:7 | says 100 %, not 50 % | restore the region |" in lines
    assert lines[lines.index("### Undecided") + 2] == "- this is a shallow clone"
    assert lines[lines.index("### Notes") + 2] == "- an amendment is pending"


def test_a_program_reads_percentages_as_everywhere() -> None:
    read = json.loads(FORMATS["json"](REFUSED))
    assert (read["decision"], [one["rule"] for one in read["blocks"]]) == (
        "refused", ["GATE-REGION-EDITED", "GATE-FALSIFIED"],
    )  # fmt: skip
    nothing = {"discharged": 0.0, "declared": 10.0, "percent": 0.0}
    assert read["ships"] == [
        {
            "spec": "ship",
            "before": nothing,
            "after": {"discharged": 5.0, "declared": 10.0, "percent": 50.0},
            "vouched": nothing,
            "held_for_review": [],
            "waived": ["AC-1", "AC-2"],
        }
    ]


@pytest.mark.parametrize(
    ("decision", "word", "last"),
    [
        (Decision("a", "b"), "passed", "passed"),
        (Decision("a", "b", undecided=("why",)), "undecided", "cannot be decided from here"),
        (Decision("a", "b", (Block("GATE-UNSIGNED", "LOSS", "it is"),)), "refused", "refused for 1 reason; contract"),
    ],
)
def test_the_last_line_says_whether_the_change_may_pass(decision: Decision, word: str, last: str) -> None:
    assert json.loads(FORMATS["json"](decision))["decision"] == word
    assert FORMATS["text"](decision).splitlines()[-1].startswith(last)
