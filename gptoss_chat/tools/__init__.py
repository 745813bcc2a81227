"""Functions that a model may call: declared, checked and run; it knows nothing of conversations, consent or screens."""
