"""How a long call of a model is ended before its time; it knows nothing of who wants that, or why."""


class StoppedError(Exception):
    """A forward pass ended between two layers, as whoever asked for it wished; keys and values of its tokens are not all there."""
