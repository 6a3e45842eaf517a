"""What a finding is.

A study's settings, with the questions findings ask of them.

How findings word settings, accuracies and differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leanspike.study import MainReading, Results, Setting, accuracy_noise, settings
from leanspike.study.results.tables import digits


@dataclass(frozen=True)
class Finding:
    """One finding."""

    title: str
    text: str


class Reader:
    """A study's settings in its main reading (:class:`leanspike.study.MainReading`).

    Attributes
    ----------
    float
        The float network, None where there is none.
    control
        The float network trained on for as long as the compressed ones, None where there is none.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self.main = MainReading.of(results)
        self.groups = settings(results.priced)
        self.float = next((g for g in self.groups if g.point.strategy == "float"), None)
        self.control = next((g for g in self.groups if g.point.strategy == "control"), None)

    @property
    def standard(self) -> Setting | None:
        """What accuracies are judged against: the better of float network and control.

        Nothing then counts as without loss only because it was trained for longer.
        """
        if self.float is None or self.control is None or self.control.broken:
            return self.float
        return max(self.float, self.control, key=lambda setting: setting.accuracy.mean)

    @property
    def compressed(self) -> list[Setting]:
        """The settings that compress, strategies of the user's own among them."""
        return [g for g in self.groups if g.point.strategy not in ("float", "control")]

    def of(self, *strategies: str) -> list[Setting]:
        """Return the settings of some strategies."""
        return [group for group in self.groups if group.point.strategy in strategies]

    def energy(self, setting: Setting, *, flipped: str | None = None) -> float:
        """Mean energy in pJ in the main reading, with one assumption switched or none."""
        return self.energy_at(setting, self.main.format, self.main.statistic, flipped)

    def energy_at(
        self, setting: Setting, format_: str, statistic: str, flipped: str | None = None
    ) -> float:
        """Mean energy in pJ; infinite where the reading is missing."""
        costs = [
            result.cost(self.main.architecture, format_, statistic, flipped)
            for result in setting.results
        ]
        found = [cost.energy_pj for cost in costs if cost is not None]
        return sum(found) / len(found) if found else float("inf")

    def lossless(self, group: Sequence[Setting]) -> list[Setting]:
        """Return the settings no less accurate than the standard, but for noise.

        None that is broken, and none at all beside a float network that is.
        """
        if self.float is None or self.float.broken:
            return []
        base = self.standard
        assert base is not None
        return [
            setting
            for setting in group
            if setting.broken is None
            and base.accuracy.mean - setting.accuracy.mean <= accuracy_noise(base, setting)
        ]

    def frugal(self, group: Sequence[Setting]) -> Setting | None:
        """Return the setting of least energy."""
        return min(group, key=self.energy, default=None)

    def pair(self) -> tuple[Setting, Setting] | None:
        """Return the best quantized and the best pruned network without loss, each alone."""
        quantized = self.frugal(self.lossless(self.of("quantize")))
        pruned = self.frugal(self.lossless(self.of("prune")))
        return (quantized, pruned) if quantized and pruned else None


def named(setting: Setting) -> str:
    """Name a setting as tables do, with its bits and pruning spelled out."""
    point = setting.point
    bits = f"{point.weight_bits}-bit weights" if point.weight_bits is not None else ""
    pruned = f"{100 * point.sparsity:g} % pruned" if point.sparsity else ""
    details = [part for part in (_by_layer(setting), bits, pruned) if part]
    name = setting.name if point.layers else point.strategy
    return f"{name} ({', '.join(details)})" if details else name


def in_words(setting: Setting) -> str:
    """Say what a setting does to the weights."""
    point = setting.point
    width = f"{point.weight_bits}-bit" if point.weight_bits != 2 else "ternary (2-bit)"
    pruned = f"{100 * point.sparsity:g} %"
    texts = {
        "control": "the float network, trained on",
        "quantize": f"{width} weights, nothing pruned",
        "prune": f"{pruned} of the weights pruned, none quantized",
        "cumulative": f"{width} weights, {pruned} of them pruned first (cumulative)",
        "joint": f"{width} weights, {pruned} of them pruned, trained together (joint)",
        "search": f"{setting.name}, chosen layer by layer: {_by_layer(setting)}",
    }
    return texts.get(point.strategy, setting.name)


def _by_layer(setting: Setting) -> str:
    layers = setting.point.layers
    if not layers:
        return ""
    each = [f"{layer.name} {layer.bits} b {100 * layer.sparsity:g} %" for layer in layers]
    return "; ".join(each)


def percent(setting: Setting) -> str:
    """Write a setting's accuracy, with its spread over seeds."""
    accuracy = setting.accuracy
    text = f"{100 * accuracy.mean:.2f} %"
    return text if accuracy.count == 1 else f"{text} (± {100 * accuracy.deviation:.2f})"


def whole(fraction: float) -> str:
    """Write a fraction as a whole percentage.

    >>> whole(0.826)
    '83 %'
    """
    return f"{100 * fraction:.0f} %"


def microjoules(picojoules: float) -> str:
    """Write an energy to three digits."""
    return f"{digits(picojoules * 1e-6)} µJ"


def compared(a: Setting, b: Setting) -> str:
    """Say how accurate `a` is beside `b`, and whether that is noise.

    A difference of 0.4 points with noise of 1.2 reads "0.40 points below, within the noise of
    ± 1.20".
    """
    difference = 100 * (a.accuracy.mean - b.accuracy.mean)
    noise = 100 * accuracy_noise(a, b)
    where = "above" if difference > 0 else "below"
    gap = f"{abs(difference):.2f} points {where}" if difference else "no difference"
    verdict = "within" if abs(difference) <= noise else "beyond"
    return f"{gap}, {verdict} the noise of ± {noise:.2f}"


def listed(names: Sequence[str]) -> str:
    """Write names one after the other."""
    return ", ".join(names)
