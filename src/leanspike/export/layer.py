"""Whole numbers kept to few bits: coarser steps, saturation and wrap-around.

A quantized layer in integer arithmetic: the record that inference and files are made from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanspike.compress.state import Overflow

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Membrane:
    """What is stored of a potential: a code of few bits, worth `step` units each.

    Attributes
    ----------
    bits
        Of a code, sign included.
    step
        int64 ``[M]``: units of the potential per code; a power of two is a shift.
    overflow
        ``"saturate"`` or ``"wrap"``.
    """

    bits: int
    step: Integers
    overflow: Overflow

    def keep(self, v: Integers) -> Integers:
        """Give the potentials that are left of ``[N, M, ...]`` when they are stored and read."""
        step = self.step.reshape(-1, *[1] * (v.ndim - 2))
        return limit(nearest_multiple(v, step), self.bits, self.overflow) * step


@dataclass(frozen=True, eq=False)
class Accumulator:
    """An adder's register of few bits, with what an overflow makes of a finished sum.

    Attributes
    ----------
    bits
        Sign included.
    overflow
        ``"saturate"`` or ``"wrap"``.
    sign
        int64 ``[M]``: -1 where a negative norm's gain was folded into the weights' sign; the
        range then is ``-2 ** (bits - 1) + 1`` to ``2 ** (bits - 1)``.
    """

    bits: int
    overflow: Overflow
    sign: Integers

    def keep(self, sums: Integers) -> Integers:
        """Give what the register holds of sums ``[entries, M, ...]``."""
        sign = self.sign.reshape(-1, *[1] * (sums.ndim - 2))
        return sign * limit(sign * sums, self.bits, self.overflow)


def limit(codes: Integers, bits: int, overflow: Overflow) -> Integers:
    """Keep whole numbers to a signed width.

    >>> limit(np.array([-3, -2, 1, 2]), 2, "saturate"), limit(np.array([-3, -2, 1, 2]), 2, "wrap")
    (array([-2, -2,  1,  1]), array([ 1, -2,  1, -2]))
    """
    half = 1 << (bits - 1)
    kept: Integers
    if overflow == "saturate":
        kept = np.clip(codes, -half, half - 1)
    else:
        kept = ((codes + half) & (2 * half - 1)) - half
    return kept


def nearest_multiple(values: Integers, step: Integers) -> Integers:
    """Divide by a step, rounding to nearest and halves to even, as floats are rounded.

    >>> nearest_multiple(np.array([-6, -2, 1, 2, 3, 6]), np.array(4))
    array([-2,  0,  0,  0,  1,  2])
    """
    quotient, rest = np.divmod(values, step)
    up = (2 * rest > step) | ((2 * rest == step) & (quotient % 2 == 1))
    nearest: Integers = quotient + up
    return nearest


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A weight layer and its neurons in integer arithmetic.

    Per time step, with a the accumulated sum of ``weights * input``::

        x = (a << fraction_bits) + bias
        h = v + ((x - (v - reset)) * leak >> leak_shift)     (leaky)
        h = v + x                                            (not leaky)
        spike = h >= threshold
        v = reset where it spiked (hard), h - threshold_step (soft), else h

    all per output channel; `accumulator` and `membrane` say how a and v are kept to few bits, where
    they are. One unit of x, h and v is worth `unit` in the float network: the
    scale of the weights times the gain of the batch norm, over ``2 ** fraction_bits``. So no
    multiplier is needed for scales and norms; a negative gain is folded into the weights' sign.

    Attributes
    ----------
    name
        The layer's name.
    weights
        int64 ``[M, C, R, S]``, ``[M, C, S]`` or ``[M, F]``.
    bits
        Width of a stored weight.
    scale
        float64 ``[M]``: what one weight unit is worth, sign of the norm's gain not included.
    unit
        float64 ``[M]``: what one unit of the membrane potential is worth.
    bias, threshold, threshold_step, reset
        int64 ``[M]``.
    soft
        Whether the reset subtracts.
    leak, leak_shift
        ``1 / tau`` as ``leak / 2 ** leak_shift``; leak 0 where not leaky.
    fraction_bits
        Bits of the potential below one weight unit.
    stride, padding, dilation, groups
        Of the convolution; empty for a dense layer.
    input_shape
        Shape of one entry of the input.
    pool
        (kernel, stride) of the max pooling after the neurons, or None.
    membrane
        Few bits for v, after the reset; None where it has as many as it needs.
    accumulator
        Few bits for a; None where it has as many as it needs.
    """

    name: str
    weights: Integers
    bits: int
    scale: NDArray[np.float64]
    unit: NDArray[np.float64]
    bias: Integers
    threshold: Integers
    threshold_step: Integers
    reset: Integers
    soft: bool
    leak: int
    leak_shift: int
    fraction_bits: int
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    input_shape: tuple[int, ...]
    pool: tuple[int, int] | None
    membrane: Membrane | None = None
    accumulator: Accumulator | None = None

    @property
    def word_bits(self) -> int:
        """Bits that hold each weight as a whole number.

        Those of a stored code, more where codes are exponents or have a zero point; one bit for
        weights that are all -1 or 1.
        """
        if self.bits == 1 and not (self.weights == 0).any():
            return 1
        return max(self.bits, signed_bits(self.weights))

    def accumulator_bits(self, largest_input: int = 1) -> int:
        """Give the accumulator's width, sign included: as chosen, or what no sum overflows."""
        if self.accumulator is not None:
            return self.accumulator.bits
        most = int(np.abs(self.weights).reshape(len(self.weights), -1).sum(1).max())
        return (most * largest_input).bit_length() + 1


def signed_bits(values: Integers) -> int:
    """Give the width in two's complement of the widest value.

    >>> signed_bits(np.array([-2, 1])), signed_bits(np.array([2]))
    (2, 3)
    """
    low, high = int(values.min()), int(values.max())
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
