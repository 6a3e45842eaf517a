"""Which modules multiply, which are neurons, and which only pass values on."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, nn

WeightLayer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear

# Base classes of spiking neurons, by package and name: none of these packages is imported.
_NEURONS = {
    "leanspike.Neuron",
    "snntorch.SpikingNeuron",
    "spikingjelly.BaseNode",
    "norse.SNN",
    "norse.LILinearCell",
    "norse.SNNCell",
    "norse.SNNRecurrent",
    "norse.SNNRecurrentCell",
    "sinabs.StatefulLayer",
}
# Class names of modules that rearrange, scale or select values but make no new ones.
_PASSING = re.compile(
    r"Norm|Pool|Dropout|Flatten|Identity|Upsample|Pad\d?d?$|Sequential|Module(List|Dict)$"
)
_OTHER_WEIGHTS = (
    nn.modules.conv._ConvNd,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.Bilinear,
    nn.MultiheadAttention,
    nn.Embedding,
)


def is_priced(module: nn.Module) -> bool:
    """Tell whether a module computes one product of its input with weights of its own."""
    return isinstance(module, nn.modules.conv._ConvNd | nn.Linear)


def weight_shape(module: nn.Module) -> tuple[int, ...]:
    """Return the shape of such a module's weights, without computing them."""
    if isinstance(module, nn.Linear):
        return module.out_features, module.in_features
    assert isinstance(module, nn.modules.conv._ConvNd)
    first, second = module.out_channels, module.in_channels
    if module.transposed:
        first, second = second, first
    return first, second // module.groups, *module.kernel_size


def unpriced_operations(module: nn.Module, args: Any) -> tuple[int, str] | None:
    """Give the multiply-accumulates of a module that no layer can state, and why none can.

    Every weight of a recurrent layer is used once per row of its input, whatever its gates; every
    weight of a bilinear one likewise (twice: the products of its two inputs are not counted).

    Returns
    -------
    (operations, reason) or None
        None for every other module.
    """
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        reason = "a recurrent layer with gates or activations of its own, which are not modelled"
    elif isinstance(module, nn.Bilinear):
        reason = "a product of two inputs with weights, which no layer states"
    else:
        return None
    weights = sum(p.numel() for p in module.parameters() if p.dim() > 1)
    given = args[0] if args else None
    given = getattr(given, "data", given)  # of a packed sequence
    rows = given.numel() // given.shape[-1] if isinstance(given, Tensor) and given.dim() else 1
    return rows * weights, reason


def is_neuron(module: nn.Module) -> bool:
    """Tell whether a module is a spiking neuron of a framework known here."""
    return any(
        f"{base.__module__.partition('.')[0]}.{base.__name__}" in _NEURONS
        for base in type(module).__mro__
    )


def membrane_bits(module: nn.Module) -> int | None:
    """Return the width a neuron's membrane was limited to, None where it is not."""
    bits = getattr(getattr(module, "membrane", None), "bits", None)
    return bits if isinstance(bits, int) else None


def is_barrier(module: nn.Module) -> bool:
    """Tell whether a module has synaptic weights: what follows it belongs to it."""
    return isinstance(module, _OTHER_WEIGHTS) or is_priced(module)


def may_be_activation(module: nn.Module) -> bool:
    """Tell whether a module's output may be the activation of the layers that reach it.

    A known neuron may, and so may any other module that neither holds a neuron or weights of
    synapses, nor normalises, pools, drops out, reshapes or holds a module that does.
    """
    if is_neuron(module):
        return True
    return not any(
        is_barrier(part) or is_neuron(part) or _PASSING.search(type(part).__name__)
        for part in module.modules()
    )
