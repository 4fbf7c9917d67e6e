"""What the adapter is for: proposals, of which none counts before a check that is not the adapter has accepted it."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.adapter.conversations import Row

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerFast

AUTHORITY = "admissibility-check"
_MOST_PROPOSALS, _MOST_TOKENS = 12, 48
_END = "<|im_end|>"

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A proposed function, and what became of it",
    "type": "object",
    "required": ["id", "source", "proposed_by", "proposal", "state", "verdict"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^correction-[0-9]{4}$"},
        "source": {"type": "string", "minLength": 1},
        "proposed_by": {"type": "string", "minLength": 1},
        "proposal": {"type": "string"},
        "state": {"enum": ["accepted", "rejected", "open"]},
        "verdict": {
            "type": ["object", "null"],
            "required": ["authority", "outcome"],
            "properties": {"authority": {"type": "string"}, "outcome": {"enum": ["admissible", "inadmissible"]}},
        },
    },
}


def write_corrections(folder: Path, model: PeftModel, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Row]) -> Path:
    """Let the adapter answer the first real rows, have each answer judged, and write both with their schema."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = [row for row in rows if row.get("kind") == "real"][:_MOST_PROPOSALS]
    lines = [
        json.dumps(_judged(number, row, proposed(model, tokenizer, row))) + "\n"
        for number, row in enumerate(asked, start=1)
    ]
    (folder / "schema.json").write_text(json.dumps(SCHEMA, indent=1) + "\n", encoding="utf-8")
    path = folder / "corrections.jsonl"
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    return path


def proposed(model: PeftModel, tokenizer: PreTrainedTokenizerFast, row: Row) -> str:
    """What the model says to the user's message, token by token the likeliest, up to the end of its message."""
    import torch

    asked = f"<|im_start|>user\n{row['messages'][0]['content']}{_END}\n<|im_start|>assistant\n"
    prompt = tokenizer.backend_tokenizer.encode(asked, add_special_tokens=False).ids
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(_MOST_TOKENS):
            likeliest = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            if likeliest == tokenizer.eos_token_id:
                break
            ids.append(likeliest)
    said: str = tokenizer.backend_tokenizer.decode(ids[len(prompt) :])
    return said.partition(_END)[0]


def is_admissible(proposal: str) -> bool:
    """Whether a proposal is one Python function and nothing else."""
    try:
        body = ast.parse(proposal).body
    except (SyntaxError, ValueError):
        return False
    return len(body) == 1 and isinstance(body[0], ast.FunctionDef)


def _judged(number: int, row: Row, proposal: str) -> dict[str, Any]:
    outcome = "admissible" if is_admissible(proposal) else "inadmissible"
    return {
        "id": f"correction-{number:04}",
        "source": row["source"],
        "proposed_by": "adapter",
        "proposal": proposal,
        "state": "accepted" if outcome == "admissible" else "rejected",
        "verdict": {"authority": AUTHORITY, "outcome": outcome},
    }
