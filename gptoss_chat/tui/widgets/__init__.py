"""The parts of the chat screen; each knows values, none knows a session."""
