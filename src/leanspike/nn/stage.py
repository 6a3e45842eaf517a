"""Batch norm, neurons and max pooling after a convolution."""

from __future__ import annotations

from torch import Tensor, nn

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
    if norm is not None:
        y = norm(y)
    s = neuron(y.unflatten(0, (T, -1))).flatten(0, 1)
    return s if pool is None else pool(s)
