"""Accuracy of a network on a split."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from leanspike.errors import InputError
from leanspike.events import FrameSplit, split_of
from leanspike.nn import ForeignNetwork, SpikingNetwork, as_network
from leanspike.training.batches import Batches, network_input
from leanspike.training.config import Precision


def evaluate(
    net: nn.Module,
    split: FrameSplit | Any,
    *,
    batch_size: int = 64,
    precision: Precision = "32-true",
    device: str | torch.device | None = None,
) -> float:
    """Fraction of recordings whose class has the highest firing rate; ties go to the lower class.

    Parameters
    ----------
    net
        Any torch network, as for `fit`; its mode and place are restored.
    split
        At least one recording; or a loader, data set or arrays of (x, y), which
        :func:`leanspike.events.collect` describes.
    batch_size
        Recordings at a time.
    precision
        As in `TrainingConfig`.
    device
        Where to compute; a GPU if there is one when omitted.

    Raises
    ------
    InputError
        When data and network do not fit.
    """
    split = split_of(split)
    if not len(split):
        raise ValueError("the split is empty")
    net = suited(net, split)
    home = next((p.device for p in net.parameters()), torch.device("cpu"))
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else home))
    right = torch.zeros((), dtype=torch.int64, device=place)
    net.to(place)
    try:
        with evaluating(net), _cast(precision, place):
            for frames, labels in Batches(split, batch_size):
                rates = net(network_input(frames.to(place)))
                if int(labels.max()) >= rates.shape[1]:
                    raise InputError(
                        f"a label is {int(labels.max())}, and the network gives {rates.shape[1]} "
                        "scores",
                        where="data",
                    )
                right += (rates.argmax(1) == labels.to(place)).sum()
    finally:
        net.to(home)
    return int(right) / len(split)


def suited(
    net: nn.Module, split: FrameSplit, *, classes: int | None = None
) -> SpikingNetwork | ForeignNetwork:
    """Return a network as one that takes a split's batches, `network_input`, and gives scores.

    Raises
    ------
    InputError
        When it does not take them, or has fewer outputs than there are classes.
    """
    example = network_input(next(iter(Batches(split, 3)))[0])
    home = next((p.device for p in net.parameters()), torch.device("cpu"))
    found = as_network(net, example.to(home), classes=classes)
    if isinstance(found, SpikingNetwork) and classes is not None and found.config.classes < classes:
        raise InputError(
            f"it tells {found.config.classes} classes apart, and the data has {classes}",
            where="network",
        )
    return found


@contextlib.contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Compute in evaluation mode without gradients; each module's mode is restored."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        # Not inference mode: what networks with states of their own keep could not be written then.
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _cast(precision: Precision, place: torch.device) -> AbstractContextManager[object]:
    if precision == "32-true":
        return contextlib.nullcontext()
    dtype = torch.bfloat16 if precision == "bf16-mixed" else torch.float16
    return torch.autocast(place.type, dtype)
