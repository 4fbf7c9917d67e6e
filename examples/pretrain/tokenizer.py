"""The tokenizer: byte-level byte-pair encoding, trained on the pretrain split or taken from a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.pretrain.corpus import SourceFile

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"  # closes every file, and stands for begin and end of a sequence
PADDING = "<|pad|>"
SPECIAL_TOKENS = (END_OF_TEXT, PADDING)

# The expression that splits text before merges are applied, as Qwen2 defines it. llama.cpp implements the same one
# under the name "qwen2", so an exported model splits text exactly as it was trained on.
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Learn a vocabulary of exactly ``size`` tokens, special tokens included.

    Raises:
        ValueError: the texts are too few to learn that many tokens.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),  # every byte has a token, so no text is unknown
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    if backend.get_vocab_size() != size:
        raise ValueError(f"the texts yield {backend.get_vocab_size()} tokens, expected {size}: use more text")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, pad_token=PADDING
    )


def load_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """Load a ``tokenizer.json``, or the one in a folder, with the special tokens that its folder names."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if path.is_dir():
        tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(path)
        return tokenizer
    return PreTrainedTokenizerFast(tokenizer_file=str(path))


def encode_files(tokenizer: PreTrainedTokenizerFast, files: Sequence[SourceFile]) -> np.ndarray[Any, Any]:
    """The files' token ids one after the other, each closed by the end-of-sequence id; uint16 where ids fit in it."""
    import numpy as np

    separator = tokenizer.eos_token_id
    encodings = tokenizer.backend_tokenizer.encode_batch([file.text for file in files], add_special_tokens=False)
    ids = [token for encoding in encodings for token in (*encoding.ids, separator)]
    return np.array(ids, dtype=np.uint16 if len(tokenizer) <= 1 << 16 else np.uint32)
