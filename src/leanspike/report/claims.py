"""The published study's claims beside the model's answers and a study's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from leanspike.hardware.reference.published import (
    PRUNED_OVER_TERNARY,
    published_accuracy,
    published_energy,
)
from leanspike.hardware.validation.paper import Setting as Published
from leanspike.study import MainReading, Results, Setting, accuracy_noise, on_front, settings


@dataclass(frozen=True)
class Claim:
    """One claim and what became of it.

    Attributes
    ----------
    text
        The claim.
    published, model, study
        Its figure there, from our model at the published settings, and in our own study; empty
        where there is none.
    model_holds, study_holds
        Whether the claim holds there; None where nothing can be said.
    """

    text: str
    published: str
    model: str
    study: str
    model_holds: bool | None
    study_holds: bool | None


def claims(energies: Mapping[Published, float], results: Results | None) -> tuple[Claim, ...]:
    """Judge the published claims.

    Parameters
    ----------
    energies
        The model's energy in uJ by published setting (format, statistic, fraction, bits).
    results
        Our own study, where there is one.
    """
    own = _Own(results) if results is not None else None
    return (
        _ternary_is_free(own),
        _pruning_costs_more(energies, own),
        _together_reach_the_front(own),
        _encodings(energies, own),
        _maximum_against_mean(energies, own),
    )


class _Own:
    """Our study's settings, by strategy."""

    def __init__(self, results: Results) -> None:
        self.main = MainReading.of(results)
        self.all = settings(results.priced)
        self.formats = results.file["hardware"]["formats"]
        self.statistics = results.file["hardware"]["statistics"]

    def find(self, strategy: str, bits: int | None = None, sparsity: float = 0.0) -> Setting | None:
        for setting in self.all:
            point = setting.point
            if (point.strategy, point.weight_bits, point.sparsity) == (strategy, bits, sparsity):
                return setting
        return None

    def energy(
        self, setting: Setting, format_: str | None = None, statistic: str | None = None
    ) -> float:
        found = [
            result.cost(
                self.main.architecture,
                format_ or self.main.format,
                statistic or self.main.statistic,
            )
            for result in setting.results
        ]
        return sum(cost.energy_pj for cost in found if cost is not None) / len(found)


def _ternary_is_free(own: _Own | None) -> Claim:
    accuracy = published_accuracy()
    published = accuracy["joint", 0.0, 2] - accuracy["joint", 0.0, 8]
    ternary = own.find("quantize", 2) if own else None
    floats = own.find("float") if own else None
    study, holds = "", None
    if ternary and floats:
        gap = ternary.accuracy.mean - floats.accuracy.mean
        noise = accuracy_noise(ternary, floats)
        study = f"{100 * gap:+.2f} points, noise ± {100 * noise:.2f}"
        holds = gap >= -noise
    return Claim(
        "Ternary weights cost no accuracy",
        f"{100 * published:+.2f} points against 8 bits", "", study, None, holds,
    )  # fmt: skip


def _pruning_costs_more(energies: Mapping[Published, float], own: _Own | None) -> Claim:
    model = energies["RLE", "mean", 0.8, 8] / energies["RLE", "mean", 0.0, 2]
    study, holds = "", None
    ternary = own.find("quantize", 2) if own else None
    pruned = own.find("prune", None, 0.8) if own else None
    if own and ternary and pruned:
        ratio = own.energy(pruned) / own.energy(ternary)
        study, holds = f"{ratio:.2f} times", ratio > 1
    return Claim(
        "80 % pruning takes more energy than ternary weights",
        f"{PRUNED_OVER_TERNARY:.2f} times", f"{model:.2f} times", study, model > 1, holds,
    )  # fmt: skip


def _together_reach_the_front(own: _Own | None) -> Claim:
    accuracy = published_accuracy()
    rows = [row for row in published_energy() if (row.format, row.statistic) == ("RLE", "mean")]
    gains = [
        (accuracy[row.strategy, row.prune_fraction, row.weight_bits], -row.energy_uj)
        for row in rows
    ]
    front = [row for row, kept in zip(rows, on_front(gains), strict=True) if kept]
    combined = sum(row.prune_fraction > 0 and row.weight_bits < 8 for row in front)
    study, holds = "", None
    if own and own.all:
        kept = on_front([(s.accuracy.mean, -own.energy(s)) for s in own.all])
        best = [s for s, on in zip(own.all, kept, strict=True) if on]
        both = sum(s.point.strategy in ("cumulative", "joint") for s in best)
        study, holds = f"{both} of {len(best)}", both > 0
    return Claim(
        "Pruning and quantizing together gives points of the front",
        f"{combined} of {len(front)}", "", study, None, holds,
    )  # fmt: skip


def _encodings(energies: Mapping[Published, float], own: _Own | None) -> Claim:
    published = {
        row.format: row.energy_uj
        for row in published_energy()
        if (row.strategy, row.statistic, row.prune_fraction, row.weight_bits)
        == ("joint", "mean", 0.0, 2)
    }
    model = {name: energies[name, "mean", 0.0, 2] for name in published}
    study: dict[str, float] = {}
    ternary = own.find("quantize", 2) if own else None
    if own and ternary:
        study = {name: own.energy(ternary, name) for name in own.formats if name in published}
    best = min(published, key=lambda name: published[name])
    return Claim(
        f"Of the encodings {best} takes the least energy (ternary weights)",
        _ordered(published), _ordered(model), _ordered(study),
        _ordered(model).startswith(best),
        _ordered(study).startswith(best) if len(study) > 1 else None,
    )  # fmt: skip


def _maximum_against_mean(energies: Mapping[Published, float], own: _Own | None) -> Claim:
    published = {
        row.statistic: row.energy_uj
        for row in published_energy()
        if (row.format, row.strategy, row.prune_fraction, row.weight_bits)
        == ("UOP", "joint", 0.8, 2)
    }
    model = energies["UOP", "max", 0.8, 2] / energies["UOP", "mean", 0.8, 2]
    study, holds = "", None
    both = own.find("joint", 2, 0.8) if own else None
    if own and both and {"mean", "max"} <= set(own.statistics) and "UOP" in own.formats:
        ratio = own.energy(both, "UOP", "max") / own.energy(both, "UOP", "mean")
        study, holds = f"{ratio:.2f} times", ratio > 1
    return Claim(
        "The highest activity takes more energy than the mean (joint 2 b 80 %, UOP)",
        f"{published['max'] / published['mean']:.2f} times", f"{model:.2f} times", study,
        model > 1, holds,
    )  # fmt: skip


def _ordered(energies: Mapping[str, float]) -> str:
    return " < ".join(sorted(energies, key=lambda name: energies[name]))
