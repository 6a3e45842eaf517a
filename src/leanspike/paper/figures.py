"""Published figures made of lines: encodings, mean against maximum, dense against sparse.

Published figures made of bars: zero weights by layer, energy by component.

The published overview: accuracy against energy and against EDP, each with its inset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from leanspike.paper.ablation import Step
from leanspike.paper.column import (
    CUMULATIVE,
    FORMATS,
    JOINT,
    MEASURES,
    NETWORKS,
    PRUNED,
    TERNARY,
    Column,
    Mark,
    Measure,
)
from leanspike.paper.table import Outcome, Parts, Row, anomalous, published_mj
from leanspike.report.figures import PART_COLORS, STRATEGY_COLORS, STRATEGY_MARKERS
from leanspike.study import on_front

ALONE: tuple[Measure, ...] = ("quantize", "prune")
FORMAT_MARKERS = {"RLE": "X", "CP": "d", "UOP": "o", "UBM": "*"}
STATISTIC_LINES: dict[str, Literal["-", "--"]] = {"mean": "-", "max": "--"}


def encodings(figure: Figure, columns: Sequence[Column]) -> None:
    """Draw energy above and EDP below against the zeros in the weights, a line per format."""
    figure.set_size_inches(2.6 * len(columns), 4.6)
    grid = figure.subplots(2, len(columns), squeeze=False)
    for row, cost in zip(grid, ("energy", "edp"), strict=True):
        for axes, column in zip(row, columns, strict=True):
            for format_ in FORMATS:
                for measure in ALONE:
                    _line(axes, column, measure, format_, "mean", cost)
            unit = column.energy_unit if cost == "energy" else column.edp_unit
            name = "Energy" if cost == "energy" else "EDP"
            _finish(axes, ylabel=f"{name} ({unit})")
    for axes, column in zip(grid[0], columns, strict=True):
        axes.set_title(column.title)
    for axes in grid[1]:
        axes.set_xlabel("Weights that are zero (%)")
    _legend(figure, [*_measure_handles(), *_format_handles(FORMATS)])


def activity(figure: Figure, columns: Sequence[Column]) -> None:
    """Draw energy under UOP at the mean and at the highest activity."""
    figure.set_size_inches(2.6 * len(columns), 2.8)
    for axes, column in zip(_row(figure, columns), columns, strict=True):
        for measure in ALONE:
            for statistic in STATISTIC_LINES:
                _line(axes, column, measure, "UOP", statistic, "energy")
        _finish(axes, ylabel=f"Energy, UOP ({column.energy_unit})")
        axes.set_xlabel("Weights that are zero (%)")
    styles = [
        Line2D([], [], color="black", linestyle=style, label=name)
        for name, style in STATISTIC_LINES.items()
    ]
    _legend(figure, [*_measure_handles(), *styles])


def dense(figure: Figure, columns: Sequence[Column]) -> None:
    """Draw energy against bits with the zeros of quantization used, and without."""
    figure.set_size_inches(2.6 * len(columns), 2.8)
    formats = ("RLE", "UOP")
    colors = {"zeros used": STRATEGY_COLORS["quantize"], "no zeros": STRATEGY_COLORS["cumulative"]}
    for axes, column in zip(_row(figure, columns), columns, strict=True):
        for format_ in formats:
            steps = column.lines.get(("quantize", format_, "mean"), ())
            sparse = {int(step.at): step.energy for step in steps}
            for name, energies in (
                ("zeros used", sparse),
                ("no zeros", column.dense.get(format_, {})),
            ):
                axes.plot(
                    list(energies), list(energies.values()),
                    color=colors[name], marker=FORMAT_MARKERS[format_],
                )  # fmt: skip
        _finish(axes, ylabel=f"Energy ({column.energy_unit})")
        axes.set_xlabel("Bits per weight")
        axes.set_xticks([2, 3, 4, 6, 8])
    names = [Line2D([], [], color=color, label=name) for name, color in colors.items()]
    _legend(figure, [*names, *_format_handles(formats)])


def _row(figure: Figure, columns: Sequence[Column]) -> list[Axes]:
    row: list[Axes] = list(figure.subplots(1, len(columns), squeeze=False)[0])
    for axes, column in zip(row, columns, strict=True):
        axes.set_title(column.title)
    return row


def _line(
    axes: Axes, column: Column, measure: Measure, format_: str, statistic: str, cost: str
) -> None:
    steps = sorted(column.lines.get((measure, format_, statistic), ()), key=lambda s: s.zeros)
    axes.plot(
        [100 * step.zeros for step in steps],
        [getattr(step, cost) for step in steps],
        color=STRATEGY_COLORS[measure],
        marker=FORMAT_MARKERS[format_],
        linestyle=STATISTIC_LINES[statistic],
    )


def _finish(axes: Axes, *, ylabel: str) -> None:
    axes.set_ylabel(ylabel)
    if all(len(line.get_xdata()) == 0 for line in axes.get_lines()):  # type: ignore[arg-type]
        axes.text(0.5, 0.5, "not tried", ha="center", transform=axes.transAxes)
        return
    axes.set_ylim(bottom=0)


def _measure_handles() -> list[Line2D]:
    return [Line2D([], [], color=STRATEGY_COLORS[name], label=name) for name in ALONE]


def _format_handles(formats: Sequence[str]) -> list[Line2D]:
    return [
        Line2D([], [], color="black", linestyle="", marker=FORMAT_MARKERS[name], label=name)
        for name in formats
    ]


def _legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    figure.legend(handles=list(handles), loc="outside upper center", ncols=len(handles))


NETWORK_COLORS = {
    TERNARY: STRATEGY_COLORS["quantize"],
    PRUNED: STRATEGY_COLORS["prune"],
    CUMULATIVE: STRATEGY_COLORS["cumulative"],
    JOINT: STRATEGY_COLORS["joint"],
}
#: Components in the published chart's order from below, with the colour each has everywhere.
#: "MACs" there is our adder; what moves between two memories is a part of its own there only.
COMPONENT_COLORS = {
    "ifmap_spad": PART_COLORS[2],
    "weights_spad": PART_COLORS[3],
    "psum_spad": PART_COLORS[4],
    "MACs": PART_COLORS[5],
    "adder": PART_COLORS[5],
    "neuron": PART_COLORS[6],
    "shared_glb": PART_COLORS[1],
    "between memories": PART_COLORS[7],
    "DRAM": PART_COLORS[0],
}


def sparsity(figure: Figure, columns: Sequence[Column]) -> None:
    """Draw zero weights by layer, a panel for each account, one below the other."""
    # The model's columns have one input: shown once.
    distinct = [c for i, c in enumerate(columns) if c.zeros not in [o.zeros for o in columns[:i]]]
    figure.set_size_inches(6.0, 1.9 * len(distinct) + 0.3)
    panels: list[Axes] = list(figure.subplots(len(distinct), 1, squeeze=False)[:, 0])
    for axes, column in zip(panels, distinct, strict=True):
        axes.set_title(
            column.title.split(",")[0] if column.title.startswith("our") else column.title
        )
        names = [name for name in NETWORK_COLORS if name in column.zeros]
        width = 0.8 / max(len(names), 1)
        for i, name in enumerate(names):
            at = [j + (i - (len(names) - 1) / 2) * width for j in range(len(column.layers))]
            heights = [100 * share for share in column.zeros[name]]
            axes.bar(at, heights, width, color=NETWORK_COLORS[name])
        if not names:
            axes.text(0.5, 0.5, "not tried", ha="center", transform=axes.transAxes)
        axes.set_xticks(range(len(column.layers)), column.layers)
        axes.set_ylim(0, 100)
        axes.set_ylabel("Zeros (%)")
        axes.grid(axis="x", visible=False)
    handles = [axes.bar(0, 0, color=color, label=name) for name, color in NETWORK_COLORS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def breakdown(figure: Figure, columns: Sequence[Column]) -> None:
    """Draw pJ per accumulate by component for three networks, each account on its own scale."""
    figure.set_size_inches(2.6 * len(columns), 3.4)
    panels: list[Axes] = list(figure.subplots(1, len(columns), squeeze=False)[0])
    shown: dict[str, str] = {}
    for axes, column in zip(panels, columns, strict=True):
        axes.set_title(column.title)
        names = [name for name in NETWORKS if name in column.breakdown]
        bottoms = [0.0] * len(names)
        parts = [_joined(column.breakdown[name]) for name in names]
        for component, color in COMPONENT_COLORS.items():
            heights = [part.get(component, 0.0) for part in parts]
            if not any(heights):
                continue
            axes.bar(range(len(names)), heights, 0.6, bottoms, color=color)
            bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
            shown[component] = color
        if not names:
            axes.text(0.5, 0.5, "not tried", ha="center", transform=axes.transAxes)
        axes.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names])
        axes.grid(axis="x", visible=False)
        axes.set_ylabel("pJ per accumulate")
    handles = [panels[0].bar(0, 0, color=color, label=name) for name, color in shown.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))


def _joined(parts: Mapping[str, float]) -> dict[str, float]:
    """Take what moves between memories together: our model has no wires of its own."""
    joined: dict[str, float] = {}
    for name, energy in parts.items():
        kept = name if name in COMPONENT_COLORS else "between memories"
        joined[kept] = joined.get(kept, 0.0) + energy
    return joined


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


def scatter(figure: Figure, *, energies: Mapping[str, Mapping[Row, Outcome | Parts]]) -> None:
    """Draw modelled against published energy, a point for each row and a panel for each reading."""
    figure.set_size_inches(3.0 * len(energies), 3.2)
    panels: list[Axes] = list(figure.subplots(1, len(energies), squeeze=False)[0])
    known, odd = published_mj(), anomalous()
    top = 1.05 * max(known.values())
    for axes, (title, found) in zip(panels, energies.items(), strict=True):
        axes.set_title(title)
        axes.plot([0, top], [0, top], color="#777777", linewidth=0.6, zorder=0)
        for name, color in zip(FORMATS, PART_COLORS, strict=False):
            rows = [row for row in found if row[0] == name]
            for marked in (False, True):
                some = [row for row in rows if (row in odd) == marked]
                axes.scatter(
                    [known[row] for row in some],
                    [found[row].energy for row in some],
                    s=14 if marked else 6,
                    facecolors="none" if marked else color,
                    edgecolors=color,
                    linewidths=0.7 if marked else 0,
                    label=None if marked else name,
                )
        axes.set_xlabel("Published (mJ)")
        axes.set_aspect("equal")
    panels[0].set_ylabel("Model (mJ)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(FORMATS))


def walk(figure: Figure, *, steps: Sequence[Step]) -> None:
    """Draw the headline after each change, and with that change alone."""
    figure.set_size_inches(6.0, 0.32 * len(steps) + 1.0)
    axes = figure.subplots()
    places = list(range(len(steps)))
    axes.barh(places, [step.ratio - 1 for step in steps], 0.6, left=1, color=PART_COLORS[0])
    alone = [(place, step.alone) for place, step in enumerate(steps) if step.alone is not None]
    axes.scatter(
        [ratio for _, ratio in alone], [place for place, _ in alone],
        color="black", marker="|", s=60, label="this change alone", zorder=3,
    )  # fmt: skip
    for place, step in enumerate(steps):
        axes.annotate(
            f"{step.ratio:.2f}", (max(step.ratio, 1.0), place), (3, 0), va="center",
            textcoords="offset points",
        )  # fmt: skip
    axes.axvline(1.0, color="#777777", linewidth=0.6)
    axes.set_yticks(places, [step.change for step in steps])
    axes.invert_yaxis()
    axes.set_xlabel("Energy of 80 % pruning over ternary weights")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")
