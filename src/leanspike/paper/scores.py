"""How well a reading reproduces the published table, in and out of sample."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from leanspike.paper.column import FORMATS
from leanspike.paper.table import PRUNED, TERNARY, Parts, Row, anomalous, published_mj

STATISTICS = ("mean", "max")


@dataclass(frozen=True)
class FormatScore:
    """What one format's rows say; the anomalous rows are left out.

    Attributes
    ----------
    ratio_80_over_ternary
        Energy of 80 % pruning at 8 bits over that of ternary weights, mean activity.
    ratio_error
        How far it lies from the published one: 0.01 is 1 % above.
    rank_correlation_mean, rank_correlation_max
        Spearman's, over the rows at mean and at maximum activity.
    mare_mean, mare_max
        Mean absolute relative error of the energies.
    """

    ratio_80_over_ternary: float
    ratio_error: float
    rank_correlation_mean: float
    rank_correlation_max: float
    mare_mean: float
    mare_max: float


def scores(energies: Mapping[Row, float]) -> dict[str, FormatScore]:
    """Score modelled energies in mJ against the published ones, by format."""
    found = {}
    for name in FORMATS:
        ratio, published = ratio_of(energies, name), ratio_of(published_mj(), name)
        rank, error = {}, {}
        for statistic in STATISTICS:
            rows = rows_of(energies, name, statistic)
            rank[statistic] = rank_correlation(
                np.array([energies[row] for row in rows]),
                np.array([published_mj()[row] for row in rows]),
            )
            error[statistic] = mean_error(energies, rows)
        found[name] = FormatScore(
            ratio, ratio / published - 1, rank["mean"], rank["max"], error["mean"], error["max"]
        )
    return found


def summary(energies: Mapping[Row, float]) -> dict[str, dict[str, float]]:
    """Return the scores as plain data, rounded to what two machines agree on."""
    return {
        name: {key: round(value, 6) for key, value in asdict(score).items()}
        for name, score in scores(energies).items()
    }


def rows_of(energies: Mapping[Row, object], format_: str, statistic: str) -> list[Row]:
    """Return the rows of a format and statistic that are scored."""
    return [
        row
        for row in energies
        if (row[0], row[4]) == (format_, statistic) and row not in anomalous()
    ]


def ratio_of(energies: Mapping[Row, float], format_: str = "RLE") -> float:
    """Return the headline: 80 % pruning at 8 bits over ternary weights, mean activity."""
    return energies[(format_, *PRUNED)] / energies[(format_, *TERNARY)]


def format_order(energies: Mapping[Row, float], statistic: str) -> tuple[str, ...]:
    """Return the formats from least to most energy, by geometric means over the scored rows."""
    means = {}
    for name in FORMATS:
        rows = rows_of(energies, name, statistic)
        means[name] = exp(sum(log(energies[row]) for row in rows) / len(rows))
    return tuple(sorted(means, key=lambda name: means[name]))


def mean_error(energies: Mapping[Row, float], rows: Collection[Row]) -> float:
    """Return the mean absolute relative error over some rows."""
    known = published_mj()
    return sum(abs(energies[row] / known[row] - 1) for row in rows) / len(rows)


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation; equal values share their mean rank.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    ranks = np.stack([_ranks(one), _ranks(other)])
    return round(float(np.asarray(np.corrcoef(ranks))[0, 1]), 12)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[which], np.float64)


def errors_out_of_sample(parts: Mapping[Row, Parts]) -> dict[str, dict[str, float]]:
    """Return mean absolute relative errors on rows that had no part in a fit, by format.

    The price of wires and the bits of metadata are fitted anew (least squares of relative errors)
    to the rows named first, and predict those named second. Activity, word widths and the mapping
    stay: they come from the published cycles or are no numbers.
    """
    found: dict[str, dict[str, float]] = {}
    for name in FORMATS:
        mean, most = (rows_of(parts, name, statistic) for statistic in STATISTICS)
        joint = [row for row in mean if row[1] == "joint"]
        cumulative = [row for row in mean if row[1] == "cumulative"]
        headline = [(name, *TERNARY), (name, *PRUNED)]
        others = [row for row in mean if row not in headline]
        found[name] = {
            "joint, predicts cumulative": _predicted(parts, joint, cumulative),
            "mean, predicts maximum": _predicted(parts, mean, most),
            "all but ternary and pruned, predicts these": _predicted(parts, others, headline),
        }
    return found


def _predicted(parts: Mapping[Row, Parts], fit: Sequence[Row], test: Sequence[Row]) -> float:
    known = published_mj()

    def system(rows: Sequence[Row]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        published = np.array([known[row] for row in rows])
        fitted = [
            (parts[row].wires, parts[row].input_metadata, parts[row].weight_metadata)
            for row in rows
        ]
        rest = np.array([parts[row].rest for row in rows])
        return np.array(fitted) / published[:, None], 1.0 - rest / published

    scale = np.linalg.lstsq(*system(fit), rcond=None)[0]
    left, right = system(test)
    return float(np.abs(left @ scale - right).mean())
