"""Walking a status back: from points to a criterion, its falsifiers, their claims, the statements, and the bytes.

Wherever the walk ends before the bytes, it says what is missing there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from falsifiable.evidence import Statement, statement_path
from falsifiable.status.grounds import Grounds
from falsifiable.status.points import shown
from falsifiable.status.roadmap import RoadmapStanding, StepStanding
from falsifiable.status.ship import CriterionStanding, ShipStanding
from falsifiable.status.standing import ContractStanding, FalsifierStanding
from falsifiable.status.words import examined
from falsifiable.validation.results import BoundArtifact, Judgement


@dataclass(frozen=True, slots=True)
class Because:
    """One place of the walk: what stands there, the facts that name it, what is missing, and what it rests on.

    ``counts_in`` leads the other way, to everything that counts this: only the place that was asked after has it.
    """

    kind: str
    name: str
    said: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    below: tuple[Because, ...] = ()
    counts_in: tuple[str, ...] = ()


def known_ids(grounds: Grounds, roadmaps: Sequence[RoadmapStanding]) -> tuple[str, ...]:
    """Everything that :func:`because` can be asked after."""
    criteria = (one.criterion.id for roadmap in roadmaps for one in roadmap.ship.criteria)
    steps = (one.name for roadmap in roadmaps for one in roadmap.steps if not one.criterion)
    contracts = (one.contract for one in grounds.standings)
    specs = (roadmap.spec for roadmap in roadmaps)
    return tuple(dict.fromkeys((*criteria, *grounds.falsifiers, *contracts, *steps, *specs)))


def because(name: str, grounds: Grounds, roadmaps: Sequence[RoadmapStanding]) -> Because | None:
    """Why ``name`` stands where it stands: a criterion, a falsifier, a contract, a step or a whole ship, looked for in
    this order."""
    for roadmap in roadmaps:
        criterion = roadmap.ship.criterion(name)
        if criterion is not None:
            return _of_criterion(criterion, roadmap.ship, grounds)
    if name in grounds.falsifiers:
        return _of_falsifier(grounds.falsifiers[name], grounds, _counting(name, roadmaps))
    for standing in grounds.standings:
        if standing.contract == name:
            return _of_contract(standing, grounds, roadmaps)
    for roadmap in roadmaps:
        step = roadmap.step(name)
        if step is not None:
            return _of_step(step, roadmap.ship, grounds)
    return next((_of_ship(one.ship) for one in roadmaps if one.spec == name), None)


def _of_ship(ship: ShipStanding) -> Because:
    """The percentage, and the criteria it counts; each of them can be asked after in turn."""
    deliverables = tuple(
        Because(
            "deliverable",
            name,
            f"{deliverable.title}; {ship.tally_of(name)}",
            below=tuple(_in_short(one) for one in ship.criteria if one.deliverable == name),
        )
        for name, deliverable in ship.ship.deliverables.items()
    )
    return Because("ship", ship.spec, str(ship.tally), below=deliverables)


def _in_short(one: CriterionStanding) -> Because:
    said = f"{one.state}, worth {shown(one.points)} points; {one.why}"
    return Because("criterion", one.criterion.id, said, {"state": one.state}, one.missing)


def _of_criterion(one: CriterionStanding, ship: ShipStanding, grounds: Grounds) -> Because:
    beside = (*_quorum(one), *_tripwires(one), *_waiver(one))
    there = [*(_of_falsifier(falsifier, grounds) for falsifier in one.falsifiers), *beside]
    return Because(
        "criterion",
        one.criterion.id,
        f"{one.criterion.text}: {one.state}, worth {shown(one.points)} points; {one.why}",
        {"state": one.state, "deliverable": one.deliverable, "spec": one.spec},
        one.missing_beside,
        tuple(there),
        (f"{one.spec}: {ship.tally}", f"{one.spec}, deliverable {one.deliverable}: {ship.tally_of(one.deliverable)}"),
    )


def _quorum(one: CriterionStanding) -> Iterator[Because]:
    if one.quorum is not None:
        values = (
            Because("value", f"{one.quorum.quorum.distinct} {value}", "", {"statements": " ".join(digests)})
            for value, digests in one.quorum.values
        )
        missing = () if one.quorum.met else (f"{one.quorum} have held",)
        yield Because("quorum", one.quorum.quorum.distinct, str(one.quorum), {}, missing, tuple(values))


def _tripwires(one: CriterionStanding) -> Iterator[Because]:
    for tripped in one.tripped:
        missing = () if tripped.reviewers else ("a signed review",)
        reviewed = {"reviewed by": ", ".join(tripped.reviewers)} if tripped.reviewers else {}
        yield Because("tripwire", tripped.tripwire.measurement, str(tripped), reviewed, missing)


def _waiver(one: CriterionStanding) -> Iterator[Because]:
    if one.waiver is not None:
        said = f"{one.waiver.reason}; shown, and never counted as discharged"
        yield Because("waiver", one.waiver.owner, said, {"until": one.waiver.expires})


def _of_falsifier(one: FalsifierStanding, grounds: Grounds, counts_in: tuple[str, ...] = ()) -> Because:
    claim = Because("claim", one.claim, "", {"contract": one.contract})
    declared = grounds.declared.get(one.falsifier)
    check = one.judgement.check if one.judgement else declared[1].check if declared else ""
    found = next((each for each in grounds.statements if each.sha256 == one.rests_on), None)
    below = [claim, Because("check", check)]
    if found is not None and one.judgement is not None:
        below.append(_of_statement(found, grounds.folders[found.sha256], one.judgement))
    missing = (*(f"stale: {why}" for why in one.stale), *(() if one.met else one.needs))
    if one.flaky:
        missing = (*missing, "it gave two different verdicts on the same bytes")
    said = f"{one.shown}, and can earn {one.ceiling.name}"
    return Because("falsifier", one.falsifier, said, {}, tuple(dict.fromkeys(missing)), tuple(below), counts_in)


def _of_statement(statement: Statement, folder: str, judgement: Judgement) -> Because:
    commit = statement.context.commit or "no commit"
    facts = {
        "file": statement_path(folder, statement.sha256),
        "commit": statement.context.marked(commit),
        **({"run": statement.run_id} if statement.run_id else {}),
        **({"training commit": statement.training_commit} if statement.training_commit else {}),
    }
    verdict = judgement.verdict
    said = f"{verdict.outcome}, {examined(verdict)}" + (f": {verdict.found}" if verdict.found else "")
    measured = [Because("measured", one.name, str(one)) for one in verdict.measurements]
    read = [each for one in judgement.artifacts for each in _bytes(one)]
    missing = () if read else ("no bytes: it was judged on generated inputs or specimens alone",)
    return Because("statement", statement.sha256, said, facts, missing, (*measured, *read))


def _bytes(artifact: BoundArtifact) -> Iterator[Because]:
    """The files of one artifact; one whose files are not listed goes by its own digest."""
    files = artifact.files or {"": artifact.digest}
    for name, digest in sorted(files.items()):
        single = not name or (len(files) == 1 and artifact.path.rpartition("/")[2] == name)
        place = artifact.path if single or artifact.kind == "command" else f"{artifact.path}/{name}"
        facts = {"path": (name if artifact.kind == "command" else place) or artifact.role, "sha256": digest}
        yield Because("bytes", artifact.role, f"a {artifact.kind}, {artifact.provenance}", facts)


def _of_contract(one: ContractStanding, grounds: Grounds, roadmaps: Sequence[RoadmapStanding]) -> Because:
    below = [_of_falsifier(each, grounds) for each in one.falsifiers]
    missing = (*one.unmet, *one.held_back, *(f"stale: {why}" for why in one.stale), *one.undecided)
    counted = (line for each in one.falsifiers for line in _counting(each.falsifier, roadmaps))
    facts = {"version": one.version}
    said = f"{one.title}: {one.shown}"
    return Because("contract", one.contract, said, facts, missing, tuple(below), tuple(dict.fromkeys(counted)))


def _of_step(one: StepStanding, ship: ShipStanding, grounds: Grounds) -> Because:
    named = [grounds.falsifiers[name] for name in one.step.shown_by.falsifiers if name in grounds.falsifiers]
    state = f"{one.state}, though declared done" if one.declared_without_evidence else one.state
    points = f"{shown(one.predicted)} points predicted, {shown(one.earned)} earned"
    waits = (wait.said for wait in one.waits_for)
    earns = (ship.criterion(name) for name in one.step.earns)
    counted = tuple(_counted(each, ship) for each in earns if each is not None)
    below = tuple(_of_falsifier(each, grounds) for each in named)
    said = f"{one.step.title}: {state}; {points}"
    return Because("step", one.name, said, {"state": one.state}, (*waits, *one.missing), below, counted)


def _counting(falsifier: str, roadmaps: Sequence[RoadmapStanding]) -> tuple[str, ...]:
    """The criteria that count a falsifier, each with the percentage that it enters."""
    return tuple(
        _counted(one, roadmap.ship)
        for roadmap in roadmaps
        for one in roadmap.ship.criteria
        if falsifier in one.criterion.falsifiers
    )


def _counted(one: CriterionStanding, ship: ShipStanding) -> str:
    return f"criterion {one.criterion.id} ({one.state}, {shown(one.points)} points) of {one.spec}: {ship.tally}"
