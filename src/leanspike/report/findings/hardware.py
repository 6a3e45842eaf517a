"""Findings on the hardware model: encodings, activity, assumptions."""

from __future__ import annotations

import math

from leanspike.report.findings.finding import Finding, Reader, listed, named, whole


def encodings(study: Reader) -> Finding | None:
    """Compare encodings for what is to ship."""
    formats = [name for name in study.results.file.hardware.formats if name != "own"]
    best = study.frugal(study.lossless(study.compressed))
    if len(formats) < 2 or best is None:
        return None
    by_energy = sorted(formats, key=lambda name: study.energy_at(best, name, study.main.statistic))
    least, most = by_energy[0], by_energy[-1]
    ratio = study.energy_at(best, most, study.main.statistic) / study.energy_at(
        best, least, study.main.statistic
    )
    return Finding(
        "Encodings",
        f"For {named(best)}, {least} takes the least energy and {most} the most, "
        f"{whole(ratio - 1)} more.",
    )


def densities(study: Reader) -> Finding | None:
    """Compare the highest activity with the mean."""
    both = {"mean", "max"} <= set(study.results.file.hardware.statistics)
    if not both or not study.groups:
        return None
    ratios = [
        study.energy_at(group, study.main.format, "max")
        / study.energy_at(group, study.main.format, "mean")
        for group in study.groups
    ]
    return Finding(
        "Mean and maximum activity",
        "Priced at the highest activity of any sample and step instead of the mean, settings "
        f"take {min(ratios):.2f} to {max(ratios):.2f} times the energy.",
    )


def empty_layers(study: Reader) -> Finding | None:
    """Name the layers with notes: nothing is left to add, or words are narrower than values."""
    seen: dict[tuple[str, str], int] = {}
    for result in study.results.priced:
        notes = {(layer.name, n) for c in result.costs for layer in c.layers for n in layer.notes}
        for note in sorted(notes):
            seen[note] = seen.get(note, 0) + 1
    if not seen:
        return None
    points = len(study.results.priced)
    text = "; ".join(
        f"{layer}, in {count} of {points} points: {note}" for (layer, note), count in seen.items()
    )
    return Finding("Peculiar layers", f"{text}.")


def assumptions(study: Reader) -> Finding | None:
    """Say whether the model's assumptions decide."""
    pair = study.pair()
    flips = sorted({c.flipped for r in study.results.priced for c in r.costs if c.flipped})
    if not flips or pair is None:
        return None
    quantized, pruned = pair

    def ratio(flipped: str | None) -> float:
        return study.energy(pruned, flipped=flipped) / study.energy(quantized, flipped=flipped)

    base = ratio(None)
    flips = [name for name in flips if math.isfinite(ratio(name))]  # some leave no mapping
    if not flips:
        return None
    turned = [name for name in flips if (ratio(name) > 1) != (base > 1)]
    strongest = max(flips, key=lambda name: abs(ratio(name) - base))
    verdict = (
        "None of the model's assumptions, switched alone, turns the comparison of pruning "
        "with quantization around"
        if not turned
        else f"Switching {listed(turned)} turns the comparison of pruning with quantization around"
    )
    return Finding(
        "Modelling assumptions",
        f"{verdict}; the one that matters most is {strongest}, which moves the energy ratio "
        f"from {base:.2f} to {ratio(strongest):.2f}.",
    )
