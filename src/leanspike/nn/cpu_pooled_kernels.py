"""Neurons and 2x2 max pooling of their spikes as one kernel, on the CPU; compiled.

The full-size spikes are never written: a block is two neighbouring image rows, pooled in the
cache. Inputs are ``[T, N, H, W*C]`` and outputs ``[T, N, P, Q*C]``, channels last. The last row
or column of an odd image reaches no output; it is left out, and its gradient is zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from leanspike.nn.compiling import compiled
from leanspike.nn.cpu_blocks import (
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
from leanspike.nn.cpu_pooling import (
    award,
    award_lower,
    fired_in_pair,
    gather,
    larger,
    mark_right,
    spread,
)
from leanspike.nn.cpu_team import on_team


@compiled
def forward_part(
    y: Any,
    out: Any,
    membrane: Any,
    C: int,
    leak: Any,
    scale: Any,
    shift: Any,
    kind: int,
    threshold: Any,
    v_reset: Any,
    hard: bool,
    units: int,
    parts: int,
    part: int,
) -> None:
    """Pooled spikes ``out`` [T, N, P, Q*C] from ``y`` [T, N, H, W*C].

    A unit is one row of outputs of one sample, taken in pieces of ``leak.size // 2`` outputs.
    Arguments as in ``cpu_kernels.forward``.
    """
    x = np.empty_like(leak)
    h = np.empty_like(leak)
    pairs = np.empty_like(leak)
    v = np.empty((2, leak.size), leak.dtype)
    s = np.empty((2, leak.size), leak.dtype)
    column = np.zeros(leak.size + C, leak.dtype)
    P = out.shape[2]
    for unit in range(part * units // parts, (part + 1) * units // parts):
        sample, p = unit // P, unit % P
        for low in range(0, out.shape[3], leak.size // 2):
            high = min(low + leak.size // 2, out.shape[3])
            lo, hi = 2 * low, 2 * high
            n = hi - lo
            v[:] = v_reset
            for t in range(y.shape[0]):
                for r in range(2):
                    row = y[t, sample, 2 * p + r, lo:hi]
                    if scale.size:
                        normalise(row, scale, shift, x)
                        row = x[:n]
                    if membrane.size:
                        charge_and_reset(row, leak, kind, threshold, v_reset, hard, v[r], h)
                        fire(h[:n], threshold, s[r])
                        membrane[t, sample, 2 * p + r, lo:hi] = h[:n]
                    else:
                        charge_and_fire(row, leak, kind, threshold, v_reset, hard, v[r], s[r])
                larger(s[0], s[1], column[:n])
                larger(column[:n], column[C : n + C], pairs[:n])
                gather(pairs[:n], C, out[t, sample, p, low:high])


@compiled
def backward_part(
    g_out: Any,
    y: Any,
    membrane: Any,
    C: int,
    leak: Any,
    scale: Any,
    shift: Any,
    mean: Any,
    gx: Any,
    leak_sums: Any,
    norm_sums: Any,
    kind: int,
    threshold: Any,
    v_reset: Any,
    hard: bool,
    detach: bool,
    surrogate: int,
    alpha: Any,
    units: int,
    parts: int,
    part: int,
) -> None:
    """Gradient ``gx`` [T, N, H, W*C] from the pooled spikes' ``g_out`` [T, N, P, Q*C].

    Units as in ``forward``; arguments as in ``cpu_kernels.backward``. ``gx`` is left as it is in
    rows and columns that reach no output.
    """
    T = y.shape[0]
    usual = is_usual(kind, hard, detach, surrogate) and leak_sums.size == 0
    half = leak.size // 2
    x = np.empty_like(leak)
    g = np.empty_like(leak)
    gs = np.empty_like(leak)
    g_pairs = np.empty_like(leak)
    right = np.empty_like(leak)
    mark_right(C, right)
    v = np.empty((2, leak.size), leak.dtype)
    carry = np.empty((2, leak.size), leak.dtype)
    fired = np.empty((2, leak.size), leak.dtype)
    # Step 0 holds the rest, step t + 1 the charged potential of t; padded for the pairs' sake.
    h = np.full((T + 1, 2, leak.size + 2 * C), v_reset, leak.dtype)
    sums = np.empty((3, leak.size), leak.dtype)
    P = g_out.shape[2]
    for unit in range(part * units // parts, (part + 1) * units // parts):
        sample, p = unit // P, unit % P
        for low in range(0, g_out.shape[3], half):
            high = min(low + half, g_out.shape[3])
            lo, hi = 2 * low, 2 * high
            n = hi - lo
            v[:] = v_reset
            for t in range(T):
                for r in range(2):
                    if membrane.size:
                        h[t + 1, r, C : C + n] = membrane[t, sample, 2 * p + r, lo:hi]
                    else:
                        row = y[t, sample, 2 * p + r, lo:hi]
                        if scale.size:
                            normalise(row, scale, shift, x)
                            row = x[:n]
                        charge_and_reset(
                            row, leak, kind, threshold, v_reset, hard, v[r], h[t + 1, r, C:]
                        )
            carry[:] = 0
            sums[:] = 0
            for t in range(T - 1, -1, -1):
                spread(g_out[t, sample, p, low:high], C, g_pairs[:n])
                for r in range(2):
                    h_row = h[t + 1, r]
                    fired_in_pair(
                        h_row, h_row[C : C + n], h_row[2 * C :], right, threshold, fired[r]
                    )
                for r in range(2):
                    h_row = h[t + 1, r]
                    own = h_row[C : C + n]
                    if r == 0:
                        award(
                            h_row,
                            own,
                            h_row[2 * C :],
                            right,
                            threshold,
                            fired[1],
                            g_pairs[:n],
                            gs,
                        )
                    else:
                        award_lower(h_row, own, right, threshold, fired[0], g_pairs[:n], gs)
                    row_gx = gx[t, sample, 2 * p + r, lo:hi]
                    if usual:
                        backstep_usual(gs, own, leak, threshold, alpha, carry[r], row_gx)
                    else:
                        slope(own, threshold, surrogate, alpha, g)
                        backstep(
                            gs,
                            own,
                            leak,
                            kind,
                            threshold,
                            v_reset,
                            hard,
                            detach,
                            g,
                            carry[r],
                            row_gx,
                        )
                    row = y[t, sample, 2 * p + r, lo:hi]
                    if norm_sums.size:
                        add_norm_sums(row_gx, row, mean, sums[1], sums[2])
                    if leak_sums.size:
                        if scale.size:
                            normalise(row, scale, shift, x)
                            row = x[:n]
                        before = h[t, r, C:]
                        add_leak_gradient(g[:n], row, before, threshold, v_reset, hard, sums[0])
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
