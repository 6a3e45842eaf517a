"""From a priced workload to what the figures draw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from leanspike.errors import InputError
from leanspike.hardware.architecture import Architecture
from leanspike.hardware.cost import Key, WorkloadCost
from leanspike.hardware.plots.energy import energy_figure
from leanspike.hardware.plots.roofline import RooflinePoint, roofline_figure


def plot_layers(cost: WorkloadCost, *, by: Key = "component") -> Figure:
    """Draw the energy of each layer, stacked by component (each level is one), tensor or action."""
    bars = {layer.name: layer.energy_by(by) for layer in cost.layers}
    return energy_figure(bars, title=f"{cost.workload} on {cost.architecture}, by {by}")


def plot_costs(costs: Mapping[str, WorkloadCost], *, by: Key = "component") -> Figure:
    """Draw the energy of several priced workloads side by side."""
    bars = {name: cost.energy_by(by) for name, cost in costs.items()}
    return energy_figure(bars, title=f"energy of one inference, by {by}")


def plot_roofline(cost: WorkloadCost, architecture: Architecture, *, level: str) -> Figure:
    """Draw the layers under the roofs of the compute units and of one level's bandwidth.

    Only effectual accumulates count. What the level moves is what its cycles are counted from:
    the bits of all rows (data, metadata and membranes; values under Sparseloop's rules) through
    the port that keeps its fullest instance busy longest, times the instances in use. So a layer
    that waits for all of the level's instances lies on the roof, and none above it. A layer that
    accumulates nothing, or moves nothing there, is named in the title.

    Raises
    ------
    InputError
        When the level has no bandwidth, or no layer can be drawn.
    """
    place = architecture.index(level)
    instances = architecture.instances(place)
    points: list[RooflinePoint] = []
    left_out: list[str] = []
    roofs: dict[float, list[str]] = {}
    for layer in cost.layers:
        found = layer.evaluation
        if not np.isfinite(found.bandwidth[place]).any():
            raise InputError("has no bandwidth: no roof to draw", where=f"level {level}")
        read, write = found.row.demand[place]
        bits = np.array([read, write, read + write])
        port = int((bits / found.bandwidth[place]).argmax())
        moved = float(bits[port]) * int(found.nest.instances[place])
        if min(layer.computes["actual"], moved) > 0:
            points.append(RooflinePoint(layer.name, layer.computes["actual"], moved, layer.cycles))
            roofs.setdefault(float(found.bandwidth[place, port]) * instances, []).append(layer.name)
        else:
            left_out.append(layer.name)
    title = f"{cost.workload} on {cost.architecture}"
    if left_out:
        title += f" (without {', '.join(left_out)}: nothing accumulated or moved)"
    # Ports may differ, and a word may be as wide as a layer's widest value.
    names = {
        level if len(roofs) == 1 else f"{level} ({', '.join(layers)})": rate
        for rate, layers in roofs.items()
    }
    peak = architecture.instances(len(architecture.levels))
    unit = cost.layers[0].evaluation.unit
    return roofline_figure(points, peak=peak, bandwidth=names, title=title, unit=unit)
