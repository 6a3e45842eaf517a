"""How wide membranes and accumulators are: the description, and putting it on a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from leanspike.compress.fixed_point import FixedPoint, Overflow, SharedScale, fixed_point
from leanspike.compress.layers import WeightLayer, latent_weight, weight_layers
from leanspike.compress.parametrization import compressed
from leanspike.errors import InputError


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
    shared_scale
        Whether the membrane's lowest bit is worth what the weights before it are multiples of,
        instead of `membrane_step`, as in MINT (arXiv 2305.09850).
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
    shared_scale: bool = False
    accumulator_bits: int | None = None
    overflow: Overflow = "saturate"

    def __post_init__(self) -> None:
        for name in ("membrane_bits", "accumulator_bits"):
            bits = getattr(self, name)
            if bits is not None and not (isinstance(bits, int) and 2 <= bits <= 32):
                raise InputError(f"{bits!r} is not a whole number from 2 to 32", where=name)
        if self.membrane_step is not None and not self.membrane_step > 0:
            raise InputError(f"{self.membrane_step} is not above 0", where="membrane_step")
        if self.shared_scale and (self.membrane_bits is None or self.membrane_step is not None):
            raise InputError(
                "it says what membrane_bits are worth, so give these and no membrane_step",
                where="shared_scale",
            )
        if self.overflow not in ("saturate", "wrap"):
            raise InputError(
                f"unknown {self.overflow!r}; there are saturate, wrap", where="overflow"
            )


def prepare_state(model: nn.Module, config: StateConfig) -> nn.Module:
    """Limit the widths of membrane potentials and accumulators, in place.

    A neuron with a limited membrane runs step by step in plain torch, several times slower than
    fused. State dicts keep their keys.

    Parameters
    ----------
    model
        A network of leanspike's neurons. Prepared with quantizers where accumulators are limited
        or membranes share the weights' scale: it is their unit.
    config
        The widths.

    Returns
    -------
    nn.Module
        The same `model`.

    Raises
    ------
    InputError
        No such neuron, or no layer with a quantizer, where widths are asked for; with a shared
        scale, a neuron that follows no quantized layer, or a batch norm between.
    """
    if config.membrane_bits is not None:
        _limit_membranes(model, config)
    if config.accumulator_bits is not None:
        _limit_accumulators(model, config)
    return model


def _limit_membranes(model: nn.Module, config: StateConfig) -> None:
    neurons = {n: module for n, module in model.named_modules() if hasattr(module, "membrane")}
    if not neurons:
        raise InputError(
            "no neuron was found whose membrane could be limited", where=type(model).__name__
        )
    bits = config.membrane_bits
    assert bits is not None
    if config.shared_scale:
        feeding = {name: _feeding(model, name) for name in neurons}
        for name, neuron in neurons.items():
            neuron.membrane = SharedScale(bits, feeding[name], config.overflow)
        return
    for neuron in neurons.values():
        threshold = float(neuron.config.threshold)
        step = config.membrane_step or threshold / 2 ** (bits - 1)
        neuron.membrane = FixedPoint(bits, step, config.overflow)


def _feeding(model: nn.Module, neuron: str) -> WeightLayer:
    """Give the quantized layer that was defined last before a neuron."""
    layer, norm = None, None
    for name, module in model.named_modules():
        if name == neuron:
            break
        if isinstance(module, WeightLayer):
            layer, norm = module, None
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            norm = name
    compression = None if layer is None else compressed(layer)
    if layer is None or compression is None or compression.quantizer is None:
        raise InputError(
            "the layer before it has no quantizer, whose scale it could share",
            where=f"neuron {neuron!r}",
            remedy="Prepare the model with weight_bits first",
        )
    if norm is not None:
        raise InputError(
            f"the batch norm {norm!r} lies between it and the weights, whose scale it shares",
            where=f"neuron {neuron!r}",
            remedy="Fold it into the weights with fold_batchnorm, then prepare",
        )
    return layer


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
