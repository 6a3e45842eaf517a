"""Membrane potentials and accumulators of few bits, with saturation or wrap-around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from leanspike.compress.layers import WeightLayer, latent_weight, weight_layers
from leanspike.compress.parametrization import compressed
from leanspike.compress.rounding import straight_through
from leanspike.errors import InputError

Overflow = Literal["saturate", "wrap"]


@dataclass(frozen=True, kw_only=True)
class StateConfig:
    """How wide the numbers are that a layer adds up and that its neurons remember.

    Attributes
    ----------
    membrane_bits
        Bits of the potential carried from step to step, 2 to 32, sign included; None leaves it
        float.
    membrane_step
        What its lowest bit is worth; by default the threshold over ``2 ** (bits - 1)``, so that
        the codes reach from minus the threshold to just below it. A number is shared by all
        layers.
    accumulator_bits
        Bits of the sum of weights, 2 to 32, sign included, for layers with a quantizer; None
        leaves it float.
    overflow
        What happens beyond: ``"saturate"`` stays at the end of the range, ``"wrap"`` comes back
        from the other end, as adders do.

    Raises
    ------
    InputError
        A value out of range.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    membrane_bits: int | None = None
    membrane_step: float | None = None
    accumulator_bits: int | None = None
    overflow: Overflow = "saturate"

    def __post_init__(self) -> None:
        for name in ("membrane_bits", "accumulator_bits"):
            bits = getattr(self, name)
            if bits is not None and not (isinstance(bits, int) and 2 <= bits <= 32):
                raise InputError(f"{bits!r} is not a whole number from 2 to 32", where=name)
        if self.membrane_step is not None and not self.membrane_step > 0:
            raise InputError(f"{self.membrane_step} is not above 0", where="membrane_step")
        if self.overflow not in ("saturate", "wrap"):
            raise InputError(
                f"unknown {self.overflow!r}; there are saturate, wrap", where="overflow"
            )


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


def prepare_state(model: nn.Module, config: StateConfig) -> nn.Module:
    """Limit the widths of membrane potentials and accumulators, in place.

    A neuron with a limited membrane runs step by step in plain torch, several times slower than
    fused. State dicts keep their keys. `MINT` (arXiv 2305.09850) takes membranes down to 2 bits.

    Parameters
    ----------
    model
        A network of leanspike's neurons. Prepared with quantizers where accumulators are
        limited: their unit is the quantizer's scale.
    config
        The widths.

    Returns
    -------
    nn.Module
        The same `model`.

    Raises
    ------
    InputError
        No such neuron, or no layer with a quantizer, where widths are asked for.
    """
    if config.membrane_bits is not None:
        _limit_membranes(model, config)
    if config.accumulator_bits is not None:
        _limit_accumulators(model, config)
    return model


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

    def forward(self, v: Tensor) -> Tensor:
        """Give the potentials that are carried over, any shape."""
        return fixed_point(v, self.bits, self.step, self.overflow)

    def extra_repr(self) -> str:
        """Show the format in `repr`."""
        return f"bits={self.bits}, step={self.step}, overflow={self.overflow!r}"


def _limit_membranes(model: nn.Module, config: StateConfig) -> None:
    neurons = [module for module in model.modules() if hasattr(module, "membrane")]
    if not neurons:
        raise InputError(
            "no neuron was found whose membrane could be limited", where=type(model).__name__
        )
    bits = config.membrane_bits
    assert bits is not None
    for neuron in neurons:
        threshold = float(neuron.config.threshold)  # type: ignore[union-attr, arg-type]
        step = config.membrane_step or threshold / 2 ** (bits - 1)
        neuron.membrane = FixedPoint(bits, step, config.overflow)


def accumulator_of(layer: WeightLayer) -> tuple[int, Overflow] | None:
    """Give the accumulator's bits and overflow that `prepare_state` gave a layer, None without."""
    config: StateConfig | None = layer.__dict__.get("_accumulator")
    if config is None or config.accumulator_bits is None:
        return None
    return config.accumulator_bits, config.overflow


def _limit_accumulators(model: nn.Module, config: StateConfig) -> None:
    found = False
    for _, layer in weight_layers(model):
        compression = compressed(layer)
        if compression is not None and compression.quantizer is not None:
            found = True
            known = "_accumulator" in layer.__dict__
            layer.__dict__["_accumulator"] = config
            if not known:
                layer.register_forward_hook(_accumulate)
    if not found:
        raise InputError(
            "no layer has a quantizer, whose scale is an accumulator's unit",
            where=type(model).__name__,
            remedy="Prepare the model with weight_bits first",
        )


def _accumulate(layer: nn.Module, _: Any, output: Tensor) -> Tensor:
    """Limit a layer's sums; what an adder of that width has at the end of a wrapping sum."""
    assert isinstance(layer, WeightLayer)
    compression = compressed(layer)
    config: StateConfig = layer.__dict__["_accumulator"]
    if compression is None or compression.quantizer is None:
        return output
    bits = config.accumulator_bits
    assert bits is not None
    with torch.no_grad():
        scale = compression.quantizer.unit(latent_weight(layer)).flatten()
    spatial = 0 if isinstance(layer, nn.Linear) else layer.weight.dim() - 2
    unit = scale.reshape(-1, *[1] * spatial) if len(scale) > 1 else scale
    if layer.bias is None:
        return fixed_point(output, bits, unit, config.overflow)
    bias = layer.bias.reshape(-1, *[1] * spatial)
    return fixed_point(output - bias, bits, unit, config.overflow) + bias
