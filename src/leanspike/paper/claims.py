"""The published study's claims: what the paper, our model and an own study say of each.

The claims as a table: plain text for a terminal, Markdown for a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import Literal

from leanspike.paper.column import NETWORKS, Column, Evidence, Measure
from leanspike.paper.published import SOURCE
from leanspike.study import Results, accuracy_noise, on_front, settings
from leanspike.study.results.tables import aligned

Verdict = Literal["holds", "weaker", "does not hold", "not tried"]


@dataclass(frozen=True)
class Judgement:
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
    answers: Mapping[str, Judgement]


NOT_TRIED = Judgement("", "not tried")
#: A claim's figure in a column, None where the column does not have it.
Figure = Callable[[Column], float | None]


def claims(
    published: Column, models: Sequence[Column], studies: Sequence[Evidence] = ()
) -> tuple[Claim, ...]:
    """Judge the published claims.

    Own studies of several seeds are judged by their means; the deviation over seeds, or in how
    many seeds a thing is so, stands beside.

    Parameters
    ----------
    models
        Our model's columns. A model of hardware cannot judge the claims on accuracy.
    """
    evidence = [*(Evidence(model) for model in models), *studies]

    def judged(text: str, there: str, answer: Callable[[Evidence], Judgement]) -> Claim:
        return Claim(text, there, {one.column.title: answer(one) for one in evidence})

    def energetic(text: str, figure: Figure, *, show: Callable[[float], str]) -> Claim:
        there = figure(published)
        assert there is not None
        return judged(text, show(there), lambda one: _weighed(one, figure, there, show))

    encodings = _ordered(published)
    return (
        judged(
            "Ternary weights cost no accuracy",
            f"{_gap(published, 'quantize', 2, 0.0):+.2f} points against 8 bits",
            lambda one: _kept(one.results, "quantize", 2, 0.0),
        ),
        judged(
            "Pruning 80 % of the weights costs no accuracy",
            f"{_gap(published, 'prune', None, 0.8):+.2f} points against 8 bits",
            lambda one: _kept(one.results, "prune", None, 0.8),
        ),
        energetic(
            "80 % pruning takes more energy than ternary weights", _pruned_over_ternary, show=_more
        ),
        judged(
            "Pruning and quantizing together gives points of the accuracy-energy front",
            _combined_text(published),
            _combined,
        ),
        judged(
            f"Of the encodings, {encodings[0]} takes the least energy (ternary weights)",
            " < ".join(encodings),
            lambda one: _cheapest_encoding(one, encodings[0]),
        ),
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
        judged(
            "DRAM takes most of the energy (ternary weights)",
            _percent(_dram_share(published)),
            _mostly_dram,
        ),
    )  # fmt: skip


def _weighed(
    one: Evidence, figure: Figure, there: float, show: Callable[[float], str]
) -> Judgement:
    """Compare an effect with the published one: both are changes, 0 being none at all."""
    here = figure(one.column)
    if here is None:
        return NOT_TRIED
    text = show(here) + _spread(one, figure)
    if here * there <= 0:
        return Judgement(text, "does not hold")
    return Judgement(text, "holds" if abs(here) >= abs(there) / 2 else "weaker")


def _spread(one: Evidence, figure: Figure) -> str:
    """Return the deviation of a change over seeds, in points of a percent, where there is one."""
    changes = [change for column in one.by_seed if (change := figure(column)) is not None]
    return f" (± {100 * stdev(changes):.1f})" if len(changes) > 1 else ""


def _in_seeds(one: Evidence, holds: Callable[[Column], bool]) -> str:
    """Say in how many seeds a thing is so, where there are several."""
    if len(one.by_seed) < 2:
        return ""
    return f" (so in {sum(map(holds, one.by_seed))} of {len(one.by_seed)} seeds)"


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


def _dram_share(column: Column) -> float | None:
    parts = column.breakdown.get(NETWORKS[0])
    return parts.get("DRAM", 0.0) / sum(parts.values()) if parts else None


def _percent(share: float | None) -> str:
    assert share is not None
    return f"{100 * share:.0f} %"


def _mostly_dram(one: Evidence) -> Judgement:
    here = _dram_share(one.column)
    if here is None:
        return NOT_TRIED
    text = _percent(here) + _spread(one, _dram_share)
    return Judgement(text, "holds" if here > 0.5 else "does not hold")


def _gap(column: Column, measure: Measure, bits: int | None, fraction: float) -> float:
    """Points of accuracy that a setting has over plain 8 bits."""
    one, base = column.mark(measure, bits, fraction), column.mark("quantize", 8, 0.0)
    assert one is not None
    assert base is not None
    return 100 * (one.accuracy - base.accuracy)


def _kept(study: Results | None, strategy: str, bits: int | None, sparsity: float) -> Judgement:
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
    return Judgement(text, "holds" if gap >= -noise else "does not hold")


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


def _combined(one: Evidence) -> Judgement:
    if one.results is None or not any(
        mark.measure in ("cumulative", "joint") for mark in one.column.marks
    ):
        return NOT_TRIED
    text = _combined_text(one.column) + _in_seeds(one, lambda column: _front(column)[0] > 0)
    return Judgement(text, "holds" if _front(one.column)[0] else "does not hold")


def _cheapest_encoding(one: Evidence, expected: str) -> Judgement:
    here = _ordered(one.column)
    if len(here) < 2:
        return NOT_TRIED
    text = " < ".join(here) + _in_seeds(one, lambda column: _ordered(column)[:1] == here[:1])
    return Judgement(text, "holds" if here[0] == expected else "does not hold")


def _ordered(column: Column) -> list[str]:
    energies = {
        format_: step.energy
        for measure, format_, statistic in column.lines
        if (measure, statistic) == ("quantize", "mean") and format_ != "none"
        if (step := column.at("quantize", format_, "mean", 2)) is not None
    }
    return sorted(energies, key=lambda name: energies[name])


#: What "weaker" says, for readers of a table.
NOTE = (
    '"Weaker" has the claim\'s direction at less than half the published effect. A model of '
    "hardware has no accuracy of its own, so it cannot judge the claims on accuracy."
)


def as_text(judged: Sequence[Claim]) -> str:
    """Show each claim with what every column says of it, a line each."""
    blocks = []
    for claim in judged:
        rows = [["  published", claim.published, ""]]
        rows += [
            [f"  {title}", answer.figure, answer.verdict] for title, answer in claim.answers.items()
        ]
        blocks.append(f"{claim.text}\n{aligned(rows, left=3)}")
    return "\n\n".join(blocks)


def as_markdown(judged: Sequence[Claim]) -> str:
    """Show the claims as a Markdown table, with the source."""
    titles = list(judged[0].answers)
    rows = [["claim", "published", *titles], ["---"] * (2 + len(titles))]
    rows += [
        [claim.text, claim.published, *(_entry(claim.answers[title]) for title in titles)]
        for claim in judged
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\nPublished: {SOURCE}. {NOTE}"


def _entry(answer: Judgement) -> str:
    return f"{answer.figure}: {answer.verdict}" if answer.figure else answer.verdict
