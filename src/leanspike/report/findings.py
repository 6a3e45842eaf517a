"""What a study found, in plain words, with numbers and with what is noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leanspike.study import MainReading, Results, Setting, accuracy_noise, settings


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    title
        What it is about, a few words.
    text
        A few sentences.
    """

    title: str
    text: str


def findings(results: Results) -> tuple[Finding, ...]:
    """Say what a study found; nothing is said of what it did not try.

    A difference in accuracy is called noise when it is within two standard errors
    (:func:`leanspike.study.accuracy_noise`).
    """
    study = _Reader(results)
    said = [
        study.recommendation(),
        study.quantization(),
        study.pruning(),
        study.pruning_against_quantization(),
        study.together(),
        study.encodings(),
        study.densities(),
        study.assumptions(),
        study.reliability(),
    ]
    return tuple(finding for finding in said if finding is not None)


class _Reader:
    """A study's settings with the questions findings ask of them."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.main = MainReading.of(results)
        self.groups = settings(results.priced)
        self.float = next((g for g in self.groups if g.point.strategy == "float"), None)

    def of(self, *strategies: str) -> list[Setting]:
        return [group for group in self.groups if group.point.strategy in strategies]

    def energy(self, setting: Setting, *, flipped: str | None = None) -> float:
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
        return min(group, key=self.energy, default=None)

    def recommendation(self) -> Finding | None:
        best = self.frugal(self.lossless(self.of("quantize", "prune", "cumulative", "joint")))
        if best is None or self.float is None:
            return None
        saved = 1 - self.energy(best) / self.energy(self.float)
        size = best.over_seeds(lambda r: r.stored_bits).mean / 8000
        return Finding(
            "What to ship",
            f"{_named(best)}: {_percent(best)} right at {_microjoules(self.energy(best))} per "
            f"inference, {_whole(saved)} less energy than the float network's weights stored at "
            f"{self.results.file['hardware']['unquantized_bits']} bits, with {size:.1f} kB of "
            "weights. It is the setting of least energy whose accuracy cannot be told from the "
            f"float network's {_percent(self.float)}: {_compared(best, self.float)}.",
        )

    def quantization(self) -> Finding | None:
        group = self.of("quantize")
        kept = self.lossless(group)
        if not group or self.float is None:
            return None
        if not kept:
            top = max(group, key=lambda g: g.accuracy.mean)
            return Finding(
                "Quantization",
                f"Every width tried costs accuracy; {_named(top)} comes closest: "
                f"{_compared(top, self.float)}.",
            )
        fewest = min(kept, key=lambda g: g.point.weight_bits or 99)
        most = max(group, key=lambda g: g.point.weight_bits or 0)
        text = (
            f"Weights go down to {fewest.point.weight_bits} bits without a loss beyond noise "
            f"({_percent(fewest)} against {_percent(self.float)}; {_compared(fewest, self.float)})."
        )
        if fewest is not most:
            saved = 1 - self.energy(fewest) / self.energy(most)
            text += (
                f" Against {most.point.weight_bits} bits that saves {_whole(saved)} of the energy."
            )
        return Finding("Quantization", text)

    def pruning(self) -> Finding | None:
        group = self.of("prune")
        kept = self.lossless(group)
        if not group or self.float is None:
            return None
        if not kept:
            top = max(group, key=lambda g: g.accuracy.mean)
            return Finding(
                "Pruning",
                f"Every fraction tried costs accuracy; {_named(top)} comes closest: "
                f"{_compared(top, self.float)}.",
            )
        most = max(kept, key=lambda g: g.point.sparsity)
        saved = 1 - self.energy(most) / self.energy(self.float)
        return Finding(
            "Pruning",
            f"{_whole(most.point.sparsity)} of the weights can go without a loss beyond noise "
            f"({_percent(most)} against {_percent(self.float)}; {_compared(most, self.float)}), "
            f"which saves {_whole(saved)} of the energy at the same width.",
        )

    def pair(self) -> tuple[Setting, Setting] | None:
        """Return the best quantized and the best pruned network without loss, each alone."""
        quantized = self.frugal(self.lossless(self.of("quantize")))
        pruned = self.frugal(self.lossless(self.of("prune")))
        return (quantized, pruned) if quantized and pruned else None

    def pruning_against_quantization(self) -> Finding | None:
        pair = self.pair()
        if pair is None:
            return None
        quantized, pruned = pair
        ratio = self.energy(pruned) / self.energy(quantized) - 1
        more = "more" if ratio > 0 else "less"
        return Finding(
            "Pruning against quantization",
            f"Each alone and without loss, {_named(pruned)} takes {_whole(abs(ratio))} {more} "
            f"energy than {_named(quantized)} ({_microjoules(self.energy(pruned))} against "
            f"{_microjoules(self.energy(quantized))}); in accuracy: "
            f"{_compared(pruned, quantized)}.",
        )

    def together(self) -> Finding | None:
        alone = self.frugal(self.lossless(self.of("quantize", "prune")))
        both = self.frugal(self.lossless(self.of("cumulative", "joint")))
        if alone is None or not self.of("cumulative", "joint"):
            return None
        if both is None:
            return Finding(
                "Both together",
                "Every combination of pruning and quantization tried gives up accuracy against "
                "the float network.",
            )
        change = self.energy(both) / self.energy(alone) - 1
        more = "more" if change > 0 else "less"
        return Finding(
            "Both together",
            f"Without loss beyond noise, {_named(both)} takes {_whole(abs(change))} {more} energy "
            f"than the best single measure, {_named(alone)}.",
        )

    def encodings(self) -> Finding | None:
        formats = self.results.file["hardware"]["formats"]
        best = self.frugal(self.lossless(self.of("quantize", "prune", "cumulative", "joint")))
        if len(formats) < 2 or best is None:
            return None
        by_energy = sorted(
            formats, key=lambda name: self.energy_at(best, name, self.main.statistic)
        )
        least, most = by_energy[0], by_energy[-1]
        ratio = self.energy_at(best, most, self.main.statistic) / self.energy_at(
            best, least, self.main.statistic
        )
        return Finding(
            "Encodings",
            f"For {_named(best)}, {least} takes the least energy and {most} the most, "
            f"{_whole(ratio - 1)} more.",
        )

    def densities(self) -> Finding | None:
        both = {"mean", "max"} <= set(self.results.file["hardware"]["statistics"])
        if not both or not self.groups:
            return None
        ratios = [
            self.energy_at(group, self.main.format, "max")
            / self.energy_at(group, self.main.format, "mean")
            for group in self.groups
        ]
        return Finding(
            "Mean and maximum activity",
            "Priced at the highest activity of any sample and step instead of the mean, settings "
            f"take {min(ratios):.2f} to {max(ratios):.2f} times the energy.",
        )

    def assumptions(self) -> Finding | None:
        pair = self.pair()
        flips = sorted({c.flipped for r in self.results.priced for c in r.costs if c.flipped})
        if not flips or pair is None:
            return None
        quantized, pruned = pair

        def ratio(flipped: str | None) -> float:
            return self.energy(pruned, flipped=flipped) / self.energy(quantized, flipped=flipped)

        base = ratio(None)
        turned = [name for name in flips if (ratio(name) > 1) != (base > 1)]
        strongest = max(flips, key=lambda name: abs(ratio(name) - base))
        verdict = (
            "None of the model's assumptions, switched alone, turns the comparison of pruning "
            "with quantization around"
            if not turned
            else f"Switching {_listed(turned)} turns the comparison of pruning with quantization "
            "around"
        )
        return Finding(
            "Modelling assumptions",
            f"{verdict}; the one that matters most is {strongest}, which moves the energy ratio "
            f"from {base:.2f} to {ratio(strongest):.2f}.",
        )

    def reliability(self) -> Finding | None:
        if not self.groups:
            return None
        seeds = self.groups[0].accuracy.count
        samples = self.groups[0].results[0].samples
        text = (
            f"{samples} test recordings, so one recording is {100 / samples:.2f} points; "
            f"{seeds} seed{'s' if seeds > 1 else ''}. Noise is two standard errors of the "
            "difference, both settings judged on the same recordings. "
        )
        if seeds == 1:
            text += "With one seed the spread between trainings is unknown and not in the noise. "
        if self.results.failures:
            text += f"{len(self.results.failures)} tasks failed and their points are missing. "
        missing = self.results.planned - len(self.results.priced)
        if missing:
            text += f"{missing} of {self.results.planned} points are not done yet."
        return Finding("How sure this is", text.strip())


def _named(setting: Setting) -> str:
    point = setting.point
    bits = f"{point.weight_bits}-bit weights" if point.weight_bits is not None else ""
    pruned = f"{100 * point.sparsity:g} % pruned" if point.sparsity else ""
    details = [part for part in (bits, pruned) if part]
    return f"{point.strategy} ({', '.join(details)})" if details else point.strategy


def _percent(setting: Setting) -> str:
    accuracy = setting.accuracy
    text = f"{100 * accuracy.mean:.2f} %"
    return text if accuracy.count == 1 else f"{text} (± {100 * accuracy.deviation:.2f})"


def _whole(fraction: float) -> str:
    """Write a fraction as a whole percentage.

    >>> _whole(0.826)
    '83 %'
    """
    return f"{100 * fraction:.0f} %"


def _microjoules(picojoules: float) -> str:
    return f"{picojoules * 1e-6:.3g} µJ"


def _compared(a: Setting, b: Setting) -> str:
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


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
