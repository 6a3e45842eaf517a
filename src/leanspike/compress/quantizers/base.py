"""What every weight quantizer offers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from leanspike.compress.quantizers.initializers import find_reach, refuse_dead
from leanspike.compress.quantizers.rounding import Rounding
from leanspike.errors import InputError


@dataclass(frozen=True)
class Grid:
    """How a quantizer's values are spaced, one grid per tensor or per output channel.

    Attributes
    ----------
    bits
        Width of a stored code.
    shape
        Shape of a scale: ``()`` for one per tensor, ``(M, 1, ...)`` for one per output channel.
    rounding
        Rounding function, which brings the gradient.
    power_of_two
        Whether scales are rounded to powers of two (with a straight-through gradient), so that
        hardware shifts where it would multiply.
    reach
        Name of the initializer that says where the largest code lies; None for the kind's own.
    """

    bits: int
    rounding: Rounding
    shape: tuple[int, ...] = ()
    power_of_two: bool = False
    reach: str | None = None

    def rows(self, weight: Tensor) -> Tensor:
        """View weights as ``[scales, weights per scale]``."""
        return weight.reshape(self.shape[0] if self.shape else 1, -1)

    def snap(self, scale: Tensor) -> Tensor:
        """Round scales to powers of two where asked for, gradient passed straight through."""
        if not self.power_of_two:
            return scale
        return scale + (torch.exp2(scale.detach().log2().round()) - scale.detach())


class Quantizer(nn.Module):
    """A map from float weights to few values, with a gradient.

    A quantizer has a `scale` (what one code is worth), `codes` (the integers that hardware
    stores) and `decode` (codes back to values). `forward` is their composition, differentiable in
    the weights and in the quantizer's own parameters.

    Parameters
    ----------
    grid
        Bits, rounding and the scales' shape.

    Attributes
    ----------
    fewest_bits, most_bits
        Widths that make sense for the kind.
    reach
        Name of its own initializer; None where the kind starts by a rule of its own.
    """

    fewest_bits = 2
    most_bits = 16
    reach: str | None = "max"

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        if not self.fewest_bits <= grid.bits <= self.most_bits:
            raise InputError(
                f"{grid.bits} bits; {type(self).__name__} takes {self.fewest_bits} to "
                f"{self.most_bits}",
                where="weight_bits",
            )
        self.grid = grid

    @property
    def bits(self) -> int:
        """Width of a stored code."""
        return self.grid.bits

    @property
    def largest(self) -> int:
        """The largest code of a symmetric signed grid, ``2 ** (bits - 1) - 1``."""
        return int(2 ** (self.grid.bits - 1)) - 1

    @torch.no_grad()
    def start(self, weight: Tensor) -> None:
        """Set the parameters from a layer's float weights.

        Parameters
        ----------
        weight
            The layer's latent weights, pruned ones included.

        Raises
        ------
        InputError
            All weights of a scale are zero.
        """
        rows = self.grid.rows(weight)
        refuse_dead(rows)
        name = self.grid.reach or self.reach
        if name is None:
            self.begin(rows, None)
        else:
            reach = find_reach(name, rows, levels=max(self.largest, 1))
            self.begin(rows, reach.reshape(self.grid.shape))

    def begin(self, rows: Tensor, reach: Tensor | None) -> None:
        """Set the parameters, of the grid's shape.

        Parameters
        ----------
        rows
            Weights, ``[scales, weights per scale]``.
        reach
            Where the largest code lies, of the grid's shape; None for the kind's own rule.
        """
        raise NotImplementedError

    def scale(self, weight: Tensor) -> Tensor:
        """Give what one code is worth, of the grid's shape."""
        raise NotImplementedError

    def unit(self, weight: Tensor) -> Tensor:
        """Give what all values are whole multiples of, of the grid's shape."""
        return self.scale(weight)

    def codes(self, weight: Tensor) -> Tensor:
        """Give the integer (in the weights' float type) that stands for each weight."""
        raise NotImplementedError

    def decode(self, codes: Tensor, scale: Tensor) -> Tensor:
        """Give the weight that each code stands for."""
        return codes * scale

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize: the same shape, at most ``2 ** bits`` distinct values per scale."""
        return self.decode(self.codes(weight), self.scale(weight))

    def extra_repr(self) -> str:
        """Show the width in `repr`."""
        return f"bits={self.bits}"
