"""Weights that are powers of two: hardware shifts instead of multiplying."""

from __future__ import annotations

import torch
from torch import Tensor

from leanspike.compress.quantizers.base import Grid, Quantizer
from leanspike.compress.quantizers.rounding import replace


class PowerOfTwo(Quantizer):
    """Zero and signed powers of two (INQ, arXiv 1702.03044; LogNet, arXiv 1603.01025).

    A code k from 1 to n, n the largest of the signed grid, stands for ``top * 2 ** (k - n)`` and
    0 for zero; the code's sign is the weight's. A weight goes to the nearest value, halves up.
    ``top`` is the power of two nearest the reach, set once. The gradient passes straight through
    within ``top`` and stops beyond it.

    Parameters
    ----------
    grid
        Bits and the scales' shape; its rounding is not used.

    >>> from leanspike.compress.quantizers.rounding import straight_through
    >>> q = PowerOfTwo(Grid(3, straight_through))
    >>> q.begin(torch.empty(1), torch.tensor(1.0))
    >>> q(torch.tensor([1.9, 0.8, -0.7, 0.3, 0.1])).tolist()
    [1.0, 1.0, -0.5, 0.25, 0.0]
    """

    most_bits = 6
    top: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self.register_buffer("top", torch.ones(grid.shape))

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Set the largest value to the power of two nearest the reach."""
        assert reach is not None
        self.top.copy_(torch.exp2(reach.log2().round()))

    def scale(self, weight: Tensor) -> Tensor:
        """Give the largest value."""
        return self.top

    def unit(self, weight: Tensor) -> Tensor:
        """Give the smallest value above zero."""
        return self.top * 2.0 ** (1 - self.largest)

    def codes(self, weight: Tensor) -> Tensor:
        """Give signed exponents from ``-n`` to ``n``."""
        size = weight.detach().abs() / self.top
        code = torch.zeros_like(size)
        for k in range(1, self.largest + 1):
            value = 2.0 ** (k - self.largest)
            below = 2.0 ** (k - 1 - self.largest) if k > 1 else 0.0
            code[size >= (value + below) / 2] = k
        return code * weight.detach().sign()

    def decode(self, codes: Tensor, scale: Tensor) -> Tensor:
        """Give ``sign * top * 2 ** (|code| - n)``, and 0 for code 0."""
        return codes.sign() * scale * torch.exp2(codes.abs() - self.largest)

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize, the gradient passing straight through within the largest value."""
        values = self.decode(self.codes(weight), self.scale(weight))
        return replace(torch.minimum(torch.maximum(weight, -self.top), self.top), values)
