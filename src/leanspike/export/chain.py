"""A network as a chain: weight layer, batch norm, neurons, pooling, again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress.layers import WeightLayer
from leanspike.errors import InputError
from leanspike.export.dynamics import is_neuron

_Norm = nn.modules.batchnorm._BatchNorm
Pool = nn.MaxPool2d | nn.AvgPool2d


@dataclass
class Stage:
    """One weight layer and what follows it before the next.

    Attributes
    ----------
    name
        The weight layer's name in the model.
    layer
        A Conv1d, Conv2d or Linear.
    input_shape
        Shape of one entry of its input, ``[C, H, W]``, ``[C, L]`` or ``[F]``.
    output_shape
        Shape of one entry of its output, before pooling.
    norm, neuron, pool
        What follows, in this order; None where it is missing.
    neuron_name
        The neuron's name in the model.
    """

    name: str
    layer: WeightLayer
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    norm: _Norm | None = None
    neuron: nn.Module | None = None
    pool: Pool | None = None
    neuron_name: str = ""


@torch.no_grad()
def trace_chain(
    model: nn.Module,
    example: Tensor,
    *,
    run: Callable[[nn.Module, Tensor], Any] | None = None,
) -> tuple[Stage, ...]:
    """Find the chain of a network by running it once.

    Every module's input must be the output of the one before, up to a reshape; what the network
    does after its last neuron (voting, say) is not part of the chain.

    Parameters
    ----------
    model
        Any framework's network, run in evaluation mode; one call per module and step.
    example
        Input to run it on.
    run
        How to call the model, ``model(example)`` by default.

    Returns
    -------
    tuple of Stage
        In call order.

    Raises
    ------
    InputError
        The network is no such chain (attention, skips, functional pooling), or holds a module
        that is none of these parts; it names the place.
    """
    calls: list[tuple[str, nn.Module, Tensor, Tensor]] = []
    seen: set[nn.Module] = set()

    def record(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if module not in seen:  # the first time step stands for all
                seen.add(module)
                first = output[0] if isinstance(output, tuple) else output
                calls.append((name, module, args[0].detach(), first.detach()))

        return hook

    handles = []
    inside: set[nn.Module] = set()
    for name, module in model.named_modules():
        part = isinstance(module, WeightLayer | _Norm | Pool) or is_neuron(module)
        if module not in inside and module is not model and (part or not any(module.children())):
            inside.update(module.modules())
            handles.append(module.register_forward_hook(record(name)))
    was_training = model.training
    model.eval()
    try:
        model(example) if run is None else run(model, example)
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    return _link(calls)


def _link(calls: list[tuple[str, nn.Module, Tensor, Tensor]]) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    value: Tensor | None = None
    before = "the input"
    for name, module, given, made in calls:
        passes_on = given.numel() == made.numel() and torch.equal(given.flatten(), made.flatten())
        if not isinstance(module, WeightLayer | _Norm | Pool) and not is_neuron(module):
            if passes_on:
                continue  # dropout, flatten, identity
            raise InputError(
                f"{type(module).__name__} is no weight layer, batch norm, neuron or 2-d pooling",
                where=f"module {name!r}",
                remedy="Only chains of these can be exported",
            )
        if value is not None and not (
            given.numel() == value.numel() and torch.equal(given.flatten(), value.flatten())
        ):
            raise InputError(
                f"its input is not the output of {before}",
                where=f"module {name!r}",
                remedy="Only chains can be exported: no attention, skips or functional pooling",
            )
        _place(stages, name, module, given, made)
        value, before = made, f"module {name!r}"
    if not stages:
        raise InputError("no weight layer ran")
    return tuple(stages)


def _place(stages: list[Stage], name: str, module: nn.Module, given: Tensor, made: Tensor) -> None:
    if isinstance(module, WeightLayer):
        trailing = module.weight.dim() - 1
        stages.append(
            Stage(name, module, tuple(given.shape[-trailing:]), tuple(made.shape[-trailing:]))
        )
        return
    if not stages:
        raise InputError("it comes before the first weight layer", where=f"module {name!r}")
    stage = stages[-1]
    late = stage.neuron is not None or stage.pool is not None
    if isinstance(module, _Norm) and stage.norm is None and not late:
        stage.norm = module
    elif isinstance(module, Pool) and stage.pool is None and stage.neuron is not None:
        stage.pool = module
    elif is_neuron(module) and not late:
        stage.neuron, stage.neuron_name = module, name
    else:
        raise InputError(
            f"{type(module).__name__} is out of order; expected are weight layer, batch norm, "
            "neuron, pooling",
            where=f"module {name!r}",
        )
