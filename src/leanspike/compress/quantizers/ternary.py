"""Ternary and binary weights whose scale follows the weights themselves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leanspike.compress.quantizers.base import Quantizer
from leanspike.compress.quantizers.rounding import replace


class _Sign(torch.autograd.Function):
    """Sign with 0 counted as positive; the gradient passes where the magnitude is at most 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= 1)


class TWN(Quantizer):
    """Ternary weight networks (Li et al., arXiv 1605.04711).

    ``+s`` above a threshold, ``-s`` below minus the threshold, zero between: the threshold is
    ``0.7 * mean(|w|)`` and s the mean magnitude beyond it (equations 5 and 6), both taken anew
    from the weights at every step. The gradient passes straight through.

    Parameters
    ----------
    grid
        Two bits; its rounding is not used.
    """

    most_bits = 2
    reach = None

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Nothing to set: the scale follows the weights."""

    @torch.no_grad()
    def scale(self, weight: Tensor) -> Tensor:
        """Give the mean magnitude of the weights beyond the threshold."""
        size = self.grid.rows(weight).abs()
        beyond = size > 0.7 * size.mean(1, keepdim=True)
        mean = (size * beyond).sum(1) / beyond.sum(1).clamp(min=1)
        return self.grid.snap(mean.reshape(self.grid.shape))

    def codes(self, weight: Tensor) -> Tensor:
        """Give -1, 0 and 1."""
        size = self.grid.rows(weight).abs()
        beyond = (size > 0.7 * size.mean(1, keepdim=True)).reshape(weight.shape)
        return weight.sign() * beyond

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize, the gradient passing straight through."""
        return replace(weight, self.decode(self.codes(weight.detach()), self.scale(weight)))


class XNOR(Quantizer):
    """Binary weights, ``sign(w) * mean(|w|)`` (XNOR-Net, Rastegari et al., arXiv 1603.05279).

    The gradient of the sign passes where the magnitude is at most 1, and the scale's gradient is
    kept, as in the paper's equation for the binary filters. The paper has one scale per filter:
    choose ``granularity="channel"``.

    Parameters
    ----------
    grid
        One bit; its rounding is not used.
    """

    fewest_bits = most_bits = 1
    reach = None

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Nothing to set: the scale follows the weights."""

    def scale(self, weight: Tensor) -> Tensor:
        """Give the mean magnitude."""
        return self.grid.snap(self.grid.rows(weight).abs().mean(1).reshape(self.grid.shape))

    def codes(self, weight: Tensor) -> Tensor:
        """Give -1 and 1; zero is positive."""
        result: Tensor = _Sign.apply(weight)
        return result
