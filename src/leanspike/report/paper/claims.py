"""The published study's claims: what the paper, our model and an own study say of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from leanspike.report.paper.column import NETWORKS, Column, Measure
from leanspike.study import Results, accuracy_noise, on_front, settings

Verdict = Literal["holds", "weaker", "does not hold", "not tried"]


@dataclass(frozen=True)
class Answer:
    """What one column says of a claim: its figure, and whether the claim holds there.

    ``weaker``: the direction is the claim's, the effect less than half as large as published.
    """

    figure: str
    verdict: Verdict


@dataclass(frozen=True)
class Claim:
    """One claim, its published figure, and every other column's answer by title."""

    text: str
    published: str
    answers: Mapping[str, Answer]


NOT_TRIED = Answer("", "not tried")
#: A claim's figure in a column, None where the column does not have it.
Figure = Callable[[Column], float | None]


def claims(
    published: Column, others: Sequence[Column], study: Results | None = None
) -> tuple[Claim, ...]:
    """Judge the published claims.

    Parameters
    ----------
    published
        The published numbers.
    others
        Our model's columns, and an own study's last where there is one.
    study
        That study, for the claims on accuracy, which a model of hardware cannot judge.
    """
    own = others[-1].title if study is not None and others else None

    def energetic(text: str, figure: Figure, *, show: Callable[[float], str]) -> Claim:
        there = figure(published)
        assert there is not None
        return Claim(
            text,
            show(there),
            {column.title: _weighed(figure(column), there, show) for column in others},
        )

    def accurate(text: str, there: str, answer: Answer) -> Claim:
        answers = {column.title: answer if column.title == own else NOT_TRIED for column in others}
        return Claim(text, there, answers)

    return (
        accurate(
            "Ternary weights cost no accuracy",
            f"{_gap(published, 'quantize', 2, 0.0):+.2f} points against 8 bits",
            _kept(study, "quantize", 2, 0.0),
        ),
        accurate(
            "Pruning 80 % of the weights costs no accuracy",
            f"{_gap(published, 'prune', None, 0.8):+.2f} points against 8 bits",
            _kept(study, "prune", None, 0.8),
        ),
        energetic(
            "80 % pruning takes more energy than ternary weights", _pruned_over_ternary, show=_more
        ),
        accurate(
            "Pruning and quantizing together gives points of the accuracy-energy front",
            _combined_text(published),
            _combined(others[-1]) if own is not None else NOT_TRIED,
        ),
        _cheapest_encoding(published, others),
        energetic(
            "The highest activity takes more energy than the mean (80 % pruned, UOP)",
            _max_over_mean, show=_more,
        ),
        energetic(
            "The zeros that ternary quantization leaves save energy", _saved_by_zeros, show=_less
        ),
        energetic(
            "Without any zeros, ternary weights still take less energy than 8 bits", _saved_by_bits,
            show=_less,
        ),
        _mostly_dram(published, others),
    )  # fmt: skip


def _weighed(here: float | None, there: float, show: Callable[[float], str]) -> Answer:
    """Compare an effect with the published one: both are changes, 0 being none at all."""
    if here is None:
        return NOT_TRIED
    if here * there <= 0:
        return Answer(show(here), "does not hold")
    return Answer(show(here), "holds" if abs(here) >= abs(there) / 2 else "weaker")


def _more(change: float) -> str:
    """Show a change of energy.

    >>> _more(0.457), _more(-0.12)
    ('46 % more', '12 % less')
    """
    return f"{abs(change):.0%} {'more' if change > 0 else 'less'}".replace("%", " %")


def _less(saving: float) -> str:
    return _more(-saving)


def _pruned_over_ternary(column: Column) -> float | None:
    pruned = column.at("prune", _main_format(column), "mean", 0.8)
    ternary = column.at("quantize", _main_format(column), "mean", 2)
    return pruned.energy / ternary.energy - 1 if pruned and ternary else None


def _main_format(column: Column) -> str:
    """RLE, the published overview's; a study without it is judged by its first format."""
    formats = [format_ for _, format_, statistic in column.lines if statistic == "mean"]
    return "RLE" if "RLE" in formats or not formats else formats[0]


def _max_over_mean(column: Column) -> float | None:
    mean = column.at("prune", "UOP", "mean", 0.8)
    most = column.at("prune", "UOP", "max", 0.8)
    return most.energy / mean.energy - 1 if mean and most else None


def _saved_by_zeros(column: Column) -> float | None:
    sparse, dense = column.at("quantize", "RLE", "mean", 2), column.dense.get("RLE", {}).get(2)
    return 1 - sparse.energy / dense if sparse and dense else None


def _saved_by_bits(column: Column) -> float | None:
    dense = column.dense.get("RLE", {})
    return 1 - dense[2] / dense[8] if {2, 8} <= set(dense) else None


def _mostly_dram(published: Column, others: Sequence[Column]) -> Claim:
    def share(column: Column) -> float | None:
        parts = column.breakdown.get(NETWORKS[0])
        return parts.get("DRAM", 0.0) / sum(parts.values()) if parts else None

    def answer(here: float | None) -> Answer:
        if here is None:
            return NOT_TRIED
        return Answer(f"{100 * here:.0f} %", "holds" if here > 0.5 else "does not hold")

    return Claim(
        "DRAM takes most of the energy (ternary weights)",
        answer(share(published)).figure,
        {column.title: answer(share(column)) for column in others},
    )


def _gap(column: Column, measure: Measure, bits: int | None, fraction: float) -> float:
    """Points of accuracy that a setting has over plain 8 bits."""
    one, base = column.mark(measure, bits, fraction), column.mark("quantize", 8, 0.0)
    assert one is not None
    assert base is not None
    return 100 * (one.accuracy - base.accuracy)


def _kept(study: Results | None, strategy: str, bits: int | None, sparsity: float) -> Answer:
    """Judge an own setting's accuracy against the float network's, with its noise."""
    if study is None:
        return NOT_TRIED
    groups = {
        (group.point.strategy, group.point.weight_bits, group.point.sparsity): group
        for group in settings(study.priced)
    }
    one, base = groups.get((strategy, bits, sparsity)), groups.get(("float", None, 0.0))
    if one is None or base is None:
        return NOT_TRIED
    gap, noise = one.accuracy.mean - base.accuracy.mean, accuracy_noise(one, base)
    text = f"{100 * gap:+.2f} points, noise ± {100 * noise:.2f}"
    return Answer(text, "holds" if gap >= -noise else "does not hold")


def _front(column: Column) -> tuple[int, int]:
    """Count the combined settings on the front, and the front."""
    if not column.marks:
        return 0, 0
    kept = on_front([(mark.accuracy, -mark.energy) for mark in column.marks])
    best = [mark for mark, on in zip(column.marks, kept, strict=True) if on]
    return sum(mark.measure in ("cumulative", "joint") for mark in best), len(best)


def _combined_text(column: Column) -> str:
    both, all_ = _front(column)
    return f"{both} of {all_}"


def _combined(column: Column) -> Answer:
    if not any(mark.measure in ("cumulative", "joint") for mark in column.marks):
        return NOT_TRIED
    return Answer(_combined_text(column), "holds" if _front(column)[0] else "does not hold")


def _cheapest_encoding(published: Column, others: Sequence[Column]) -> Claim:
    there = _ordered(published)

    def answer(column: Column) -> Answer:
        here = _ordered(column)
        if len(here) < 2:
            return NOT_TRIED
        return Answer(" < ".join(here), "holds" if here[0] == there[0] else "does not hold")

    return Claim(
        f"Of the encodings, {there[0]} takes the least energy (ternary weights)",
        " < ".join(there),
        {column.title: answer(column) for column in others},
    )


def _ordered(column: Column) -> list[str]:
    energies = {
        format_: step.energy
        for measure, format_, statistic in column.lines
        if (measure, statistic) == ("quantize", "mean") and format_ != "none"
        if (step := column.at("quantize", format_, "mean", 2)) is not None
    }
    return sorted(energies, key=lambda name: energies[name])
