"""Accuracy of a network on a split."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import nn

from leanspike.events import FrameSplit
from leanspike.training.batches import Batches, network_input
from leanspike.training.config import Precision


def evaluate(
    net: nn.Module,
    split: FrameSplit,
    *,
    batch_size: int = 64,
    precision: Precision = "32-true",
    device: str | torch.device | None = None,
) -> float:
    """Fraction of recordings whose class has the highest firing rate; ties go to the lower class.

    Parameters
    ----------
    net
        Input [T, N, C, H, W] to firing rates [N, classes]; its mode and place are restored.
    split
        At least one recording.
    batch_size
        Recordings at a time.
    precision
        As in `TrainingConfig`.
    device
        Where to compute; a GPU if there is one when omitted.
    """
    if not len(split):
        raise ValueError("the split is empty")
    home = next((p.device for p in net.parameters()), torch.device("cpu"))
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else home))
    right = torch.zeros((), dtype=torch.int64, device=place)
    net.to(place)
    try:
        with evaluating(net), _cast(precision, place):
            for frames, labels in Batches(split, batch_size):
                rates = net(network_input(frames.to(place)))
                right += (rates.argmax(1) == labels.to(place)).sum()
    finally:
        net.to(home)
    return int(right) / len(split)


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
