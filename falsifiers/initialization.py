"""A fine-tune really started from the checkpoint it was given.

The reference defect: a loader failed, the trainer went on with random weights, and nothing in the result said so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from falsifiable import Corpus, Criterion, Model, NotApplicable, Run, Verdict, falsifier
from falsifiers.closeness import cosine
from falsifiers.evaluation import EvaluationError, recomputed_loss

if TYPE_CHECKING:
    import numpy as np

FIELDS = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size",
    "max_position_embeddings", "rope_theta", "rms_norm_eps", "tie_word_embeddings",
)  # fmt: skip

_FLOAT32_ROUNDING = 2.0**-23  # GGUF stores the rotary base and epsilon as float32

ABOUT_THE_SAVING = ("_name_or_path", "dtype", "torch_dtype", "transformers_version", "use_cache")
"""Keys of config.json that say how a model was saved, not what it computes."""


@falsifier("initialization.config-passes-through")
def config_passes_through(init: Model, trained: Model) -> Verdict:
    """Every architecture field of the init checkpoint stands in the trained one, and none is left to a default.

    The ten fields are those that the reference contract extracts (seven sizes, rotary base, epsilon, tying). Tying is
    not asked of a GGUF file, whose format has no key for it. Between two Hugging Face folders, every other key of
    config.json (the activation, say) must be the same too, but for those that describe the saving.
    """
    fields = [name for name in FIELDS if init.config_key(name) and trained.config_key(name)]
    wrong = []
    for name in fields:
        before, after = getattr(init.config, name), getattr(trained.config, name)
        if before is None:
            wrong.append(f"{name} is absent from {init.path}, so training can only have used a default")
        elif after is None:
            wrong.append(f"{name} is absent from {trained.path}, expected {before} as in the init checkpoint")
        elif not math.isclose(before, after, rel_tol=_FLOAT32_ROUNDING):
            key = trained.config.sources.get(name, name)
            wrong.append(
                f"{key} is {after} after training, {before} in the init checkpoint: hard-coded, or edited since"
            )
    if init.architecture.family != trained.architecture.family:
        wrong.append(f"architecture {init.architecture.stored} became {trained.architecture.stored}")
    wrong += _other_keys_changed(init, trained, fields)
    return Verdict.of(
        not wrong, found="; ".join(wrong), examined=(len(fields) + 1, "fields"), fields_differing=len(wrong)
    )


def _other_keys_changed(init: Model, trained: Model, fields: list[str]) -> Iterator[str]:
    if (init.format, trained.format) != ("huggingface", "huggingface"):
        return
    for key in sorted({*init.metadata, *trained.metadata}):
        before, after = init.metadata.get(key), trained.metadata.get(key)
        if key not in (*fields, *ABOUT_THE_SAVING) and "." not in key and before != after:
            yield f"config.json:{key} is {after} after training, {before} in the init checkpoint"


@config_passes_through.counterexample
def another_activation(init: Model, trained: Model) -> tuple[Model, Model]:
    """The same sizes, another function."""
    if (init.format, trained.format) != ("huggingface", "huggingface"):
        raise NotApplicable("only config.json names the activation")
    return init, trained.with_metadata(hidden_act="relu")


@config_passes_through.counterexample
def a_field_hard_coded(init: Model, trained: Model) -> tuple[Model, Model]:
    """A trainer that writes its own feed-forward width."""
    if trained.config.intermediate_size is None:
        raise NotApplicable("the trained model states no intermediate_size")
    return init, trained.with_config(intermediate_size=trained.config.intermediate_size * 2)


@config_passes_through.counterexample
def a_field_left_to_a_default(init: Model, trained: Model) -> tuple[Model, Model]:
    """An init checkpoint that does not say how many key-value heads it has."""
    key = init.config.sources.get("num_key_value_heads")
    if key is None:
        raise NotApplicable("the init checkpoint states no num_key_value_heads")
    return init.without_metadata(key.removeprefix("config.json:")), trained


@falsifier("initialization.weights-pass-through", needs="fingerprints", compares_copies=True)
def weights_pass_through(run: Run, init: Model) -> Verdict:
    """The state before the first step was the init checkpoint, tensor by tensor, to the last bit.

    Compares the fingerprints that the recorder took at step 0 with those of the checkpoint's bytes.
    """
    if run.step_zero is None:
        return Verdict.inconclusive(f"{run.path}: has no step_zero.json; record the state before the first step")
    recorded = {name: entry.blake3 for name, entry in run.step_zero.items()}
    stored = {name: one.blake3 for name, one in init.fingerprints.items()}
    missing = sorted(set(stored) - set(recorded))
    extra = sorted(set(recorded) - set(stored))
    different = sorted(name for name in recorded if name in stored and recorded[name] != stored[name])
    found = ""
    if different:
        share = f"{len(different)} of {len(stored)} tensors"
        found = (
            f"tensor {different[0]}: BLAKE3 at step 0 {recorded[different[0]][:12]}, in the checkpoint "
            f"{stored[different[0]][:12]} ({share} differ); the trainer did not start from {init.path}"
        )
    elif missing or extra:
        found = (
            f"at step 0 {len(missing)} tensors of the checkpoint were absent ({', '.join(missing[:3]) or 'none'}) and "
            f"{len(extra)} stood that it does not have ({', '.join(extra[:3]) or 'none'}); those began at random"
        )
    return Verdict.of(
        not found, found=found, examined=(len(stored), "tensors"), tensors_differing=len(different),
        tensors_missing=len(missing), tensors_extra=len(extra),
    )  # fmt: skip


@weights_pass_through.counterexample
def one_tensor_not_loaded(run: Run, init: Model) -> tuple[Run, Model]:
    """One weight that the trainer had otherwise than the checkpoint."""
    return run, init.with_tensor("final_norm", lambda values: values + 1)


@weights_pass_through.counterexample
def one_tensor_left_random(run: Run, init: Model) -> tuple[Run, Model]:
    """A weight that the trainer had and the checkpoint lacks."""
    return run, init.without_tensor("final_norm")


@falsifier("initialization.step-zero-loss", needs="tensors", imports=("torch",))
def step_zero_loss(
    run: Run, init: Model, corpus: Corpus, *, within: float = 1e-3, below_chance_by: float = 1.0
) -> Verdict:
    """The loss before the first step is the checkpoint's own, recomputed from its weights, and far below chance.

    A trainer that ignored the checkpoint starts at ln(vocabulary), the loss of guessing.

    Args:
        within: nats between the recorded and the recomputed loss; two float32 implementations are within 1e-4.
        below_chance_by: nats that the loss must lie below ln(vocabulary). The reference contract asks 3.0 of a
            published checkpoint; one that was trained for minutes earns less.
    """
    metric = run.metrics.get("init_val_loss")
    rows = init.embedding_rows
    if metric is None or not rows:
        return Verdict.inconclusive(f"{run.path}: records no init_val_loss, or {init.path} has no embedding")
    try:
        own = recomputed_loss(init, corpus)
    except EvaluationError as error:
        return Verdict.inconclusive(f"the step-0 loss was not recomputed: {error}")
    chance = math.log(rows)
    found = ""
    if not abs(own - metric.value) <= within:
        found = (
            f"run.yaml: init_val_loss is {metric.value:.6f} nats, the checkpoint itself has {own:.6f} on these tokens, "
            f"expected within {within:g}; the trainer started from other weights (chance is {chance:.4f})"
        )
    elif not own <= chance - below_chance_by:
        found = (
            f"the checkpoint's loss {own:.4f} nats is not {below_chance_by:g} below ln({rows}) = {chance:.4f}: its "
            "weights are random or damaged"
        )
    return Verdict.of(
        not found, found=found, examined=(len(init.tensors), "tensors"),
        step_zero_loss=(own, "nats"), recorded_loss=(metric.value, "nats"), chance=(chance, "nats"),
    )  # fmt: skip


@step_zero_loss.counterexample
def a_start_at_chance(run: Run, init: Model, corpus: Corpus) -> tuple[Run, Model, Corpus]:
    """A record that says the run began at ln(vocabulary)."""
    return run.with_metric("init_val_loss", math.log(init.embedding_rows or 2), 0), init, corpus


@step_zero_loss.counterexample
def a_checkpoint_that_knows_nothing(run: Run, init: Model, corpus: Corpus) -> tuple[Run, Model, Corpus]:
    """An embedding of zeros, which gives every token the same chance, and a record that agrees with it."""
    blank = init.with_tensor("token_embedding", lambda values: values * 0)
    return run.with_metric("init_val_loss", math.log(init.embedding_rows or 2), 0), blank, corpus


def shared_tensors(init: Model, trained: Model) -> list[str]:
    """Canonical names that both models have, in the order of the first."""
    return [name for name in init.canonical_names if trained.has_tensor(name)]


@falsifier("initialization.every-tensor-moved", needs="fingerprints", imports=("numpy",))
def every_tensor_moved(init: Model, trained: Model) -> Verdict:
    """After training, every tensor differs from the init checkpoint: none was frozen, and something was trained."""
    names = shared_tensors(init, trained)
    unmoved = [name for name in names if _same_values(init, trained, name)]
    return Verdict.of(
        not unmoved,
        found=f"{len(unmoved)} of {len(names)} tensors are as in the init checkpoint, the first of them "
        f"{unmoved[0] if unmoved else ''}; the layer was frozen or left out of the optimiser, or nothing was trained",
        examined=(len(names), "tensors"),
        tensors_unmoved=len(unmoved),
    )


def _same_values(init: Model, trained: Model, name: str) -> bool:
    before, after = init.canonical_names[name], trained.canonical_names[name]
    if init.tensors[before].dtype == trained.tensors[after].dtype:
        return bool(init.fingerprints[before].blake3 == trained.fingerprints[after].blake3)
    import numpy as np

    return bool(np.array_equal(init.tensor(name).numpy(), trained.tensor(name).numpy()))


@every_tensor_moved.counterexample
def one_tensor_frozen(init: Model, trained: Model) -> tuple[Model, Model]:
    """A tensor whose trained values are those it began with."""
    name = shared_tensors(init, trained)[-1]
    before = init.tensor(name).numpy()
    return init, trained.with_tensor(name, lambda values: before.astype(values.dtype))


@every_tensor_moved.counterexample
def nothing_trained(init: Model, _trained: Model) -> tuple[Model, Model]:
    """The checkpoint itself, handed over as the result of training."""
    return init, init


@falsifier("initialization.stayed-close", needs="tensors", imports=("numpy",))
def stayed_close(
    init: Model, trained: Model, *, cosine: Criterion = Criterion(at_least=0.5), rows: Criterion = Criterion(above=0.0)
) -> Verdict:
    """Every matrix of the trained model still points where it pointed in the init checkpoint; asks the files alone.

    A record may lie; geometry does not. Matrices of two runs from different random weights have a cosine of 0 within
    1/sqrt(number of values), however well both are trained, while a fine-tune keeps most of what it started from.

    Args:
        cosine: what the cosine of every matrix must meet. Chance is below 0.05 for any matrix of 1,000 values.
        rows: what the cosine of every row of a matrix, and of every bias and norm, must meet. A row that is another's
            has one of 0 by chance, below 0 every second time; 500 steps turn no row of the reference run below 0.18.
    """
    close = dict(_cosines(init, trained))
    furthest = min(close, key=lambda name: (not math.isnan(close[name]), close[name]), default="")
    strayed = [name for name, value in close.items() if not cosine.holds(value)]
    turned = [] if strayed else list(_turned_rows(init, trained, rows))
    said = (
        f"tensor {furthest}: cosine {close.get(furthest, math.nan):.4f} with the init checkpoint, not "
        f"{cosine} ({len(strayed)} of {len(close)} matrices)"
        if strayed
        else f"{'; '.join(turned[:3])} ({len(turned)} rows)"
    )
    return Verdict.of(
        not strayed and not turned,
        found=f"{said}; training started from other weights, whatever the record says",
        examined=(len(close), "matrices"),
        lowest_cosine=close.get(furthest),
    )


def _cosines(init: Model, trained: Model) -> Iterator[tuple[str, float]]:
    for name in shared_tensors(init, trained):
        before, after = init.tensor(name), trained.tensor(name)
        if len(before.shape) >= 2 and tuple(before.shape) == tuple(after.shape):
            yield name, cosine(before.numpy(), after.numpy())


def _turned_rows(init: Model, trained: Model, rows: Criterion) -> Iterator[str]:
    """Rows of matrices, and whole vectors, that point elsewhere than before; what is zero on both sides does not."""
    import numpy as np

    for name in shared_tensors(init, trained):
        before, after = init.tensor(name), trained.tensor(name)
        if tuple(before.shape) != tuple(after.shape) or not before.shape:
            continue
        count = before.shape[0] if len(before.shape) > 1 else 1
        was, became = (one.numpy().astype(np.float64).reshape(count, -1) for one in (before, after))
        lengths = np.linalg.norm(was, axis=1), np.linalg.norm(became, axis=1)
        product = lengths[0] * lengths[1]
        cosines = np.where(product > 0, (was * became).sum(axis=1) / np.where(product > 0, product, 1.0), np.nan)
        for row in np.flatnonzero(lengths[0] + lengths[1] > 0):
            if not rows.holds(float(cosines[row])):
                yield f"tensor {name}, row {row}: cosine {cosines[row]:.4f} with the init checkpoint, not {rows}"


@stayed_close.counterexample
def one_row_not_loaded(init: Model, trained: Model) -> tuple[Model, Model]:
    """A single row that was left at zero."""
    name = next((name for name in shared_tensors(init, trained) if len(trained.tensor(name).shape) >= 2), None)
    if name is None:
        raise NotApplicable("the models share no matrix")
    return init, trained.with_tensor(name, _first_row_zero)


def _first_row_zero(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    changed = values.copy()
    changed[int(abs(values).sum(axis=1).argmax())] = 0
    return changed


@stayed_close.counterexample
def started_from_random_weights(init: Model, trained: Model) -> tuple[Model, Model]:
    """The trained model's matrices replaced by random ones of the same spread."""
    for name in shared_tensors(init, trained):
        if len(trained.tensor(name).shape) >= 2:
            trained = trained.with_tensor(name, random_alike)
    return init, trained


@stayed_close.counterexample
def one_matrix_not_loaded(init: Model, trained: Model) -> tuple[Model, Model]:
    """A single matrix that began as random numbers."""
    name = next(name for name in shared_tensors(init, trained) if len(trained.tensor(name).shape) >= 2)
    return init, trained.with_tensor(name, random_alike)


def random_alike(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Random numbers with the mean and spread of ``values``, the same ones each time."""
    import numpy as np

    random = np.random.default_rng(0).normal(float(values.mean()), float(values.std()), values.shape)
    alike: np.ndarray[Any, Any] = random.astype(values.dtype)
    return alike


@falsifier("initialization.from-scratch-baseline", level="integration")
def from_scratch_baseline(run: Run, *, within: float = 1.0, phase: str = "pretrain") -> Verdict:
    """Without an init checkpoint, training begins at chance: the first recorded loss is about ln(vocabulary).

    Lower means that weights came from somewhere the record does not name; higher, that the initialisation is broken.

    Args:
        within: nats between the first loss and ln(vocabulary). The reference contract's bound for "from scratch" is
            ln(V) - 1.5; Qwen2's initialisation (deviation 0.02) begins within 0.1.
        phase: which phase of the run started from scratch.
    """
    rows = run.field("architecture.vocab_size")
    first = next((row for row in run.rows if row.get("phase") == phase), None)
    if first is None or not isinstance(rows, int) or rows < 2:
        return Verdict.inconclusive(
            f"{run.path}: no row of phase {phase}, or no architecture.vocab_size; nothing began there"
        )
    loss, chance = first.get("loss"), math.log(rows)
    begins_at_chance = isinstance(loss, (int, float)) and abs(loss - chance) <= within
    return Verdict.of(
        begins_at_chance,
        found=f"metrics.jsonl, {phase} step {first.get('step')}: loss {loss}, expected ln({rows}) = {chance:.4f} "
        f"within {within:g}; the model did not start from random weights, or its initialisation is broken",
        examined=(1, "rows"),
        first_loss=(loss if isinstance(loss, (int, float)) else None, "nats"),
        chance=(chance, "nats"),
    )


@from_scratch_baseline.counterexample
def weights_from_somewhere(run: Run) -> Run:
    """A vocabulary for which the recorded first loss would be far below chance."""
    rows = run.field("architecture.vocab_size")
    if not isinstance(rows, int):
        raise NotApplicable("the run declares no vocabulary")
    return run.with_field("architecture.vocab_size", rows * 10_000)
