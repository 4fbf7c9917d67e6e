"""The GPU that was asked for did the work, and computed what a CPU computes.

The reference defects: ``--device cuda`` trained for a quarter of an hour on the CPU with nothing in the GPU's memory;
and a GPU path that was compared at the first token only shipped as gibberish from the second token on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falsifiable import Criterion, Model, NotApplicable, Run, Verdict, falsifier
from falsifiers.attention import fixed_prompt, tiled
from falsifiers.oracle import oracle_logits
from falsifiers.reference_decoder import Decoder, UnfitError, load_decoder, logits

if TYPE_CHECKING:
    import torch

NO_GPU = "there is no GPU that torch can use (torch.cuda.is_available() is false)"
_BYTES_OF = {"float32": 4, "bfloat16": 2, "float16": 2}


class NoGPUError(Exception):
    """There is no GPU on this machine."""


# What a run recorded


@falsifier("device.actual", level="integration")
def actual(run: Run) -> Verdict:
    """A run that asked for a GPU used one: its tensors lay there, and the driver named it.

    Needs `device` and `environment.cuda` of the run record, which the recorder takes from tensors and driver and not
    from flags. A run that asked for a CPU says nothing about a GPU.
    """
    requested, used = run.field("device.requested"), run.field("device.actual")
    if (why := _asked_for_none(run)) or not isinstance(used, str):
        return Verdict.inconclusive(why or f"{run.path}: device.actual is not recorded, so what was used is not known")
    seen = run.field("environment.cuda")
    found = ""
    if not _is_cuda(used):
        found = f"run.yaml: device.requested is {requested}, device.actual is {used}; training fell back in silence"
    elif ":" in str(requested) and ":" in used and requested != used:
        found = f"run.yaml: device.requested is {requested}, device.actual is {used}; another GPU was used"
    elif not isinstance(seen, str) or not seen:
        found = (
            f"run.yaml: device.actual is {used}, but environment.cuda is {seen}, expected the name of a GPU; no driver "
            "was seen, and the device was typed or taken from a flag"
        )
    return Verdict.of(not found, found=found, examined=(3, "fields"), gpu=seen if isinstance(seen, str) else None)


def _asked_for_none(run: Run) -> str:
    requested = run.field("device.requested")
    if not isinstance(requested, str):
        return f"{run.path}: device.requested is not recorded"
    if _is_cuda(requested) or (requested == "auto" and _is_cuda(str(run.field("device.actual")))):
        return ""
    return f"{run.path}: the run asked for {requested} and used no GPU; bind a run with --device cuda"


def _is_cuda(device: str) -> bool:
    return device == "cuda" or device.startswith("cuda:")


@actual.counterexample
def a_silent_fallback(run: Run) -> Run:
    """A GPU asked for, a CPU used."""
    return run.with_field("device.requested", "cuda").with_field("device.actual", "cpu")


@actual.counterexample
def a_gpu_without_a_driver(run: Run) -> Run:
    """A GPU typed into the record of a machine that has none."""
    typed = run.with_field("device.requested", "cuda").with_field("device.actual", "cuda")
    return typed.with_field("environment.cuda", None)


@falsifier("device.memory-resident", level="integration")
def memory_resident(run: Run, *, copies: float = 1.0) -> Verdict:
    """While a run trained on a GPU, the driver counted at least its weights in the memory of that process.

    Needs `device.memory_bytes`, the driver's figure for the process, and `parameters` and `dtype`. The reference gate
    asks for more than 0 within 5 seconds (section 14.4); the run that trained on the CPU showed 0 MiB.

    Args:
        copies: how many copies of the weights must be there; 4 for AdamW in one type (weights, gradients, two moments).
    """
    held, parameters = run.field("device.memory_bytes"), run.field("parameters")
    each = _BYTES_OF.get(str(run.field("dtype.actual")))
    if (why := _asked_for_none(run)) or not isinstance(parameters, int) or each is None:
        return Verdict.inconclusive(why or f"{run.path}: parameters or dtype.actual is not recorded, or not known here")
    if held is None and "memory_bytes" not in (run.field("device") or {}):
        return Verdict.inconclusive(f"{run.path}: device.memory_bytes is not recorded; record with this version")
    found = held if isinstance(held, int) and not isinstance(held, bool) else 0
    needed = int(copies * parameters * each)
    return Verdict.of(
        found >= needed,
        found=f"run.yaml: device.memory_bytes is {held}, expected at least {needed:,} ({parameters:,} parameters of "
        f"{each} bytes, {copies:g} times); the weights were never on the GPU, and the CPU did the work",
        examined=(1, "processes"),
        memory=(found, "B"),
        needed=(needed, "B"),
    )


@memory_resident.counterexample
def nothing_in_its_memory(run: Run) -> Run:
    """A run for whose process the driver counted nothing."""
    return _on_gpu(run).with_field("device.memory_bytes", 0)


@memory_resident.counterexample
def less_than_the_weights(run: Run, *, copies: float) -> Run:
    """Memory for half of the weights."""
    parameters = run.field("parameters")
    if not isinstance(parameters, int):
        raise NotApplicable("the run records no number of parameters")
    return _on_gpu(run).with_field("device.memory_bytes", int(copies * parameters) // 2)


def _on_gpu(run: Run) -> Run:
    return run.with_field("device.requested", "cuda").with_field("device.actual", "cuda")


# What this machine does with the weights


@dataclass(frozen=True, slots=True)
class Computed:
    """What a backend gave: logits [batch, length, vocabulary], where they lay, and the weights' bytes in its memory."""

    logits: torch.Tensor
    device: str
    resident_bytes: int


Backend = Callable[[Model, "torch.Tensor"], Computed]


def on_cuda(model: Model, ids: torch.Tensor) -> Computed:
    """The logits that ``transformers`` computes on the GPU.

    Raises:
        NoGPUError: there is none.
        UnfitError: the model cannot be run.
    """
    import torch

    if not torch.cuda.is_available():
        raise NoGPUError
    before = torch.cuda.memory_allocated()
    decoder = load_decoder(model, "cuda")
    held = torch.cuda.memory_allocated() - before
    found = oracle_logits(model, decoder, ids)
    return Computed(found, found.device.type, held)


@falsifier("attention.cuda-parity", needs="tensors", imports=("torch", "transformers"))
def cuda_parity(
    model: Model,
    *,
    cosine: Criterion = Criterion(at_least=0.99),
    positions: int = 24,
    tie: float = 5e-3,
    backend: Callable[..., Any] = on_cuda,
) -> Verdict:
    """On a GPU these weights give what they give on a CPU, at every position of a prompt, and not at the first only.

    The CPU side is this project's decoder, the GPU side ``transformers``, so that neither is judged by itself.

    Args:
        cosine: what the lowest cosine of the logits over the positions must meet; 0.99 is the reference contract's
            bound (cpu-vs-gpu-output-parity), where the broken path had -0.005.
        positions: how many positions are compared; at least 2.
        tie: nats between the two best logits on the CPU, below which another best token on the GPU is no difference.
    """
    import torch

    if positions < 2:
        return Verdict.inconclusive(f"positions is {positions}; one position cannot show what attention does")
    try:
        decoder = load_decoder(model, "cpu")
        prompt = fixed_prompt(decoder.weights["token_embedding"].shape[0], positions)
        expected, found = logits(decoder, prompt)[0], backend(model, prompt).logits[0].float().cpu()
    except NoGPUError:
        return Verdict.inconclusive(f"{NO_GPU}; run this on a machine that has one")
    except UnfitError as error:
        return Verdict.inconclusive(f"{model.path}: no forward pass was compared: {error}")
    cosines = torch.cosine_similarity(expected.double(), found.double(), dim=-1)
    lowest, at = float(cosines.min()), int(cosines.argmin())
    best = expected.topk(2, dim=-1).values
    other_token = (expected.argmax(-1) != found.argmax(-1)) & (best[:, 0] - best[:, 1] > tie)
    said = ""
    if not all(cosine.holds(float(one)) for one in cosines):
        said = f"position {at}: cosine {lowest:.6f} between CPU and GPU, expected {cosine}"
    elif other_token.any():
        at = int(other_token.nonzero()[0])
        said = (
            f"position {at}: the best token is {int(expected[at].argmax())} on the CPU and {int(found[at].argmax())} "
            f"on the GPU ({int(other_token.sum())} of {positions} positions)"
        )
    return Verdict.of(
        not said,
        found=f"{said}; the GPU computes another function: a kernel reads weights transposed, or positions after the "
        "first wrongly",
        examined=(positions, "positions"),
        cosine=lowest,
        other_tokens=int(other_token.sum()),
    )


@cuda_parity.counterexample
def right_at_the_first_position_only(_model: Model) -> dict[str, Any]:
    """A GPU path that forgets what came before, as the one that shipped: its first token is right."""
    return {"backend": _forgetting}


@cuda_parity.counterexample
def heads_read_in_another_order(model: Model) -> dict[str, Any]:
    """Query heads that read another key-value head than their own."""
    heads, shared = model.config.num_attention_heads, model.config.num_key_value_heads
    if heads is None or shared in (None, 1, heads):
        raise NotApplicable(f"{heads} query heads on {shared} key-value heads can be shared in one order only")
    return {"backend": _with_heads_tiled}


@cuda_parity.counterexample
def another_function(_model: Model) -> dict[str, Any]:
    """Logits of the ids that follow: everything off by one."""
    return {"backend": _of_the_next_token}


# Broken backends, which need no GPU to be wrong.


def _computed(found: torch.Tensor) -> Computed:
    return Computed(found, "cuda", 1 << 40)


def _forgetting(model: Model, ids: torch.Tensor) -> Computed:
    import torch

    decoder = load_decoder(model, "cpu")
    return _computed(torch.cat([logits(decoder, one) for one in ids.split(1, dim=1)], dim=1))


def _with_heads_tiled(model: Model, ids: torch.Tensor) -> Computed:
    return _computed(logits(load_decoder(model, "cpu"), ids, tiled))


def _of_the_next_token(model: Model, ids: torch.Tensor) -> Computed:
    return _computed(logits(load_decoder(model, "cpu"), ids.roll(-1, dims=1)))


@falsifier("device.no-fallback", needs="tensors", imports=("torch", "transformers"))
def no_fallback(model: Model, *, backend: Callable[..., Any] = on_cuda) -> Verdict:
    """Asked to run these weights on a GPU, this machine does: all of them lie in its memory, and the result too.

    What is measured is where the logits lay and how much memory the weights took there, as torch counts it.
    """
    try:
        decoder: Decoder = load_decoder(model, "cpu")
        computed = backend(model, fixed_prompt(decoder.weights["token_embedding"].shape[0]))
    except NoGPUError:
        return Verdict.inconclusive(f"{NO_GPU}; run this on a machine that has one")
    except UnfitError as error:
        return Verdict.inconclusive(f"{model.path}: no forward pass was made: {error}")
    needed = sum(one.numel() * one.element_size() for one in decoder.weights.values())
    found = ""
    if computed.device != "cuda":
        found = f"the logits lay on {computed.device}, expected cuda; a forward pass fell back to the CPU in silence"
    elif computed.resident_bytes < needed:
        found = (
            f"{computed.resident_bytes:,} bytes of weights lay in the GPU's memory, expected {needed:,}; the rest was "
            "left to the CPU"
        )
    return Verdict.of(
        not found, found=found, examined=(len(decoder.weights), "tensors"),
        resident=(computed.resident_bytes, "B"), needed=(needed, "B"),
    )  # fmt: skip


@no_fallback.counterexample
def everything_on_the_cpu(_model: Model) -> dict[str, Any]:
    """The right logits, from the wrong device."""
    return {"backend": on_cpu}


@no_fallback.counterexample
def half_of_the_weights_left_behind(_model: Model) -> dict[str, Any]:
    """A GPU that holds half of the weights, and a CPU that does the rest."""
    return {"backend": _half_resident}


def on_cpu(model: Model, ids: torch.Tensor) -> Computed:
    """The logits that ``transformers`` computes on the CPU, in the place of a GPU's.

    Raises:
        UnfitError: the model cannot be run.
    """
    found = oracle_logits(model, load_decoder(model, "cpu"), ids)
    return Computed(found, found.device.type, 0)


def _half_resident(model: Model, ids: torch.Tensor) -> Computed:
    decoder = load_decoder(model, "cpu")
    needed = sum(one.numel() * one.element_size() for one in decoder.weights.values())
    return Computed(logits(decoder, ids), "cuda", needed // 2)
