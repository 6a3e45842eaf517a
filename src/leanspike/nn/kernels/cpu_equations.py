"""The neuron's equations on sixteen neurons at a time; compiled.

Every operation and its order are those of `dynamics` and `surrogate`, so that results agree to
the last bit. Scalars of a layer come as lanes that all hold the same.
"""

from __future__ import annotations

from typing import Any

from leanspike.nn.kernels.compiling import compiled
from leanspike.nn.kernels.cpu_lanes import at_least, below, choose, exponential, magnitude


@compiled
def charge(x: Any, v: Any, leak: Any, kind: int, v_reset: Any) -> Any:
    """Return the potential with the input, before any reset; kinds as in `cpu_blocks.KINDS`."""
    if kind == 0:
        return v + x
    if kind == 1:
        return v + (x - (v - v_reset)) / leak
    return v + (x - (v - v_reset)) * leak


@compiled
def spikes_of(h: Any, threshold: Any, one: Any, zero: Any) -> Any:
    """Return 1 or 0, or NaN for NaN, which a mere comparison would hide."""
    return choose(at_least(h, threshold), one, choose(below(h, threshold), zero, h))


@compiled
def after_spikes(h: Any, s: Any, threshold: Any, v_reset: Any, hard: bool, one: Any) -> Any:
    """Return the potential after spikes s, or none."""
    if hard:
        return s * v_reset + (one - s) * h
    return h - s * threshold


@compiled
def slope(h: Any, threshold: Any, surrogate: int, of_slope: Any, one: Any, zero: Any) -> Any:
    """Return the surrogate's derivative at h - threshold.

    ``of_slope`` holds three lanes: arctan's pi/2 * alpha and alpha / 2, and alpha.
    """
    sharpness, half, alpha = of_slope
    if surrogate == 0:
        z = (h - threshold) * sharpness
        return half / (one + z * z)
    if surrogate == 1:
        z = one / (one + exponential(zero - alpha * (h - threshold)))
        return (one - z) * z * alpha
    if surrogate == 2:
        z = one + alpha * magnitude(h - threshold)
        return one / (z * z)
    if surrogate == 3:
        z = alpha - alpha * alpha * magnitude(h - threshold)
        return choose(below(z, zero), zero, z)
    z = one + magnitude(h - threshold)
    return alpha / (z * z)


@compiled
def through_spikes(
    gs: Any,
    carry: Any,
    h: Any,
    s: Any,
    g: Any,
    threshold: Any,
    v_reset: Any,
    hard: bool,
    detach: bool,
    one: Any,
) -> Any:
    """Return the gradient of h from that of its spikes and of the potential after them.

    ``g`` is the surrogate's slope at h.
    """
    if hard:
        if detach:
            return gs * g + carry * (one - s)
        return gs * g + carry * ((one - s) + (v_reset - h) * g)
    if detach:
        return gs * g + carry
    return gs * g + carry * (one - threshold * g)


@compiled
def through_charge(g: Any, leak: Any, kind: int) -> Any:
    """Return the gradient of the input from that of h."""
    if kind == 0:
        return g
    if kind == 1:
        return g / leak
    return g * leak


@compiled
def carried(g: Any, gx: Any, kind: int) -> Any:
    """Return the gradient of the potential before the step."""
    if kind == 0:
        return g
    return g - gx
