"""GPU falsifiers: with a backend that needs no GPU in the place of CUDA, and on records."""

from __future__ import annotations

import pytest

from falsifiable import Criterion
from falsifiable.samples import specimen
from falsifiers.device import NO_GPU, Computed, actual, cuda_parity, memory_resident, no_fallback, on_cpu


@pytest.fixture
def gpu_run():
    return specimen("run", "gpu-run")


@pytest.mark.parametrize("role", ["trained", "export"])
def test_two_implementations_that_agree_hold(specimens, role):
    verdict = cuda_parity(specimens[role], backend=on_cpu)

    assert verdict.outcome == "held", verdict.found
    assert verdict.measurements[0].value > 0.999999
    assert verdict.examined == 24


def test_a_path_that_is_right_at_the_first_token_only_is_falsified(specimens):
    counterexample = cuda_parity.mutate("right-at-the-first-position-only", {"model": specimens["trained"]}, {})

    verdict = cuda_parity(counterexample.pop("model"), **counterexample)

    assert verdict.outcome == "falsified"
    assert "between CPU and GPU, expected at least 0.99" in verdict.found
    first = cuda_parity(specimens["trained"], positions=1)
    assert first.outcome == "inconclusive"  # the gate of the reference, which looked at one token, decides nothing


def test_a_token_exchanged_is_told_although_the_cosine_is_met(specimens):
    def best_two_exchanged(model, ids):
        found = on_cpu(model, ids).logits.clone()
        first, second = found[0, 5].topk(2).indices
        found[0, 5, first], found[0, 5, second] = found[0, 5, second].clone(), found[0, 5, first].clone()
        return Computed(found, "cuda", 1 << 30)

    verdict = cuda_parity(specimens["trained"], backend=best_two_exchanged, cosine=Criterion(at_least=0.5), tie=0.0)

    assert verdict.found.startswith("position 5: the best token is")


def test_on_a_machine_without_gpu_nothing_holds(specimens):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    for check in (cuda_parity, no_fallback):
        verdict = check(specimens["trained"])
        assert verdict.outcome == "inconclusive"
        assert verdict.found.startswith(NO_GPU)


def test_a_whole_model_on_the_device_holds(specimens):
    def as_a_gpu_would(model, ids):
        return Computed(on_cpu(model, ids).logits, "cuda", 1 << 30)

    assert no_fallback(specimens["trained"], backend=as_a_gpu_would).outcome == "held"


def test_a_run_that_asked_for_a_cpu_says_nothing_about_a_gpu(specimens):
    for check in (actual, memory_resident):
        assert check(specimens["run"]).outcome == "inconclusive"
        assert check(specimens["run"].without_field("device")).outcome == "inconclusive"


def test_auto_that_found_a_gpu_is_judged(gpu_run):
    auto = gpu_run.with_field("device.requested", "auto")

    assert actual(auto).outcome == "held"
    assert actual(auto.with_field("environment.cuda", None)).outcome == "falsified"
    assert actual(auto.with_field("device.actual", "cpu")).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("device.actual", "cpu", "training fell back in silence"),
        ("environment.cuda", None, "expected the name of a GPU"),
        ("environment.cuda", "", "expected the name of a GPU"),
    ],
)
def test_a_fallback_is_told(gpu_run, field, value, said):
    verdict = actual(gpu_run.with_field(field, value))

    assert verdict.outcome == "falsified"
    assert said in verdict.found


def test_another_gpu_than_the_one_asked_for_is_told(gpu_run):
    other = gpu_run.with_field("device.requested", "cuda:1").with_field("device.actual", "cuda:0")

    assert "another GPU was used" in actual(other).found


def test_memory_is_held_against_the_weights(gpu_run):
    assert memory_resident(gpu_run).outcome == "held"
    assert memory_resident(gpu_run, copies=1e6).outcome == "falsified"
    assert memory_resident(gpu_run.with_field("device.memory_bytes", None)).outcome == "falsified"
    assert memory_resident(gpu_run.without_field("device.memory_bytes")).outcome == "inconclusive"
    assert memory_resident(gpu_run.with_field("dtype.actual", "mxfp4")).outcome == "inconclusive"
