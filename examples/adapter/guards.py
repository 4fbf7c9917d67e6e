"""What the window refuses to start with, decided before torch is imported and before anything is written."""

from __future__ import annotations

from pathlib import Path

from examples.adapter.chat import read_conversations
from examples.adapter.conversations import Conversations, conversations_about
from examples.adapter.options import Options
from examples.pretrain.corpus import read_corpus, standard_library
from examples.pretrain.guards import Refusal, checkpoint_is_decoder, checkpoint_is_readable
from falsifiable.artifacts import ArtifactError, open_run


def guarded(options: Options) -> Conversations:
    """Let the options pass every guard; the conversations that would be trained on.

    Raises:
        Refusal: one of them refused.
    """
    if options.data is not None:
        conversations = read_conversations(options.data)
    else:
        conversations = conversations_about(read_corpus(standard_library()))
    checkpoint_is_decoder(checkpoint_is_readable(options.base))
    if options.after is not None:
        chunk_before_is_complete(options.after)
    return conversations


def chunk_before_is_complete(folder: Path) -> None:
    """A chunk goes on from one that took all of its steps; from any other, steps would be missing in the window."""
    try:
        record = open_run(folder)
        found = f"{folder} ended as {record.field('end_reason')} at step {record.field('steps.done')}"
        complete = record.field("end_reason") == "completed" and "adapter" in record.artifacts
        complete = complete and isinstance(record.field("window.last_step"), int)
    except ArtifactError as error:
        found, complete = str(error), False
    if not complete:
        raise Refusal.of(
            "FALSIFY-CHUNKS-001",
            "a chunk continues the one before it",
            found=found,
            expected="a completed run with an adapter and a window",
            next_step=f"train that chunk again: python -m examples.adapter --output {folder}",
        )
