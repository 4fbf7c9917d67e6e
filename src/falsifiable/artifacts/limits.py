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
    apr_metadata_bytes: int = 16 * 2**20  # MAX_METADATA_SIZE of aprender, which writes the format
    apr_index_bytes: int = 32 * 2**20  # 131,072 tensors with the longest names that its writer keeps, 256 bytes
    apr_tensor_dimensions: int = 8  # what its writer stops at
    adapter_update_elements: int = 2**29  # of one product B x A: 2 GiB of float32; a projection of 16,384 x 32,768
    tensor_name_bytes: int = 1_024
    tensor_dimensions: int = 16
    model_tensors: int = 131_072  # the largest models with separate experts have about 92,000
    model_shards: int = 4_096
    read_block_bytes: int = 2**20
    tokenizer_ids: int = 4 * 2**20  # the highest id + 1; an id far above the entries would make a huge empty table
    sentencepiece_bytes: int = 16 * 2**20  # a model of 262,144 pieces takes about 5 MB
    sentencepiece_pieces: int = 512 * 2**10
    run_record_bytes: int = 4 * 2**20
    metrics_line_bytes: int = 2**20
    metrics_rows: int = 4 * 2**20
    remote_bytes: int = 64 * 2**20  # fetched to answer one question, and kept for the run; headers are far smaller
    corpus_shards: int = 64 * 2**10
    corpus_sources: int = 64 * 2**10
    corpus_row_bytes: int = 16 * 2**20  # one line of a shard; a long book has about 4 MB
    table_bytes: int = 64 * 2**20
    table_rows: int = 1_000_000
    curve_text_characters: int = 512  # of the name of a run, a recipe or a unit
    set_files: int = 65_536  # of a folder that is held as files
    set_folder_levels: int = 32
    origin_record_bytes: int = 64 * 2**10
    chat_template_bytes: int = 2**20
    pickle_bytes: int = 32 * 2**20  # the object part of a PyTorch checkpoint; 100,000 tensors take about 15 MB
    pickle_opcodes: int = 1_000_000  # a tensor takes about 30; a second of work
    pickle_memo_entries: int = 500_000
    pickle_names: int = 10_000  # functions and classes; a checkpoint names each once, and about 20 of them
    pickle_string_bytes: int = 16 * 2**20
    pickle_integer_bytes: int = 256
    pickle_name_characters: int = 1_024
    pickle_plain_values: int = 200_000  # numbers and texts beside the tensors that are kept as metadata
    pickle_plain_depth_levels: int = 16
    zip_directory_bytes: int = 16 * 2**20
    zip_members: int = 65_536
    zip_inflated_bytes: int = 32 * 2**20
    zip_ratio_times: int = 100  # a pickle deflates to about a tenth
    expanded_elements: int = 2**24  # of a tensor whose stride 0 shows the same element many times
    safety_files: int = 4_096  # of a folder
    safety_folder_levels: int = 8
    safety_findings: int = 64  # listed; the others are counted
    safety_archive_pickles: int = 32  # looked into, in one archive
    safety_archive_bytes: int = 64 * 2**20  # unpacked, of one archive
    safety_pickle_opcodes: int = 200_000  # of one pickle in an archive or a folder of many
    safety_tail_bytes: int = 2**16 + 21  # where the end record of a zip archive can lie
    race_ledger_bytes: int = 128 * 2**20  # and as much again of a write-ahead log; a race of 21 runs has about 2 MB
    race_ledger_rows: int = 500_000  # of all its tables
    race_sqlite_operations: int = 400_000_000  # of SQLite's machine while a ledger is read; some seconds of work
    command_output_bytes: int = 2**20  # kept of each of stdout and stderr; the rest is read and dropped
    command_written_files: int = 10_000


DEFAULT_LIMITS = Limits()
