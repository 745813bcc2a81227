"""Conversations: what joins the store, the prompt format and the engine; it knows nothing of screens."""
