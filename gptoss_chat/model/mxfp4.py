"""MXFP4 for those who write and read checkpoints; the arithmetic lives with the kernels that use it."""

from gptoss_chat.kernels.mxfp4 import BLOCK, MAGNITUDES, dequantise, quantise

__all__ = ["BLOCK", "MAGNITUDES", "dequantise", "quantise"]
