"""How figures for papers look: one palette that colour-blind readers can tell apart.

Figures of what choices do: bits and pruning, and the model's assumptions.

Figures for papers, from what the page shows: PNG, PDF and SVG through matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from leanspike.errors import InputError
from leanspike.files import replacing
from leanspike.report.view import ShownSetting, View, view
from leanspike.study import Results, StudyFile, on_front

#: Okabe and Ito, "Color Universal Design" (2008), the palette of the page as well; a darker yellow
#: for searches, which are drawn on white.
STRATEGY_COLORS = {
    "float": "#000000",
    "control": "#777777",
    "quantize": "#0072b2",
    "prune": "#d55e00",
    "cumulative": "#009e73",
    "joint": "#cc79a7",
    "search": "#b58900",
    "own": "#7a5195",
}
STRATEGY_MARKERS = {
    "float": "*",
    "control": "P",
    "quantize": "o",
    "prune": "s",
    "cumulative": "^",
    "joint": "D",
    "search": "h",
    "own": "X",
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


LINES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")


def choices(figure: Figure, view: View, reading: str) -> None:
    """Draw accuracy and energy against bits, a line for each strategy and pruning fraction.

    Parameters
    ----------
    reading
        Key of the costs to draw.
    """
    figure.set_size_inches(2 * COLUMN, 2.8)
    left, right = figure.subplots(1, 2)
    fractions = sorted({setting["sparsity"] for setting in view["settings"]})
    for strategy in ("quantize", "cumulative", "joint"):
        for i, fraction in enumerate(fractions):
            group = {
                s["bits"]: s
                for s in view["settings"]
                if (s["strategy"], s["sparsity"]) == (strategy, fraction) and s["bits"] is not None
            }
            if group:
                label = f"{strategy} {100 * fraction:g} %" if fraction else strategy
                _both(left, right, group, reading, LINES[i % len(LINES)], label)
    # What has no bits of its own stands where it is priced.
    at = StudyFile(**view["file"]).hardware.unquantized_bits
    for setting in view["settings"]:
        if setting["strategy"] in ("float", "prune"):
            _both(left, right, {at: setting}, reading, "", setting["name"])
    left.set(xlabel="Bits per weight", ylabel="Test accuracy (%)")
    right.set(xlabel="Bits per weight", ylabel="Energy per inference (µJ)")
    right.set_ylim(bottom=0)
    handles, labels = left.get_legend_handles_labels()
    if len(handles) <= 16:
        figure.legend(handles, labels, loc="outside right center")


def _both(
    left: Axes,
    right: Axes,
    group: Mapping[int, ShownSetting],
    reading: str,
    line: Literal["-", "--", ":", "-.", ""],
    label: str,
) -> None:
    """Draw settings by their bits."""
    bits = sorted(group)
    strategy = group[bits[0]]["strategy"]
    style: dict[str, Any] = {
        "color": STRATEGY_COLORS[strategy],
        "marker": STRATEGY_MARKERS[strategy],
        "linestyle": line,
        "label": label,
    }
    left.plot(bits, [100 * fmean(group[b]["accuracy"]) for b in bits], **style)
    energies = [1e-6 * fmean(group[b]["costs"][reading]["energy"]) for b in bits]
    right.plot(bits, energies, **style)


def assumptions(figure: Figure, view: View, reading: str) -> None:
    """Draw what each assumption, switched alone, does to the energy of two settings."""
    names = list(view["assumptions"])
    figure.set_size_inches(COLUMN, 0.9 + 0.16 * len(names))
    axes = figure.add_subplot()
    for strategy in ("quantize", "prune"):
        group = [s for s in view["settings"] if s["strategy"] == strategy]
        if not group:
            continue
        base = fmean(group[0]["costs"][reading]["energy"])
        found = [group[0]["costs"].get(reading + name) for name in names]
        axes.plot(
            [fmean(cost["energy"]) / base if cost else math.nan for cost in found],
            names,
            linestyle="",
            color=STRATEGY_COLORS[strategy],
            marker=STRATEGY_MARKERS[strategy],
            label=group[0]["name"],
        )
    axes.axvline(1, color="#777777", linewidth=0.8, linestyle=":", zorder=0)
    axes.invert_yaxis()
    axes.set_xlabel("Energy, base = 1")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)


SUFFIXES = ("png", "pdf", "svg")


def save_figures(view: View, folder: Path, *, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """Write every figure that the results allow.

    Raises
    ------
    WriteError
        When the folder cannot be written.
    """
    written = []
    for name, draw in _figures(view).items():
        with paper_style():
            figure = Figure()
            draw(figure)
            # Laid out once; a figure with a layout of its own does it twice for every file.
            ConstrainedLayoutEngine().execute(figure)
            for suffix in suffixes:
                path = folder / f"{name}.{suffix}"
                with replacing(path, parents=True) as unfinished:
                    figure.savefig(unfinished, metadata=UNDATED.get(suffix))
                written.append(path)
    return written


def plot(results: Results, name: str = "front_energy") -> Figure:
    """Draw one of a study's figures, as a notebook shows it.

    Parameters
    ----------
    name
        As among the report's files: ``front_energy``, ``front_edp``, ``choices``, ``components``,
        ``layer_energy``, ...

    Raises
    ------
    InputError
        When the results allow no such figure; it lists those they do.
    """
    drawn = _figures(view(results))
    if name not in drawn:
        raise InputError(
            f"no figure {name!r}", where="plot", remedy=f"There are {', '.join(drawn) or 'none'}"
        )
    with paper_style():
        figure = Figure(layout="constrained")
        drawn[name](figure)
    return figure


#: No dates in files: the same results give the same bytes.
UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": "leanspike"},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}


def _figures(view: View) -> dict[str, Callable[[Figure], None]]:
    if not view["settings"]:
        return {}
    figures: dict[str, Callable[[Figure], None]] = {
        "front_energy": lambda f: _front(f, view, "energy", 1e-6, "Energy per inference (µJ)"),
        "front_edp": lambda f: _front(f, view, "edp", 1.0, "Energy-delay product (J·s)"),
        "front_latency": lambda f: _front(f, view, "latency", 1e3, "Latency (ms)"),
        "front_size": lambda f: _front(f, view, "size", 1 / 8000, "Weights, stored (kB)"),
        "choices": lambda f: choices(f, view, _main(view)),
        "components": lambda f: _components(f, view),
        "layer_energy": lambda f: _layer_energy(f, view),
        "layer_sparsity": lambda f: _layer_sparsity(f, view),
    }
    if len(view["formats"]) > 1:
        figures["encodings"] = lambda f: _compare(f, view, "formats")
    if len(view["statistics"]) > 1:
        figures["activity"] = lambda f: _compare(f, view, "statistics")
    if view["assumptions"]:
        figures["assumptions"] = lambda f: assumptions(f, view, _main(view))
    return figures


def _main(view: View) -> str:
    return "|".join(
        (view["architectures"][0], view["formats"][0], view["statistics"][0], "")
    )  # fmt: skip


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def _front(
    figure: Figure,
    view: View,
    quantity: Literal["energy", "latency", "edp", "size"],
    scale: float,
    label: str,
) -> None:
    figure.set_size_inches(COLUMN, 2.6)
    axes = figure.add_subplot()
    main = _main(view)
    places: dict[str, list[tuple[float, float, float, float]]] = {}
    points = []
    for setting in view["settings"]:
        if quantity == "size":
            cost = [scale * setting["stored_bits"]]
        else:
            cost = [scale * value for value in setting["costs"][main][quantity]]
        accuracy = [100 * value for value in setting["accuracy"]]
        place = (fmean(cost), fmean(accuracy))
        if setting["broken"] is None:
            points.append(place)
        spread = (_spread(cost), _spread(accuracy))
        places.setdefault(setting["strategy"], []).append((*place, *spread))
    for strategy, group in places.items():
        x, y, x_spread, y_spread = np.asarray(group).T
        axes.errorbar(
            x,
            y,
            xerr=x_spread if x_spread.any() else None,
            yerr=y_spread if y_spread.any() else None,
            linestyle="",
            marker=STRATEGY_MARKERS[strategy],
            color=STRATEGY_COLORS[strategy],
            elinewidth=0.5,
            label=strategy,
        )
    best = on_front([(accuracy, -cost) for cost, accuracy in points]) if points else ()
    line = sorted(point for point, kept in zip(points, best, strict=True) if kept)
    if line:
        axes.step(*zip(*line, strict=True), where="post", color="#777777", linewidth=0.8, zorder=0)
    axes.set(xlabel=label, ylabel="Test accuracy (%)")
    _leave_out_broken(axes, [100 * fmean(setting["accuracy"]) for setting in view["settings"]])
    axes.legend()


def _leave_out_broken(axes: Axes, accuracies: Sequence[float]) -> None:
    """Keep networks that no longer work from squeezing all others into a line; say how many."""
    near = [accuracy for accuracy in accuracies if accuracy >= max(accuracies) - 20]
    left_out = len(accuracies) - len(near)
    if left_out:
        room = max(0.12 * (max(near) - min(near)), 1.0)
        axes.set_ylim(min(near) - room, max(near) + room)
        axes.annotate(
            f"{left_out} below", (0.02, 0.02), xycoords="axes fraction", fontsize=6.5, color="#555"
        )


def _named(setting: ShownSetting) -> str:
    return str(setting["name"])


def _few(view: View, most: int = 12) -> list[ShownSetting]:
    """Choose what bar charts show: each measure alone, and the best of the rest."""
    chosen = [s for s in view["settings"] if s["strategy"] in ("float", "quantize", "prune")]
    main = _main(view)
    rest = [s for s in view["settings"] if s not in chosen and s["broken"] is None]
    gains = [(fmean(s["accuracy"]), -fmean(s["costs"][main]["energy"])) for s in rest]
    front = [s for s, kept in zip(rest, on_front(gains), strict=True) if kept] if rest else []
    return (chosen + front)[:most]


def _stacked(axes: Axes, names: Sequence[str], parts: Mapping[str, Sequence[float]]) -> None:
    base = np.zeros(len(names))
    for i, (part, values) in enumerate(parts.items()):
        axes.barh(names, values, left=base, label=part, color=PART_COLORS[i % len(PART_COLORS)])
        base += np.asarray(values)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    _legend(axes)


def _legend(axes: Axes) -> None:
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3)


def _components(figure: Figure, view: View) -> None:
    group = _few(view)
    figure.set_size_inches(COLUMN, 1.2 + 0.19 * len(group))
    axes = figure.add_subplot()
    costs = [setting["costs"][_main(view)] for setting in group]
    names = list(dict.fromkeys(name for cost in costs for name in cost["components"]))
    parts = {
        name: [cost["components"].get(name, 0.0) / max(cost["computes"], 1.0) for cost in costs]
        for name in names
    }
    _stacked(axes, [_named(setting) for setting in group], parts)
    axes.set_xlabel("Energy per accumulate (pJ)")


def _layer_energy(figure: Figure, view: View) -> None:
    group = _few(view)
    figure.set_size_inches(COLUMN, 1.2 + 0.19 * len(group))
    axes = figure.add_subplot()
    costs = [setting["costs"][_main(view)] for setting in group]
    layers = [layer["name"] for layer in costs[0]["layers"]]
    parts = {
        name: [1e-6 * sum(cost["layers"][i]["components"].values()) for cost in costs]
        for i, name in enumerate(layers)
    }
    _stacked(axes, [_named(setting) for setting in group], parts)
    axes.set_xlabel("Energy per inference (µJ)")


def _grouped(
    axes: Axes, names: Sequence[str], series: Mapping[str, Sequence[float]], *, label: str
) -> None:
    width = 0.8 / len(series)
    for i, (name, values) in enumerate(series.items()):
        at = np.arange(len(names)) + (i - (len(series) - 1) / 2) * width
        axes.bar(at, values, width, label=name, color=PART_COLORS[i % len(PART_COLORS)])
    axes.set_xticks(np.arange(len(names)), names, rotation=40, ha="right")
    axes.grid(axis="x", visible=False)
    axes.set_ylabel(label)
    _legend(axes)


def _layer_sparsity(figure: Figure, view: View) -> None:
    figure.set_size_inches(COLUMN, 2.2)
    axes = figure.add_subplot()
    group = [s for s in view["settings"] if s["strategy"] in ("quantize", "prune")][:6]
    group = group or list(view["settings"][:6])
    names = [layer["name"] for layer in group[0]["layers"]]
    series = {_named(s): [100 * layer["zeros"] for layer in s["layers"]] for s in group}
    _grouped(axes, names, series, label="Weights that are zero (%)")
    axes.set_ylim(0, 100)


def _compare(figure: Figure, view: View, choice: Literal["formats", "statistics"]) -> None:
    """Energy of the same settings by encoding, or by density statistic."""
    figure.set_size_inches(COLUMN, 2.4)
    axes = figure.add_subplot()
    group = _few(view, most=8)
    series = {}
    for option in view[choice]:
        format_ = option if choice == "formats" else view["formats"][0]
        statistic = option if choice == "statistics" else view["statistics"][0]
        key = "|".join((view["architectures"][0], format_, statistic, ""))
        found = [setting["costs"].get(key) for setting in group]
        series[option] = [1e-6 * fmean(cost["energy"]) if cost else math.nan for cost in found]
    _grouped(axes, [_named(setting) for setting in group], series, label="Energy (µJ)")
