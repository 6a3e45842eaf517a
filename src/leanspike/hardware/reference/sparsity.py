"""The published study's weight sparsities for settings whose bar charts were not printed.

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

from statistics import NormalDist

from leanspike.errors import InputError
from leanspike.hardware.layer import Densities, Density
from leanspike.hardware.reference.published import (
    INDUCED_SPARSITY,
    PRUNED_80_SPARSITY,
    TERNARY_SPARSITY,
)
from leanspike.hardware.workload import Workload

_NORMAL = NormalDist()


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
