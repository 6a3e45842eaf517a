"""The published overview: accuracy against energy and against EDP, each with its inset."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leanspike.report.paper.column import MEASURES, Column, Mark
from leanspike.report.style import STRATEGY_COLORS, STRATEGY_MARKERS
from leanspike.study import on_front

#: An inset shows the settings within so many points of the best accuracy.
INSET_POINTS = 3.6


def overview(figure: Figure, columns: Sequence[Column]) -> None:
    """Draw energy above and EDP below, a column for each account."""
    figure.set_size_inches(2.6 * len(columns), 5.2)
    grid = figure.subplots(2, len(columns), squeeze=False)
    for axes, column in zip(grid[0], columns, strict=True):
        _panel(axes, column, "energy")
        axes.set_title(column.title)
        axes.set_xlabel(f"Energy ({column.energy_unit})")
    for axes, column in zip(grid[1], columns, strict=True):
        _panel(axes, column, "edp")
        axes.set_xlabel(f"Energy-delay product ({column.edp_unit})")
    for row in grid:
        row[0].set_ylabel("Test accuracy (%)")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(MEASURES))


def _panel(axes: Axes, column: Column, cost: str) -> None:
    if not column.marks:
        axes.text(0.5, 0.5, "not tried", ha="center", transform=axes.transAxes)
        return
    _scatter(axes, column, cost, size=12)
    axes.locator_params(axis="x", nbins=5)
    best = max(mark.accuracy for mark in column.marks)
    axes.axhline(100 * best, color="#777777", linewidth=0.6, linestyle="--", zorder=0)
    good = [mark for mark in column.marks if 100 * (best - mark.accuracy) <= INSET_POINTS]
    _inset(axes, column, cost, good)


def _inset(axes: Axes, column: Column, cost: str, good: Sequence[Mark]) -> None:
    costs = sorted(getattr(mark, cost) for mark in good)
    low, middle = costs[0], costs[len(costs) // 2]
    if low == middle:
        return
    room = 0.15 * (middle - low)
    best = 100 * max(mark.accuracy for mark in good)
    inset = axes.inset_axes((0.44, 0.09, 0.55, 0.52))
    _scatter(inset, column, cost, size=8)
    for measure in ("cumulative", "joint"):
        _front_line(inset, [mark for mark in column.marks if mark.measure == measure], cost)
    # Of a study whose settings lie close together, no more than there is.
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    inset.set_xlim(max(left, low - room), min(right, middle + room))
    inset.set_ylim(max(bottom, best - INSET_POINTS - 0.3), min(top, best + 0.5))
    inset.locator_params(axis="x", nbins=4)
    inset.set_facecolor("#f2f2f2")
    inset.tick_params(labelsize=5.5, pad=1.5, length=2)
    for side in inset.spines.values():
        side.set_visible(True)
    axes.indicate_inset_zoom(inset, edgecolor="#555555", linewidth=0.6)


def _scatter(axes: Axes, column: Column, cost: str, *, size: float) -> None:
    for measure in MEASURES:
        group = [mark for mark in column.marks if mark.measure == measure]
        axes.scatter(
            [getattr(mark, cost) for mark in group],
            [100 * mark.accuracy for mark in group],
            s=size,
            linewidths=0,
            color=STRATEGY_COLORS[measure],
            marker=STRATEGY_MARKERS[measure],
            label=measure,
        )


def _front_line(axes: Axes, group: Sequence[Mark], cost: str) -> None:
    if not group:
        return
    kept = on_front([(mark.accuracy, -getattr(mark, cost)) for mark in group])
    line = sorted(
        (getattr(mark, cost), 100 * mark.accuracy)
        for mark, on in zip(group, kept, strict=True)
        if on
    )
    axes.plot(*zip(*line, strict=True), color=STRATEGY_COLORS[group[0].measure], linewidth=0.8)
