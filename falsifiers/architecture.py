"""What a model is: its shape, and whether it is a decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from falsifiable import CONFIG_FIELDS, Model, NotApplicable, Run, Verdict, falsifier
from falsifiers.inventory import (
    QUERIES_AS_WIDE_AS_HIDDEN,
    SHAPE_FIELDS,
    Shapes,
    expected_tensors,
    head_size,
    parameters_in,
)

# Tensors that only encoders have: two token types, a pooler, a head that fills in masked words.
_ENCODER_TENSORS = ("token_type_embeddings", "token_types.weight", "pooler.dense", "cls.predictions", "lm_head.dense")


@falsifier("architecture.reference-shape", level="algorithm")
def reference_shape(
    *,
    hidden_size: int,
    num_hidden_layers: int,
    num_attention_heads: int,
    num_key_value_heads: int,
    intermediate_size: int,
    vocab_size: int,
    biased: bool,
    output: Literal["tied", "separate"],
    parameters: int,
    tensors: int,
    inventory: Callable[..., Shapes] = expected_tensors,
) -> Verdict:
    """A shape from a published table comes to the number of parameters and tensors that its publisher counts.

    What every check of a tensor inventory rests on is the rule that derives the inventory from the shape. A published
    model refutes a wrong rule: Qwen2.5-0.5B has 494,032,768 parameters in 290 tensors, or 291 where the tied output is
    stored a second time (model card and tensor listing of Qwen/Qwen2.5-0.5B).

    Args:
        hidden_size: width of the residual stream.
        num_hidden_layers: number of layers.
        num_attention_heads: query heads per layer.
        num_key_value_heads: key and value heads per layer.
        intermediate_size: width of the feed-forward block.
        vocab_size: rows of the embedding.
        biased: whether query, key and value projections have a bias.
        output: whether the output shares the embedding's tensor.
        parameters: how many parameters the publisher counts, a shared tensor once.
        tensors: how many tensors the published file holds.
    """
    shape = {
        "hidden_size": hidden_size, "num_hidden_layers": num_hidden_layers, "num_attention_heads": num_attention_heads,
        "num_key_value_heads": num_key_value_heads, "intermediate_size": intermediate_size, "vocab_size": vocab_size,
    }  # fmt: skip
    implied = inventory(shape, biased=biased, separate_output=output == "separate")
    counted = parameters_in(implied)
    difference = counted - parameters
    return Verdict.of(
        difference == 0 and len(implied) == tensors,
        found=f"the shape implies {counted:,} parameters in {len(implied)} tensors, the publisher counts "
        f"{parameters:,} in {tensors}: {difference:+,} parameters, {len(implied) - tensors:+} tensors. "
        f"{_cause(difference, hidden_size)}",
        examined=(len(implied), "tensors"),
        parameters=counted,
        tensors=len(implied),
    )


def _cause(difference: int, hidden_size: int) -> str:
    if difference == 0:
        return "The same parameters are divided among other tensors"
    if difference % hidden_size == 0 and abs(difference) > 10_000 * hidden_size:
        return "An embedding-sized difference: the tied output is counted twice, or not at all"
    return "A wrong number of key-value heads, or biases that are left out"


@reference_shape.counterexample
def without_biases() -> dict[str, Any]:
    """A rule that forgets the biases of query, key and value."""
    return {"inventory": lambda shape, *, biased, separate_output: expected_tensors(
        shape, biased=not biased, separate_output=separate_output)}  # fmt: skip


@reference_shape.counterexample
def key_value_heads_left_to_a_default(*, num_attention_heads: int, num_key_value_heads: int) -> dict[str, Any]:
    """A rule that takes as many key-value heads as there are query heads."""
    if num_attention_heads == num_key_value_heads:
        raise NotApplicable("the shape has as many key-value heads as query heads")
    return {"inventory": lambda shape, **others: expected_tensors(
        {**shape, "num_key_value_heads": num_attention_heads}, **others)}  # fmt: skip


@falsifier("architecture.matches-declared")
def matches_declared(run: Run, model: Model) -> Verdict:
    """The model has the shape that its run record declares, field by field, with no field left out or to a default.

    A declaration must name the family, every size, and each other field that the model itself states: one that is left
    out is one in which the model may differ unseen. The reference contract declares all twelve fields of its 0.5B model
    (apr-pretrain-arch-polymorphic-v1, 001 and 003).
    """
    declared = run.record.get("architecture")
    if not isinstance(declared, dict) or not declared:
        return Verdict.inconclusive(
            f"{run.path}: declares no architecture; the recorder writes it under `architecture`"
        )
    wrong = []
    for name, expected in declared.items():
        found = model.architecture.family if name == "family" else getattr(model.config, name, None)
        if found != expected:
            where = model.config.sources.get(name, name)
            wrong.append(f"{where} is {'absent' if found is None else found}, run.yaml declares {name}: {expected}")
    wrong += [
        f"run.yaml: architecture.{name} is not declared, expected {stated}"
        for name, stated in _stated(model).items()
        if name not in declared
    ]
    return Verdict.of(
        not wrong,
        found="; ".join(wrong) + ". The configuration or the record was edited, or the model is of another run",
        examined=(len(declared), "fields"),
        fields_differing=len(wrong),
    )


def _stated(model: Model) -> dict[str, Any]:
    """What a declaration has to name: family and sizes always, every other field where the model states it."""
    fields = {name: getattr(model.config, name) for name in CONFIG_FIELDS}
    stated = {name: value for name, value in fields.items() if name in SHAPE_FIELDS or value is not None}
    return {"family": model.architecture.family, **stated}


@matches_declared.counterexample
def one_layer_more(run: Run, model: Model) -> tuple[Run, Model]:
    """A configuration that counts one layer more than the run declares."""
    if model.config.num_hidden_layers is None:
        raise NotApplicable("the model states no number of layers")
    return run, model.with_config(num_hidden_layers=model.config.num_hidden_layers + 1)


@matches_declared.counterexample
def a_declaration_of_the_family_alone(run: Run, model: Model) -> tuple[Run, Model]:
    """A declaration cut down to the one field that any model of the family meets."""
    return run.with_field("architecture", {"family": model.architecture.family}), model


def objections_to_decoding(model: Model) -> list[str]:
    """Why a model cannot be a causal decoder, each in words; empty where nothing speaks against it."""
    objections = []
    if model.architecture.role not in (None, "decoder"):
        objections.append(f"architecture {model.architecture.stored} is an {model.architecture.role}")
    if model.metadata.get("is_decoder") is False and model.architecture.role is None:
        objections.append("the configuration says is_decoder: false")
    named = next((name for name in model.tensors if any(part in name for part in _ENCODER_TENSORS)), None)
    if named is not None:
        objections.append(f"tensor {named} belongs to an encoder")
    return objections


@falsifier("architecture.is-decoder")
def is_decoder(model: Model) -> Verdict:
    """The model is a causal decoder: neither its declared architecture nor its tensors are an encoder's."""
    objections = objections_to_decoding(model)
    if not objections and model.architecture.role is None:
        return Verdict.inconclusive(f"{model.path}: architecture {model.architecture.stored} is not known here")
    return Verdict.of(
        not objections,
        found="; ".join(objections) + ". An encoder cannot predict a next token, however it is fine-tuned",
        examined=(len(model.tensors) + 1, "names"),
        objections=len(objections),
    )


@is_decoder.counterexample
def called_an_encoder(model: Model) -> Model:
    """The same tensors under an encoder's architecture name."""
    return model.with_family("bert")


@is_decoder.counterexample
def with_an_encoders_tensor(model: Model) -> Model:
    """A table of token types, which only an encoder has."""
    rows = model.config.hidden_size or 8
    return model.with_extra_tensor("embeddings.token_type_embeddings.weight", (2, rows), "F32")


@falsifier("architecture.refused-as-decoder")
def refused_as_decoder(model: Model) -> Verdict:
    """The model is refused where a causal decoder is expected, for a reason that can be named.

    The mirror image of ``architecture.is-decoder``: it holds on an encoder, and falls when nothing speaks against
    using one as a decoder, because then the guard that should refuse it lets it through.
    """
    objections = objections_to_decoding(model)
    return Verdict.of(
        bool(objections),
        found=f"nothing speaks against {model.architecture.stored} as a decoder, though it was bound as an encoder; "
        "the guard would let it through, or a decoder is bound here by mistake",
        examined=(len(model.tensors) + 1, "names"),
        objections=len(objections),
        reason="; ".join(objections),
    )


@refused_as_decoder.counterexample
def called_a_decoder(model: Model) -> Model:
    """The same file under a decoder's name, without the tensors that give an encoder away."""
    changed = model.with_family("qwen2")
    for name in list(model.tensors):
        if any(part in name for part in _ENCODER_TENSORS):
            changed = changed.without_tensor(name)
    return changed


@falsifier("architecture.heads-consistent")
def heads_consistent(model: Model, *, projection: Literal["hidden", "any"] = "hidden") -> Verdict:
    """Heads divide as grouped-query attention needs: query heads by key-value heads, and the hidden size by heads.

    Args:
        projection: ``hidden`` demands heads x head_dim = hidden_size of a Qwen2 model. One that breaks this trains and
            exports without complaint, and llama.cpp refuses it: there it takes the width of the queries from the
            hidden size. Other families state the size of a head and may choose it.
    """
    config = model.config
    heads, shared, hidden = config.num_attention_heads, config.num_key_value_heads, config.hidden_size
    if heads is None or shared is None or hidden is None:
        stated = {"num_attention_heads": heads, "num_key_value_heads": shared, "hidden_size": hidden}
        absent = [name for name, value in stated.items() if value is None]
        return Verdict.inconclusive(f"{model.path}: {', '.join(absent)} absent; nothing to divide")
    if min(heads, shared, hidden) <= 0:
        found = f"{heads} query heads, {shared} key-value heads and hidden_size {hidden}, expected more than 0 of each"
        return Verdict.of(False, found=f"{found}; a field was edited, or never set", examined=(3, "fields"))
    size = head_size({"head_dim": config.head_dim, "hidden_size": hidden, "num_attention_heads": heads})
    found = ""
    if shared > heads or heads % shared:
        found = f"{heads} query heads cannot be shared evenly by {shared} key-value heads"
    elif not size.is_integer():
        found = f"hidden_size {hidden} is no multiple of {heads} heads; one of the two was edited"
    elif projection == "hidden" and model.architecture.family in QUERIES_AS_WIDE_AS_HIDDEN and heads * size != hidden:
        found = (
            f"{heads} heads x head_dim {size:g} = {heads * size:g}, not hidden_size {hidden}; llama.cpp refuses this"
        )
    return Verdict.of(
        not found, found=found, examined=(3, "fields"), query_heads_per_key_value_head=heads / shared, head_dim=size
    )


@heads_consistent.counterexample
def an_uneven_share(model: Model) -> Model:
    """One key-value head more than divides the query heads."""
    if not model.config.num_attention_heads:
        raise NotApplicable("the model states no number of heads")
    return model.with_config(num_key_value_heads=model.config.num_attention_heads + 1)


@heads_consistent.counterexample
def hidden_size_off_by_one(model: Model) -> Model:
    """A hidden size that the heads do not divide, where no size of a head is stated."""
    if not model.config.hidden_size:
        raise NotApplicable("the model states no hidden size")
    return model.with_config(hidden_size=model.config.hidden_size + 1, head_dim=None)
