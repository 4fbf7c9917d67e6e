"""Tokenizers, in files of their own and embedded in weights."""
