"""What every weight quantizer offers."""

from __future__ import annotations

from torch import Tensor, nn

from leanspike.compress.rounding import Rounding
from leanspike.errors import InputError


class Quantizer(nn.Module):
    """A map from float weights to few values, with a gradient.

    A quantizer is two halves: `codes`, the integers that hardware stores, and `decode`, the
    values that they stand for. `forward` is their composition, differentiable in the weights and
    in the quantizer's own parameters.

    Parameters
    ----------
    bits
        Width of a stored code.
    rounding
        Rounding function, which brings the gradient.
    """

    fewest_bits = 2
    most_bits = 16

    def __init__(self, bits: int, rounding: Rounding) -> None:
        super().__init__()
        if not self.fewest_bits <= bits <= self.most_bits:
            raise InputError(
                f"{bits} bits; {type(self).__name__} takes {self.fewest_bits} to {self.most_bits}",
                where="weight_bits",
            )
        self.bits = bits
        self.rounding = rounding

    def start(self, weight: Tensor) -> None:
        """Set the parameters from a layer's float weights.

        Parameters
        ----------
        weight
            The layer's latent weights, pruned ones included.

        Raises
        ------
        InputError
            The weights give no scale, being constant zero.
        """
        raise NotImplementedError

    def codes(self, weight: Tensor) -> Tensor:
        """Give the integer (in the weights' float type) that stands for each weight."""
        raise NotImplementedError

    def decode(self, codes: Tensor) -> Tensor:
        """Give the weight that each code stands for."""
        raise NotImplementedError

    def forward(self, weight: Tensor) -> Tensor:
        """Quantize: the same shape, at most ``2 ** bits`` distinct values."""
        return self.decode(self.codes(weight))

    def extra_repr(self) -> str:
        """Show the width in `repr`."""
        return f"bits={self.bits}"


def refuse_zero(scale: Tensor) -> None:
    """Raise where a scale computed from weights is zero.

    Parameters
    ----------
    scale
        One or more scales.

    Raises
    ------
    InputError
        One of them is not above zero.
    """
    if not bool((scale > 0).all()):
        raise InputError(
            "its weights are all zero and give no scale",
            remedy="Leave the layer out of the compression, or train it first",
        )
