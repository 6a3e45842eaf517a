"""Where the energy goes: stacked bars, one per network, layer or setting."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from leanspike.errors import InputError
from leanspike.hardware.plots.style import fills, new_figure

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
