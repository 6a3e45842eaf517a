"""Published figures made of lines: encodings, mean against maximum, dense against sparse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from leanspike.report.paper.column import FORMATS, Column, Measure
from leanspike.report.style import STRATEGY_COLORS

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
