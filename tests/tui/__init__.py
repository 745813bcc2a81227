"""The terminal chat, driven by a pilot on a scripted engine."""
