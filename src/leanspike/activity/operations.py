"""Synaptic operations: how often a non-zero input meets a non-zero weight."""

from __future__ import annotations

from torch import Tensor

from leanspike.activity.products import of_module
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

    >>> from torch import nn, tensor
    >>> layer = nn.Linear(3, 2)
    >>> _ = layer.weight.data.copy_(tensor([[1.0, 0, 2], [0, 0, 3]]))
    >>> count_operations(layer, tensor([[1.0, 1.0, 0.0]]))
    (1, 6)
    """
    return of_module(layer, inputs).operations()
