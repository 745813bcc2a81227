"""The engine: token ids in, token ids and routing out, on one worker thread; it knows nothing of text."""
