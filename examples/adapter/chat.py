"""The chat format: what a row must look like, and the text and the tokens that it stands for.

A row is ``{"messages": [{"role": ..., "content": ...}, ...]}``, one per line. The text is ChatML.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.adapter.conversations import TRAIN, VALID, Conversations, Row
from examples.pretrain.guards import Refusal

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerFast

ROLES = ("system", "user", "assistant")
_CLAIM = "the trainer takes conversations, one JSON object with messages per line"


def read_conversations(folder: Path) -> Conversations:
    """The rows in ``train.jsonl`` and ``valid.jsonl`` of a folder.

    Raises:
        Refusal: a file is absent or empty, or a line of it is no conversation.
    """
    return Conversations({split: tuple(_read_rows(folder / f"{split}.jsonl")) for split in (TRAIN, VALID)})


def _read_rows(path: Path) -> Iterable[Row]:
    if not path.is_file():
        raise _refusal(f"{path} is absent")
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise _refusal(f"{path} has no row")
    for number, line in enumerate(lines, start=1):
        rows_are_conversations(f"{path} line {number}", line)
        yield json.loads(line)


def rows_are_conversations(where: str, line: str) -> None:
    """Raise a Refusal for a line that is no conversation; one of plain text is the usual mistake."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _refusal(f"{where} is no JSON: {error}") from None
    if fault := fault_of_row(row):
        raise _refusal(f"{where}: {fault}")


def fault_of_row(row: object) -> str:
    """Why a row is no conversation; empty where it is one."""
    if not isinstance(row, Mapping):
        return f"a JSON {type(row).__name__}"
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        return f"no list of messages, but the keys {', '.join(sorted(row)) or 'none'}"
    for message in messages:
        role, content = (message.get("role"), message.get("content")) if isinstance(message, Mapping) else (None, None)
        if role not in ROLES or not isinstance(content, str) or not content.strip():
            return f"the message {json.dumps(message)[:80]} has no known role or no content"
    return "" if messages[-1]["role"] == "assistant" else "the last message is the user's, so there is nothing to learn"


def _refusal(found: str) -> Refusal:
    return Refusal.of(
        "FALSIFY-WINDOW-009",
        _CLAIM,
        found=found,
        expected='{"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}',
        next_step="write the rows as conversations; plain text is for pretraining",
    )


def chat_markup(row: Mapping[str, Any]) -> str:
    """The conversation as ChatML."""
    return "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in row["messages"])


def encode_rows(tokenizer: PreTrainedTokenizerFast, rows: Iterable[Row]) -> np.ndarray[Any, Any]:
    """The rows' token ids one after the other, each closed by the end-of-sequence id, uint16."""
    import numpy as np

    encodings = tokenizer.backend_tokenizer.encode_batch([chat_markup(row) for row in rows], add_special_tokens=False)
    return np.array([token for one in encodings for token in (*one.ids, tokenizer.eos_token_id)], dtype="<u2")
