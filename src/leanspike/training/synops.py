"""Training for few synaptic operations: their number as a part of the loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress import weight_layers
from leanspike.errors import InputError
from leanspike.events import FrameSplit
from leanspike.training.batches import Batches, network_input
from leanspike.training.evaluate import evaluating

Layer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear


def operations(layer: Layer, x: Tensor) -> Tensor:
    """Count the pairs of a spike and a non-zero weight in one call, with a gradient.

    Parameters
    ----------
    layer
        Its weights count where they are not zero; no gradient goes to them.
    x
        What it meets. Spikes count as they are, so that the gradient reaches the neurons that
        sent them through their surrogates; other values count up to 1 each. An input that needs
        no gradient is counted exactly.

    Returns
    -------
    Tensor
        A scalar.

    >>> layer = nn.Linear(3, 2)
    >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 0, 2], [0, 0, 3]]))
    >>> operations(layer, torch.tensor([[1.0, 1.0, 0.0]])).item()
    1.0
    """
    there = (layer.weight != 0).to(x.dtype)
    if x.requires_grad:
        spikes = torch.where(x < 0, -x, x).clamp(max=1)  # of slope 1 at 0 and at 1
    else:
        spikes = (x != 0).to(x.dtype)
    if isinstance(layer, nn.Linear):
        return (spikes.reshape(-1, x.shape[-1]).sum(0) * there.sum(0)).sum()
    # What all output channels of a group want of a value, added up, is one output channel.
    fans = there.unflatten(0, (layer.groups, -1)).sum(1)
    spatial = len(layer.kernel_size)
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    spikes = nn.functional.pad(
        spikes.reshape(-1, *x.shape[-spatial - 1 :]),
        layer._reversed_padding_repeated_twice,
        mode=mode,
    )
    convolve = (nn.functional.conv1d, nn.functional.conv2d, nn.functional.conv3d)[spatial - 1]
    stride: Any = layer.stride
    dilation: Any = layer.dilation
    return convolve(spikes, fans, None, stride, 0, dilation, layer.groups).sum()


@contextmanager
def counted(net: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the operations of every call of every weight layer while it is open."""
    found: list[Tensor] = []

    def count(layer: Any, args: tuple[Tensor, ...]) -> None:
        found.append(operations(layer, args[0]))

    handles = [layer.register_forward_pre_hook(count) for _, layer in weight_layers(net)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True, eq=False)
class OperationsPenalty:
    """What operations cost in the loss: ``weight * operations / reference``, per recording.

    Attributes
    ----------
    weight
        Above 0. At 0.01 all operations of the float network cost as much as a mean squared error
        of its rates of 0.01.
    reference
        Operations of a recording that cost the whole weight; see `of_network`.
    """

    weight: float
    reference: float

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise InputError(f"{self.weight} is not above 0", where="synops")
        if not self.reference > 0:
            raise InputError(
                "the network it is compared with does no operation at all", where="synops"
            )

    @classmethod
    def of_network(cls, net: nn.Module, split: FrameSplit, *, weight: float) -> OperationsPenalty:
        """Compare with what a network does on (up to 256 of) some recordings."""
        total, recordings = 0.0, 0
        with counted(net) as found, evaluating(net):
            for frames, labels in Batches(split, 32):
                net(network_input(frames).to(next(net.parameters()).device))
                recordings += len(labels)
                if recordings >= 256:
                    break
            total = float(sum(found, start=torch.zeros(())))
        return cls(weight, total / recordings)

    def loss(self, found: list[Tensor], recordings: int) -> Tensor:
        """Give the penalty of a batch from its calls' operations."""
        return torch.stack(found).sum() * (self.weight / (self.reference * recordings))
