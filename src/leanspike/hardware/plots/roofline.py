"""Compute against bandwidth: how far each layer is from what the hardware can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from leanspike.errors import InputError
from leanspike.hardware.plots.style import PALETTE, new_figure


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
