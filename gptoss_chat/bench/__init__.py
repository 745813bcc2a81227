"""Measures models and machines; it knows nothing of how figures are shown."""
