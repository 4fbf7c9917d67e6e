"""What the trainer refuses to do, decided before torch is imported and before anything is written.

One small function per promise. Each raises :class:`Refusal` with the id of the falsifier that puts that promise to the
test: delete the function, and that falsifier falls. A trainer that instead went on with random weights, with another
device or with a tokenizer whose ids have no row would look as if it had done what it was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Self

from examples.pretrain.model import SIZES, Size
from examples.pretrain.options import Options
from falsifiable.artifacts import ArtifactError, Model, ModelConfig, Tokenizer, open_model, open_tokenizer

WIRED_DEVICES = ("cpu", "cuda")


class Refusal(Exception):
    """Why the trainer will not start, in words for the person who asked."""

    @classmethod
    def of(cls, falsifier: str, claim: str, *, found: str, expected: str, next_step: str) -> Self:
        """The refusal that the falsifier with this id demands."""
        return cls(f"{falsifier}: {claim}\n  found: {found}\n  expected: {expected}\n  next: {next_step}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for, after every guard has let it pass."""

    start: str
    tokenizer: str
    device: str

    def __str__(self) -> str:
        return f"would train {self.start} with {self.tokenizer} on {self.device}"


def guarded(options: Options) -> Plan:
    """Let the options pass every guard.

    Raises:
        Refusal: one of them refused.
    """
    device_is_wired(options.device)
    plan = _from_checkpoint(options, options.init) if options.init is not None else _from_scratch(options)
    device_is_present(options.device)
    return plan


def _from_checkpoint(options: Options, path: Path) -> Plan:
    checkpoint = checkpoint_is_readable(path)
    checkpoint_is_decoder(checkpoint)
    checkpoint_fits_its_config(checkpoint)
    tokenizer = tokenizer_is_readable(options.tokenizer or path)
    rows = _rows(checkpoint)
    _all_of(
        partial(tokenizer_speaks_as_the_checkpoint, tokenizer, checkpoint),
        partial(tokenizer_fits_rows, tokenizer, rows, f"checkpoint {path}"),
    )
    start = f"from checkpoint {path} ({checkpoint.architecture.family}, {checkpoint.parameters:,} parameters)"
    return Plan(start, f"{tokenizer.size:,} tokens in {rows:,} embedding rows", options.device)


def _from_scratch(options: Options) -> Plan:
    size = SIZES[options.size]
    rows = size.architecture.vocab_size
    if options.tokenizer is not None:
        tokenizer = tokenizer_is_readable(options.tokenizer)
        _all_of(
            partial(tokenizer_is_the_declared_one, tokenizer, size, options.size),
            partial(tokenizer_fits_rows, tokenizer, rows, f"size {options.size}"),
        )
    shape = ", ".join(f"{name} {value}" for name, value in asdict(size.architecture).items())
    start = f"from scratch, size {options.size} (qwen2: {shape})"
    return Plan(start, f"{size.tokenizer_size:,} tokens in {rows:,} embedding rows", options.device)


def _all_of(*guards: Callable[[], None]) -> None:
    """Ask every guard, so that a person learns at once of everything that is wrong."""
    refusals: list[str] = []
    for guard in guards:
        try:
            guard()
        except Refusal as refusal:
            refusals.append(str(refusal))
    if refusals:
        raise Refusal("\n".join(refusals))


def device_is_wired(device: str) -> None:
    """Refuse a device this trainer has no code for, instead of training on another one."""
    if device not in WIRED_DEVICES:
        raise Refusal.of(
            "FALSIFY-ARCH-011",
            "a device that is not wired is refused, not silently replaced",
            found=f"--device {device}",
            expected=f"one of {', '.join(WIRED_DEVICES)}",
            next_step="choose one of these devices",
        )


def device_is_present(device: str) -> None:
    """Refuse CUDA on a machine where torch sees none, instead of training on the CPU."""
    if device != "cuda":
        return
    import torch

    if not torch.cuda.is_available():
        raise Refusal.of(
            "FALSIFY-ARCH-011",
            "a device that is not there is refused, not silently replaced",
            found=f"--device cuda, and torch {torch.__version__} sees no CUDA device",
            expected="a CUDA device, and a build of torch that supports it",
            next_step="install a CUDA build of torch, or ask for --device cpu",
        )


def checkpoint_is_readable(path: Path) -> Model:
    """Refuse a checkpoint that is missing, torn or of no known format, instead of starting from random weights."""
    try:
        checkpoint = open_model(path)
        if checkpoint.format != "huggingface":
            raise ArtifactError(path, f"a {checkpoint.format} file", expected="a Hugging Face folder")
    except ArtifactError as error:
        raise Refusal.of(
            "FALSIFY-ARCH-012",
            "a missing or bogus checkpoint is refused before training",
            found=f"--init {path}: {error}",
            expected="a Hugging Face folder: config.json and model.safetensors",
            next_step="name a folder that save_pretrained wrote, for example runs/reference/pretrained",
        ) from error
    return checkpoint


def checkpoint_is_decoder(checkpoint: Model) -> None:
    """Refuse an encoder: it has no next-token head, and one made up at random would train without complaint."""
    architecture = checkpoint.architecture
    if architecture.role != "decoder":
        raise Refusal.of(
            "FALSIFY-ARCH-007",
            "a checkpoint that is no decoder is refused",
            found=f"{checkpoint.path}: {architecture.stored}, role {architecture.role or 'unknown'}",
            expected="a decoder, such as Qwen2ForCausalLM",
            next_step="start from a causal language model",
        )


def checkpoint_fits_its_config(checkpoint: Model) -> None:
    """Refuse tensors other than config.json implies: the library would fill the gaps with random numbers and go on."""
    fault = next(_faults(checkpoint), None)
    if fault is not None:
        found, expected = fault
        raise Refusal.of(
            "FALSIFY-ARCH-012",
            "a missing or bogus checkpoint is refused before training",
            found=f"{checkpoint.path}: {found}",
            expected=expected,
            next_step="save the checkpoint again, weights and config.json together",
        )


def tokenizer_is_readable(path: Path) -> Tokenizer:
    """Refuse a tokenizer that is missing or unreadable."""
    try:
        return open_tokenizer(path)
    except ArtifactError as error:
        raise Refusal.of(
            "FALSIFY-ARCH-006",
            "a tokenizer that is not the target's is refused",
            found=f"{path}: {error}",
            expected="a tokenizer.json, or a folder that holds one",
            next_step="name the tokenizer with --tokenizer PATH",
        ) from error


def tokenizer_fits_rows(tokenizer: Tokenizer, rows: int, target: str) -> None:
    """Refuse a tokenizer that can emit an id without an embedding row; unused rows above it are fine."""
    if tokenizer.size > rows:
        raise Refusal.of(
            "FALSIFY-ARCH-010",
            "a tokenizer with more ids than the embedding has rows is refused",
            found=f"{tokenizer.path} emits ids up to {tokenizer.size - 1}; {target} has {rows} embedding rows",
            expected=f"at most {rows} ids",
            next_step="use the tokenizer that belongs to the target",
        )


def tokenizer_is_the_declared_one(tokenizer: Tokenizer, size: Size, name: str) -> None:
    """Refuse, when training from scratch, a tokenizer of another size than the one that was declared."""
    if tokenizer.size != size.tokenizer_size:
        raise Refusal.of(
            "FALSIFY-ARCH-006",
            "a tokenizer that is not the target's is refused",
            found=f"{tokenizer.path} has {tokenizer.size} ids; size {name} declares {size.tokenizer_size}",
            expected=f"exactly {size.tokenizer_size} ids",
            next_step="leave --tokenizer out to have one trained, or start from its own checkpoint with --init",
        )


def tokenizer_speaks_as_the_checkpoint(tokenizer: Tokenizer, checkpoint: Model) -> None:
    """Refuse a tokenizer whose ids mean other tokens than the checkpoint learnt; further tokens above them are fine."""
    own = checkpoint.tokenizer
    if own is None:
        return
    pairs = zip_longest(own.tokens, islice(tokenizer.tokens, own.size))
    other = next(((id_, *pair) for id_, pair in enumerate(pairs) if pair[0] != pair[1]), None)
    if other is not None:
        id_, learnt, given = other
        raise Refusal.of(
            "FALSIFY-ARCH-006",
            "a tokenizer that is not the target's is refused",
            found=f"{tokenizer.path}: id {id_} is {given!r}; the checkpoint {checkpoint.path} learnt it as {learnt!r}",
            expected=f"the {own.size} tokens of the checkpoint's tokenizer, each under its id",
            next_step="leave --tokenizer out to use the checkpoint's own",
        )


def _rows(checkpoint: Model) -> int:
    rows = checkpoint.embedding_rows
    if rows is None:
        raise AssertionError("checkpoint_fits_its_config() lets no checkpoint without an embedding pass")
    return rows


def _faults(checkpoint: Model) -> Iterator[tuple[str, str]]:
    """What is wrong with the checkpoint, each with what was expected instead."""
    config = checkpoint.config
    needed = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    for field in (*needed, "num_key_value_heads"):
        if getattr(config, field) is None:
            yield f"config.json lacks {field}", f"{field}, as a decoder's config.json has it"
            return
    for name, expected in _implied_shapes(config):
        if not checkpoint.has_tensor(name):
            yield f"tensor {name} is missing", f"{name} of shape {list(expected)}, as config.json implies"
        elif (found := checkpoint.tensor(name).shape) != expected:
            yield f"tensor {name} has shape {list(found)}", f"shape {list(expected)}, as config.json implies"


def _implied_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    """The matrices that a decoder with this config has, by canonical name, with their shape [out, in]."""
    hidden, inner, heads, kv_heads = (
        config.hidden_size or 0,
        config.intermediate_size or 0,
        config.num_attention_heads or 0,
        config.num_key_value_heads or 0,
    )
    width = config.head_dim or hidden // max(heads, 1)
    yield "token_embedding", (config.vocab_size, hidden)
    for layer in range(config.num_hidden_layers or 0):
        yield f"layers.{layer}.attention.query", (heads * width, hidden)
        yield f"layers.{layer}.attention.key", (kv_heads * width, hidden)
        yield f"layers.{layer}.attention.value", (kv_heads * width, hidden)
        yield f"layers.{layer}.attention.output", (hidden, heads * width)
        yield f"layers.{layer}.feed_forward.gate", (inner, hidden)
        yield f"layers.{layer}.feed_forward.up", (inner, hidden)
        yield f"layers.{layer}.feed_forward.down", (hidden, inner)
