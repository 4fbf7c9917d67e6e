"""What tensors hold, from one pass over the bytes."""
