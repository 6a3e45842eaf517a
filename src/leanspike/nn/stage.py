"""Batch norm, neurons and max pooling after a weight layer, as one kernel where possible."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leanspike.nn.backend import choose_backend
from leanspike.nn.neuron import Neuron


def fire(
    y: Tensor,
    T: int,
    neuron: Neuron,
    *,
    norm: nn.BatchNorm2d | None = None,
    pool: nn.MaxPool2d | None = None,
) -> Tensor:
    """Turn a weight layer's outputs into spikes.

    On the CPU all of it is one kernel that never writes the normalised inputs or the unpooled
    spikes. It steps aside, and each module is called by itself, where anything is hooked onto one
    of them (to measure its output, say) or a module is not of the plain kind.

    Parameters
    ----------
    y
        ``[T*N, C, H, W]`` from a convolution, or ``[T*N, F]`` from a dense layer.
    T
        Time steps.
    neuron, norm, pool
        The layers, applied in the order norm, neuron, pool.

    Returns
    -------
    Tensor
        Spikes ``[T*N, C, P, Q]`` (pooled), or ``[T*N, F]``.
    """
    if _fuses(y, neuron, norm, pool):
        return _fire_as_one(y.unflatten(0, (T, -1)), neuron, norm, pool).flatten(0, 1)
    if norm is not None:
        y = norm(y)
    s = neuron(y.unflatten(0, (T, -1))).flatten(0, 1)
    return s if pool is None else pool(s)


def _fuses(
    y: Tensor, neuron: Neuron, norm: nn.BatchNorm2d | None, pool: nn.MaxPool2d | None
) -> bool:
    # A subclass may have its own idea of what neurons do.
    if type(neuron) is not Neuron or (norm is None and pool is None):
        return False
    if any(_watched(module) for module in (neuron, norm, pool) if module is not None):
        return False
    if choose_backend(neuron.backend, y.device) != "numba" or not neuron.has_kernel:
        return False
    if norm is not None and not (
        type(norm) is nn.BatchNorm2d
        and norm.affine
        and norm.track_running_stats
        and norm.momentum is not None
        # torch's own refuses to take the variance of a single value; let it say so.
        and y.numel() > norm.num_features
    ):
        return False
    return pool is None or (
        type(pool) is nn.MaxPool2d
        and y.dim() == 4
        and y.numel() > 0
        and {_pair(pool.kernel_size), _pair(pool.stride)} == {(2, 2)}
        and _pair(pool.padding) == (0, 0)
        and _pair(pool.dilation) == (1, 1)
        and not pool.ceil_mode
        and not pool.return_indices
    )


def _fire_as_one(
    y: Tensor, neuron: Neuron, norm: nn.BatchNorm2d | None, pool: nn.MaxPool2d | None
) -> Tensor:
    from leanspike.nn.kernels import cpu_layer

    of_batch = norm is not None and norm.training
    plan = cpu_layer.Plan(
        neuron.config, pooled=pool is not None, store=neuron.store, of_batch=of_batch
    )
    values = None
    if norm is not None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        if of_batch:
            mean, variance = cpu_layer.moments(y)
            _track(norm, mean, variance, y.numel() // y.shape[2])
        else:
            mean, variance = norm.running_mean, norm.running_var
        deviation = torch.rsqrt(variance + norm.eps)
        values = cpu_layer.Norm(norm.weight, norm.bias, mean, deviation)
    return cpu_layer.fire(y, neuron.leak(), values, plan)


@torch.no_grad()
def _track(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Move the running statistics towards the batch's, as torch's batch norm does."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), norm.momentum)
    unbiased = variance.to(norm.running_var.dtype) * (count / (count - 1))
    norm.running_var.lerp_(unbiased, norm.momentum)


def _watched(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


def _pair(value: int | tuple[int, ...] | None) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value or ())
