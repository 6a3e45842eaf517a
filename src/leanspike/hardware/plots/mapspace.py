"""Every mapping of a layer, with the best one marked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from leanspike.errors import InputError
from leanspike.hardware.plots.style import PALETTE, new_figure


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
