"""Statuses, percentages and steps that were typed, and regions that say something else by standing elsewhere."""

from __future__ import annotations

from dataclasses import replace

from falsifiable.falsifier import Verdict
from falsifiable.spec.regions import content_digest, find_regions
from tests.gate.cheats.register import SHIP, SHOP, SPEC, cheat, forged


@cheat("GATE-REGION-EDITED")
def status_typed_into_the_scoreboard(vault):
    vault.edit(SPEC, "FALSIFIED", "DISCHARGED")


@cheat("GATE-REGION-EDITED")
def status_typed_and_the_marker_made_to_fit(vault):
    """The digest in a marker is no secret: it only tells an honest hand edit from a region that is out of date."""
    path = vault.root / SPEC
    data = path.read_bytes()
    region = find_regions(data).named("scoreboard")
    typed = region.content.replace("FALSIFIED", "DISCHARGED")
    text = data.decode().replace(region.content, typed)
    path.write_text(text.replace(content_digest(region.content), content_digest(typed)))


@cheat("GATE-REGION-EDITED")
def percentage_typed_into_its_region(vault):
    vault.edit(SPEC, "2 of 10 points: 20.0 %", "10 of 10 points: 100.0 %")


@cheat("GATE-INVALID")
def status_typed_into_a_contract(vault):
    vault.edit(SHOP, "spec: shop", "spec: shop\nstatus: DISCHARGED")


@cheat("GATE-STEP-DECLARED")
def step_declared_done(vault):
    vault.edit(SHIP, "hours: 2}", "hours: 2, declared_done: true}")


@cheat("GATE-REGION-MOVED")
def markers_of_the_scoreboard_taken_out(vault):
    path = vault.root / SPEC
    path.write_text("".join(one for one in path.read_text().splitlines(True) if "contract:scoreboard" not in one))


@cheat("GATE-REGION-MOVED")
def markers_moved_into_a_code_block(vault):
    path = vault.root / SPEC
    data = path.read_text()
    region = find_regions(data.encode()).named("ship")
    whole = data.encode()[region.start : region.end].decode()
    path.write_text(data.replace(whole, "```\n" + whole.rstrip("\n") + "\n```\n**10 of 10 points: 100.0 %**\n"))


@cheat("GATE-REGION-MOVED")
def spec_deleted(vault):
    (vault.root / SPEC).unlink()


@cheat("GATE-REGION-EDITED")
def region_written_back_in_time(vault):
    """What the scoreboard said before a claim fell, with the marker that it had then."""
    before = (vault.root / SPEC).read_bytes()
    stall = vault.statement_of("stall")
    fell = replace(stall.judgements[0], verdict=Verdict.of(False, found="no embedding", examined=(1, "model")))
    new = replace(stall, judgements=(fell,), supersedes=(stall.sha256,))
    forged(vault, new)
    vault.sign("ci", new.sha256)
    vault.commit("it fell")
    vault.record("unseen")
    assert b"| stall | 1.0.0 | FALSIFIED |" in (vault.root / SPEC).read_bytes()
    vault.base = vault.commit("and the scoreboard says so")
    (vault.root / SPEC).write_bytes(before)


@cheat("GATE-REGION-MOVED")
def region_hidden_in_html(vault):
    path = vault.root / SPEC
    data = path.read_bytes()
    region = find_regions(data).named("ship")
    hidden = b"<script>\n" + data[region.start : region.end] + b"\n</script>\n\n**10 of 10 points: 100.0 %**\n"
    path.write_bytes(data[: region.start] + hidden + data[region.end :])
