"""What was measured: one record per weight layer, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanspike.activity.summing import summed
from leanspike.errors import InputError
from leanspike.hardware.workload.workload import Layer, LeftOut, Workload

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerActivity:
    """How one weight layer was used, and how the neurons after it fired.

    Attributes
    ----------
    layer
        Shape, bits and densities, as the hardware room takes them.
    activation
        Name of the module whose output counts as the layer's; empty where it is its own.
    input_densities, output_densities
        ``[steps, samples]``: fraction of non-zeros of each time step and sample.
    rates
        ``[neurons]``: fraction of (sample, step) in which each output was not zero, in the
        output's own order (channel first).
    channels
        Output channels.
    sums_into
        The layer whose neurons its outputs are added up for, beside that layer's own; empty
        where it has its own.
    operations
        Effective synaptic operations per sample: pairs of a non-zero input and a non-zero weight,
        all time steps together; padding is no input. None where not counted.
    dense_operations
        The same, were no input and no weight zero.
    """

    layer: Layer
    activation: str
    input_densities: Floats
    output_densities: Floats
    rates: Floats
    channels: int
    operations: float | None
    dense_operations: float | None
    sums_into: str = ""

    @property
    def name(self) -> str:
        """The layer's name in the model."""
        return self.layer.name

    @property
    def input_by_step(self) -> Floats:
        """Mean input density of each time step, ``[steps]``."""
        by_step: Floats = self.input_densities.mean(1)
        return by_step

    @property
    def output_by_step(self) -> Floats:
        """Mean output density of each time step, ``[steps]``."""
        by_step: Floats = self.output_densities.mean(1)
        return by_step

    @property
    def by_channel(self) -> Floats:
        """Mean output density of each output channel, ``[channels]``."""
        channels = self.channels if len(self.rates) % self.channels == 0 else 1
        by_channel: Floats = self.rates.reshape(channels, -1).mean(1)
        return by_channel

    @property
    def dead(self) -> int:
        """Outputs that were zero in every sample and step."""
        return int((self.rates == 0).sum())

    @property
    def saturated(self) -> int:
        """Outputs that were not zero in any sample or step."""
        return int((self.rates == 1).sum())

    def distance(self, other: LayerActivity) -> float:
        """Give the earth mover's distance between two distributions of firing rates.

        The area between the two cumulative distributions of `rates`: by how much, on average,
        the rate of a neuron has to move (0 to 1).

        Raises
        ------
        InputError
            The layers have different numbers of neurons.
        """
        if len(self.rates) != len(other.rates):
            raise InputError(
                f"{len(self.rates)} neurons and {len(other.rates)}", where=f"layer {self.name!r}"
            )
        return float(np.abs(np.sort(self.rates) - np.sort(other.rates)).mean())


@dataclass(frozen=True, eq=False)
class Activity:
    """All weight layers of a network, in call order.

    Attributes
    ----------
    name
        The network's.
    samples
        How many samples were run.
    layers
        One record each.
    left_out
        What the network multiplies besides.
    never_ran
        Weight layers that the model has and that no batch came through.
    """

    name: str
    samples: int
    layers: tuple[LayerActivity, ...]
    left_out: tuple[LeftOut, ...] = ()
    never_ran: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> LayerActivity:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise InputError(
            f"no layer {name!r}; there are {', '.join(layer.name for layer in self.layers)}",
            where=self.name,
        )

    @property
    def workload(self) -> Workload:
        """The network as hardware sees it; layers that sum into one neuron are one where they fit.

        See `leanspike.activity.summing`.
        """
        return Workload(
            name=self.name,
            source=f"measured on {self.samples} samples",
            layers=summed(self.layers),
            left_out=self.left_out,
        )

    @property
    def operations(self) -> float:
        """Effective synaptic operations per sample; 0 where they were not counted."""
        return sum(layer.operations or 0.0 for layer in self.layers)

    @property
    def dense_operations(self) -> float:
        """Synaptic operations per sample were nothing zero; 0 where they were not counted."""
        return sum(layer.dense_operations or 0.0 for layer in self.layers)

    def distances(self, other: Activity) -> dict[str, float]:
        """Give each layer's earth mover's distance from another network's (see `LayerActivity`)."""
        return {layer.name: layer.distance(other[layer.name]) for layer in self.layers}

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers and lists, for JSON."""
        return {
            "name": self.name,
            "samples": self.samples,
            "left_out": [one.model_dump(mode="json") for one in self.left_out],
            "never_ran": list(self.never_ran),
            "layers": [
                {
                    **layer.layer.model_dump(mode="json"),
                    "activation": layer.activation,
                    "sums_into": layer.sums_into,
                    "input_by_step": layer.input_by_step.tolist(),
                    "output_by_step": layer.output_by_step.tolist(),
                    "by_channel": layer.by_channel.tolist(),
                    "dead": layer.dead,
                    "saturated": layer.saturated,
                    "neurons_per_step": len(layer.rates),
                    "operations": layer.operations,
                    "dense_operations": layer.dense_operations,
                }
                for layer in self.layers
            ],
        }
