"""Numbers of few bits: rounding to a step, saturation, wrap-around."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from leanspike.compress.layers import WeightLayer, latent_weight
from leanspike.compress.parametrization import compressed
from leanspike.compress.rounding import straight_through
from leanspike.errors import InputError

Overflow = Literal["saturate", "wrap"]


def fixed_point(x: Tensor, bits: int, step: Tensor | float, overflow: Overflow) -> Tensor:
    """Round to multiples of a step and keep to a signed width.

    The gradient passes straight through the rounding and through a wrap; it stops where a value
    saturates.

    Parameters
    ----------
    x
        Any shape.
    bits
        Width, sign included.
    step
        What the lowest bit is worth; a tensor must broadcast to `x`.
    overflow
        ``"saturate"`` or ``"wrap"``.

    >>> x = torch.tensor([-1.3, 0.3, 0.9, 1.1])
    >>> fixed_point(x, 2, 0.5, "saturate").tolist()  # codes -2, -1, 0, 1
    [-1.0, 0.5, 0.5, 0.5]
    >>> fixed_point(x, 2, 0.5, "wrap").tolist()  # codes -3 and 2 come back as 1 and -2
    [0.5, 0.5, -1.0, -1.0]
    """
    half = 2 ** (bits - 1)
    codes = straight_through(x / step)
    if overflow == "saturate":
        return codes.clamp(-half, half - 1) * step
    wraps = torch.floor((codes.detach() + half) / (2 * half))
    return (codes - wraps * (2 * half)) * step


class FixedPoint(nn.Module):
    """A membrane of few bits, for the ``membrane`` slot of leanspike's neurons.

    Parameters
    ----------
    bits
        Width, sign included.
    step
        What the lowest bit is worth.
    overflow
        ``"saturate"`` or ``"wrap"``.
    """

    def __init__(self, bits: int, step: float, overflow: Overflow) -> None:
        super().__init__()
        self.bits, self.step, self.overflow = bits, step, overflow

    def steps(self) -> Tensor:
        """Give what the lowest bit is worth, float64 ``[1]``."""
        return torch.tensor([self.step], dtype=torch.float64)

    def forward(self, v: Tensor) -> Tensor:
        """Give the potentials that are carried over, any shape."""
        return fixed_point(v, self.bits, self.step, self.overflow)

    def extra_repr(self) -> str:
        """Show the format in `repr`."""
        return f"bits={self.bits}, step={self.step}, overflow={self.overflow!r}"


class SharedScale(FixedPoint):
    """A membrane whose lowest bit is worth what the weights before it are whole multiples of.

    Sums of weights are then whole steps, and hardware needs no multiplier between accumulator
    and membrane (MINT, arXiv 2305.09850). The step follows the quantizer's scale as
    that is learned; no gradient goes back through it.

    Parameters
    ----------
    bits
        Width, sign included.
    layer
        The quantized layer that feeds the neuron; not a child of this module.
    overflow
        ``"saturate"`` or ``"wrap"``.
    """

    frozen: Tensor | None

    def __init__(self, bits: int, layer: WeightLayer, overflow: Overflow) -> None:
        super().__init__(bits, 0.0, overflow)
        self._layer = (layer,)  # in a tuple, so that its weights are not found twice
        self.register_buffer("frozen", None, persistent=False)

    @torch.no_grad()
    def steps(self) -> Tensor:
        """Give the step, ``[1]`` or one per channel ``[M]``."""
        compression = compressed(self._layer[0])
        if compression is not None and compression.quantizer is not None:
            return compression.quantizer.unit(latent_weight(self._layer[0])).flatten()
        if self.frozen is None:
            raise InputError(
                "the layer whose scale it shares has no quantizer any more",
                where=type(self).__name__,
                remedy="Convert the network as a whole",
            )
        return self.frozen

    def freeze(self) -> None:
        """Keep the step as it is now, for when the quantizer goes."""
        self.frozen = self.steps().clone()

    def forward(self, v: Tensor) -> Tensor:
        """Give the potentials that are carried over, ``[N, M, ...]``."""
        step = self.steps().reshape(-1, *[1] * (v.dim() - 2))
        return fixed_point(v, self.bits, step, self.overflow)

    def extra_repr(self) -> str:
        """Show the format in `repr`."""
        return f"bits={self.bits}, step of the weights, overflow={self.overflow!r}"


class FixedPointSum(SharedScale):
    """An accumulator of few bits: what is left of a layer's sums of weights.

    It counts in what the layer's weights are whole multiples of, and what is left at the end of a
    wrapping sum is what an adder of that width holds. A bias is added after it.

    Parameters
    ----------
    bits
        Width, sign included.
    layer
        The quantized layer, whose child this module is.
    overflow
        ``"saturate"`` or ``"wrap"``.
    """

    def forward(self, output: Tensor) -> Tensor:
        """Limit a layer's output ``[..., M]`` (dense) or ``[..., M, *spatial]``."""
        layer = self._layer[0]
        spatial = 0 if isinstance(layer, nn.Linear) else layer.weight.dim() - 2
        step = self.steps()
        if len(step) > 1:
            step = step.reshape(-1, *[1] * spatial)
        if layer.bias is None:
            return fixed_point(output, self.bits, step, self.overflow)
        bias = layer.bias.reshape(-1, *[1] * spatial)
        return fixed_point(output - bias, self.bits, step, self.overflow) + bias
