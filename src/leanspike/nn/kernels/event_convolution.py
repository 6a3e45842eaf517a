"""3x3 convolutions of frames and spikes, computed from the events where these are few."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leanspike.nn.backend import choose_backend

VECTOR = 16
SUMS_BYTES = 8 << 20
"""About how much the weights' gradients of all parts may take together."""


def convolve(layer: nn.Conv2d, x: Tensor, *, backend: str = "auto") -> Tensor:
    """Call ``layer(x)``; on the CPU, where it pays, compute it from the non-zero inputs alone.

    The result differs by the rounding of sums added in another order, and a weight that is NaN
    shows only where there are events. Gradients of the input are dense and always torch's. Any but
    a plain 3x3 convolution with stride and padding 1, without a bias and with a multiple of 16
    outputs, is simply called, and so is one with hooks.

    Parameters
    ----------
    layer
        The convolution; its weight may be parametrized.
    x
        ``[N, C, H, W]``, channels last in memory.
    backend
        Of the neurons that follow; ``"torch"`` calls the layer.
    """
    if not _fits(layer, x, backend):
        return layer(x)
    x = x.contiguous(memory_format=torch.channels_last)
    if not pays(x.shape[1], density(x)):
        return layer(x)
    result: Tensor = _Convolution.apply(x, layer.weight)
    return result


def pays(C: int, share: float) -> bool:
    """Tell whether events are quicker than the dense convolution of C channels.

    By nanoseconds for sixteen outputs of a pixel, measured on a Zen 4 core: 2.8 for each channel
    of the dense convolution; with events 8, 16 more for a pixel that has any, and 5 for each.

    >>> pays(32, 0.2), pays(32, 0.5), pays(2, 0.01)
    (True, False, False)
    """
    events = C * share
    return 8 + 16 * min(1.0, events) + 5 * events < 0.85 * 2.8 * C


def density(x: Tensor) -> float:
    """Return the share of non-zeros of a channels-last ``[N, C, H, W]`` on the CPU."""
    from leanspike.nn.kernels import cpu_event_kernels
    from leanspike.nn.kernels.threads import parts, run_parts

    flat = _rows(x).reshape(-1)
    units = -(-flat.size // VECTOR)
    counts = np.zeros(parts(units), np.int64)
    run_parts(cpu_event_kernels.count, units, flat, counts)
    return int(counts.sum()) / flat.size


def _fits(layer: nn.Conv2d, x: Tensor, backend: str) -> bool:
    return (
        type(layer).forward is nn.Conv2d.forward
        and type(layer)._conv_forward is nn.Conv2d._conv_forward
        and layer.kernel_size == (3, 3)
        and layer.stride == layer.padding == layer.dilation == (1, 1)
        and layer.padding_mode == "zeros"
        and layer.groups == 1
        and layer.bias is None
        and layer.out_channels % VECTOR == 0
        and x.dim() == 4
        and x.numel() > 0
        and x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and not torch.is_autocast_enabled("cpu")
        and not (layer._forward_hooks or layer._forward_pre_hooks)
        and not nn.modules.module._has_any_global_hook()
        and not (layer._backward_hooks or layer._backward_pre_hooks)
        and choose_backend(backend, x.device) == "numba"
    )


def _rows(x: Tensor) -> NDArray[Any]:
    """View a channels-last tensor as ``[N, H, W, C]``."""
    array: NDArray[Any] = x.detach().permute(0, 2, 3, 1).numpy()
    return array


def _units(x: Tensor) -> int:
    from leanspike.nn.kernels.cpu_event_kernels import rows_of_band

    return x.shape[0] * -(-x.shape[2] // int(rows_of_band(x.shape[2], x.shape[3])))


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        from leanspike.nn.kernels import cpu_event_kernels
        from leanspike.nn.kernels.threads import run_parts

        M, C = weight.shape[:2]
        y = x.new_empty(x.shape[0], x.shape[2], x.shape[3], M)
        rows = weight.detach().reshape(M // VECTOR, VECTOR, C, 9).permute(0, 2, 3, 1).contiguous()
        run_parts(cpu_event_kernels.forward, _units(x), _rows(x), rows.numpy(), y.numpy())
        ctx.save_for_backward(x, weight)
        return y.permute(0, 3, 1, 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        from leanspike.nn.kernels import cpu_event_kernels
        from leanspike.nn.kernels.threads import PARTS, parts, run_parts

        x, weight = ctx.saved_tensors
        g = grads[0].contiguous(memory_format=torch.channels_last)
        gx = gw = None
        if ctx.needs_input_grad[0]:
            settings = [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False]
            gx = torch.ops.aten.convolution_backward(g, x, weight, None, *settings)[0]
        if ctx.needs_input_grad[1]:
            x = x.contiguous(memory_format=torch.channels_last)
            M, C = weight.shape[:2]
            size = weight.numel() * weight.element_size()
            most = min(PARTS, max(4, SUMS_BYTES // size))
            units = _units(x)
            sums = x.new_zeros(parts(units, most), M // VECTOR, C, 9, VECTOR)
            kernel = cpu_event_kernels.weight_gradient
            run_parts(kernel, units, _rows(x), _rows(g), sums.numpy(), most=most)
            gw = sums.sum(0).permute(0, 3, 1, 2).reshape(weight.shape)
        return gx, gw
