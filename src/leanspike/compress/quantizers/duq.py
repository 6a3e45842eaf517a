"""DuQ, the study's quantizer: input range and output scale learned apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import hardtanh

from leanspike.compress.quantizers.base import Grid, Quantizer


class DuQ(Quantizer):
    """Differentiable and unified quantization (PROFIT, arXiv 2008.04693).

    ``q(w) = c * round(hardtanh(w / a) * (n - 1)) / (n - 1)`` with ``n = 2 ** (bits - 1)``. Both
    ``a`` (where the input is clipped) and ``c`` (what the largest code is worth) are learned.
    Two bits give the ternary codes -1, 0, 1. Both count by their magnitude: an optimizer that steps
    across zero does not turn the weights' signs over.

    Parameters
    ----------
    grid
        Bits, rounding and the scales' shape.

    >>> from leanspike.compress.quantizers.rounding import straight_through
    >>> q = DuQ(Grid(2, straight_through))
    >>> _ = q.a.data.fill_(1.0), q.c.data.fill_(0.5)
    >>> q(torch.tensor([-3.0, -0.6, -0.4, 0.2, 0.9])).tolist()
    [-0.5, -0.5, -0.0, 0.0, 0.5]
    """

    reach = "three-sigma"

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self.a = nn.Parameter(torch.ones(grid.shape))
        self.c = nn.Parameter(torch.ones(grid.shape))

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Set both parameters to the reach."""
        assert reach is not None
        self.a.copy_(reach)
        self.c.copy_(reach)

    def scale(self, weight: Tensor) -> Tensor:
        """Give ``c / (n - 1)``."""
        return self.grid.snap(self.c.abs() / self.largest)

    def codes(self, weight: Tensor) -> Tensor:
        """Give codes from ``-(n - 1)`` to ``n - 1``."""
        return self.grid.rounding(hardtanh(weight / self.a.abs()) * self.largest)
