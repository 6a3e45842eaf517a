"""Quantizer, rounding gradient and mask of a weight as one compiled pass each way, on the CPU.

The modules one by one read and write a weight some six times going forward and ten times going
backward. Which networks can tell: those with large dense layers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from leanspike.compress.quantizers import DuQ, Quantizer, Uniform
from leanspike.compress.quantizers.rounding import ewgs, straight_through


def fits(quantizer: Quantizer, weight: Tensor) -> bool:
    """Tell whether the pass below computes what a quantizer computes on a weight.

    It does for DuQ and Uniform, rounded straight-through or by EWGS, and contiguous float32 and
    float64 weights on the CPU. A subclass or a hooked quantizer does not fit.
    """
    return (
        type(quantizer) in (DuQ, Uniform)
        and _strength(quantizer) is not None
        and weight.device.type == "cpu"
        and weight.dtype in (torch.float32, torch.float64)
        and weight.is_contiguous()
        and weight.numel() > 0
        and not (quantizer._forward_hooks or quantizer._forward_pre_hooks)
    )


def quantize(quantizer: Quantizer, weight: Tensor, mask: Tensor | None) -> Tensor:
    """Give ``quantizer(weight) * mask``, where `fits` says so.

    Parameters
    ----------
    quantizer
        A DuQ or a Uniform.
    weight
        Latent weights, any shape.
    mask
        Bool, of the weights' shape, True where a weight stays; or None.
    """
    rows = weight.shape[0] if quantizer.grid.shape else 1
    scale = quantizer.scale(weight)
    if isinstance(quantizer, DuQ):
        # Clip w / a to 1, then stretch to the codes; hardtanh's gradient ends before its edge.
        inside, edge, gain, closed = quantizer.a.abs(), 1, quantizer.largest, False
    else:
        # Clip w / s to the largest code; clamp's gradient reaches up to its edge.
        inside, edge, gain, closed = scale, quantizer.largest, 1, True
    delta = _strength(quantizer)
    result: Tensor = _Fused.apply(
        weight, inside.reshape(-1), scale.reshape(-1), mask, (rows, edge, gain, closed, delta)
    )
    return result


def _strength(quantizer: Quantizer) -> float | None:
    """Return EWGS's delta, 0 for straight-through, None for other roundings."""
    function = quantizer.grid.rounding
    if function is straight_through:
        return 0.0
    if isinstance(function, partial) and function.func is ewgs and not function.args:
        return float(function.keywords.get("delta", 0.005))
    return None


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        inside: Tensor,
        scale: Tensor,
        mask: Tensor | None,
        plan: tuple[int, int, int, bool, float],
    ) -> Tensor:
        rows, edge, gain, _, _ = plan
        out = torch.empty_like(weight)
        ctx.save_for_backward(weight, inside, scale, mask)
        ctx.plan = plan
        _forward(*_arrays(rows, weight, mask, inside, scale), *_as(weight, edge, gain), _of(out))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weight, inside, scale, mask = ctx.saved_tensors
        rows, edge, gain, closed, delta = ctx.plan
        g_weight = torch.empty_like(weight)
        g_inside, g_scale = torch.zeros_like(inside), torch.zeros_like(scale)
        _backward(
            _of(grads[0].contiguous()).reshape(rows, -1),
            *_arrays(rows, weight, mask, inside, scale),
            *_as(weight, edge, gain, delta),
            closed,
            _of(g_weight).reshape(rows, -1),
            _of(g_inside),
            _of(g_scale),
        )
        return g_weight, g_inside, g_scale, None, None


def _of(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().numpy()
    return array


def _arrays(
    rows: int, weight: Tensor, mask: Tensor | None, inside: Tensor, scale: Tensor
) -> tuple[NDArray[Any], ...]:
    kept = np.empty(0, np.bool_) if mask is None else _of(mask.contiguous())
    flat = kept.reshape(rows, kept.size // rows)
    return _of(weight).reshape(rows, -1), flat, _of(inside), _of(scale)


def _as(weight: Tensor, *values: float) -> tuple[Any, ...]:
    """Give the numbers in the weights' type, or the arithmetic would be wider."""
    kind = np.float32 if weight.dtype == torch.float32 else np.float64
    return tuple(kind(value) for value in values)


compiled: Any = njit(cache=True, nogil=True, error_model="numpy")
summing: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})


@compiled
def _forward(
    weight: Any, mask: Any, inside: Any, scale: Any, edge: Any, gain: Any, out: Any
) -> None:
    """Set out to ``round(clip(w / inside, edge) * gain) * scale * mask``, row by row."""
    flat = out.reshape(weight.shape)
    for r in range(weight.shape[0]):
        for i in range(weight.shape[1]):
            z = min(max(weight[r, i] / inside[r], -edge), edge)
            flat[r, i] = np.rint(z * gain) * scale[r]
        if mask.size:
            for i in range(weight.shape[1]):
                flat[r, i] *= weight.dtype.type(mask[r, i])


@summing
def _backward(
    g: Any,
    weight: Any,
    mask: Any,
    inside: Any,
    scale: Any,
    edge: Any,
    gain: Any,
    delta: Any,
    closed: bool,
    g_weight: Any,
    g_inside: Any,
    g_scale: Any,
) -> None:
    """Set the gradients of the weights, of ``inside`` and of ``scale``.

    ``closed`` says whether the clip's gradient is 1 on its edge. Sums may be added in any order.
    """
    zero, one = g_weight.dtype.type(0), g_weight.dtype.type(1)
    for r in range(weight.shape[0]):
        sum_inside, sum_scale = zero, zero
        for i in range(weight.shape[1]):
            kept = one
            if mask.size:
                kept = g_weight.dtype.type(mask[r, i])
            through = g[r, i] * kept
            z = weight[r, i] / inside[r]
            u = min(max(z, -edge), edge) * gain
            code = np.rint(u)
            sum_scale += through * code
            through *= scale[r]
            through += delta * abs(through) * (u - code)
            within = abs(z) < edge or (closed and abs(z) == edge)
            through = through * gain if within else zero
            g_weight[r, i] = through / inside[r]
            sum_inside -= through / inside[r] * z
        g_inside[r] = sum_inside
        g_scale[r] = sum_scale
