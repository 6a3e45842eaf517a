"""Layers whose outputs are added up for one neuron, as hardware should see them.

``W1 x1 + W2 x2`` is one product: the weights side by side, the inputs one after the other. A
recurrent pair (``fc(x) + rec(s)``) is therefore one layer with the input channels of both: its
partial sums never leave the array before they are complete. Layers of other kernels or strides
(the shortcut of a residual block) cannot be put side by side; all but the last put out partial
sums, of that width, and have no neurons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from leanspike.hardware.workload.workload import Bits, Densities, Density, Layer

if TYPE_CHECKING:
    from leanspike.activity.records import LayerActivity

# What layers must have in common to be one.
_SAME = (
    "T", "N", "M", "P", "Q", "R", "S", "stride", "dilation", "padding", "input_size",
    "upsampling", "groups", "operand",
)  # fmt: skip


def summed(records: Sequence[LayerActivity]) -> tuple[Layer, ...]:
    """Return the layers of a workload, in call order of the last of each sum."""
    names = {record.name for record in records}
    layers = []
    for record in records:
        if record.sums_into in names:
            continue
        group = [one for one in records if one.sums_into == record.name]
        fitting = [one for one in group if _fit(one.layer, record.layer)]
        layers += [one.layer for one in group if one not in fitting]
        layers.append(_beside([*fitting, record]) if fitting else record.layer)
    return tuple(layers)


def _fit(one: Layer, two: Layer) -> bool:
    same = all(getattr(one, name) == getattr(two, name) for name in _SAME)
    return same and one.groups == 1 and one.operand == "parameters"


def _beside(records: Sequence[LayerActivity]) -> Layer:
    """Put layers side by side: channels add up, densities and bits are averages over values."""
    layers = [record.layer for record in records]
    last = layers[-1]
    channels = [layer.C for layer in layers]

    def average(value: Callable[[Layer], float]) -> float:
        values = [value(layer) for layer in layers]
        return sum(c * v for c, v in zip(channels, values, strict=True)) / sum(channels)

    inputs = sum(
        (c * r.input_densities for c, r in zip(channels, records, strict=True)),
        start=np.zeros_like(records[-1].input_densities),
    ) / sum(channels)
    weights = min(1.0, average(lambda layer: layer.density.weights.mean))
    mean = min(1.0, float(inputs.mean()))
    return last.replace(
        name="+".join(layer.name for layer in layers),
        C=sum(channels),
        bits=Bits(
            **{
                **dict(last.bits),
                # As many as all values have on average, rounded up.
                "weights": _up(average(lambda layer: layer.bits.weights)),
                "inputs": _up(average(lambda layer: layer.bits.inputs)),
            }
        ),
        density=Densities(
            weights=Density(mean=weights, max=weights),
            inputs=Density(mean=mean, max=max(mean, min(1.0, float(inputs.max())))),
            outputs=last.density.outputs,
        ),
    )


def _up(value: float) -> int:
    return int(np.ceil(round(value, 9)))
