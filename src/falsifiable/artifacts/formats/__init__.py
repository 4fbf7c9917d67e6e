"""One reader per format of weights; each gives metadata and tensors, and reads no tensor data."""
