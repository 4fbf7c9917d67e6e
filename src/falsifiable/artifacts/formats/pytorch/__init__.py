"""PyTorch checkpoints, read without executing anything: archives, pickles, storages."""
