"""Synaptic operations: how often a non-zero input meets a non-zero weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from leanspike.activity.roles import WeightLayer


def count_operations(layer: WeightLayer, inputs: Tensor) -> tuple[int, int]:
    """Count effective and dense synaptic operations of one call.

    Parameters
    ----------
    layer
        A Conv1d, Conv2d, Conv3d or Linear.
    inputs
        ``[entries, C, ...]`` as the layer sees them.

    Returns
    -------
    effective, dense
        Pairs of a non-zero input and a non-zero weight, and of any input and weight. Padding is
        no input. They are NeuroBench's effective operations and its dense ones.

    >>> layer = nn.Linear(3, 2)
    >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 0, 2], [0, 0, 3]]))
    >>> count_operations(layer, torch.tensor([[1.0, 1.0, 0.0]]))
    (1, 6)
    """
    weight = layer.weight.detach()
    if isinstance(layer, nn.Linear):
        fan_out = (weight != 0).sum(0).double()
        fired = (inputs != 0).sum(0).double()
        return int(fired @ fan_out), inputs.shape[0] * weight.numel()
    return (
        _convolve(layer, (inputs != 0).sum(0).double(), (weight != 0).double()),
        _convolve(layer, torch.ones_like(inputs[0], dtype=torch.float64), torch.ones_like(weight))
        * inputs.shape[0],
    )


def _convolve(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d, used: Tensor, weight: Tensor) -> int:
    """Sum a convolution's output over everything; counts stay exact in double precision."""
    groups = layer.groups
    # Summed over the output channels of a group first: one output channel per group is enough.
    fan_out = weight.double().reshape(groups, -1, *weight.shape[1:]).sum(1)
    convolve: Callable[..., Tensor] = (
        functional.conv1d,
        functional.conv2d,
        functional.conv3d,
    )[weight.dim() - 3]
    padding: Any = layer.padding
    if padding == "same":
        # torch warns about even kernels; the count is the same with the padding made here.
        sides: list[int] = []
        for size, dilation in zip(
            reversed(layer.kernel_size), reversed(layer.dilation), strict=True
        ):
            total = dilation * (size - 1)
            sides += [total // 2, total - total // 2]
        used, padding = functional.pad(used, sides), 0
    out = convolve(used[None], fan_out, None, layer.stride, padding, layer.dilation, groups)
    return int(out.sum().round())
