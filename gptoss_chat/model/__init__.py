"""The gpt-oss architecture: what a checkpoint says it is, its weights, its forward pass; it knows nothing of text.

Importing this package (and `model.spec`) does not import torch; the other modules do.
"""
