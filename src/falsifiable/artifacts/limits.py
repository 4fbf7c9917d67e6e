"""How much of a hostile file the readers accept before they refuse it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on what a file may declare; every name carries its unit.

    A bound is far above what real models need (the largest vocabulary in use is about 262,000 tokens) and low enough
    that refusing costs little memory.
    """

    json_bytes: int = 64 * 2**20
    json_depth_levels: int = 32
    json_number_characters: int = 64
    json_containers: int = 1_000_000  # lists and objects; a tensor in a safetensors header takes three
    json_commas: int = 4_000_000
    safetensors_header_bytes: int = 48 * 2**20  # the library's own cap is 100 MB; this holds every known model
    gguf_header_bytes: int = 64 * 2**20
    gguf_key_bytes: int = 65_535  # GGUF specification
    gguf_string_bytes: int = 16 * 2**20
    gguf_array_items: int = 4 * 2**20
    gguf_metadata_entries: int = 65_536
    gguf_alignment_bytes: int = 65_536
    gguf_tensor_name_bytes: int = 64  # GGUF specification, and GGML_MAX_NAME
    gguf_tensor_dimensions: int = 4  # GGML_MAX_DIMS
    tensor_name_bytes: int = 1_024
    tensor_dimensions: int = 16
    model_tensors: int = 131_072  # the largest models with separate experts have about 92,000
    model_shards: int = 4_096
    read_block_bytes: int = 2**20
    tokenizer_ids: int = 4 * 2**20  # the highest id + 1; an id far above the entries would make a huge empty table
    run_record_bytes: int = 4 * 2**20
    metrics_line_bytes: int = 2**20
    metrics_rows: int = 4 * 2**20
    origin_record_bytes: int = 64 * 2**10
    chat_template_bytes: int = 2**20
    command_output_bytes: int = 2**20  # kept of each of stdout and stderr; the rest is read and dropped
    command_written_files: int = 10_000


DEFAULT_LIMITS = Limits()
