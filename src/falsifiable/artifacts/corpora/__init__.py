"""Corpus manifests, and the shards that they name."""
