"""``contract race``: many runs at once; one thin module per verb, imported only when that verb is used."""

from __future__ import annotations

from importlib import import_module

import click

RACE_VERBS = {
    "run": "Run a race: start its runs, follow their logs, decide at every rung.",
    "status": "Show every run of a race, its state and what is predicted of it.",
    "rank": "Rank the runs of a race by what is predicted of their last step.",
    "prune": "Say which runs to stop, and stop them with --apply.",
    "mirror": "Say which seeds to start beside a leader, and claim them with --apply.",
    "claim": "Claim the next experiment id for a run, once per idempotency key.",
    "import": "Check somebody's ledger: every defect by row, and the curves that survive.",
    "gate": "Judge a gate by quorum over seeds: pass, held for review, or refused.",
    "backtest": "Test a predictor on finished curves: error, coverage, width and regret.",
    "calibrate": "Turn your finished curves into a calibrated predictor, saved as data.",
    "report": "Draw curves with their prediction bands, the decisions and the regret.",
}


class RaceVerbs(click.Group):
    """The verbs of a race by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All verbs, in the order a race needs them."""
        return list(RACE_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, imported now."""
        if cmd_name not in RACE_VERBS:
            return None
        module = "import_ledger" if cmd_name == "import" else cmd_name
        command: click.Command = import_module(f"falsifiable.cli.race.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of verbs, from the table above: help imports no verb."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(RACE_VERBS.items()))


@click.command(cls=RaceVerbs)
def command() -> None:
    """Predict early, stop losers, promote leaders, and judge by quorum over seeds.

    What a race asks for stands in race.yaml; what happened stands in its ledger. Nothing is stopped or started by the
    verbs that decide unless --apply is given.
    """
