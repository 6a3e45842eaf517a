"""Figures of what choices do: bits and pruning, and the model's assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leanspike.report.style import COLUMN, STRATEGY_COLORS, STRATEGY_MARKERS

View = Mapping[str, Any]
LINES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")


def choices(figure: Figure, view: View, reading: str) -> None:
    """Draw accuracy and energy against bits, a line for each strategy and pruning fraction.

    Parameters
    ----------
    figure
        Drawn into.
    view
        What :func:`leanspike.report.view.view` made.
    reading
        Key of the costs to draw.
    """
    figure.set_size_inches(2 * COLUMN, 2.8)
    left, right = figure.subplots(1, 2)
    fractions = sorted({setting["sparsity"] for setting in view["settings"]})
    for strategy in ("quantize", "cumulative", "joint"):
        for i, fraction in enumerate(fractions):
            group = sorted(
                (s for s in view["settings"]
                 if (s["strategy"], s["sparsity"]) == (strategy, fraction)),
                key=lambda setting: setting["bits"],
            )  # fmt: skip
            if group:
                label = f"{strategy} {100 * fraction:g} %" if fraction else strategy
                _both(left, right, group, reading, strategy, LINES[i % len(LINES)], label)
    # What has no bits of its own stands where it is priced.
    at = view["file"]["hardware"]["unquantized_bits"]
    for setting in view["settings"]:
        if setting["strategy"] in ("float", "prune"):
            _both(
                left, right, [{**setting, "bits": at}], reading, setting["strategy"], "",
                setting["name"],
            )  # fmt: skip
    left.set(xlabel="Bits per weight", ylabel="Test accuracy (%)")
    right.set(xlabel="Bits per weight", ylabel="Energy per inference (µJ)")
    right.set_ylim(bottom=0)
    handles, labels = left.get_legend_handles_labels()
    if len(handles) <= 16:
        figure.legend(handles, labels, loc="outside right center")


def _both(
    left: Axes,
    right: Axes,
    group: Sequence[Mapping[str, Any]],
    reading: str,
    strategy: str,
    line: Literal["-", "--", ":", "-.", ""],
    label: str,
) -> None:
    bits = [setting["bits"] for setting in group]
    style: dict[str, Any] = {
        "color": STRATEGY_COLORS[strategy],
        "marker": STRATEGY_MARKERS[strategy],
        "linestyle": line,
        "label": label,
    }
    left.plot(bits, [100 * fmean(setting["accuracy"]) for setting in group], **style)
    energies = [1e-6 * fmean(setting["costs"][reading]["energy"]) for setting in group]
    right.plot(bits, energies, **style)


def assumptions(figure: Figure, view: View, reading: str) -> None:
    """Draw what each assumption, switched alone, does to the energy of two settings.

    Parameters
    ----------
    figure, view, reading
        As in :func:`choices`; the reading is the one that assumptions are switched on.
    """
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
