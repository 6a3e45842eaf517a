"""From a priced workload to what the figures draw."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from leanspike.errors import InputError
from leanspike.hardware.architecture import Architecture
from leanspike.hardware.cost import Key, LayerCost, WorkloadCost
from leanspike.hardware.plots.energy import energy_figure
from leanspike.hardware.plots.roofline import RooflinePoint, roofline_figure

_MOVES = ("read", "write", "update", "metadata_read", "metadata_write", "metadata_update")


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

    Only effectual accumulates count; the bits are the rows that the level reads and writes, data
    and metadata. Bandwidth is given in values per cycle; a value is drawn as the level's
    ``word_bits``, or 8 bits.

    Raises
    ------
    InputError
        When the level has no bandwidth or no width.
    """
    place = architecture.index(level)
    described = architecture.levels[place]
    rates = [r for r in (described.bandwidth.read, described.bandwidth.shared) if r is not None]
    if not rates or described.width is None:
        raise InputError("has no bandwidth or width: no roof to draw", where=f"level {level}")
    word = described.word_bits or 8
    roof = min(rates) * word * architecture.instances(place)
    points = [
        RooflinePoint(
            layer.name, layer.computes["actual"], moved_bits(layer, level, described.width),
            layer.cycles,
        )
        for layer in cost.layers
    ]  # fmt: skip
    peak = architecture.instances(len(architecture.levels))
    title = f"{cost.workload} on {cost.architecture}"
    return roofline_figure(points, peak=peak, bandwidth={level: roof}, title=title)


def moved_bits(layer: LayerCost, level: str, width: int) -> float:
    """Return the bits that a level with rows of ``width`` bits reads and writes for a layer."""
    rows = sum(
        item.count
        for item in layer.energy
        if item.component == level and item.action in _MOVES and item.tensor != "State"
    )
    return rows * width
