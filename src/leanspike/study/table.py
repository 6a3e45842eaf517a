"""A study's results as a short table of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leanspike.hardware.pareto import on_front
from leanspike.study.point_result import PointResult
from leanspike.study.records import Cost
from leanspike.study.results import Results
from leanspike.study.settings import Setting, Spread, settings


def digits(value: float, count: int = 3) -> str:
    """Write a number to so many digits; a large one is written out.

    >>> digits(0.12345), digits(84.04), digits(1197.3), digits(12345678.0)
    ('0.123', '84', '1,200', '12,300,000')
    """
    rounded = float(f"{value:.{count}g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 ** (count - 1) else f"{rounded:g}"


@dataclass(frozen=True)
class MainReading:
    """The reading a study shows first: its first architecture, format and statistic."""

    architecture: str
    format: str
    statistic: str

    @classmethod
    def of(cls, results: Results) -> MainReading:
        """Return the main reading of a study."""
        hardware = results.file.hardware
        return cls(hardware.architectures[0], hardware.formats[0], hardware.statistics[0])

    def cost(self, result: PointResult) -> Cost:
        """Return a priced point's cost in this reading."""
        cost = result.cost(self.architecture, self.format, self.statistic)
        if cost is None:
            raise KeyError(f"{result.point.name} is not priced on {self}")
        return cost


@dataclass(frozen=True)
class Row:
    """One setting of the table.

    Attributes
    ----------
    energy_pj, edp_js, latency_s
        In the main reading, over seeds.
    stored_bits, sparsity
        Of the weights, over seeds.
    best
        Whether no other setting is as accurate for less energy.
    """

    setting: Setting
    accuracy: Spread
    energy_pj: Spread
    edp_js: Spread
    latency_s: Spread
    stored_bits: Spread
    sparsity: Spread
    best: bool


def setting_rows(results: Results) -> tuple[Row, ...]:
    """Return a row for each setting that is priced, the least energy first."""
    main = MainReading.of(results)
    groups = settings(results.priced)
    energies = [group.over_seeds(lambda r: main.cost(r).energy_pj) for group in groups]
    front = on_front([(g.accuracy.mean, -e.mean) for g, e in zip(groups, energies, strict=True)])
    made = [
        Row(
            setting=group,
            accuracy=group.accuracy,
            energy_pj=energy,
            edp_js=group.over_seeds(lambda r: main.cost(r).edp_js),
            latency_s=group.over_seeds(lambda r: main.cost(r).latency_s),
            stored_bits=group.over_seeds(lambda r: r.stored_bits),
            sparsity=group.over_seeds(lambda r: r.sparsity),
            best=bool(best),
        )
        for group, energy, best in zip(groups, energies, front, strict=True)
    ]
    return tuple(sorted(made, key=lambda row: row.energy_pj.mean))


def short_table(results: Results) -> str:
    """Show every priced setting as aligned text; ``*`` marks the accuracy-energy front."""
    head = ["", "setting", "accuracy %", "energy uJ", "EDP nJ*s", "weights kB", "zeros %"]
    body = [
        [
            "*" if row.best else "",
            row.setting.name,
            _spread(row.accuracy, scale=100, digits=2),
            _spread(row.energy_pj, scale=1e-6, digits=3),
            f"{row.edp_js.mean * 1e9:.4g}",
            f"{row.stored_bits.mean / 8000:.2f}",
            f"{100 * row.sparsity.mean:.1f}",
        ]
        for row in setting_rows(results)
    ]
    left_out = results.priced[0].left_out if results.priced else []
    return "\n".join([aligned([head, *body], left=2), *left_out])


def _spread(value: Spread, *, scale: float, digits: int) -> str:
    mean = f"{value.mean * scale:.{digits}f}"
    return mean if value.count == 1 else f"{mean} ± {value.deviation * scale:.{digits}f}"


def aligned(table: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Lay out rows of cells as text, the first `left` columns to the left, the rest to the right.

    >>> print(aligned([["a", "1"], ["bb", "10"]]))
    a    1
    bb  10
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )
