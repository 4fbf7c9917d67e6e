"""The exporter of the story: it writes the trained checkpoint of a run as GGUF, and enters that in the run's record."""

import sys
from pathlib import Path

import yaml

from falsifiable import open_model
from falsifiable.samples import write_gguf
from falsifiable.samples.models import gguf_name
from falsifiable.samples.records import artifact_entry, write_yaml

NORMAL, CONTROL = 1, 3  # tokenizer.ggml.token_type


def hand_on(run: Path) -> None:
    """Write ``export/model.gguf`` below ``run``, and its size and sha256 into ``run.yaml``."""
    model = open_model(run / "finetuned")
    config, tokenizer = model.config, model.tokenizer
    name = model.architecture.hf_class
    tokens = list(tokenizer.tokens)
    fields = {
        "general.architecture": name,
        f"{name}.context_length": config.max_position_embeddings,
        f"{name}.block_count": config.num_hidden_layers,
        f"{name}.feed_forward_length": config.intermediate_size,
        f"{name}.attention.head_count": config.num_attention_heads,
        f"{name}.attention.head_count_kv": config.num_key_value_heads,
        f"{name}.attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        f"{name}.rope.freq_base": config.rope_theta,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [
            CONTROL if token in tokenizer.added_tokens else NORMAL for token, _ in enumerate(tokens)
        ],
        "tokenizer.ggml.merges": list(tokenizer.merges),
        "tokenizer.ggml.eos_token_id": tokenizer.eos_token_id,
        "tokenizer.ggml.add_bos_token": False,
    }
    tensors = {gguf_name(one): model.as_stored(one) for one in model.tensors}
    write_gguf(run / "export" / "model.gguf", fields, tensors)
    record = yaml.safe_load((run / "run.yaml").read_text(encoding="utf-8"))
    record["artifacts"]["export"] = artifact_entry(run, "export/model.gguf")
    write_yaml(run / "run.yaml", record)


if __name__ == "__main__":
    hand_on(Path(sys.argv[1]))
