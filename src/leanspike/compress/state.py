"""Numbers of few bits: rounding to a step, saturation, wrap-around.

How wide membranes and accumulators are: the description, and putting it on a network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress.config import Overflow, StateConfig
from leanspike.compress.feeding import feeding
from leanspike.compress.layers import WeightLayer, latent_weight, weight_layers
from leanspike.compress.parametrization import compressed
from leanspike.compress.quantizers.rounding import straight_through
from leanspike.errors import InputError


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


def prepare_state(
    model: nn.Module,
    config: StateConfig,
    *,
    example: Any = None,
    run: Callable[[nn.Module, Any], Any] | None = None,
) -> nn.Module:
    """Limit the widths of membrane potentials and accumulators, in place.

    A neuron with a limited membrane runs step by step in plain torch, several times slower than
    fused. State dicts keep their keys. Both limits stay when `convert` bakes the weights.

    Parameters
    ----------
    model
        A network of leanspike's neurons. Prepared with quantizers where accumulators are limited
        or membranes share the weights' scale: it is their unit.
    config
        The widths.
    example
        An input, for a shared scale: the model is run on it once, to see which layer feeds which
        neuron.
    run
        How to call the model on it, ``model(example)`` by default.

    Returns
    -------
    nn.Module
        The same `model`.

    Raises
    ------
    InputError
        No such neuron, or no layer with a quantizer, where widths are asked for; with a shared
        scale, no example, or a neuron that is not fed by one quantized layer alone, without a
        batch norm between. Nothing is changed then.
    """
    membranes: dict[str, FixedPoint] = {}
    if config.membrane_bits is not None:
        membranes = _membranes(model, config, example, run)
    if config.accumulator_bits is not None:
        _limit_accumulators(model, config.accumulator_bits, config.overflow)
    for name, membrane in membranes.items():
        model.get_submodule(name).membrane = membrane
    return model


def _membranes(
    model: nn.Module,
    config: StateConfig,
    example: Any,
    run: Callable[[nn.Module, Any], Any] | None,
) -> dict[str, FixedPoint]:
    neurons = {n: module for n, module in model.named_modules() if hasattr(module, "membrane")}
    if not neurons:
        raise InputError(
            "no neuron was found whose membrane could be limited", where=type(model).__name__
        )
    bits = config.membrane_bits
    assert bits is not None
    if not config.shared_scale:
        made = {}
        for name, neuron in neurons.items():
            threshold = float(neuron.config.threshold)
            step = config.membrane_step or threshold / 2 ** (bits - 1)
            made[name] = FixedPoint(bits, step, config.overflow)
        return made
    if example is None:
        raise InputError(
            "which layer feeds which neuron is seen by running the model",
            where="shared_scale",
            remedy="Give an input: prepare_state(model, config, example=frames)",
        )
    fed = feeding(model, neurons, example, run=run)
    return {
        name: SharedScale(bits, _only_layer(model, name, fed[name]), config.overflow)
        for name in neurons
    }


def _only_layer(model: nn.Module, neuron: str, sources: set[str]) -> WeightLayer:
    """Give the one quantized layer that feeds a neuron."""
    where = f"neuron {neuron!r}"
    modules = {name: model.get_submodule(name) for name in sorted(sources)}
    for name, module in modules.items():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise InputError(
                f"the batch norm {name!r} lies between it and the weights, whose scale it shares",
                where=where,
                remedy="Fold it into the weights with fold_batchnorm, then prepare",
            )
    inside = [m for m in model.get_submodule(neuron).modules() if isinstance(m, WeightLayer)]
    if len(modules) != 1 or inside:
        raise InputError(
            f"its input comes from {', '.join(map(repr, modules)) or 'no layer that was seen'}"
            f"{' and from recurrent weights' if inside else ''}; a scale is one layer's",
            where=where,
            remedy="Give membrane_step instead of shared_scale",
        )
    (layer,) = modules.values()
    compression = compressed(layer)
    if not isinstance(layer, WeightLayer) or compression is None or compression.quantizer is None:
        raise InputError(
            f"{next(iter(modules))!r}, which feeds it, has no quantizer, whose scale it could "
            "share",
            where=where,
            remedy="Prepare the model with weight_bits first",
        )
    return layer


def accumulator_of(layer: WeightLayer) -> FixedPointSum | None:
    """Give the accumulator that `prepare_state` gave a layer, None without."""
    found = layer._modules.get("accumulator")
    return found if isinstance(found, FixedPointSum) else None


def _limit_accumulators(model: nn.Module, bits: int, overflow: Overflow) -> None:
    found = False
    for _, layer in weight_layers(model):
        compression = compressed(layer)
        if compression is not None and compression.quantizer is not None:
            found = True
            if accumulator_of(layer) is None:
                layer.register_forward_hook(_accumulate)
            layer.accumulator = FixedPointSum(bits, layer, overflow)
    if not found:
        raise InputError(
            "no layer has a quantizer, whose scale is an accumulator's unit",
            where=type(model).__name__,
            remedy="Prepare the model with weight_bits first",
        )


def _accumulate(layer: nn.Module, _: Any, output: Tensor) -> Tensor:
    assert isinstance(layer, WeightLayer)
    accumulator = accumulator_of(layer)
    assert accumulator is not None
    limited: Tensor = accumulator(output)
    return limited
