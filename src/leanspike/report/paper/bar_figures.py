"""Published figures made of bars: zero weights by layer, energy by component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leanspike.report.paper.column import CUMULATIVE, JOINT, NETWORKS, PRUNED, TERNARY, Column
from leanspike.report.style import PART_COLORS, STRATEGY_COLORS

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
