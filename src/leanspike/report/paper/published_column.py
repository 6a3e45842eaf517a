"""The published study's own numbers, as its figures show them."""

from __future__ import annotations

from leanspike.hardware.reference.published import (
    DENSE_MJ,
    INDUCED_SPARSITY,
    LAYERS,
    PRUNED_80_SPARSITY,
    TERNARY_SPARSITY,
    PublishedEnergy,
    published_accuracy,
    published_breakdown,
    published_energy,
)
from leanspike.report.paper.column import (
    NETWORKS,
    PRUNED,
    TERNARY,
    Column,
    LineKey,
    Mark,
    Measure,
    Step,
)


def published_column() -> Column:
    """Return the published numbers; energies in mJ, energy-delay products in mJ * Mcycles."""
    names = dict(zip(("ternary", "dense_8b", "sparse_8b"), NETWORKS, strict=True))
    return Column(
        title="published",
        energy_unit="mJ",
        edp_unit="mJ · Mcycles",
        marks=tuple(
            _mark(row)
            for row in published_energy()
            if (row.format, row.statistic) == ("RLE", "mean")
        ),
        layers=LAYERS,
        zeros={
            TERNARY: tuple(TERNARY_SPARSITY[name] for name in LAYERS),
            PRUNED: tuple(PRUNED_80_SPARSITY[name] for name in LAYERS),
        },
        lines=_lines(),
        dense=DENSE_MJ,
        breakdown={names[key]: parts for key, parts in published_breakdown().items()},
    )


def measure_of(strategy: str, fraction: float, bits: int) -> Measure:
    """Name what a published row did: pruning alone is ``joint`` at 8 bits there."""
    if strategy == "cumulative":
        return "cumulative"
    if fraction == 0:
        return "quantize"
    return "prune" if bits == 8 else "joint"


def published_edp(row: PublishedEnergy) -> float:
    """Energy in mJ times millions of cycles, both summed over the layers, as its figures do."""
    return row.energy_uj / 1e3 * row.cycles / 1e6


def _mark(row: PublishedEnergy) -> Mark:
    measure = measure_of(row.strategy, row.prune_fraction, row.weight_bits)
    accuracy = published_accuracy()[row.strategy, row.prune_fraction, row.weight_bits]
    bits = None if measure == "prune" else row.weight_bits
    return Mark(
        measure, bits, row.prune_fraction, accuracy, row.energy_uj / 1e3, published_edp(row)
    )  # fmt: skip


def _lines() -> dict[LineKey, tuple[Step, ...]]:
    found: dict[LineKey, list[Step]] = {}
    for row in published_energy():
        measure = measure_of(row.strategy, row.prune_fraction, row.weight_bits)
        if measure not in ("quantize", "prune"):
            continue
        quantized = measure == "quantize"
        at = row.weight_bits if quantized else row.prune_fraction
        zeros = INDUCED_SPARSITY[row.weight_bits] if quantized else row.prune_fraction
        step = Step(at, zeros, row.energy_uj / 1e3, published_edp(row))
        found.setdefault((measure, row.format, row.statistic), []).append(step)
    return {key: tuple(sorted(steps, key=lambda step: step.at)) for key, steps in found.items()}
