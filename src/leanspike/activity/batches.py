"""What is measured on: batches as loaders give them, turned as a network takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal

import torch
from torch import Tensor, nn

from leanspike.errors import InputError
from leanspike.events import batch_first
from leanspike.nn import ForeignNetwork, SpikingNetwork, as_network

#: Which axis of a batch is time; None where there is none, "found" where the labels tell.
TimeAxis = int | None | Literal["found"]
_REMEDY = "Say with time_axis and step_by_step how it takes its time steps"


def fed(
    model: nn.Module,
    batches: Iterable[Tensor | tuple[Any, Any]],
    time_axis: TimeAxis,
    *,
    step_by_step: bool = False,
) -> tuple[nn.Module, Iterator[tuple[Tensor, int | None]]]:
    """Return the network to call, and its inputs with the axis of each that is time.

    ``leanspike.activity.profile`` describes the parameters.

    Raises
    ------
    InputError
        When the batches are none, or `model` does not take them.
    """
    if time_axis not in (0, 1, None, "found"):
        raise InputError(f"{time_axis} is not 0, 1 or None", where="time_axis")
    read = _read(batches, time_axis)
    first = next(read, None)
    if first is None:
        return model, iter(())
    network, place = model, next((p.device for p in model.parameters()), torch.device("cpu"))
    x, axis, labelled = first
    if time_axis == "found" and labelled and not step_by_step:
        try:
            network = as_network(model, _time_first(x, axis).to(place))
        except InputError as error:
            remedy = f"{error.remedy}. {_REMEDY}" if error.remedy else _REMEDY
            raise InputError(error.what, where=error.where, remedy=remedy) from None
    ours = isinstance(network, SpikingNetwork | ForeignNetwork)
    if ours and axis is None and not _makes_steps(network):
        raise InputError(
            f"a batch of shape {list(x.shape)} has no time steps, and the network makes none",
            where="batches",
            remedy="Repeat every recording over the steps, [N, T, ...], or say time_axis=None for "
            "a network without time",
        )
    turned = (
        (_time_first(x, axis).to(place), 0) if ours and not step_by_step else (x.to(place), axis)
        for x, axis, _ in chain([first], read)
    )
    return network, turned


def _makes_steps(network: nn.Module) -> bool:
    return isinstance(network, ForeignNetwork) and network.convention.takes == "own"


def _time_first(x: Tensor, axis: int | None) -> Tensor:
    return x[None] if axis is None else x.movedim(axis, 0)


def _read(
    batches: Iterable[Tensor | tuple[Any, Any]], time_axis: TimeAxis
) -> Iterator[tuple[Tensor, int | None, bool]]:
    """Yield each batch, its time axis, and whether it came with labels."""
    layout = ""
    for given in batches:
        pair = isinstance(given, tuple | list) and len(given) == 2
        x = _tensor(given[0] if pair else given)
        count = _count(given[1]) if pair else None
        labelled = count is not None and time_axis == "found"
        if x.dim() < (2 if labelled or time_axis is None else 3):
            raise InputError(f"a batch of shape {tuple(x.shape)} has too few axes", where="batches")
        if x.numel() == 0:
            raise InputError(f"a batch of shape {tuple(x.shape)} is empty", where="batches")
        if count is None:
            axis = 0 if time_axis == "found" else time_axis
        elif time_axis == "found":
            _, layout = _layout(x, count, layout)
            static = layout == "N, ..." and x.dim() in (2, 4)
            axis = None if static else int(layout == "N, ...")
        else:
            axis = time_axis
            samples = 0 if axis is None else 1 - axis
            if x.dim() > samples and x.shape[samples] != count:
                raise InputError(
                    f"with time_axis={axis} a batch of shape {list(x.shape)} has "
                    f"{x.shape[samples]} samples, and it comes with {count} labels",
                    where="batches",
                    remedy="Leave time_axis out: the number of labels tells",
                )
        yield x, axis, count is not None


def _layout(x: Tensor, count: int, before: str) -> tuple[Tensor, str]:
    if not before and x.dim() > 2 and x.shape[0] == x.shape[1] == count:
        raise InputError(
            f"the samples may be either axis of a batch of shape {list(x.shape)} with {count} "
            "labels",
            where="batches",
            remedy="Say which one is time: time_axis=0 or time_axis=1",
        )
    return batch_first(x, count, before, where="batches")


def _tensor(given: Any) -> Tensor:
    x = given
    if not isinstance(x, Tensor):
        try:
            x = torch.as_tensor(x) if hasattr(x, "__array__") else None
        except TypeError:  # events, objects
            x = None
        if x is None:
            raise InputError(
                f"found a {type(given).__name__}, expected a tensor or a pair (x, y)",
                where="batches",
            )
    return x if x.is_floating_point() else x.float()


def _count(labels: Any) -> int | None:
    """Return how many labels there are; None where they do not say."""
    shape = getattr(labels, "shape", None)
    if isinstance(labels, int) or shape == ():
        raise InputError(
            "found a single recording with its label, expected batches",
            where="batches",
            remedy="Put a torch DataLoader around the data set",
        )
    if shape is not None:
        return int(shape[0])
    return len(labels) if isinstance(labels, list | tuple) else None
