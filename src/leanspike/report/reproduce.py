"""The published study again: its figures, our model at its settings, and our own study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leanspike.hardware.reference.published import (
    LAYERS,
    PRUNED_80_SPARSITY,
    SOURCE,
    TERNARY_SPARSITY,
    published_accuracy,
    published_energy,
)
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.validation.paper import Setting as Published
from leanspike.hardware.validation.paper import published_settings
from leanspike.hardware.validation.runs import paper_architecture, paper_energies
from leanspike.report.claims import Claim, claims
from leanspike.report.naming import naming
from leanspike.report.style import COLUMN, PART_COLORS, paper_style
from leanspike.study import Results, settings
from leanspike.study.table import MainReading, aligned

FORMATS = ("RLE", "UOP", "UBM", "CP")
BITS_COLORS = dict(zip((2, 3, 4, 6, 8), PART_COLORS, strict=False))
MARKS = {True: "holds", False: "does not hold", None: "not tried"}


def reproduce(
    out: Path, *, study: Results | None = None, semantics: str = "physical", quick: bool = False
) -> tuple[Claim, ...]:
    """Write the published figures beside the model's and a study's, and judge the claims.

    Into `out` go ``claims.json``, ``claims.md`` and ``figures/`` (PNG, PDF, SVG).

    Parameters
    ----------
    out
        Folder; made when absent.
    study
        Our own study's results, to stand beside.
    semantics
        What the model assumes: ``physical`` or ``sparseloop``.
    quick
        Price only what the claims need, not every published setting.

    Raises
    ------
    InputError
        When there is no such semantics.
    OSError
        When the folder cannot be written.
    """
    energies = paper_energies(
        _settings(quick=quick),
        architecture=paper_architecture(as_text=True),
        semantics=Semantics.preset(semantics),
    )
    judged = claims(energies, study)
    figures = out / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for path, text in (
        (out / "claims.json", json.dumps([asdict(claim) for claim in judged], indent=2)),
        (out / "claims.md", as_markdown(judged)),
    ):
        with naming(path):
            path.write_text(text + "\n", encoding="utf-8")
    with paper_style():
        for name, figure in (
            ("overview", _overview(energies, study)),
            ("encodings", _encodings(energies)),
            ("activity", _activity(energies)),
            ("sparsity", _sparsity(study)),
        ):
            for suffix in ("png", "pdf", "svg"):
                with naming(figures / f"{name}.{suffix}"):
                    figure.savefig(figures / f"{name}.{suffix}")
    return judged


def as_text(judged: tuple[Claim, ...]) -> str:
    """Show the claims as aligned text."""
    head = ["claim", "published", "model", "", "own study", ""]
    return aligned([head, *_rows(judged)], left=6)


def as_markdown(judged: tuple[Claim, ...]) -> str:
    """Show the claims as a Markdown table, with the source."""
    head = ["claim", "published", "model", "model says", "own study", "own study says"]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * 6, *_rows(judged)]]
    return "\n".join([*lines, "", f"Published: {SOURCE}."])


def _rows(judged: tuple[Claim, ...]) -> list[list[str]]:
    return [
        [
            claim.text, claim.published,
            claim.model, MARKS[claim.model_holds],
            claim.study, MARKS[claim.study_holds],
        ]
        for claim in judged
    ]  # fmt: skip


def _settings(*, quick: bool) -> list[Published]:
    claimed = [(name, "mean", 0.0, 2) for name in FORMATS]
    claimed += [(name, "max", 0.0, 2) for name in FORMATS]
    claimed += [("RLE", "mean", 0.8, 8), ("UOP", "mean", 0.8, 2), ("UOP", "max", 0.8, 2)]
    if quick:
        return claimed
    front = [setting for setting in published_settings() if setting[:2] == ("RLE", "mean")]
    return list(dict.fromkeys([*claimed, *front]))


def _overview(energies: Mapping[Published, float], study: Results | None) -> Figure:
    """Accuracy against energy: published, with the model's energies, and our own study's."""
    panels = 3 if study is not None else 2
    figure = Figure(figsize=(COLUMN * panels * 0.8, 2.6), layout="constrained")
    accuracy = published_accuracy()
    rows = [row for row in published_energy() if (row.format, row.statistic) == ("RLE", "mean")]
    theirs, ours = figure.add_subplot(1, panels, 1), figure.add_subplot(1, panels, 2)
    for bits, color in BITS_COLORS.items():
        chosen = [row for row in rows if row.weight_bits == bits]
        heights = [100 * accuracy[row.strategy, row.prune_fraction, bits] for row in chosen]
        energy = [row.energy_uj / 1000 for row in chosen]
        theirs.scatter(energy, heights, s=8, color=color, label=f"{bits} bits")
        for row, height in zip(chosen, heights, strict=True):
            modelled = energies.get(("RLE", "mean", row.prune_fraction, bits))
            if modelled is not None:
                ours.scatter([modelled / 1000], [height], s=8, color=color)
    theirs.set(title="published", xlabel="Energy (mJ)", ylabel="Test accuracy (%)")
    ours.set(title="published accuracy, our model", xlabel="Energy (mJ)")
    theirs.legend()
    if study is not None:
        own = figure.add_subplot(1, panels, 3)
        main = MainReading.of(study)
        for group in settings(study.priced):
            cost = group.over_seeds(lambda result: main.cost(result).energy_pj * 1e-6).mean
            color = BITS_COLORS.get(group.point.weight_bits or 8, "#777777")
            own.scatter([cost], [100 * group.accuracy.mean], s=8, color=color)
        own.set(title=f"own study: {study.data['name']}", xlabel="Energy (µJ)")
    return figure


def _pairs(axes: Axes, names: list[str], values: Mapping[str, list[float]], label: str) -> None:
    width = 0.8 / len(values)
    for number, (name, heights) in enumerate(values.items()):
        at = [i + (number - (len(values) - 1) / 2) * width for i in range(len(names))]
        axes.bar(at, heights, width, label=name, color=PART_COLORS[number])
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel(label)
    axes.grid(axis="x", visible=False)
    axes.legend()


def _published(setting: Published) -> float:
    for row in published_energy():
        found = (row.format, row.statistic, row.prune_fraction, row.weight_bits)
        if found == setting and row.strategy == "joint":
            return row.energy_uj / 1000
    raise KeyError(setting)


def _encodings(energies: Mapping[Published, float]) -> Figure:
    figure = Figure(figsize=(COLUMN, 2.2), layout="constrained")
    kinds: list[Published] = [(name, "mean", 0.0, 2) for name in FORMATS]
    values = {
        "published": [_published(kind) for kind in kinds],
        "our model": [energies[kind] / 1000 for kind in kinds],
    }
    _pairs(figure.add_subplot(), list(FORMATS), values, "Energy, ternary (mJ)")
    return figure


def _activity(energies: Mapping[Published, float]) -> Figure:
    figure = Figure(figsize=(COLUMN, 2.2), layout="constrained")
    values = {}
    for statistic in ("mean", "max"):
        kinds: list[Published] = [(name, statistic, 0.0, 2) for name in FORMATS]
        values[f"published, {statistic}"] = [_published(kind) for kind in kinds]
        values[f"our model, {statistic}"] = [energies[kind] / 1000 for kind in kinds]
    _pairs(figure.add_subplot(), list(FORMATS), values, "Energy, ternary (mJ)")
    return figure


def _sparsity(study: Results | None) -> Figure:
    """Zero weights by layer: published, and our own study's networks."""
    panels = 2 if study is not None else 1
    figure = Figure(figsize=(COLUMN * panels, 2.4), layout="constrained")
    axes = figure.add_subplot(1, panels, 1)
    published = {
        "ternary": [100 * TERNARY_SPARSITY[name] for name in LAYERS],
        "80 % pruned": [100 * PRUNED_80_SPARSITY[name] for name in LAYERS],
    }
    _pairs(axes, list(LAYERS), published, "Weights that are zero (%)")
    axes.tick_params(axis="x", rotation=60)
    axes.set_title("published")
    if study is not None:
        groups = {
            group.name: group
            for group in settings(study.priced)
            if group.name in ("quantize 2b", "prune 80%")
        }
        own = {
            name: [100 * layer.sparsity for layer in group.results[0].layers]
            for name, group in groups.items()
        }
        if own:
            names = [layer.name for layer in study.priced[0].layers]
            second = figure.add_subplot(1, panels, 2)
            _pairs(second, names, own, "Weights that are zero (%)")
            second.set_title(f"own study: {study.data['name']}")
    return figure
