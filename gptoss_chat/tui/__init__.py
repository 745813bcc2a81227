"""The chat in the terminal; it knows nothing of SQLite or tensors, and imports no torch."""
