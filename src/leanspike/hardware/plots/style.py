"""The look of every figure: colours that colour-blind readers can tell apart, quiet axes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
