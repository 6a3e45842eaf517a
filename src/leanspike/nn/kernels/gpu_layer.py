"""A whole layer of neurons and sequence on the GPU as one node of torch's graph."""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
from torch import Tensor

from leanspike.nn.kernels import gpu_kernels
from leanspike.nn.neuron_config import NeuronConfig

KINDS = {"if": 0, "lif": 1, "plif": 2}
SURROGATES = {"atan": 0, "sigmoid": 1, "fast_sigmoid": 2, "triangle": 3, "super_spike": 4}
BLOCK = 256
"""Neurons per program: two per thread of four warps, which hides memory latency well enough."""


def fire(x: Tensor, leak: Tensor | float, config: NeuronConfig, *, store: bool) -> Tensor:
    """Run one layer over a whole sequence.

    Parameters
    ----------
    x
        ``[T, N, ...]``, channels on axis 2.
    leak
        As for ``dynamics.advance``: a number, a scalar tensor, or one value per channel ``[C]``.
    config
        The dynamics.
    store
        Whether to keep the membrane potential for the backward pass; if not, it is computed again
        there, into memory that is free again after the layer.

    Returns
    -------
    Tensor
        Spikes in the shape, type and memory layout of ``x``.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    if not isinstance(leak, Tensor):
        leak = torch.tensor(leak, dtype=dtype, device=x.device)
    result: Tensor = _Layer.apply(x, leak.to(dtype).reshape(-1), config, store)
    return result


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, leak: Tensor, config: NeuronConfig, store: bool) -> Tensor:
        channels_last = (leak.numel() > 1 or not x.is_contiguous()) and x.dim() > 2
        x = (x.movedim(2, -1) if channels_last else x).contiguous()
        store = store and any(ctx.needs_input_grad)
        s = torch.empty_like(x)
        h = torch.empty_like(x, dtype=leak.dtype) if store else None
        _run_forward(x, s, h, leak, config)
        ctx.save_for_backward(x, leak, h)
        ctx.config, ctx.channels_last = config, channels_last
        return s.movedim(-1, 2) if channels_last else s

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, leak, h = ctx.saved_tensors
        config: NeuronConfig = ctx.config
        gs = (grads[0].movedim(2, -1) if ctx.channels_last else grads[0]).contiguous()
        if h is None:
            h = torch.empty_like(x, dtype=leak.dtype)
            _run_forward(x, None, h, leak, config)
        gx = torch.empty_like(x)
        learned = config.kind == "plif" and ctx.needs_input_grad[1]
        g_leak = torch.empty_like(x[0], dtype=leak.dtype) if learned else None
        T, M = x.shape[0], x[0].numel()
        if M:
            gpu_kernels.backward[(triton.cdiv(M, BLOCK),)](
                gs,
                x,
                h,
                gx,
                gx if g_leak is None else g_leak,
                leak,
                _constants(config, leak),
                T,
                M,
                leak.numel(),
                KINDS[config.kind],
                config.reset == "hard",
                config.detach_reset,
                SURROGATES[config.surrogate],
                learned,
                BLOCK,
                enable_fp_fusion=False,
            )
        if g_leak is not None:
            g_leak = g_leak.reshape(-1, leak.numel()).sum(0)
        return (gx.movedim(-1, 2) if ctx.channels_last else gx), g_leak, None, None


def _run_forward(
    x: Tensor, s: Tensor | None, h: Tensor | None, leak: Tensor, config: NeuronConfig
) -> None:
    T, M = x.shape[0], x[0].numel()
    if M == 0:
        return
    gpu_kernels.forward[(triton.cdiv(M, BLOCK),)](
        x,
        x if s is None else s,
        x if h is None else h,
        leak,
        _constants(config, leak),
        T,
        M,
        leak.numel(),
        KINDS[config.kind],
        config.reset == "hard",
        s is not None,
        h is not None,
        BLOCK,
        # Products and sums are rounded one by one, as in plain torch: the same spikes.
        enable_fp_fusion=False,
    )


def _constants(config: NeuronConfig, leak: Tensor) -> Tensor:
    values = (config.threshold, config.v_reset, config.alpha, math.pi / 2 * config.alpha)
    return torch.tensor(values, dtype=leak.dtype).to(leak.device, non_blocking=True)
