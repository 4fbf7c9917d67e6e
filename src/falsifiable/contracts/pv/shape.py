"""What the blocks of a contract in the ``pv`` dialect hold: which keys, and what stands under each.

``pv`` (the validator of paiml/provable-contracts, 0.1.0) drops every key it does not know. The tables below are those
it does know, so that a key beside them can be reported; obligation types, strategies and kinds that its later versions
added are among the words allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Form = Literal["text", "texts", "number", "count", "flag", "word", "block", "blocks", "named", "anything"]
"""What a key holds. ``count`` is a whole number from 0 to 4294967295, ``named`` a mapping of names to blocks."""


class Key(NamedTuple):
    """One key of a block: what it holds, and whether ``pv`` refuses a file without it.

    ``nullable`` says that ``pv`` takes an empty value for an absent one.
    """

    form: Form
    required: bool = False
    nullable: bool = True
    words: frozenset[str] = frozenset()
    block: Block | None = None


class Block(NamedTuple):
    """A mapping with fixed keys; ``title`` names it to a person."""

    title: str
    keys: Mapping[str, Key]


_WORDS = Key("text", required=True, nullable=False)
_PERHAPS = Key("text")
_LIST = Key("texts", nullable=False)

KERNEL = "kernel"
OTHER_KINDS = frozenset(
    {
        "registry",
        "model-family",
        "model-family-variant",
        "tokenizer",
        "training-loop",
        "pretraining-corpus",
        "training-precondition-gate",
        "corpus-assembly",
        "pattern",
        "schema",
        "beat-benchmark",
        "kaizen",
    }
)
"""What a file is about if not about a kernel."""

_METADATA = Block(
    "metadata",
    {
        "version": _WORDS,
        "description": _WORDS,
        "created": _PERHAPS,
        "updated": _PERHAPS,
        "author": _PERHAPS,
        "references": _LIST,
        "depends_on": _LIST,
        "lessons_learned": Key("anything"),
        "kind": Key("word", words=frozenset({KERNEL, *OTHER_KINDS})),
        "registry": Key("flag", nullable=False),
        "enforcement_level": _PERHAPS,
        "locked_level": _PERHAPS,
    },
)
_EQUATION = Block(
    "equation",
    {
        "formula": _WORDS,
        "domain": _PERHAPS,
        "codomain": _PERHAPS,
        "invariants": _LIST,
        "preconditions": _LIST,
        "postconditions": _LIST,
        "lean_theorem": _PERHAPS,
    },
)
OBLIGATION_TYPES = frozenset(
    {
        "invariant",
        "equivalence",
        "bound",
        "monotonicity",
        "idempotency",
        "linearity",
        "symmetry",
        "associativity",
        "conservation",
        "ordering",
        "completeness",
        "soundness",
        "involution",
        "determinism",
        "roundtrip",
        "state_machine",
        "classification",
        "independence",
        "termination",
        "precondition",
        "postcondition",
        "frame",
        "loop_invariant",
        "loop_variant",
        "old_state",
        "subcontract",
        "safety",
        "liveness",
    }
)
_LEAN = Block(
    "lean proof",
    {
        "theorem": _WORDS,
        "module": _PERHAPS,
        "status": Key("word", nullable=False, words=frozenset({"proved", "sorry", "wip", "not-applicable"})),
        "depends_on": _LIST,
        "mathlib_imports": _LIST,
        "notes": _PERHAPS,
    },
)
_OBLIGATION = Block(
    "proof obligation",
    {
        "id": _PERHAPS,
        "type": Key("word", required=True, nullable=False, words=OBLIGATION_TYPES),
        "property": _WORDS,
        "formal": _PERHAPS,
        "tolerance": Key("number"),
        "applies_to": _PERHAPS,
        "lean": Key("block", block=_LEAN),
        "requires": _PERHAPS,
        "applies_to_phase": _PERHAPS,
        "parent_contract": _PERHAPS,
    },
)
_PHASE = Block("phase", {"name": _WORDS, "description": _WORDS, "invariant": _PERHAPS})
_STRUCTURE = Block("kernel structure", {"phases": Key("blocks", required=True, nullable=False, block=_PHASE)})
_ENFORCEMENT = Block(
    "enforcement rule",
    {"description": _WORDS, "check": _PERHAPS, "severity": _PERHAPS, "reference": _PERHAPS},
)
_TEST = Block(
    "falsification test",
    {"id": _WORDS, "rule": _WORDS, "prediction": _WORDS, "test": _PERHAPS, "if_fails": _WORDS},
)
_HARNESS = Block(
    "kani harness",
    {
        "id": _WORDS,
        "obligation": _WORDS,
        "property": _PERHAPS,
        "bound": Key("count"),
        "strategy": Key("word", words=frozenset({"exhaustive", "stub_float", "compositional", "bounded_int"})),
        "solver": _PERHAPS,
        "harness": _PERHAPS,
    },
)
_GATE = Block(
    "qa gate",
    {
        "id": _WORDS,
        "name": _WORDS,
        "description": _PERHAPS,
        "checks": _LIST,
        "pass_criteria": _PERHAPS,
        "falsification": _PERHAPS,
    },
)
_COUNT = Key("count", nullable=False)
_SUMMARY = Block(
    "verification summary",
    {
        "total_obligations": Key("count", required=True, nullable=False),
        "l2_property_tested": _COUNT,
        "l3_kani_proved": _COUNT,
        "l4_lean_proved": _COUNT,
        "l4_sorry_count": _COUNT,
        "l4_not_applicable": _COUNT,
    },
)

CONTRACT = Block(
    "contract",
    {
        "metadata": Key("block", required=True, nullable=False, block=_METADATA),
        "equations": Key("named", required=True, nullable=False, block=_EQUATION),
        "proof_obligations": Key("blocks", nullable=False, block=_OBLIGATION),
        "kernel_structure": Key("block", block=_STRUCTURE),
        "simd_dispatch": Key("anything"),
        "enforcement": Key("named", nullable=False, block=_ENFORCEMENT),
        "falsification_tests": Key("blocks", nullable=False, block=_TEST),
        "kani_harnesses": Key("blocks", nullable=False, block=_HARNESS),
        "qa_gate": Key("block", block=_GATE),
        "verification_summary": Key("block", block=_SUMMARY),
        "type_invariants": Key("anything"),
        "coq_spec": Key("anything"),
    },
)
"""A whole file about a kernel."""

OTHER_KIND = Block("contract", {**CONTRACT.keys, "equations": Key("named", nullable=False, block=_EQUATION)})
"""A whole file about something else, such as a registry of data: it needs no equations."""

TYPED_STATUSES = frozenset(
    {"status", "discharge_status", "discharged", "evidence_discharged_by", "algorithm_evidence", "verdict"}
)
"""Keys beside pv's under which people write that something is done."""
