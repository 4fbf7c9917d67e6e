"""An adapter is whole, was trained in every layer it adapts, and changes no more than its rank allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from falsifiable import ArtifactError, Model, NotApplicable, Verdict, falsifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]

_PEFT_PREFIX = "base_model.model."
_NAMED_BY_HUGGINGFACE = ("huggingface", "safetensors", "pytorch")


@falsifier("adapter.tensors-expected")
def tensors_expected(adapter: Model, base: Model) -> Verdict:
    """The adapter's tensors are those that rank, target modules and base model imply, in name and shape; none is extra.

    For every adapted matrix [out, in] of the base, PEFT keeps A [rank, in] and B [out, rank], and MLX a [in, rank] and
    b [rank, out]. Tensors of modules that PEFT saves whole (`modules_to_save`) are left aside.
    """
    if why := _unknown_shape(adapter, base):
        return Verdict.inconclusive(why)
    expected = _expected_shapes(adapter, base)
    whole = tuple(f".{name}." for name in adapter.metadata.get("modules_to_save") or ())  # type: ignore[attr-defined]
    found = {
        name.removeprefix(_PEFT_PREFIX): info.shape
        for name, info in adapter.tensors.items()
        if not any(part in f".{name}" for part in whole)
    }
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    wrong = sorted(name for name in expected if name in found and found[name] != expected[name])
    said = ""
    if wrong:
        said = f"tensor {wrong[0]}: shape {list(found[wrong[0]])}, expected {list(expected[wrong[0]])}; "
        said += "adapter_config.json states another rank, or the adapter is of another base model"
    elif missing:
        said = f"tensor {missing[0]} is missing ({len(missing)} of {len(expected)}); the save is not whole"
    elif extra:
        said = f"tensor {extra[0]} belongs to no target module ({len(extra)} such tensors); it is of another adapter"
    return Verdict.of(
        not said, found=said, examined=(len(expected), "tensors"), missing_tensors=len(missing),
        extra_tensors=len(extra), wrong_shapes=len(wrong),
    )  # fmt: skip


def _unknown_shape(adapter: Model, base: Model) -> str:
    """Why the tensors cannot be told in advance; empty where they can."""
    config = adapter.adapter
    if config is None:
        return f"{adapter.path} is no adapter: bind the folder with adapter_config.json"
    if config.rank is None or not config.targets:
        return f"{adapter.path}: adapter_config.json names no rank, or no list of target modules"
    if adapter.metadata.get("rank_pattern"):
        return f"{adapter.path}: rank_pattern gives modules ranks of their own, which this check does not read"
    if base.config.num_hidden_layers is None or base.format not in _NAMED_BY_HUGGINGFACE:
        return f"{base.path}: bind the base model's Hugging Face folder, whose modules an adapter names"
    return ""


def _expected_shapes(adapter: Model, base: Model) -> dict[str, tuple[int, ...]]:
    """Name without prefix -> shape, for both factors of every matrix of ``base`` that is adapted."""
    config, layers = adapter.adapter, base.config.num_hidden_layers
    shapes: dict[str, tuple[int, ...]] = {}
    for name, info in base.tensors.items():
        module = name.removesuffix(".weight")
        if config is None or config.rank is None or layers is None or len(info.shape) != 2 or module == name:
            continue
        if config.adapts(module, layers):
            rows, columns = info.shape
            if adapter.format == "peft":
                shapes[f"{module}.lora_A.weight"] = (config.rank, columns)
                shapes[f"{module}.lora_B.weight"] = (rows, config.rank)
            else:
                shapes[f"{module}.lora_a"] = (columns, config.rank)
                shapes[f"{module}.lora_b"] = (config.rank, rows)
    return shapes


def with_stated_rank(adapter: Model, rank: int) -> Model:
    """The same tensors under a configuration that states another rank."""
    if adapter.format == "peft":
        return adapter.with_metadata(r=rank)
    parameters = adapter.metadata.get("lora_parameters")
    return adapter.with_metadata(
        lora_parameters={**(parameters if isinstance(parameters, Mapping) else {}), "rank": rank}
    )


def a_pair(adapter: Model) -> tuple[str, str]:
    """The names of the first pair of factors. Raises NotApplicable where there is none."""
    if not adapter.low_rank_pairs:
        raise NotApplicable("the adapter has no pair of factors")
    return next(iter(adapter.low_rank_pairs.values()))


def _rank_of(adapter: Model) -> int:
    if adapter.adapter is None or adapter.adapter.rank is None:
        raise NotApplicable("the adapter states no rank")
    return adapter.adapter.rank


@tensors_expected.counterexample
def a_module_left_out(adapter: Model, base: Model) -> tuple[Model, Model]:
    """An adapter without both factors of its first module."""
    first, second = a_pair(adapter)
    return adapter.without_tensor(first).without_tensor(second), base


@tensors_expected.counterexample
def a_factor_too_many(adapter: Model, base: Model) -> tuple[Model, Model]:
    """A tensor of a module that is not adapted."""
    first, _ = a_pair(adapter)
    shape = tuple(adapter.tensors[first].shape)
    return adapter.with_extra_tensor(first.replace("layers.", "layers.9"), shape), base


@tensors_expected.counterexample
def another_rank_stated(adapter: Model, base: Model) -> tuple[Model, Model]:
    """A configuration that states twice the rank."""
    return with_stated_rank(adapter, 2 * _rank_of(adapter)), base


@falsifier("adapter.every-layer-moved", needs="fingerprints")
def every_layer_moved(adapter: Model) -> Verdict:
    """No adapted matrix has a factor of zeros: both libraries start B at zero, so that a zero B was never stepped."""
    pairs = adapter.low_rank_pairs
    unmoved = [
        (module, name)
        for module, names in pairs.items()
        for name in names
        if adapter.fingerprint(name).zero_share == 1.0
    ]
    found = ""
    if unmoved:
        module, name = unmoved[0]
        found = (
            f"tensor {name}: every value is 0, so that {module} is as in the base model ({len(unmoved)} of "
            f"{len(pairs)} modules); the adapter was saved before its first step, or the optimiser never saw this layer"
        )
    return Verdict.of(not found, found=found, examined=(len(pairs), "modules"), unmoved_modules=len(unmoved))


@every_layer_moved.counterexample
def never_stepped(adapter: Model) -> Model:
    """An adapter as it is before its first step: every second factor zero."""
    a_pair(adapter)
    return stepped_back(adapter)


def stepped_back(adapter: Model) -> Model:
    """The adapter with every second factor zero."""
    for _, second in adapter.low_rank_pairs.values():
        adapter = adapter.with_tensor(second, _zeros)
    return adapter


def _zeros(values: Values) -> Values:
    return values * 0


@every_layer_moved.counterexample
def one_layer_never_stepped(adapter: Model) -> Model:
    """An adapter of which the first module was frozen."""
    return adapter.with_tensor(a_pair(adapter)[1], _zeros)


@falsifier("adapter.update-rank", needs="tensors")
def update_rank(adapter: Model) -> Verdict:
    """What is added to a matrix has a rank of at least one and at most the one that the configuration states.

    The rank is counted from the singular values of the two factors' triangular parts (QR), as numpy does: those above
    the largest times the longest side times the float32 epsilon.
    """
    if adapter.adapter is None or adapter.adapter.rank is None:
        return Verdict.inconclusive(f"{adapter.path}: adapter_config.json states no rank to compare with")
    stated, ranks = adapter.adapter.rank, {}
    for module, (first, second) in adapter.low_rank_pairs.items():
        left, right = (second, first) if adapter.format == "peft" else (first, second)
        counted = _rank_of_product(adapter.tensor(left).numpy(), adapter.tensor(right).numpy())
        if counted is None:
            return Verdict.inconclusive(f"{module}: its factors do not multiply, or hold values that are not finite")
        ranks[module] = counted
    wrong = [module for module, rank in ranks.items() if not 1 <= rank <= stated]
    found = ""
    if wrong:
        found = f"{wrong[0]}: the update has rank {ranks[wrong[0]]}, expected 1 to {stated} ({len(wrong)} modules); "
        found += "it was never stepped" if ranks[wrong[0]] == 0 else "adapter_config.json is of another adapter"
    return Verdict.of(
        not wrong, found=found, examined=(len(ranks), "modules"), stated_rank=stated,
        highest_rank=max(ranks.values(), default=None), lowest_rank=min(ranks.values(), default=None),
    )  # fmt: skip


def _rank_of_product(left: Values, right: Values) -> int | None:
    """The rank of ``left @ right``; None where they do not multiply or are not finite."""
    import numpy as np

    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
        return None
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    first: Values = np.linalg.qr(left.astype(np.float64), mode="r")  # type: ignore[assignment]
    second: Values = np.linalg.qr(right.T.astype(np.float64), mode="r")  # type: ignore[assignment]
    values: Values = np.linalg.svd(first @ second.T, compute_uv=False)
    least = values.max(initial=0.0) * max(left.shape[0], right.shape[1]) * np.finfo(np.float32).eps
    return int((values > least).sum())


@update_rank.counterexample
def more_rank_than_stated(adapter: Model) -> Model:
    """Factors of one rank more than the configuration says."""
    rank, (first, second) = _rank_of(adapter) + 1, a_pair(adapter)
    for name, axis in ((first, adapter.format != "peft"), (second, adapter.format == "peft")):
        shape = list(adapter.tensors[name].shape)
        shape[int(axis)] = rank
        adapter = adapter.with_extra_tensor(name, tuple(shape)).with_tensor(name, _normal)
    return adapter


@update_rank.counterexample
def no_rank_at_all(adapter: Model) -> Model:
    """An update of zero."""
    a_pair(adapter)
    return stepped_back(adapter)


def _normal(values: Values) -> Values:
    import numpy as np

    return np.random.default_rng(0).normal(size=values.shape).astype(np.float32)


@falsifier("adapter.twin-equal", needs="tensors")
def twin_equal(adapter: Model, twin: Model, *, within: float = 1e-6) -> Verdict:
    """Two layouts of one adapter add the same to every matrix of the base model.

    Args:
        within: largest difference, as a share of the largest value of the update; float32 products that are summed in
            another order differ by less than 1e-6 of it.
    """
    try:
        ours, theirs = adapter.updates, twin.updates
    except ArtifactError as error:
        return Verdict.of(False, found=f"{error}; the update cannot be made", examined=(1, "adapters"))
    if sorted(ours) != sorted(theirs):
        only = sorted(set(ours) ^ set(theirs))
        where = adapter.path if only[0] in ours else twin.path
        return Verdict.of(
            False,
            found=f"{only[0]} is adapted in {where} alone ({len(only)} such matrices); a module was not converted",
            examined=(len(ours), "matrices"),
        )
    differences = {name: _difference(ours[name].numpy(), theirs[name].numpy()) for name in ours}
    wrong = [name for name, difference in differences.items() if not difference <= within]
    found = ""
    if wrong:
        found = (
            f"{wrong[0]}: the updates differ by {differences[wrong[0]]:.3g} of the largest value, expected at most "
            f"{within:g} ({len(wrong)} matrices); the scale, the orientation or a factor is another"
        )
    return Verdict.of(
        not wrong, found=found, examined=(len(differences), "matrices"),
        largest_difference=max(differences.values(), default=None),
    )  # fmt: skip


def _difference(ours: Values, theirs: Values) -> float:
    """The largest difference as a share of the largest value; infinite for other shapes."""
    import numpy as np

    if ours.shape != theirs.shape:
        return float("inf")
    largest = float(np.abs(ours).max(initial=0.0))
    return float(np.abs(ours - theirs).max(initial=0.0)) / (largest or 1.0)


@twin_equal.counterexample
def another_scale(adapter: Model, twin: Model) -> tuple[Model, Model]:
    """A twin whose factors were multiplied by the scale that its configuration states as well."""
    return adapter, twin.with_tensor(a_pair(twin)[1], _doubled)


def _doubled(values: Values) -> Values:
    return values * 2


@twin_equal.counterexample
def a_module_not_converted(adapter: Model, twin: Model) -> tuple[Model, Model]:
    """A twin without the first module."""
    first, second = a_pair(twin)
    return adapter, twin.without_tensor(first).without_tensor(second)


@falsifier("adapter.fresh", needs="fingerprints")
def fresh(adapter: Model) -> Verdict:
    """An adapter before its first step adds nothing: one factor of every pair is zero, the other is not.

    Both libraries start B at zero and A at random numbers, so that the base model is unchanged and yet can be trained.
    """
    pairs = adapter.low_rank_pairs
    second = {module: adapter.fingerprint(names[1]).zero_share for module, names in pairs.items()}
    first = {module: adapter.fingerprint(names[0]).zero_share for module, names in pairs.items()}
    moved = [module for module, share in second.items() if share < 1.0]
    dead = [module for module, share in first.items() if share == 1.0]
    found = ""
    if moved:
        found = f"{pairs[moved[0]][1]}: {1 - second[moved[0]]:.3g} of its values are not 0 ({len(moved)} modules); "
        found += "steps were taken before this was saved, or it is another adapter's end"
    elif dead:
        found = f"{pairs[dead[0]][0]}: every value is 0 ({len(dead)} modules); nothing can be learnt through it"
    return Verdict.of(not found, found=found, examined=(len(pairs), "modules"), moved_modules=len(moved))


@fresh.counterexample
def a_step_was_taken(adapter: Model) -> Model:
    """An adapter whose first B was stepped."""
    return adapter.with_tensor(a_pair(adapter)[1], lambda values: values + 1e-3)


@fresh.counterexample
def nothing_to_learn_through(adapter: Model) -> Model:
    """An adapter whose first A is zero as well."""
    return adapter.with_tensor(a_pair(adapter)[0], _zeros)


@falsifier("adapter.same-configuration")
def same_configuration(adapter: Model, other: Model) -> Verdict:
    """Two saves of one run state the same base model, rank, scale, modules and layers, and hold tensors of one form."""
    if adapter.adapter is None or other.adapter is None:
        neither = adapter.path if adapter.adapter is None else other.path
        return Verdict.inconclusive(f"{neither} is no adapter: bind the folder with adapter_config.json")
    names = ("base", "rank", "scale", "targets", "layers", "last_layers")
    stated = [(name, getattr(adapter.adapter, name), getattr(other.adapter, name)) for name in names]
    forms = [
        (f"tensor {name}", _form(adapter, name), _form(other, name)) for name in {**adapter.tensors, **other.tensors}
    ]
    wrong = [
        f"{name} is {ours} in {adapter.path.name}, {theirs} in {other.path.name}"
        for name, ours, theirs in [*stated, *forms]
        if ours != theirs
    ]
    return Verdict.of(
        not wrong,
        found="; ".join(wrong[:3]) + f" ({len(wrong)} such differences); the two are not of one run",
        examined=(len(stated) + len(forms), "fields and tensors"),
        differences=len(wrong),
    )


def _form(adapter: Model, name: str) -> str:
    info = adapter.tensors.get(name)
    return "absent" if info is None else f"{info.dtype} {list(info.shape)}"


@same_configuration.counterexample
def a_rank_of_its_own(adapter: Model, other: Model) -> tuple[Model, Model]:
    """An earlier save that states twice the rank."""
    return adapter, with_stated_rank(other, 2 * _rank_of(other))


@same_configuration.counterexample
def a_factor_is_gone(adapter: Model, other: Model) -> tuple[Model, Model]:
    """An earlier save without one of its factors."""
    return adapter, other.without_tensor(a_pair(other)[0])
