"""Batch norm, neurons and pooling of a whole layer and sequence as one node of torch's graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leanspike.nn.kernels import cpu_kernels, cpu_norm_kernels, cpu_pooled_kernels
from leanspike.nn.kernels.cpu_blocks import KINDS, SURROGATES, Layer
from leanspike.nn.kernels.cpu_lanes import WIDTH
from leanspike.nn.kernels.threads import parts, run_parts
from leanspike.nn.neuron_config import NeuronConfig

BLOCK = 1024
"""Neurons handled together: a block's potentials over some 20 steps fit a core's L2 cache."""


class Norm(NamedTuple):
    """What batch norm does to a layer's input, per channel ``[C]``."""

    weight: Tensor
    bias: Tensor
    mean: Tensor
    """Of the batch in training, the running one in evaluation."""
    deviation: Tensor
    """1 / sqrt(variance + eps)."""


@dataclass(frozen=True)
class Plan:
    """How to run a layer: everything but its tensors."""

    config: NeuronConfig
    pooled: bool = False
    """Whether to max-pool the spikes 2x2."""
    store: bool = False
    """Whether to keep the membrane potential for the backward pass instead of recomputing it."""
    of_batch: bool = False
    """Whether the norm's statistics are the batch's own, so that gradients flow through them."""


def moments(y: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and (biased) variance per channel ``[C]`` of ``[T, N, C, H, W]``."""
    array = _widened(y.movedim(2, -1).contiguous()).numpy()
    C = array.shape[-1]
    rows = array.size // C
    origin = array.reshape(rows, C)[0]
    tile = np.tile(origin, _repeats(C))
    units = -(-array.size // (tile.size * cpu_norm_kernels.ROWS))
    sums = np.zeros((parts(units), 2, tile.size))
    run_parts(cpu_norm_kernels.moments, units, array.reshape(-1), tile, sums)
    total, square = sums.sum(0).reshape(2, -1, C).sum(1) / rows
    mean = torch.from_numpy(origin + total)
    variance = torch.from_numpy(np.maximum(square - total * total, 0))
    dtype = torch.promote_types(y.dtype, torch.float32)
    return mean.to(dtype), variance.to(dtype)


def fire(y: Tensor, leak: Tensor | float, norm: Norm | None, plan: Plan) -> Tensor:
    """Run one layer over a whole sequence on the CPU.

    Parameters
    ----------
    y
        ``[T, N, ...]``, channels on axis 2.
    leak
        As for ``dynamics.advance``: a number, a scalar tensor, or one value per channel ``[C]``.
    norm
        Batch norm to apply first, or None.
    plan
        The neurons, and whether to pool their spikes 2x2.

    Returns
    -------
    Tensor
        Spikes in the type of ``y``; ``[T, N, C, H // 2, W // 2]`` if pooled, else as ``y``.
    """
    dtype = torch.promote_types(y.dtype, torch.float32)
    if not isinstance(leak, Tensor):
        leak = torch.tensor(leak, dtype=dtype)
    affine = (None,) * 4 if norm is None else norm
    result: Tensor = _Layer.apply(y, leak.to(dtype).reshape(-1), *affine, plan)
    return result


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        y: Tensor,
        leak: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor | None,
        deviation: Tensor | None,
        plan: Plan,
    ) -> Tensor:
        channels_last = plan.pooled or weight is not None or leak.numel() > 1
        channels_last = (channels_last or not y.is_contiguous()) and y.dim() > 2
        y = (y.movedim(2, -1) if channels_last else y).contiguous()
        array = _widened(y).numpy()
        tiles = _Tiles(array, leak, weight, bias, mean, deviation, plan, channels_last)
        stored = plan.store and any(ctx.needs_input_grad)
        membrane = np.empty(array.shape if stored else 0, array.dtype)
        shape = list(array.shape)
        if plan.pooled:
            shape[2:4] = shape[2] // 2, shape[3] // 2
        out = np.empty(shape, array.dtype)
        kernel, units, view = tiles.kernel("forward", out.shape)
        run_parts(
            kernel,
            units,
            view(array),
            view(out),
            view(membrane),
            tiles.layer,
        )
        ctx.save_for_backward(y, leak, weight, bias, mean, deviation)
        ctx.plan, ctx.channels_last, ctx.membrane = plan, channels_last, membrane
        result = torch.from_numpy(out).to(y.dtype)
        return result.movedim(-1, 2) if channels_last else result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        y, leak, weight, bias, mean, deviation = ctx.saved_tensors
        plan: Plan = ctx.plan
        g_out = (grads[0].movedim(2, -1) if ctx.channels_last else grads[0]).contiguous()
        g_array, array = _widened(g_out).numpy(), _widened(y).numpy()
        tiles = _Tiles(array, leak, weight, bias, mean, deviation, plan, ctx.channels_last)
        gx = np.empty_like(array)
        kernel, units, view = tiles.kernel("backward", g_array.shape)
        wants_leak = plan.config.kind == "plif" and ctx.needs_input_grad[1]
        leak_sums = np.zeros((parts(units) if wants_leak else 0, tiles.size))
        norm_sums = np.zeros((0 if mean is None else parts(units), 2, tiles.size))
        run_parts(
            kernel,
            units,
            view(g_array),
            view(array),
            view(ctx.membrane),
            view(gx),
            tiles.layer,
            leak_sums,
            norm_sums,
        )
        g_leak = g_weight = g_bias = None
        if wants_leak:
            by_channel = tiles.by_channel(leak_sums)
            total = by_channel if leak.numel() > 1 else by_channel.sum(keepdims=True)
            g_leak = torch.from_numpy(total).to(leak.dtype)
        if mean is not None:
            g_weight, g_bias = _finish_norm(gx, array, norm_sums, tiles, plan)
        result = torch.from_numpy(gx).to(y.dtype)
        result = result.movedim(-1, 2) if ctx.channels_last else result
        return result, g_leak, g_weight, g_bias, None, None, None


class _Tiles:
    """A layer's per-channel parameters laid out like a block."""

    def __init__(
        self,
        array: NDArray[Any],
        leak: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor | None,
        deviation: Tensor | None,
        plan: Plan,
        channels_last: bool,
    ) -> None:
        self.plan, self.dtype = plan, array.dtype
        self.C = array.shape[-1] if channels_last else 1
        self.size = -(-self.C // WIDTH) * WIDTH if plan.pooled else self.C * _repeats(self.C)
        config, scalar = plan.config, array.dtype.type
        kind, leaks = config.kind, leak.detach().numpy()
        if kind == "lif" and (np.frexp(leaks)[0] == 0.5).all():
            # The same equation: multiplying by 1 / tau is exact for powers of two, and faster.
            kind, leaks = "plif", 1 / leaks
        self.weight, self.mean, self.deviation = weight, mean, deviation
        if weight is None or bias is None or mean is None or deviation is None:
            scale = shift = means = np.empty(0, array.dtype)
        else:
            factor = (weight.detach().double() * deviation.double()).numpy()
            means = mean.double().numpy()
            scale = self.tile(factor)
            shift = self.tile(bias.detach().double().numpy() - means * factor)
            means = self.tile(means)
        self.layer = Layer(
            leak=self.tile(leaks),
            scale=scale,
            shift=shift,
            mean=means,
            kind=KINDS[kind],
            threshold=scalar(config.threshold),
            v_reset=scalar(config.v_reset),
            hard=config.reset == "hard",
            detach=config.detach_reset,
            surrogate=SURROGATES[config.surrogate],
            alpha=scalar(config.alpha),
        )

    def tile(self, values: NDArray[Any]) -> NDArray[Any]:
        """Lay one value, or one per channel, out as the kernels take it.

        Repeated over a block; for pooling, the channels once, padded.
        """
        result = np.ones(self.size, self.dtype)
        if values.size == 1:
            result[:] = values
        elif self.plan.pooled:
            result[: self.C] = values
        else:
            result.reshape(-1, self.C)[:] = values
        return result

    def by_channel(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Add up what the parts found, [parts, ..., size] to [..., C]."""
        total: NDArray[Any] = sums.sum(0)
        if self.plan.pooled:
            return total[..., : self.C]
        return total.reshape(*total.shape[:-1], -1, self.C).sum(-2)

    def kernel(self, name: str, out_shape: tuple[int, ...]) -> tuple[Any, int, Any]:
        """Return a kernel, its number of units, and the view of arrays it takes."""
        if self.plan.pooled:
            units = out_shape[1] * out_shape[2] if all(out_shape) else 0

            def same(array: NDArray[Any]) -> NDArray[Any]:
                return array.reshape(0, 0, 0, 0, 0) if array.ndim == 1 else array

            return getattr(cpu_pooled_kernels, name), units, same

        def flat(array: NDArray[Any]) -> NDArray[Any]:
            if array.ndim == 1:
                return array.reshape(0, 0)
            return array.reshape(array.shape[0], array.size // array.shape[0])

        neurons = int(np.prod(out_shape[1:]))
        return getattr(cpu_kernels, name), -(-neurons // self.size), flat


def _finish_norm(
    gx: NDArray[Any], y: NDArray[Any], norm_sums: NDArray[Any], tiles: _Tiles, plan: Plan
) -> tuple[Tensor, Tensor]:
    """Take ``gx`` back through batch norm, in place; return its weight's and bias's gradients.

    Ioffe and Szegedy 2015, arXiv 1502.03167, the gradients below their eq. 4.
    """
    assert tiles.weight is not None
    assert tiles.deviation is not None
    sum_g, sum_gy = torch.from_numpy(tiles.by_channel(norm_sums))
    deviation, weight = tiles.deviation.double(), tiles.weight.detach().double()
    mean = tiles.mean.double() if tiles.mean is not None else torch.zeros_like(weight)
    g_weight = sum_gy * deviation
    of_g = weight * deviation
    of_y = torch.zeros_like(of_g)
    constant = torch.zeros_like(of_g)
    if plan.of_batch:
        count = y.size // tiles.C
        of_y = -of_g * deviation * g_weight / count
        constant = -of_g * sum_g / count - of_y * mean
    blocks = np.tile(torch.stack((of_g, of_y, constant)).numpy(), _repeats(tiles.C))
    run_parts(
        cpu_norm_kernels.finish,
        -(-y.size // blocks.shape[1]),
        gx.reshape(-1),
        y.reshape(-1),
        *blocks.astype(y.dtype),
    )
    dtype = tiles.weight.dtype
    return g_weight.to(dtype), sum_g.to(dtype)


def _repeats(C: int) -> int:
    return max(1, BLOCK // C)


def _widened(x: Tensor) -> Tensor:
    """Return ``x`` in a type the kernels know: bfloat16 becomes float32."""
    x = x.detach()
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
