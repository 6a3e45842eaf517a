"""The model's energies beside the published study's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log

from leanspike.errors import InputError
from leanspike.paper.published import PublishedEnergy, published_energy

#: What an energy depends on here: format, statistic, prune fraction, weight bits. The two training
#: strategies have the same inferred densities, so they are not told apart.
Setting = tuple[str, str, float, int]


@dataclass(frozen=True)
class PaperComparison:
    """What agrees with the published energies, per format and statistic.

    Attributes
    ----------
    pruned_over_ternary, published_pruned_over_ternary
        Energy of 80 % pruning at 8 bits over ternary weights, by (format, statistic).
    rank_correlation
        Spearman's, over the published rows, by (format, statistic).
    format_order, published_format_order
        Formats from least to most energy, in the geometric mean over the settings, by statistic.
    scale
        Model over published energy, geometric mean over all rows.
    """

    pruned_over_ternary: dict[tuple[str, str], float]
    published_pruned_over_ternary: dict[tuple[str, str], float]
    rank_correlation: dict[tuple[str, str], float]
    format_order: dict[str, tuple[str, ...]]
    published_format_order: dict[str, tuple[str, ...]]
    scale: float


def published_settings() -> list[Setting]:
    """Return every setting of the published table, in its order, each once.

    >>> len(published_settings())
    320
    """
    return list(dict.fromkeys(_setting(row) for row in published_energy()))


def compare_with_paper(energies: Mapping[Setting, float]) -> PaperComparison:
    """Compare modelled energies (any unit) with the published table.

    Parameters
    ----------
    energies
        Energy by setting; every setting of :func:`published_settings` with the formats and
        statistics that occur among the keys.

    Raises
    ------
    InputError
        When a setting is missing.
    ModuleNotFoundError
        Without scipy, which development brings.
    """
    from scipy.stats import spearmanr

    kinds = sorted({(key[0], key[1]) for key in energies})
    rows = [row for row in published_energy() if (row.format, row.statistic) in kinds]
    for row in rows:
        if _setting(row) not in energies:
            raise InputError(f"no energy for {_setting(row)}")
    statistics = sorted({statistic for _, statistic in kinds})
    pairs = {
        kind: [
            (energies[_setting(row)], row.energy_uj)
            for row in rows
            if (row.format, row.statistic) == kind
        ]
        for kind in kinds
    }
    published = {_setting(row): row.energy_uj for row in rows if row.strategy == "joint"}
    return PaperComparison(
        pruned_over_ternary={kind: _claim(energies, kind) for kind in kinds},
        published_pruned_over_ternary={kind: _claim(published, kind) for kind in kinds},
        rank_correlation={
            kind: round(float(spearmanr(*zip(*both, strict=True)).statistic), 12)
            for kind, both in pairs.items()
        },
        format_order={s: _order({k[0]: [m for m, _ in pairs[k]] for k in kinds if k[1] == s})
                      for s in statistics},
        published_format_order={
            s: _order({k[0]: [p for _, p in pairs[k]] for k in kinds if k[1] == s})
            for s in statistics
        },
        scale=_geometric_mean([m / p for both in pairs.values() for m, p in both]),
    )  # fmt: skip


def _setting(row: PublishedEnergy) -> Setting:
    return row.format, row.statistic, row.prune_fraction, row.weight_bits


def _claim(energies: Mapping[Setting, float], kind: tuple[str, str]) -> float:
    return energies[(*kind, 0.8, 8)] / energies[(*kind, 0.0, 2)]


def _order(energies: dict[str, list[float]]) -> tuple[str, ...]:
    means = {name: _geometric_mean(values) for name, values in energies.items()}
    return tuple(sorted(means, key=lambda name: means[name]))


def _geometric_mean(values: list[float]) -> float:
    return exp(sum(log(value) for value in values) / len(values))
