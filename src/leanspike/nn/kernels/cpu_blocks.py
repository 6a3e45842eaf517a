"""The neuron's equations on a block of neurons that fits the cache; compiled.

A block is a run of neurons in memory order, of length n. Parameters that differ by channel come
as tiles: arrays at least n long, laid out like the block. Every array is of one type, float32
or float64, and so is every scalar: a Python number would silently widen the arithmetic. Each loop
writes at most two arrays and reads at most four others, or the compiler, which must make sure
that they do not overlap, gives up vectorizing it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from leanspike.nn.kernels.compiling import compiled

KINDS = {"if": 0, "lif": 1, "plif": 2}
SURROGATES = {"atan": 0, "sigmoid": 1, "fast_sigmoid": 2, "triangle": 3, "super_spike": 4}


class Layer(NamedTuple):
    """What is the same at every step of a layer; arrays are tiles."""

    leak: Any
    scale: Any
    """Of batch norm before the neurons, as `shift` and `mean`; empty where there is none."""
    shift: Any
    mean: Any
    kind: int
    """Of :data:`KINDS`."""
    threshold: Any
    v_reset: Any
    hard: bool
    """Whether a spike resets the potential to `v_reset`, or lowers it by the threshold."""
    detach: bool
    """Whether the reset is left out of the gradient."""
    surrogate: int
    """Of :data:`SURROGATES`."""
    alpha: Any


@compiled
def spike_of(h: Any, threshold: Any) -> Any:
    """Return 1 or 0, or NaN for NaN, which a mere comparison would hide."""
    one, zero = type(h)(1), type(h)(0)
    return one if h >= threshold else (zero if h < threshold else h)


@compiled
def reset_of(h: Any, s: Any, threshold: Any, v_reset: Any, hard: bool) -> Any:
    """Return the potential after a spike s, or none."""
    if hard:
        return s * v_reset + (type(h)(1) - s) * h
    return h - s * threshold


@compiled
def normalise(y: Any, scale: Any, shift: Any, x: Any) -> None:
    """Set x = y * scale + shift."""
    for i in range(y.size):
        x[i] = y[i] * scale[i] + shift[i]


@compiled
def charge_and_fire(x: Any, layer: Layer, v: Any, s: Any) -> None:
    """Take a step: v to after the step, s to its spikes."""
    leak, kind, hard = layer.leak, layer.kind, layer.hard
    threshold, v_reset = layer.threshold, layer.v_reset
    if kind == 0:
        for i in range(x.size):
            h = v[i] + x[i]
            s[i] = spike_of(h, threshold)
            v[i] = reset_of(h, s[i], threshold, v_reset, hard)
    elif kind == 1:
        for i in range(x.size):
            h = v[i] + (x[i] - (v[i] - v_reset)) / leak[i]
            s[i] = spike_of(h, threshold)
            v[i] = reset_of(h, s[i], threshold, v_reset, hard)
    else:
        for i in range(x.size):
            h = v[i] + (x[i] - (v[i] - v_reset)) * leak[i]
            s[i] = spike_of(h, threshold)
            v[i] = reset_of(h, s[i], threshold, v_reset, hard)


@compiled
def charge_and_reset(x: Any, layer: Layer, v: Any, h: Any) -> None:
    """Take a step: v to after the step, h to the charged potential before the reset."""
    leak, kind, hard = layer.leak, layer.kind, layer.hard
    threshold, v_reset = layer.threshold, layer.v_reset
    if kind == 0:
        for i in range(x.size):
            h[i] = v[i] + x[i]
            v[i] = reset_of(h[i], spike_of(h[i], threshold), threshold, v_reset, hard)
    elif kind == 1:
        for i in range(x.size):
            h[i] = v[i] + (x[i] - (v[i] - v_reset)) / leak[i]
            v[i] = reset_of(h[i], spike_of(h[i], threshold), threshold, v_reset, hard)
    else:
        for i in range(x.size):
            h[i] = v[i] + (x[i] - (v[i] - v_reset)) * leak[i]
            v[i] = reset_of(h[i], spike_of(h[i], threshold), threshold, v_reset, hard)


@compiled
def fire(h: Any, threshold: Any, s: Any) -> None:
    """Set s to the spikes at h."""
    for i in range(h.size):
        s[i] = spike_of(h[i], threshold)


@compiled
def slope(h: Any, layer: Layer, g: Any) -> None:
    """Set g to the surrogate's derivative at h - threshold, ordered as in surrogate.py."""
    threshold, surrogate, alpha = layer.threshold, layer.surrogate, layer.alpha
    one, zero = h.dtype.type(1), h.dtype.type(0)
    if surrogate == 0:
        sharpness = h.dtype.type(math.pi / 2 * alpha)
        half = h.dtype.type(alpha / 2)
        for i in range(h.size):
            z = (h[i] - threshold) * sharpness
            g[i] = half / (one + z * z)
    elif surrogate == 1:
        for i in range(h.size):
            z = one / (one + math.exp(-(alpha * (h[i] - threshold))))
            g[i] = (one - z) * z * alpha
    elif surrogate == 2:
        for i in range(h.size):
            z = one + alpha * abs(h[i] - threshold)
            g[i] = one / (z * z)
    elif surrogate == 3:
        square = alpha * alpha
        for i in range(h.size):
            z = alpha - square * abs(h[i] - threshold)
            g[i] = zero if z < zero else z
    else:
        for i in range(h.size):
            z = one + abs(h[i] - threshold)
            g[i] = alpha / (z * z)


@compiled
def backstep(gs: Any, h: Any, layer: Layer, g: Any, carry: Any, gx: Any) -> None:
    """Take a step back in time.

    ``gs`` is the gradient of the step's spikes, ``g`` the surrogate's slope; ``carry``, the
    gradient of the potential after the step, becomes that before it. ``g`` becomes the gradient
    of h, ``gx`` that of x.
    """
    leak, kind, threshold, v_reset = layer.leak, layer.kind, layer.threshold, layer.v_reset
    hard, detach = layer.hard, layer.detach
    one = h.dtype.type(1)
    if detach and hard:
        for i in range(h.size):
            g[i] = gs[i] * g[i] + carry[i] * (one - spike_of(h[i], threshold))
    elif hard:
        for i in range(h.size):
            kept = (one - spike_of(h[i], threshold)) + (v_reset - h[i]) * g[i]
            g[i] = gs[i] * g[i] + carry[i] * kept
    elif detach:
        for i in range(h.size):
            g[i] = gs[i] * g[i] + carry[i]
    else:
        for i in range(h.size):
            g[i] = gs[i] * g[i] + carry[i] * (one - threshold * g[i])
    if kind == 0:
        for i in range(h.size):
            gx[i] = g[i]
            carry[i] = g[i]
    elif kind == 1:
        for i in range(h.size):
            through = g[i] / leak[i]
            gx[i] = through
            carry[i] = g[i] - through
    else:
        for i in range(h.size):
            through = g[i] * leak[i]
            gx[i] = through
            carry[i] = g[i] - through


@compiled
def is_usual(layer: Layer) -> bool:
    """Return whether ``backstep_usual`` applies."""
    return layer.kind == 2 and layer.hard and layer.detach and layer.surrogate == 0


@compiled
def backstep_usual(gs: Any, h: Any, layer: Layer, carry: Any, gx: Any) -> None:
    """Do what slope and backstep do, in one loop, for the neurons most networks have.

    These are a factor for a leak, a hard reset detached from the gradient, and arctan.
    """
    leak, threshold, alpha = layer.leak, layer.threshold, layer.alpha
    one = h.dtype.type(1)
    sharpness = h.dtype.type(math.pi / 2 * alpha)
    half = h.dtype.type(alpha / 2)
    for i in range(gx.size):
        z = (h[i] - threshold) * sharpness
        g = gs[i] * (half / (one + z * z)) + carry[i] * (one - spike_of(h[i], threshold))
        gx[i] = g * leak[i]
        carry[i] = g - g * leak[i]


@compiled
def add_leak_gradient(g: Any, x: Any, h: Any, layer: Layer, total: Any) -> None:
    """Add to total the gradient of PLIF's leak; h is the charged potential one step earlier."""
    threshold, v_reset, hard = layer.threshold, layer.v_reset, layer.hard
    for i in range(g.size):
        v = reset_of(h[i], spike_of(h[i], threshold), threshold, v_reset, hard)
        total[i] += g[i] * (x[i] - (v - v_reset))


@compiled
def add_norm_sums(g: Any, y: Any, mean: Any, sum_g: Any, sum_gy: Any) -> None:
    """Add a block's share of the sums that batch norm's gradient needs."""
    for i in range(g.size):
        sum_g[i] += g[i]
        sum_gy[i] += g[i] * (y[i] - mean[i])
