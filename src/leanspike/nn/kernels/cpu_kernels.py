"""A neuron layer over all its steps, forwards and backwards, on the CPU; compiled.

Neurons are handled a block at a time, every step of one block before the next: the potential
never leaves the cache. Inputs and outputs are ``[T, M]``, M neurons in memory order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from leanspike.nn.kernels.compiling import compiled
from leanspike.nn.kernels.cpu_blocks import (
    Layer,
    add_leak_gradient,
    add_norm_sums,
    backstep,
    backstep_usual,
    charge_and_fire,
    charge_and_reset,
    fire,
    is_usual,
    normalise,
    slope,
)
from leanspike.nn.kernels.cpu_team import on_team


@compiled
def forward_part(
    y: Any, s: Any, membrane: Any, layer: Layer, units: int, parts: int, part: int
) -> None:
    """Spikes ``s`` [T, M] from ``y`` [T, M]; a unit is a block of neurons, as long as a tile.

    ``membrane`` [T, M] takes the charged potential unless it is empty.
    """
    leak, scale, shift = layer.leak, layer.scale, layer.shift
    x = np.empty_like(leak)
    v = np.empty_like(leak)
    h = np.empty_like(leak)
    for unit in range(part * units // parts, (part + 1) * units // parts):
        lo = unit * leak.size
        hi = min(lo + leak.size, y.shape[1])
        n = hi - lo
        v[:] = layer.v_reset
        for t in range(y.shape[0]):
            row = y[t, lo:hi]
            if scale.size:
                normalise(row, scale, shift, x)
                row = x[:n]
            if membrane.size:
                charge_and_reset(row, layer, v, h)
                fire(h[:n], layer.threshold, s[t, lo:hi])
                membrane[t, lo:hi] = h[:n]
            else:
                charge_and_fire(row, layer, v, s[t, lo:hi])


@compiled
def backward_part(
    gs: Any,
    y: Any,
    membrane: Any,
    gx: Any,
    layer: Layer,
    leak_sums: Any,
    norm_sums: Any,
    units: int,
    parts: int,
    part: int,
) -> None:
    """Gradient ``gx`` [T, M] of the (normalised) input from the spikes' ``gs`` [T, M].

    The potential is computed again from ``y`` unless ``membrane`` holds it. Sums over neurons are
    added up per part: ``leak_sums`` [parts, block] for PLIF, ``norm_sums`` [parts, 2, block] for
    batch norm; either is empty where not wanted.
    """
    T = y.shape[0]
    leak, scale, shift = layer.leak, layer.scale, layer.shift
    usual = is_usual(layer) and leak_sums.size == 0
    x = np.empty_like(leak)
    v = np.empty_like(leak)
    g = np.empty_like(leak)
    carry = np.empty_like(leak)
    # Step 0 holds the rest, step t + 1 the charged potential of t.
    h = np.full((T + 1, leak.size), layer.v_reset, leak.dtype)
    sums = np.empty((3, leak.size), leak.dtype)
    for unit in range(part * units // parts, (part + 1) * units // parts):
        lo = unit * leak.size
        hi = min(lo + leak.size, y.shape[1])
        n = hi - lo
        v[:] = layer.v_reset
        for t in range(T):
            if membrane.size:
                h[t + 1, :n] = membrane[t, lo:hi]
            else:
                row = y[t, lo:hi]
                if scale.size:
                    normalise(row, scale, shift, x)
                    row = x[:n]
                charge_and_reset(row, layer, v, h[t + 1])
        carry[:] = 0
        sums[:] = 0
        for t in range(T - 1, -1, -1):
            own = h[t + 1, :n]
            row_gx = gx[t, lo:hi]
            if usual:
                backstep_usual(gs[t, lo:hi], own, layer, carry, row_gx)
            else:
                slope(own, layer, g)
                backstep(gs[t, lo:hi], own, layer, g, carry, row_gx)
            row = y[t, lo:hi]
            if norm_sums.size:
                add_norm_sums(row_gx, row, layer.mean, sums[1], sums[2])
            if leak_sums.size:
                if scale.size:
                    normalise(row, scale, shift, x)
                    row = x[:n]
                add_leak_gradient(g[:n], row, h[t], layer, sums[0])
        if leak_sums.size:
            for i in range(n):
                leak_sums[part, i] += sums[0, i]
        if norm_sums.size:
            for i in range(n):
                norm_sums[part, 0, i] += sums[1, i]
                norm_sums[part, 1, i] += sums[2, i]


@compiled
def forward(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``forward_part`` for every part."""
    return on_team(forward_part, arguments, parts, threads)


@compiled
def backward(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``backward_part`` for every part."""
    return on_team(backward_part, arguments, parts, threads)
