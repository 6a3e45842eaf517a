"""Figures of what choices do: bits and pruning, and the model's assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leanspike.report.style import COLUMN, STRATEGY_COLORS, STRATEGY_MARKERS
from leanspike.report.view import ShownSetting, View
from leanspike.study import StudyFile

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
        axes.plot(
            [fmean(group[0]["costs"][reading + name]["energy"]) / base for name in names],
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
