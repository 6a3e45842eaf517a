"""A study's settings, with the questions findings ask of them."""

from __future__ import annotations

from collections.abc import Sequence

from leanspike.study import MainReading, Results, Setting, accuracy_noise, settings

#: Everything that compresses.
COMPRESSED = ("quantize", "prune", "cumulative", "joint", "search")


class Reader:
    """A study's settings in its main reading (:class:`leanspike.study.MainReading`).

    Attributes
    ----------
    float
        The float network, None where there is none.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self.main = MainReading.of(results)
        self.groups = settings(results.priced)
        self.float = next((g for g in self.groups if g.point.strategy == "float"), None)

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
        """Return the settings no less accurate than the float network, but for noise."""
        if self.float is None:
            return []
        base = self.float
        return [
            setting
            for setting in group
            if base.accuracy.mean - setting.accuracy.mean <= accuracy_noise(base, setting)
        ]

    def frugal(self, group: Sequence[Setting]) -> Setting | None:
        """Return the setting of least energy."""
        return min(group, key=self.energy, default=None)

    def pair(self) -> tuple[Setting, Setting] | None:
        """Return the best quantized and the best pruned network without loss, each alone."""
        quantized = self.frugal(self.lossless(self.of("quantize")))
        pruned = self.frugal(self.lossless(self.of("prune")))
        return (quantized, pruned) if quantized and pruned else None
