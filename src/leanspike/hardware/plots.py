"""The look of every figure: colours that colour-blind readers can tell apart, quiet axes.

Where the energy goes: stacked bars, one per network, layer or setting.

Every mapping of a layer, with the best one marked.

Compute against bandwidth: how far each layer is from what the hardware can do.

From a priced workload to what the figures draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.model.cost import Key, WorkloadCost

#: Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), yellow last for its low contrast.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#999999",
    "#F0E442",
)
# Hatches carry on where the colours begin again.
HATCHES = ("", "///", "...")


def new_figure(width: float = 6.4, height: float = 3.6) -> tuple[Figure, Axes]:
    """Return an empty figure (inches) and its axes, without pyplot's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    return figure, axes


def fills(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return a colour and a hatch for each name; the same names in order get the same ones.

    >>> fills(["DRAM", "buffer"])["buffer"]
    ('#E69F00', '')
    """
    pairs = cycle([(colour, hatch) for hatch in HATCHES for colour in PALETTE])
    return dict(zip(names, pairs, strict=False))


# Unit, and how many pJ it is; the largest in which the tallest bar is at least 1.
_UNITS = (("mJ", 1e9), ("µJ", 1e6), ("nJ", 1e3), ("pJ", 1.0))


def energy_figure(bars: Mapping[str, Mapping[str, float]], *, title: str = "") -> Figure:
    """Draw stacked bars of energy.

    Parameters
    ----------
    bars
        Energy in pJ by part (component, level, tensor), for each bar. Parts are stacked in the
        order they first appear; a part that is missing from a bar is zero there.
    title
        What the figure shows.

    Raises
    ------
    InputError
        When there is no bar, or an energy is negative.
    """
    if not bars:
        raise InputError("nothing to draw: no bars")
    parts = list(dict.fromkeys(part for bar in bars.values() for part in bar))
    for name, bar in bars.items():
        for part, energy in bar.items():
            if not energy >= 0:  # NaN too
                raise InputError(f"found {energy} pJ", where=f"{name}, {part}")
    totals = [sum(bar.values()) for bar in bars.values()]
    unit, scale = next(
        ((unit, scale) for unit, scale in _UNITS if max(totals) >= scale), _UNITS[-1]
    )
    figure, axes = new_figure(width=min(12.0, 3.4 + 0.55 * len(bars)))
    bottoms = [0.0] * len(bars)
    for part, (colour, hatch) in fills(parts).items():
        heights = [bar.get(part, 0.0) / scale for bar in bars.values()]
        axes.bar(
            list(bars), heights, bottom=bottoms, width=0.7, label=part,
            color=colour, hatch=hatch, edgecolor="white", linewidth=0.5,
        )  # fmt: skip
        bottoms = [low + high for low, high in zip(bottoms, heights, strict=True)]
    axes.set_ylabel(f"energy ({unit})")
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    if max(len(name) for name in bars) > 6:  # longer than a bar is wide
        axes.tick_params(axis="x", rotation=45)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    if title:
        axes.set_title(title, loc="left", fontsize="medium")
    handles, labels = axes.get_legend_handles_labels()
    # The legend reads like the stack: top part first.
    axes.legend(
        handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False
    )
    return figure


def mapspace_figure(
    energy_pj: npt.ArrayLike, cycles: npt.ArrayLike, *, best: int | None = None, title: str = ""
) -> Figure:
    """Draw the energy and cycles of K mappings.

    Parameters
    ----------
    energy_pj, cycles
        One value per mapping, shape [K], all positive.
    best
        Index of the optimum; without it, that of the lowest energy-delay product. The dashed
        line joins all points of its energy-delay product: none lies below it.
    title
        What the figure shows.

    Raises
    ------
    InputError
        When the arrays are empty, differ in length, or hold anything but positive numbers.
    """
    energy = np.asarray(energy_pj, dtype=np.float64)
    time = np.asarray(cycles, dtype=np.float64)
    if energy.ndim != 1 or energy.shape != time.shape or energy.size == 0:
        raise InputError(f"energies of shape {energy.shape}, cycles of shape {time.shape}")
    if not (np.isfinite(energy * time).all() and min(energy.min(), time.min()) > 0):
        raise InputError("energies and cycles must be positive numbers")
    chosen = int(np.argmin(energy * time)) if best is None else best
    figure, axes = new_figure(width=5.4)
    axes.scatter(
        time, energy / 1e6, s=4, color=PALETTE[4], alpha=0.35, linewidths=0, rasterized=True,
        label=f"{energy.size:,} legal mappings",
    )  # fmt: skip
    curve = np.geomspace(time.min(), time.max(), 200)
    axes.plot(
        curve, energy[chosen] * time[chosen] / curve / 1e6, color="black", linewidth=0.9,
        linestyle="--", label="the optimum's energy-delay product",
    )  # fmt: skip
    axes.scatter(
        time[chosen], energy[chosen] / 1e6, s=130, marker="*", color=PALETTE[5],
        edgecolors="black", linewidths=0.6, zorder=3, label="optimum",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(energy.min() / 1e6 / 1.3, energy.max() / 1e6 * 1.3)
    axes.set_xlabel("cycles")
    axes.set_ylabel("energy (µJ)")
    axes.grid(color="#eeeeee", linewidth=0.6)
    legend = axes.legend(loc="upper right", fontsize="small", frameon=False)
    cloud = legend.legend_handles[0]
    if isinstance(cloud, PathCollection):  # a faint dot would not be seen
        cloud.set_alpha(1.0)
        cloud.set_sizes([25.0])
    if title:
        axes.set_title(title, loc="left", fontsize="medium")
    return figure


@dataclass(frozen=True)
class RooflinePoint:
    """One layer: the accumulates it does, the bits the level moves for it, the cycles it takes."""

    name: str
    operations: float
    moved: float
    cycles: float

    @property
    def intensity(self) -> float:
        """Accumulates per bit moved."""
        return self.operations / self.moved

    @property
    def speed(self) -> float:
        """Accumulates per cycle."""
        return self.operations / self.cycles


def roofline_figure(
    points: Sequence[RooflinePoint],
    *,
    peak: float,
    bandwidth: Mapping[str, float],
    title: str = "",
    unit: str = "bits",
) -> Figure:
    """Draw layers under the roofs that compute and bandwidth set.

    Parameters
    ----------
    points
        Layers; bits are those through the level that the slanted roofs are of.
    peak
        Accumulates per cycle when every unit works: the flat roof.
    bandwidth
        Bits per cycle, by the name of the slanted roof.
    title
        What the figure shows.
    unit
        What is moved, for the labels.

    Raises
    ------
    InputError
        When there is no point, or a number is not positive.
    """
    if not points:
        raise InputError("nothing to draw: no points")
    for point in points:
        if not min(point.operations, point.moved, point.cycles) > 0:
            raise InputError(f"operations, what is moved and cycles must be positive: {point}")
    if not peak > 0 or not all(rate > 0 for rate in bandwidth.values()):
        raise InputError(f"peak {peak} and bandwidth {dict(bandwidth)} must be positive")
    figure, axes = new_figure()
    knees = [peak / rate for rate in bandwidth.values()]
    intensities = [point.intensity for point in points]
    left, right = min([*intensities, *knees]) / 4, max([*intensities, *knees]) * 4
    x = np.geomspace(left, right, 200)
    for (name, rate), colour in zip(bandwidth.items(), PALETTE, strict=False):
        axes.plot(
            x,
            np.minimum(peak, rate * x),
            color=colour,
            linewidth=1.5,
            label=f"{name}: {rate:g} {unit} per cycle",
        )
    axes.axhline(
        peak, color="black", linewidth=1.0, linestyle="--", label=f"compute: {peak:g} per cycle"
    )
    axes.scatter(intensities, [point.speed for point in points], color="black", s=18, zorder=3)
    for place, point in enumerate(sorted(points, key=lambda p: (p.intensity, p.speed))):
        # Neighbours in intensity are named above and below in turn.
        axes.annotate(
            point.name, (point.intensity, point.speed), textcoords="offset points",
            xytext=(4, 5 if place % 2 else -11), fontsize="x-small",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(min(point.speed for point in points) / 4, peak * 2)
    axes.set_xlabel(f"accumulates per {unit.removesuffix('s')} moved")
    axes.set_ylabel("accumulates per cycle")
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.legend(loc="lower right", fontsize="small", frameon=False)
    if title:
        axes.set_title(title, loc="left", fontsize="medium")
    return figure


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
