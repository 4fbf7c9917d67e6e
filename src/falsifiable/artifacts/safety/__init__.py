"""What loading a file could do, told without loading it."""
