"""What to do to the weights: a frozen, checked description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leanspike.compress.quantizers import QUANTIZERS
from leanspike.compress.rounding import ROUNDINGS
from leanspike.errors import InputError


@dataclass(frozen=True, kw_only=True)
class CompressionConfig:
    """What to do to the weights of a network. The defaults change nothing.

    Attributes
    ----------
    weight_bits
        Bits per weight, 1 to 16; None leaves the weights as they are.
    quantizer
        Name of the quantizer.
    rounding
        Gradient through the rounding: ``"ewgs"`` or ``"ste"``.
    ewgs_delta
        Strength of EWGS; the study's is 0.005.
    sparsity
        Fraction of the weights to set to zero, 0 to below 1.
    scope
        ``"global"`` ranks all layers' weights together, ``"layerwise"`` each layer's by itself.
    layers
        Patterns of layer names to compress (``("conv*",)``); all of them by default.

    Raises
    ------
    InputError
        A value out of range or an unknown name.

    >>> CompressionConfig(weight_bits=2, sparsity=0.8).weight_bits
    2
    """

    weight_bits: int | None = None
    quantizer: str = "duq"
    rounding: str = "ewgs"
    ewgs_delta: float = 0.005
    sparsity: float = 0.0
    scope: Literal["global", "layerwise"] = "global"
    layers: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        bits = self.weight_bits
        if bits is not None and not (isinstance(bits, int) and 1 <= bits <= 16):
            raise InputError(f"{bits!r} is not a whole number from 1 to 16", where="weight_bits")
        _check_name("quantizer", self.quantizer, QUANTIZERS)
        _check_name("rounding", self.rounding, ROUNDINGS)
        _check_name("scope", self.scope, ("global", "layerwise"))
        if bits is not None:
            kind = QUANTIZERS[self.quantizer]
            if not kind.fewest_bits <= bits <= kind.most_bits:
                raise InputError(
                    f"{bits} bits; {self.quantizer} takes {kind.fewest_bits} to {kind.most_bits}",
                    where="weight_bits",
                )
        if not 0 <= self.ewgs_delta < 1:
            raise InputError(f"{self.ewgs_delta} is not from 0 to below 1", where="ewgs_delta")
        if not 0 <= self.sparsity < 1:
            raise InputError(
                f"{self.sparsity} is not from 0 to below 1",
                where="sparsity",
                remedy="At 1.0 no weight would be left",
            )
        if not self.layers or isinstance(self.layers, str):
            raise InputError("give a tuple of at least one pattern", where="layers")


def _check_name(where: str, found: str, known: object) -> None:
    names = sorted(known)  # type: ignore[call-overload]
    if found not in names:
        raise InputError(f"unknown {found!r}; there are {', '.join(names)}", where=where)
