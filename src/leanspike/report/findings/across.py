"""On which hardware what pays: a study's settings on every accelerator it was priced on.

Each accelerator is taken with the formats of its own file where the study priced those
(``own``), with the study's first format otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from leanspike.report.findings.finding import (
    Finding,
    Reader,
    listed,
    microjoules,
    named,
    whole,
)
from leanspike.study import Cost, Results, Setting
from leanspike.study.results.tables import aligned, digits

#: What an energy is spent on, by the tensor it moves.
TENSORS = {
    "Weights": "weights",
    "Inputs": "input spikes",
    "Outputs": "partial sums and output spikes",
    "State": "membranes",
    "-": "computing and leakage",
}
#: A measure that saves less of the energy does not pay.
PAYS = 0.05


@dataclass(frozen=True)
class OnHardware:
    """One accelerator, and what measures without loss of accuracy save on it.

    Attributes
    ----------
    baseline_pj
        Energy of the float network, its weights at the study's ``unquantized_bits``.
    pruning, quantization, together
        Least energy of the settings without loss, as a fraction of the baseline's; None where
        there is none.
    best
        The setting without loss that takes the least energy; None where there is none.
    energy_pj, edp_js
        What it takes.
    shares
        Fraction of its energy by tensor (:data:`TENSORS`), largest first.
    """

    architecture: str
    format: str
    baseline_pj: float
    pruning: float | None
    quantization: float | None
    together: float | None
    best: Setting | None
    energy_pj: float
    edp_js: float
    shares: tuple[tuple[str, float], ...]


def on_every_hardware(study: Reader) -> tuple[OnHardware, ...]:
    """Return every accelerator on which the float network has a cost, in the study's order."""
    if study.float is None:
        return ()
    formats = study.results.file.hardware.formats
    format_ = "own" if "own" in formats else formats[0]
    found = [_on(study, name, format_) for name in study.results.file.hardware.architectures]
    return tuple(one for one in found if one is not None)


def _on(study: Reader, architecture: str, format_: str) -> OnHardware | None:
    assert study.float is not None

    def costs(setting: Setting) -> list[Cost]:
        each = [
            result.cost(architecture, format_, study.main.statistic) for result in setting.results
        ]
        return [cost for cost in each if cost is not None]

    def mean(setting: Setting, of: Callable[[Cost], float]) -> float:
        return fmean(of(cost) for cost in costs(setting))

    def energy(setting: Setting) -> float:
        return mean(setting, lambda cost: cost.energy_pj)

    def least(*strategies: str) -> float | None:
        kept = [each for each in study.lossless(study.of(*strategies)) if costs(each)]
        return min(map(energy, kept)) / baseline if kept else None

    if not costs(study.float):
        return None
    baseline = energy(study.float)
    kept = [each for each in study.lossless(study.compressed) if costs(each)]
    best = min(kept, key=energy, default=None)
    shown = best or study.float
    return OnHardware(
        architecture=architecture,
        format=format_,
        baseline_pj=baseline,
        pruning=least("prune"),
        quantization=least("quantize"),
        together=least("cumulative", "joint", "search"),
        best=best,
        energy_pj=energy(shown),
        edp_js=mean(shown, lambda cost: cost.edp_js),
        shares=_shares(costs(shown)),
    )


def _shares(costs: Sequence[Cost]) -> tuple[tuple[str, float], ...]:
    total: dict[str, float] = {}
    for cost in costs:
        for tensor, energy in cost.tensors.items():
            name = TENSORS.get(tensor, tensor)
            total[name] = total.get(name, 0.0) + energy
    everything = sum(total.values())
    by_size = sorted(total.items(), key=lambda item: -item[1])
    return tuple((name, energy / everything) for name, energy in by_size if everything)


def across_hardware(study: Reader) -> Finding | None:
    """Answer on which hardware each measure pays, which pair is best, and what dominates."""
    found = on_every_hardware(study)
    if len(found) < 2:
        return None
    lines = [
        _pays(found, "Pruning alone", lambda one: one.pruning),
        _pays(found, "Quantization alone", lambda one: one.quantization),
    ]
    pairs = [one for one in found if one.best is not None]
    if pairs:
        least = min(pairs, key=lambda one: one.energy_pj)
        swift = min(pairs, key=lambda one: one.edp_js)
        assert least.best is not None
        lines.append(
            f"The best pair is {named(least.best)} on {least.architecture}: "
            f"{microjoules(least.energy_pj)} an inference"
            + (
                f", also of the least energy-delay product ({digits(least.edp_js)} J s)."
                if swift is least
                else f"; the least energy-delay product has {swift.architecture} "
                f"({digits(swift.edp_js)} J s)."
            )
        )
    dominant = [
        f"{one.shares[0][0]} on {one.architecture} ({whole(one.shares[0][1])})"
        for one in found
        if one.shares
    ]
    if dominant:
        what = "the best setting" if pairs else "the float network"
        lines.append(f"Most of the energy of {what} goes into {listed(dominant)}.")
    return Finding("On which hardware", " ".join(line for line in lines if line))


def _pays(found: Sequence[OnHardware], what: str, of: Callable[[OnHardware], float | None]) -> str:
    tried = [(one.architecture, 1 - ratio) for one in found if (ratio := of(one)) is not None]
    if not tried:
        return f"{what} keeps the accuracy nowhere in this study."
    yes = [f"{name} (-{whole(saved)})" for name, saved in tried if saved >= PAYS]
    no = [f"{name} ({-100 * saved:+.0f} %)" for name, saved in tried if saved < PAYS]
    if not yes:
        return f"{what} without loss pays on none: {listed(no)}."
    return f"{what} without loss pays on {listed(yes)}" + (f", not on {listed(no)}." if no else ".")


def refused(study: Reader) -> Finding | None:
    """Name the hardware on which networks have no cost, and why."""
    why: dict[tuple[str, str], int] = {}
    for result in study.results.priced:
        for each in result.refused:
            if each.flipped is None:
                place = (each.architecture, each.why)
                why[place] = why.get(place, 0) + 1
    if not why:
        return None
    text = "; ".join(f"{chip}: {reason}" for chip, reason in list(why)[:4])
    more = f"; and {len(why) - 4} more" if len(why) > 4 else ""
    return Finding("Not priced", f"Some networks have no mapping on some hardware. {text}{more}.")


def hardware_table(results: Results) -> str:
    """Show every accelerator as a line of text, 80 columns wide; empty for fewer than two."""
    found = on_every_hardware(Reader(results))
    if len(found) < 2:
        return ""
    head = ["hardware", "float uJ", "prune", "quant.", "both", "best uJ", "most of it"]
    body = [
        [
            one.architecture,
            digits(one.baseline_pj * 1e-6),
            *(
                change(ratio) + "%" * (ratio is not None)
                for ratio in (one.pruning, one.quantization, one.together)
            ),
            digits(one.energy_pj * 1e-6) if one.best else "",
            f"{one.shares[0][0].split(' and ')[0]} {whole(one.shares[0][1])}" if one.shares else "",
        ]
        for one in found
    ]
    return aligned([head, *body])


def change(ratio: float | None) -> str:
    """Write a ratio of energies as a change in per cent, a dash for none.

    >>> change(0.62), change(None)
    ('-38', '-')
    """
    return "-" if ratio is None else f"{100 * (ratio - 1):+.0f}"
