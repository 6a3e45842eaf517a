"""A network as stages: weight layer, batch norm, neurons, pooling, and what feeds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress.layers import WeightLayer
from leanspike.errors import InputError
from leanspike.export.dynamics import is_neuron
from leanspike.export.wiring import INPUT, Join, Source, find, names

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
    pooled_shape
        The same after pooling.
    norm, neuron, pool
        What follows, in this order; None where it is missing.
    neuron_name, pool_name
        Their names in the model.
    source
        What its input is made of.
    """

    name: str
    layer: WeightLayer
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    norm: _Norm | None = None
    neuron: nn.Module | None = None
    pool: Pool | None = None
    pooled_shape: tuple[int, ...] = ()
    neuron_name: str = ""
    pool_name: str = ""
    source: Source = INPUT


@torch.no_grad()
def trace_stages(
    model: nn.Module,
    example: Tensor,
    *,
    run: Callable[[nn.Module, Tensor], Any] | None = None,
) -> tuple[Stage, ...]:
    """Find the stages of a network, and what feeds each, by running it once.

    A layer's input must be what an earlier stage put out, up to a reshape, or two of such values
    added, multiplied or concatenated, or max pooling of these; within a stage each module's input
    is the output of the one before. What the network does after its last neuron (voting, say) is
    not part of it. Inputs are told by their values, so neurons must fire in the example.

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
        The network has other connections (attention, functional pooling), or holds a module
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
    values: dict[Source, Tensor] = {INPUT: calls[0][2]} if calls else {}
    latest: Tensor | None = None
    for name, module, given, made in calls:
        passes_on = given.numel() == made.numel() and torch.equal(given.flatten(), made.flatten())
        if not isinstance(module, WeightLayer | _Norm | Pool) and not is_neuron(module):
            if passes_on:
                continue  # dropout, flatten, identity
            raise InputError(
                f"{type(module).__name__} is no weight layer, batch norm, neuron or 2-d pooling",
                where=f"module {name!r}",
                remedy="Only networks of these can be exported",
            )
        source = _source(name, module, given, latest, values)
        if source is not None and not isinstance(module, WeightLayer):
            assert isinstance(module, Pool)
            values[Join("max-pool", (source,), square_pool(name, module))] = made
            latest = None
            continue
        _place(stages, name, module, given, made)
        if source is not None:
            stages[-1].source = source
        values.pop(stages[-1].name, None)  # the latest value stands last
        values[stages[-1].name] = latest = made
    if not stages:
        raise InputError("no weight layer ran")
    used = set().union(*(names(stage.source) for stage in stages))
    for stage in stages[:-1]:
        if stage.name not in used:
            raise InputError(
                "nothing was found that takes its spikes",
                where=f"layer {stage.name!r}",
                remedy="Trace with an example in which its neurons fire",
            )
    return tuple(stages)


def _source(
    name: str,
    module: nn.Module,
    given: Tensor,
    latest: Tensor | None,
    values: dict[Source, Tensor],
) -> Source | None:
    """Give what a module's input is made of; None where it goes on with its own stage."""
    where = f"module {name!r}"
    own = latest is not None and given.numel() == latest.numel()
    if not isinstance(module, WeightLayer):
        if latest is None and len(values) == 1:
            return None  # before the first weight layer, where it is out of place
        if own and torch.equal(given.flatten(), latest.flatten()):  # type: ignore[union-attr]
            return None
    if isinstance(module, WeightLayer | nn.MaxPool2d):
        trailing = module.weight.dim() - 1 if isinstance(module, WeightLayer) else 3
        found = find(given, values, trailing=trailing, where=where)
        if found is not None:
            return found
    before = str(list(values)[-1]) or "the network's input"
    raise InputError(
        f"its input is not the output of {before}, nor a sum, product or concatenation of two "
        "earlier outputs",
        where=where,
        remedy="Attention, functional pooling and what is added before a neuron are not exported",
    )


def square_pool(name: str, pool: Pool) -> tuple[int, int]:
    """Give kernel and stride of a max pooling that integers know.

    Raises
    ------
    InputError
        Average pooling, or kernel or stride not square, padding, dilation or ceil_mode.
    """
    kernel, stride = _single(pool.kernel_size), _single(pool.stride)
    plain = isinstance(pool, nn.MaxPool2d) and _single(pool.dilation) == 1
    if (
        not plain
        or kernel is None
        or stride is None
        or _single(pool.padding) != 0
        or pool.ceil_mode
    ):
        raise InputError(
            "only square max pooling without padding, dilation and ceil_mode can be exported",
            where=f"the pooling {name!r}",
        )
    return kernel, stride


def _single(value: int | tuple[int, ...]) -> int | None:
    if isinstance(value, int):
        return value
    return value[0] if len(set(value)) == 1 else None


def _place(stages: list[Stage], name: str, module: nn.Module, given: Tensor, made: Tensor) -> None:
    if isinstance(module, WeightLayer):
        mode = getattr(module, "padding_mode", "zeros")
        if mode != "zeros":
            raise InputError(
                f"it pads with padding_mode={mode!r}; only zeros can be exported",
                where=f"layer {name!r}",
            )
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
        stage.pool, stage.pool_name = module, name
        stage.pooled_shape = tuple(made.shape[-3:])
    elif is_neuron(module) and not late:
        stage.neuron, stage.neuron_name = module, name
    else:
        raise InputError(
            f"{type(module).__name__} is out of order; expected are weight layer, batch norm, "
            "neuron, pooling",
            where=f"module {name!r}",
        )
