"""Numbers of MXFP4 in registers; it knows nothing of experts.

A nibble is a sign, two bits of exponent and one of mantissa (s ee m). Shifted into a wider float's place those bits are the same
number times 2^-126, the subnormal 0.5 too, so one multiplication by a power of two, which the block's scale needs
anyway, makes it exact: no table, three integer operations a number.
"""

from __future__ import annotations

import triton
import triton.language as tl

# Sign, and the lowest two bits of a float32's exponent with the highest of its mantissa.
_KEPT = tl.constexpr(0x81C00000 - (1 << 32))


@triton.jit
def unpack(words, i: tl.constexpr):
    """float32, times 2^-126: the i-th nibble (0 is the lowest) of int32 words. The shift back repeats the sign."""
    return (((words << (28 - 4 * i)) >> 6) & _KEPT).to(tl.float32, bitcast=True)


@triton.jit
def power(scales, SHIFT: tl.constexpr):
    """float32 2^(scale - 127 + SHIFT) of E8M0 bytes; those out of float32's range saturate (NaN, 255, too)."""
    exponent = tl.minimum(tl.maximum(scales.to(tl.int32) + SHIFT, 0), 255)
    return (exponent << 23).to(tl.float32, bitcast=True)


@triton.jit
def eighths(x, A: tl.constexpr, B: tl.constexpr):
    """Eight [A, B] of x [A, B, 8]: every eighth number, from the first, the second ... on."""
    even, odd = tl.split(tl.reshape(x, [A, B, 4, 2]))
    x04, x26 = tl.split(tl.reshape(even, [A, B, 2, 2]))
    x15, x37 = tl.split(tl.reshape(odd, [A, B, 2, 2]))
    x0, x4 = tl.split(x04)
    x2, x6 = tl.split(x26)
    x1, x5 = tl.split(x15)
    x3, x7 = tl.split(x37)
    return x0, x1, x2, x3, x4, x5, x6, x7
