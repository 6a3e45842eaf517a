"""Figures of the published study.

C. J. S. Schaefer, P. Taheri, M. Horeni, S. Joshi, "The Hardware Impact of Quantization and
Pruning for Weights in Spiking Neural Networks", IEEE TCAS-II 2023, arXiv 2302.04174: the paper's
plotting data (the CSV files beside this one), text and bar chart.


The published study's weight sparsities for settings whose bar charts were not printed.

Two settings are printed by layer: ternary, and 80 % pruned. The others are inferred from them,
taking each layer's weights as normal around zero:

- a layer that loses the fraction s below a threshold has it at z = Phi^-1((1 + s) / 2) standard
  deviations; global pruning moves one threshold for all layers, so every z grows by one factor,
  found so that the whole network reaches the fraction asked for;
- quantization to b bits zeroes what lies below half a step, and the same factor is found so that
  the whole network reaches the induced sparsity the paper prints for b bits;
- a weight that is pruned or quantized to zero is zero: the larger of the two thresholds counts.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from statistics import NormalDist

from leanspike.errors import InputError
from leanspike.hardware.workload.layer import Densities, Density
from leanspike.hardware.workload.workload import Workload

SOURCE = "Schaefer et al., IEEE TCAS-II 2023, arXiv 2302.04174"

#: Energy of 80 % pruning at 8 bits over that of ternary weights (RLE, mean density): the claim.
PRUNED_OVER_TERNARY = 13977 / 9593

#: Zeros that quantization alone leaves in the weights, by bits (text).
INDUCED_SPARSITY = {2: 0.679, 3: 0.316, 4: 0.151, 6: 0.036, 8: 0.009}

#: mJ per inference when no weight zero is used, by format and bits (text).
DENSE_MJ = {
    "RLE": {2: 16.562, 3: 17.812, 4: 18.140, 6: 18.446, 8: 20.326},
    "UOP": {2: 18.430, 3: 19.589, 4: 19.968, 6: 20.264, 8: 22.088},
}

#: Weight sparsity by layer, read off the bar chart (+-0.01), in the order of the workload's rows.
LAYERS = (
    "Conv1", "Conv2", "Conv3", "Conv4", "TCJA11", "TCJA12",
    "Conv5", "TCJA21", "TCJA22", "Dense1", "Dense2",
)  # fmt: skip
TERNARY_SPARSITY = dict(
    zip(LAYERS, (0.81, 0.72, 0.71, 0.64, 0.75, 0.81, 0.60, 0.75, 0.68, 0.69, 0.64), strict=True)
)
PRUNED_80_SPARSITY = dict(
    zip(
        LAYERS, (0.61, 0.81, 0.805, 0.81, 0.36, 0.705, 0.82, 0.535, 0.33, 0.845, 0.525), strict=True
    )
)


@dataclass(frozen=True)
class PublishedEnergy:
    """One row of the study's energy table; quantization alone has prune_fraction 0."""

    format: str
    strategy: str
    prune_fraction: float
    weight_bits: int
    statistic: str
    energy_uj: float
    cycles: int


@cache
def published_energy() -> tuple[PublishedEnergy, ...]:
    """Return the 600 rows: 4 formats x 75 settings x mean and maximum density.

    >>> len(published_energy())
    600
    """
    return tuple(
        PublishedEnergy(
            format=row["format"],
            strategy=row["strategy"],
            prune_fraction=float(row["prune_fraction"]),
            weight_bits=int(row["weight_bits"]),
            statistic=row["density_statistic"],
            energy_uj=float(row["energy_uJ"]),
            cycles=int(row["cycles"]),
        )
        for row in _rows("published_energy")
    )


@cache
def published_accuracy() -> dict[tuple[str, float, int], float]:
    """Return accuracy by (strategy, prune_fraction, weight_bits), 75 settings.

    >>> published_accuracy()["joint", 0.0, 2]
    0.9757
    """
    return {
        (row["strategy"], float(row["prune_fraction"]), int(row["weight_bits"])): float(
            row["accuracy"]
        )
        for row in _rows("published_accuracy")
    }


@cache
def published_breakdown() -> dict[str, dict[str, float]]:
    """Return pJ per compute by network (ternary, dense_8b, sparse_8b) and component.

    >>> published_breakdown()["ternary"]["DRAM"]
    457.55
    """
    ending = "_pJ_per_compute"
    networks = ("ternary", "dense_8b", "sparse_8b")
    return {
        network: {
            row["component"]: float(row[network + ending]) for row in _rows("published_breakdown")
        }
        for network in networks
    }


def _rows(name: str) -> list[dict[str, str]]:
    file = resources.files("leanspike.paper") / "data" / f"{name}.csv"
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


_NORMAL = NormalDist()


@cache
def published_setting(prune_fraction: float, weight_bits: int) -> Workload:
    """Return the published workload with the weight densities and bits of one setting.

    Printed where printed (ternary; 80 % pruned at 8 bits), else inferred as the module says.

    Raises
    ------
    InputError
        When the fraction is not in [0, 1) or the bits are not 2, 3, 4, 6 or 8.

    >>> layer = published_setting(0.8, 8).layers[0]
    >>> layer.name, layer.density_of("Weights"), layer.bits_of("Weights")
    ('Conv1', 0.39, 8)
    """
    if not 0 <= prune_fraction < 1:
        raise InputError(f"found {prune_fraction}, expected 0 to below 1", where="prune_fraction")
    if weight_bits not in INDUCED_SPARSITY:
        known = ", ".join(map(str, INDUCED_SPARSITY))
        raise InputError(f"found {weight_bits}, expected one of {known}", where="weight_bits")
    workload = Workload.load("published")
    sizes = {layer.name: layer.volume("Weights") for layer in workload.layers}
    quantized = _reaching(TERNARY_SPARSITY, sizes, INDUCED_SPARSITY[weight_bits])
    if weight_bits == 2:
        quantized = TERNARY_SPARSITY
    pruned = dict.fromkeys(sizes, 0.0)
    if prune_fraction > 0:
        pruned = _reaching(PRUNED_80_SPARSITY, sizes, prune_fraction)
    if prune_fraction == 0.8:
        pruned = PRUNED_80_SPARSITY
    layers = []
    for layer in workload.layers:
        density = round(1 - max(pruned[layer.name], quantized[layer.name]), 6)
        densities = {**dict(layer.density), "weights": Density(mean=density, max=density)}
        layers.append(layer.replace(density=Densities(**densities)))
    name = f"published, {prune_fraction:.1%} pruned, {weight_bits} bits"
    return workload.replace(name=name, layers=tuple(layers)).with_weight_bits(weight_bits)


def _reaching(
    printed: dict[str, float], sizes: dict[str, int], fraction: float
) -> dict[str, float]:
    """Move all layers' thresholds by one factor until ``fraction`` of all weights is zero."""
    low, high = 0.0, 100.0
    for _ in range(60):  # bisection: the fraction grows with the factor
        factor = (low + high) / 2
        found = _scaled(printed, factor)
        zeros = sum(found[name] * size for name, size in sizes.items())
        if zeros < fraction * sum(sizes.values()):
            low = factor
        else:
            high = factor
    return _scaled(printed, high)


def _scaled(printed: dict[str, float], factor: float) -> dict[str, float]:
    return {
        name: 2 * _NORMAL.cdf(factor * _NORMAL.inv_cdf((1 + share) / 2)) - 1
        for name, share in printed.items()
    }
