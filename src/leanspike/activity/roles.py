"""Which modules are weight layers, which are neurons, and which only pass values on."""

from __future__ import annotations

import re

from torch import nn

WeightLayer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear

# Base classes of spiking neurons, by package and name: none of these packages is imported.
_NEURONS = {
    "leanspike.Neuron",
    "snntorch.SpikingNeuron",
    "spikingjelly.BaseNode",
    "norse.SNN",
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


def is_weight_layer(module: nn.Module) -> bool:
    """Tell whether activity is measured for a module: Conv1d to Conv3d, Linear, subclasses."""
    return isinstance(module, WeightLayer)


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
    return isinstance(module, _OTHER_WEIGHTS) or is_weight_layer(module)


def may_be_activation(module: nn.Module) -> bool:
    """Tell whether a module's output may be the activation of the weight layer before it.

    A known neuron may, and so may any other module that neither has weights of synapses, nor
    normalises, pools, drops out, reshapes or holds a module that does.
    """
    if is_neuron(module):
        return True
    names = (type(part).__name__ for part in module.modules())
    return not any(is_barrier(part) for part in module.modules()) and not any(
        _PASSING.search(name) for name in names
    )
