"""Neurons and 2x2 max pooling of their spikes as one kernel, on the CPU; compiled.

The full-size spikes are never written. A window is four neurons of one channel, two in each of
two image rows; sixteen channels are handled at a time. Inputs are ``[T, N, H, W, C]`` and outputs
``[T, N, P, Q, C]``. The last row or column of an odd image reaches no output; it is left out, and
its gradient is zero. Arrays per channel are padded to a multiple of sixteen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from leanspike.nn.kernels.compiling import compiled
from leanspike.nn.kernels.cpu_blocks import Layer
from leanspike.nn.kernels.cpu_equations import (
    after_spikes,
    carried,
    charge,
    slope,
    spikes_of,
    through_charge,
    through_spikes,
)
from leanspike.nn.kernels.cpu_lanes import (
    WIDTH,
    at_least,
    but_not,
    choose,
    either,
    load,
    splat,
    store,
)
from leanspike.nn.kernels.cpu_team import on_team

WINDOWS = 512
"""Windows handled together, times channels: their potentials over 20 steps fit the L2 cache."""


@compiled
def forward_part(
    y: Any, out: Any, membrane: Any, layer: Layer, units: int, parts: int, part: int
) -> None:
    """Pooled spikes ``out`` [T, N, P, Q, C] from ``y`` [T, N, H, W, C].

    A unit is one row of outputs of one sample. Arguments as in ``cpu_kernels.forward_part``.
    """
    T, N, H, W, C = y.shape
    P, Q = out.shape[2:4]
    leak, scale, shift, kind, hard = layer.leak, layer.scale, layer.shift, layer.kind, layer.hard
    block = max(1, WINDOWS // C)
    groups = -(-C // WIDTH)
    v = np.empty(block * groups * 4 * WIDTH, y.dtype)
    one, zero = splat(y.dtype.type(1)), splat(y.dtype.type(0))
    limit, rest = splat(layer.threshold), splat(layer.v_reset)
    for unit in range(part * units // parts, (part + 1) * units // parts):
        sample, p = unit // P, unit % P
        for low in range(0, Q, block):
            v[:] = layer.v_reset
            for t in range(T):
                k = 0
                for q in range(low, min(low + block, Q)):
                    top = (((t * N + sample) * H + 2 * p) * W + 2 * q) * C
                    target = (((t * N + sample) * P + p) * Q + q) * C
                    for c in range(0, C, WIDTH):
                        s = zero
                        for corner in range(4):
                            i = top + (corner >> 1) * W * C + (corner & 1) * C + c
                            x = load(y, i, C - c)
                            if scale.size:
                                x = x * load(scale, c, WIDTH) + load(shift, c, WIDTH)
                            own = load(leak, c, WIDTH)
                            h = charge(x, load(v, k, WIDTH), own, kind, rest)
                            if membrane.size:
                                store(membrane, i, C - c, h)
                            fired = spikes_of(h, limit, one, zero)
                            after = after_spikes(h, fired, limit, rest, hard, one)
                            store(v, k, WIDTH, after)
                            k += WIDTH
                            s = s + fired - s * fired  # their maximum, NaN if one is
                        store(out, target + c, C - c, s)


@compiled
def forward(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``forward_part`` for every part."""
    return on_team(forward_part, arguments, parts, threads)


@compiled
def potentials(
    y: Any, membrane: Any, layer: Layer, unit: int, P: int, low: int, high: int, h: Any
) -> None:
    """Set h [T, windows, 4, 16] to the charged potentials of the windows from low to high."""
    T, N, H, W, C = y.shape
    leak, scale, shift, kind, hard = layer.leak, layer.scale, layer.shift, layer.kind, layer.hard
    sample, p = unit // P, unit % P
    one, zero = splat(y.dtype.type(1)), splat(y.dtype.type(0))
    limit, rest = splat(layer.threshold), splat(layer.v_reset)
    step = h.size // T
    for t in range(T):
        k = t * step
        for q in range(low, high):
            top = (((t * N + sample) * H + 2 * p) * W + 2 * q) * C
            for c in range(0, C, WIDTH):
                for corner in range(4):
                    i = top + (corner >> 1) * W * C + (corner & 1) * C + c
                    if membrane.size:
                        own = load(membrane, i, C - c)
                    else:
                        x = load(y, i, C - c)
                        if scale.size:
                            x = x * load(scale, c, WIDTH) + load(shift, c, WIDTH)
                        v = rest
                        if t:
                            before = load(h, k - step, WIDTH)
                            fired = spikes_of(before, limit, one, zero)
                            v = after_spikes(before, fired, limit, rest, hard, one)
                        own = charge(x, v, load(leak, c, WIDTH), kind, rest)
                    store(h, k, WIDTH, own)
                    k += WIDTH


@compiled
def winners(h: Any, k: int, limit: Any) -> Any:
    """Return which neuron of each window pooling takes its value from.

    The maximum is the first neuron that fires in reading order, as in torch, and the upper left
    one where none fires.
    """
    a = at_least(load(h, k, WIDTH), limit)
    b = at_least(load(h, k + WIDTH, WIDTH), limit)
    c = at_least(load(h, k + 2 * WIDTH, WIDTH), limit)
    d = at_least(load(h, k + 3 * WIDTH, WIDTH), limit)
    upper = either(a, b)
    none = but_not(at_least(limit, limit), either(upper, either(c, d)))
    return (
        either(a, none),
        but_not(b, a),
        but_not(c, upper),
        but_not(d, either(upper, c)),
    )


@compiled
def backward_part(
    g_out: Any,
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
    """Gradient ``gx`` [T, N, H, W, C] from the pooled spikes' ``g_out`` [T, N, P, Q, C].

    Units as in ``forward_part``; arguments as in ``cpu_kernels.backward_part``, with the sums
    [parts, C padded] and [parts, 2, C padded].
    """
    T, N, H, W, C = y.shape
    P, Q = g_out.shape[2:4]
    leak, scale, shift, kind, hard = layer.leak, layer.scale, layer.shift, layer.kind, layer.hard
    block = max(1, WINDOWS // C)
    groups = -(-C // WIDTH)
    carry = np.empty(block * groups * 4 * WIDTH, y.dtype)
    h = np.empty(T * carry.size, y.dtype)
    sums = np.zeros((3, groups * WIDTH), y.dtype)
    one, zero = splat(y.dtype.type(1)), splat(y.dtype.type(0))
    limit, rest = splat(layer.threshold), splat(layer.v_reset)
    alpha = layer.alpha
    of_slope = splat(type(alpha)(math.pi / 2) * alpha), splat(alpha / type(alpha)(2)), splat(alpha)
    for unit in range(part * units // parts, (part + 1) * units // parts):
        sample, p = unit // P, unit % P
        for low in range(0, Q, block):
            high = min(low + block, Q)
            potentials(y, membrane, layer, unit, P, low, high, h)
            carry[:] = 0
            sums[:] = 0
            for t in range(T - 1, -1, -1):
                n = 0
                for q in range(low, high):
                    top = (((t * N + sample) * H + 2 * p) * W + 2 * q) * C
                    source = (((t * N + sample) * P + p) * Q + q) * C
                    for c in range(0, C, WIDTH):
                        first = t * carry.size + n
                        wins = winners(h, first, limit)
                        g_window = load(g_out, source + c, C - c)
                        own_leak = load(leak, c, WIDTH)
                        sum_g, sum_gy = zero, zero
                        for corner in range(4):
                            i = top + (corner >> 1) * W * C + (corner & 1) * C + c
                            k = first + corner * WIDTH
                            own = load(h, k, WIDTH)
                            fired = spikes_of(own, limit, one, zero)
                            gs = choose(wins[corner], g_window, zero)
                            g = through_spikes(
                                gs,
                                load(carry, n, WIDTH),
                                own,
                                fired,
                                slope(own, limit, layer.surrogate, of_slope, one, zero),
                                limit,
                                rest,
                                hard,
                                layer.detach,
                                one,
                            )
                            g_input = through_charge(g, own_leak, kind)
                            store(carry, n, WIDTH, carried(g, g_input, kind))
                            n += WIDTH
                            store(gx, i, C - c, g_input)
                            if norm_sums.size:
                                sum_g = sum_g + g_input
                                y_own = load(y, i, C - c)
                                sum_gy = sum_gy + g_input * (y_own - load(layer.mean, c, WIDTH))
                            if leak_sums.size:
                                x = load(y, i, C - c)
                                if scale.size:
                                    x = x * load(scale, c, WIDTH) + load(shift, c, WIDTH)
                                v = rest
                                if t:
                                    before = load(h, k - carry.size, WIDTH)
                                    fired = spikes_of(before, limit, one, zero)
                                    v = after_spikes(before, fired, limit, rest, hard, one)
                                total = load(sums, c, WIDTH) + g * (x - (v - rest))
                                store(sums, c, WIDTH, total)
                        if norm_sums.size:
                            j = groups * WIDTH + c
                            store(sums, j, WIDTH, load(sums, j, WIDTH) + sum_g)
                            j = 2 * groups * WIDTH + c
                            store(sums, j, WIDTH, load(sums, j, WIDTH) + sum_gy)
            for c in range(C):
                if leak_sums.size:
                    leak_sums[part, c] += sums[0, c]
                if norm_sums.size:
                    norm_sums[part, 0, c] += sums[1, c]
                    norm_sums[part, 1, c] += sums[2, c]
        for t in range(T):
            if W % 2:
                gx[t, sample, 2 * p : 2 * p + 2, W - 1] = 0
            if H % 2 and p == P - 1:
                gx[t, sample, H - 1] = 0


@compiled
def backward(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``backward_part`` for every part."""
    return on_team(backward_part, arguments, parts, threads)
