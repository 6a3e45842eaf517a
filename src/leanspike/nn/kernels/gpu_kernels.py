"""A neuron layer over all its steps, forwards and backwards, on the GPU; Triton.

A program handles a block of neurons over all T steps, with their potential in registers. Inputs
and outputs are ``[T, M]``, M neurons in memory order with the channels last; ``leak_ptr`` holds C
values, one per channel, or one for all. ``constants_ptr`` holds threshold, v_reset, alpha and the
arctan's pi * alpha / 2 in the type of the arithmetic, which Triton would otherwise take as float32.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def divide(a, b):  # type: ignore[no-untyped-def]
    """Return a / b rounded as IEEE 754 says; Triton's plain division of float32 is not."""
    if a.dtype == tl.float64:
        c = a / b
    else:
        c = tl.div_rn(a, b)
    return c


@triton.jit
def charge(x, v, leak, v_reset, KIND: tl.constexpr):  # type: ignore[no-untyped-def]
    """h from x and v; KIND is 0 for IF, 1 for LIF, 2 for PLIF."""  # noqa: D403
    if KIND == 0:
        h = v + x
    elif KIND == 1:
        h = v + divide(x - (v - v_reset), leak)
    else:
        h = v + (x - (v - v_reset)) * leak
    return h


@triton.jit
def spike_of(h, threshold):  # type: ignore[no-untyped-def]
    """Return 1 or 0, or NaN for NaN, which a mere comparison would hide."""
    return tl.where(h >= threshold, 1.0, tl.where(h < threshold, 0.0, h)).to(h.dtype)


@triton.jit
def reset_of(h, s, threshold, v_reset, HARD: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return the potential after a spike s, or none."""
    if HARD:
        v = s * v_reset + (1 - s) * h
    else:
        v = h - s * threshold
    return v


@triton.jit
def slope_of(x, alpha, sharpness, SURROGATE: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return the surrogate's derivative at x, ordered as in surrogate.py."""
    if SURROGATE == 0:
        z = x * sharpness
        g = divide(alpha / 2 + 0 * z, 1 + z * z)
    elif SURROGATE == 1:
        z = 1 / (1 + tl.exp(-(alpha * x)))
        g = (1 - z) * z * alpha
    elif SURROGATE == 2:
        z = 1 + alpha * tl.abs(x)
        g = divide(1 + 0 * z, z * z)
    elif SURROGATE == 3:
        z = alpha - alpha * alpha * tl.abs(x)
        g = tl.where(z < 0, 0.0, z).to(x.dtype)
    else:
        z = 1 + tl.abs(x)
        g = divide(alpha + 0 * z, z * z)
    return g


@triton.jit(do_not_specialize=["T"])
def forward(  # type: ignore[no-untyped-def]
    x_ptr,
    s_ptr,
    h_ptr,
    leak_ptr,
    constants_ptr,
    T,
    M,
    C,
    KIND: tl.constexpr,
    HARD: tl.constexpr,
    SPIKES: tl.constexpr,
    STORE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write spikes (if SPIKES) and charged potentials (if STORE), [T, M], from x [T, M]."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < M
    leak = tl.load(leak_ptr + at % C, inside, 1.0)
    threshold = tl.load(constants_ptr)
    v_reset = tl.load(constants_ptr + 1)
    v = 0 * leak + v_reset
    for _ in range(T):
        x = tl.load(x_ptr + at, inside, 0.0).to(leak.dtype)
        h = charge(x, v, leak, v_reset, KIND)
        s = spike_of(h, threshold)
        v = reset_of(h, s, threshold, v_reset, HARD)
        if SPIKES:
            tl.store(s_ptr + at, s.to(s_ptr.dtype.element_ty), inside)
        if STORE:
            tl.store(h_ptr + at, h, inside)
        x_ptr += M
        s_ptr += M
        h_ptr += M


@triton.jit(do_not_specialize=["T"])
def backward(  # type: ignore[no-untyped-def]
    gs_ptr,
    x_ptr,
    h_ptr,
    gx_ptr,
    g_leak_ptr,
    leak_ptr,
    constants_ptr,
    T,
    M,
    C,
    KIND: tl.constexpr,
    HARD: tl.constexpr,
    DETACH: tl.constexpr,
    SURROGATE: tl.constexpr,
    LEARNED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the gradient of x [T, M] from the spikes' [T, M]; if LEARNED, PLIF's leak's [M]."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < M
    leak = tl.load(leak_ptr + at % C, inside, 1.0)
    threshold = tl.load(constants_ptr)
    v_reset = tl.load(constants_ptr + 1)
    alpha = tl.load(constants_ptr + 2)
    sharpness = tl.load(constants_ptr + 3)
    carry = 0 * leak
    g_leak = 0 * leak
    last = (T - 1).to(tl.int64) * M
    gs_ptr += last
    x_ptr += last
    h_ptr += last
    gx_ptr += last
    h = tl.load(h_ptr + at, inside, 0.0)
    for i in range(T):
        gs = tl.load(gs_ptr + at, inside, 0.0).to(leak.dtype)
        slope = slope_of(h - threshold, alpha, sharpness, SURROGATE)
        if HARD:
            kept = 1 - spike_of(h, threshold)
            if not DETACH:
                kept = kept + (v_reset - h) * slope
        else:
            kept = 1 + 0 * h
            if not DETACH:
                kept = kept - threshold * slope
        g = gs * slope + carry * kept
        if KIND == 0:
            gx = g
            carry = g
        elif KIND == 1:
            gx = divide(g, leak)
            carry = g - gx
        else:
            gx = g * leak
            carry = g - gx
        tl.store(gx_ptr + at, gx.to(gx_ptr.dtype.element_ty), inside)
        h_ptr -= M
        # The step before; the first has none, and started from rest.
        earlier = inside & (0 * at + (T - 1 - i) > 0)
        h = tl.load(h_ptr + at, earlier, 0.0)
        if LEARNED:
            x = tl.load(x_ptr + at, inside, 0.0).to(leak.dtype)
            v = reset_of(h, spike_of(h, threshold), threshold, v_reset, HARD)
            v = tl.where(earlier, v, v_reset)
            g_leak += g * (x - (v - v_reset))
        gs_ptr -= M
        x_ptr -= M
        gx_ptr -= M
    if LEARNED:
        tl.store(g_leak_ptr + at, g_leak, inside)
