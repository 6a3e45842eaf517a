"""Whole numbers kept to few bits: coarser steps, saturation and wrap-around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanspike.compress.fixed_point import Overflow

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
