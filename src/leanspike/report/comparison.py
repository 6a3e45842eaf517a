"""Two studies compared, as a page: what was asked differently, and what came out differently."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import jinja2
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from leanspike.files import write_whole
from leanspike.report.figures import COLUMN, UNDATED, paper_style
from leanspike.study import Results
from leanspike.study.results.difference import Difference, SettingChange, difference


def build_comparison(first: Results, second: Results, path: Path) -> Path:
    """Write a page that compares two studies, and return its path.

    Raises
    ------
    WriteError
        When it cannot be written.
    """
    found = difference(first, second)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    assets = resources.files("leanspike.report") / "assets"
    page = environment.from_string((assets / "comparison.html").read_text(encoding="utf-8"))
    text = page.render(
        names=_names(first, second),
        found=found,
        headline=headline(found),
        beyond=_beyond,
        figure=_drawn(found.both, _names(first, second)) if found.both else "",
        css=(assets / "page.css").read_text(encoding="utf-8"),
    )
    write_whole(path, text, parents=True)
    return path


def headline(found: Difference) -> str:
    """Say in a sentence what changed.

    A change of accuracy counts where it is beyond noise, one of energy from 1 % on.
    """
    better = [each.name for each in found.both if _beyond(each) and _gain(each) > 0]
    worse = [each.name for each in found.both if _beyond(each) and _gain(each) < 0]
    changes = sorted(each.energy_pj[1] / each.energy_pj[0] - 1 for each in found.both)
    if not changes:
        return "The studies have no setting in common."
    moved = [change for change in changes if abs(change) >= 0.01]
    energy = (
        f"energies change by {100 * changes[0]:+.0f} to {100 * changes[-1]:+.0f} %"
        if moved
        else "no energy changes by 1 %"
    )
    if all(each.noise is None for each in found.both):
        accuracy = "accuracies are of other recordings and cannot be compared"
    elif better or worse:
        accuracy = f"{len(better)} more accurate and {len(worse)} less, beyond noise"
    else:
        accuracy = "no accuracy changes beyond noise"
    return f"Of {len(found.both)} settings in both studies: {accuracy}; {energy}."


def _gain(change: SettingChange) -> float:
    return change.accuracy[1] - change.accuracy[0]


def _beyond(change: SettingChange) -> bool:
    """Whether accuracies differ by more than chance."""
    return change.noise is not None and abs(_gain(change)) > change.noise


def _names(first: Results, second: Results) -> tuple[str, str]:
    a, b = first.name, second.name
    return (a, b) if a != b else (f"{a}, before", f"{b}, after")


def _drawn(changes: Sequence[SettingChange], names: tuple[str, str]) -> str:
    """Draw every setting's way from the first study to the second, as SVG."""
    with paper_style():
        figure = Figure(figsize=(2 * COLUMN, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for k, (name, color) in enumerate(zip(names, ("#777777", "#0072b2"), strict=True)):
            axes.plot(
                [1e-6 * each.energy_pj[k] for each in changes],
                [100 * each.accuracy[k] for each in changes],
                linestyle="", marker="os"[k], color=color, label=name,
            )  # fmt: skip
        for each in changes:
            start, end = ((1e-6 * each.energy_pj[k], 100 * each.accuracy[k]) for k in (0, 1))
            axes.add_patch(
                FancyArrowPatch(
                    start, end, arrowstyle="-|>", mutation_scale=6, color="#999999",
                    linewidth=0.6, zorder=0,
                )
            )  # fmt: skip
        axes.set(xlabel="Energy per inference (µJ)", ylabel="Test accuracy (%)")
        axes.legend()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=UNDATED["svg"])
    return text.getvalue()[text.getvalue().index("<svg") :]
