"""LSQ and LSQ+: a learned step size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leanspike.compress.quantizers.base import Grid, Quantizer


class LSQ(Quantizer):
    """Learned step size quantization (Esser et al., arXiv 1902.08153).

    ``q(w) = s * round(clip(w / s, -2 ** (bits - 1), 2 ** (bits - 1) - 1))``, the step s learned
    with its gradient scaled by ``1 / sqrt(weights * largest code)`` (section 2.2). It starts at
    ``2 * mean(|w|) / sqrt(largest code)`` (section 2.1). Unlike the other signed grids this one
    uses the most negative code too: two bits give -2, -1, 0, 1.

    Parameters
    ----------
    grid
        Bits, rounding and the scales' shape.
    """

    reach: str | None = None

    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self.step = nn.Parameter(torch.ones(grid.shape))

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Set the step by the paper's rule, or so that the reach is the largest code."""
        if reach is None:
            mean = rows.abs().mean(1).reshape(self.grid.shape)
            self.step.copy_(2 * mean / self.largest**0.5)
        else:
            self.step.copy_(reach / self.largest)

    def scale(self, weight: Tensor) -> Tensor:
        """Give the step, its gradient scaled."""
        step = self.step.abs()  # an optimizer that steps across zero does not turn signs over
        per_scale = weight.numel() // max(self.step.numel(), 1)
        g = (per_scale * self.largest) ** -0.5
        return self.grid.snap(step * g + (step - step * g).detach())

    def codes(self, weight: Tensor) -> Tensor:
        """Give codes from ``-2 ** (bits - 1)`` to ``2 ** (bits - 1) - 1``."""
        return self._codes(weight, self.scale(weight))

    def _codes(self, weight: Tensor, step: Tensor) -> Tensor:
        return self.grid.rounding((weight / step).clamp(-self.largest - 1, self.largest))

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize with one step for both ways, so that its gradient is the paper's."""
        step = self.scale(weight)
        return self.decode(self._codes(weight, step), step)


class LSQPlus(LSQ):
    """LSQ+ for weights (Bhalgat et al., arXiv 2004.09576).

    For weights, whose distribution is symmetric, LSQ+ has no offset and differs from LSQ in where
    it starts: ``max(|mean - 3 std|, |mean + 3 std|) / 2 ** (bits - 1)`` (section 3.2, equation 8),
    which does not collapse for few bits.
    """

    reach = "three-sigma"

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Set the step so that the reach is the most negative code."""
        assert reach is not None
        self.step.copy_(reach / (self.largest + 1))
