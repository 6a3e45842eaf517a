"""How figures for papers look: one palette that colour-blind readers can tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

#: Okabe and Ito, "Color Universal Design" (2008), the palette of the page as well; a darker yellow
#: for searches, which are drawn on white.
STRATEGY_COLORS = {
    "float": "#000000",
    "quantize": "#0072b2",
    "prune": "#d55e00",
    "cumulative": "#009e73",
    "joint": "#cc79a7",
    "search": "#b58900",
}
STRATEGY_MARKERS = {
    "float": "*",
    "quantize": "o",
    "prune": "s",
    "cumulative": "^",
    "joint": "D",
    "search": "h",
}
PART_COLORS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#999999",
    "#7a5195",
    "#4d6a6d",
)
#: One column of a two-column paper, in inches.
COLUMN = 3.5


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw with a paper's sizes, without a display, leaving matplotlib's settings as they were."""
    settings: dict[str, Any] = {
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 6.5,
        "legend.frameon": False,
        "axes.grid": True,
        "grid.linewidth": 0.4,
        "grid.color": "#d0d0d0",
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.0,
        "lines.markersize": 4,
        "savefig.dpi": 300,
        "pdf.fonttype": 42,
        # The same results give the same file, byte for byte.
        "svg.hashsalt": "leanspike",
    }
    with mpl.rc_context(rc=settings):  # type: ignore[arg-type]
        yield
