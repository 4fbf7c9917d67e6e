from __future__ import annotations

from dataclasses import replace

import pytest

from falsifiable.contracts.model import Criterion
from falsifiable.status.discharge import all_met, changed, unmet
from falsifiable.validation.results import Observation
from tests.evidence.builders import ON_CPU, ON_CUDA, contract

CONTRACT = contract(discharge={"run": {"device": "cuda", "val_loss": Criterion(below=9.38)}})
LOSS = Observation("run", "val_loss", "below 9.38", 5.1, "measured", True)


def test_everything_met_leaves_nothing_to_be_needed() -> None:
    assert unmet(CONTRACT, (ON_CUDA, LOSS)) == ()
    assert all_met((ON_CUDA, LOSS))
    assert not all_met(())


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (ON_CPU, "device equal to cuda: the run record says cpu"),
        (replace(ON_CPU, value=None, source="absent"), "device equal to cuda: nothing that is bound says what it is"),
        (
            replace(ON_CUDA, criterion="equal to cpu"),
            "device equal to cuda: this condition has not been judged yet, record again",
        ),
        (replace(LOSS, value=9.5), "val_loss below 9.38: measured was 9.5"),
        (replace(LOSS, value="NaN"), "val_loss below 9.38: measured was NaN"),
        (
            replace(LOSS, source="stated", met=False),
            "val_loss below 9.38, measured by a falsifier on these bytes: "
            "the run record states 5.1, which nothing measured",
        ),
        (replace(LOSS, met=False), "val_loss below 9.38: measured was 5.1, and it was judged as not met"),
    ],
)
def test_what_is_needed_says_what_was_found(seen: Observation, said: str) -> None:
    rest = [one for one in (ON_CUDA, LOSS) if one.name != seen.name]
    assert unmet(CONTRACT, [seen, *rest]) == (f"run {said}",)


def test_a_record_that_claims_to_be_met_is_not_believed() -> None:
    """The criterion is judged again on the recorded value: `met` alone discharges nothing."""
    assert unmet(CONTRACT, (replace(ON_CPU, met=True), LOSS)) == ("run device equal to cuda: the run record says cpu",)


def test_a_changed_condition_is_named_with_both_readings() -> None:
    tightened = contract(discharge={"run": {"device": "cuda", "val_loss": Criterion(below=5.0)}})
    assert changed(CONTRACT, (ON_CUDA, LOSS)) == ()
    assert changed(tightened, (ON_CUDA, LOSS)) == (
        "the discharge condition run.val_loss changed: was below 9.38, is below 5",
    )
    assert changed(contract(), (ON_CUDA,)) == (
        "the discharge condition run.device changed: was equal to cuda, is absent",
    )
