"""Uniform grids with a fixed range: symmetric, and affine with a zero point."""

from __future__ import annotations

import torch
from torch import Tensor

from leanspike.compress.quantizers.base import Grid, Quantizer


class Uniform(Quantizer):
    """A symmetric uniform grid: ``q(w) = s * round(clip(w / s, -n, n))``, n the largest code.

    The step s is set once, from the reach (the largest magnitude by default, a percentile or the
    least squared error on request), and is not learned: the grid for post-training quantization.

    Parameters
    ----------
    grid
        Bits, rounding and the scales' shape.
    """

    step: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self.register_buffer("step", torch.ones(grid.shape))

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Set the step so that the reach is the largest code."""
        assert reach is not None
        self.step.copy_(self.grid.snap(reach / self.largest))

    def scale(self, weight: Tensor) -> Tensor:
        """Give the step."""
        return self.step

    def codes(self, weight: Tensor) -> Tensor:
        """Give codes from ``-n`` to ``n``."""
        return self.grid.rounding((weight / self.step).clamp(-self.largest, self.largest))


class Affine(Quantizer):
    """A uniform grid from the smallest weight to the largest, with an integer zero point.

    ``q(w) = s * (round(clip(w / s + z, 0, 2 ** bits - 1)) - z)`` (Jacob et al., arXiv 1712.05877,
    section 2.1). Zero is a value of the grid, so pruned weights stay exactly zero. Worth it where
    a layer's weights lean to one side.

    Parameters
    ----------
    grid
        Bits, rounding and the scales' shape.
    """

    fewest_bits = 1
    reach = None
    step: Tensor
    zero: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self.register_buffer("step", torch.ones(grid.shape))
        self.register_buffer("zero", torch.zeros(grid.shape))

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Set step and zero point from the smallest and largest weight, zero between them."""
        low, high = rows.amin(1).clamp(max=0), rows.amax(1).clamp(min=0)
        step = self.grid.snap((high - low) / (2**self.bits - 1))
        self.step.copy_(step.reshape(self.grid.shape))
        zero = (-low / step).round().clamp(0, 2**self.bits - 1)
        self.zero.copy_(zero.reshape(self.grid.shape))

    def scale(self, weight: Tensor) -> Tensor:
        """Give the step."""
        return self.step

    def codes(self, weight: Tensor) -> Tensor:
        """Give codes from 0 to ``2 ** bits - 1``, zero's being the zero point."""
        shifted = weight / self.step + self.zero
        return self.grid.rounding(shifted.clamp(0, 2**self.bits - 1))

    def decode(self, codes: Tensor, scale: Tensor) -> Tensor:
        """Give ``s * (code - z)``."""
        return (codes - self.zero) * scale
