"""GGUF: the header, its arrays kept as bytes, split files, and the order of rows that llama.cpp wants."""
