"""A network as a NIR graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leanspike.compress.layers import latent_weight
from leanspike.compress.parametrization import compressed
from leanspike.compress.state import accumulator_of
from leanspike.errors import InputError
from leanspike.export.dynamics import Dynamics, read_dynamics
from leanspike.export.integers import output_affine
from leanspike.export.stages import Stage, trace_stages
from leanspike.export.wiring import INPUT, Source
from leanspike.files import replacing


def to_nir(
    model: nn.Module,
    example: Tensor,
    *,
    dt: float = 1e-4,
    run: Callable[[nn.Module, Tensor], Any] | None = None,
) -> Any:
    """Write a network as a graph of the Neuromorphic Intermediate Representation.

    Batch norms are folded into weights, which are those the network computes with: quantized and
    masked. A time constant of tau steps becomes ``tau * dt`` seconds. NIR has no max pooling; on
    spikes it is the same as `SumPool2d` and a `Threshold` of one half. NIR's neurons fire above
    their threshold, ours at it too: only potentials exactly at the threshold tell.

    Each weight node's metadata holds a JSON string ``compression`` with ``bits``, ``sparsity``,
    ``quantizer`` and ``scale`` (per output channel, the batch norm's gain included): weights over
    scale are whole numbers for a linear quantizer.

    Parameters
    ----------
    model
        Weight layers, batch norms, leanspike or SpikingJelly integrate-and-fire neurons, and
        pooling, in a chain or with spikes added between; run once in evaluation mode.
    example
        Input to trace it with.
    dt
        Seconds per time step, in the graph's metadata too.
    run
        How to call the model, ``model(example)`` by default.

    Returns
    -------
    nir.NIRGraph
        Written to a file with `write_nir`.

    Raises
    ------
    InputError
        The network has other connections, or a neuron resets by subtraction, or a membrane or an
        accumulator has few bits, which NIR cannot say.
    """
    nir = import_nir()
    stages = trace_stages(model, example, run=run)
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array(stages[0].input_shape)})}
    edges: list[tuple[str, str]] = []
    ends = {INPUT: ("input", stages[0].input_shape)}  # by stage: its last node and its shape
    for stage in stages:
        sources = [ends[name] for name in _added(stage)]
        parts, shape = _stage(nir, stage, sources[0][1], dt)
        edges += [(end, next(iter(parts))) for end, _ in sources]
        edges += pairwise(parts)
        nodes |= parts
        ends[stage.name] = (list(parts)[-1], shape)
    nodes["output"] = nir.Output({"output": np.array(shape)})
    return nir.NIRGraph(
        nodes=nodes,
        edges=[*edges, (ends[stages[-1].name][0], "output")],
        metadata={"dt": dt},
        type_check=False,
    )


def _stage(
    nir: Any, stage: Stage, shape: tuple[int, ...], dt: float
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Give a stage's nodes in a row, for an input of some shape, and its output's shape."""
    nodes: dict[str, Any] = {}
    if len(shape) > 1 and isinstance(stage.layer, nn.Linear):
        nodes[f"{stage.name}.flatten"] = nir.Flatten({"input": np.array(shape)}, 0, -1)
    nodes[stage.name] = _weights(nir, stage)
    shape = stage.output_shape
    if stage.neuron is not None:
        dynamics = read_dynamics(stage.neuron_name, stage.neuron)
        nodes[stage.neuron_name] = _neuron(nir, stage, dynamics, dt)
    if stage.pool is not None:
        shape = stage.pooled_shape
        nodes |= _pool(nir, stage, shape)
    return nodes, shape


def _added(stage: Stage) -> list[str]:
    """Name the stages whose spikes add up to a stage's input, as edges into one node do in NIR."""

    def names(source: Source) -> list[str]:
        if isinstance(source, str):
            return [source]
        if source.how != "add":
            raise InputError(f"its input is {source}; NIR only adds", where=f"layer {stage.name!r}")
        return [name for part in source.parts for name in names(part)]

    return names(stage.source)


def write_nir(
    model: nn.Module,
    example: Tensor,
    path: str | Path,
    *,
    dt: float = 1e-4,
    run: Callable[[nn.Module, Tensor], Any] | None = None,
) -> Path:
    """Write a network as a NIR file (HDF5); parameters and errors are those of `to_nir`."""
    graph = to_nir(model, example, dt=dt, run=run)
    nir = import_nir()
    with replacing(path) as unfinished:
        nir.write(str(unfinished), graph)
    return Path(path)


def import_nir() -> Any:
    """Give the nir package, or say how to get it."""
    try:
        import nir
    except ImportError as error:
        raise InputError(
            "the package nir is not installed", remedy="pip install 'leanspike[interop]'"
        ) from error
    return nir


def _weights(nir: Any, stage: Stage) -> Any:
    layer = stage.layer
    if accumulator_of(layer) is not None:
        raise InputError(
            "its accumulator has few bits, which NIR cannot say", where=f"layer {stage.name!r}"
        )
    gain, shift = output_affine(stage)
    with torch.no_grad():
        weight = layer.weight.detach().cpu().double()
        weight = weight * gain.reshape(-1, *[1] * (weight.dim() - 1))
    dtype = layer.weight.detach().cpu().numpy().dtype
    arrays = {"weight": weight.numpy().astype(dtype), "bias": shift.numpy().astype(dtype)}
    metadata = {"compression": json.dumps(_compression(stage, gain))}
    if isinstance(layer, nn.Linear):
        return nir.Affine(**arrays, metadata=metadata)
    kind = {3: nir.Conv1d, 4: nir.Conv2d}.get(layer.weight.dim())
    if kind is None:
        raise InputError("NIR has no 3-d convolution", where=f"layer {stage.name!r}")
    one = layer.weight.dim() == 3
    options = {
        name: value if isinstance(value, str) else (value[0] if one else tuple(value))
        for name, value in (
            ("stride", layer.stride),
            ("padding", layer.padding),
            ("dilation", layer.dilation),
        )
    }
    size = stage.input_shape[1] if one else tuple(stage.input_shape[1:])
    return kind(input_shape=size, groups=layer.groups, **options, **arrays, metadata=metadata)


def _compression(stage: Stage, gain: Tensor) -> dict[str, Any]:
    layer = stage.layer
    facts: dict[str, Any] = {"sparsity": float((layer.weight == 0).double().mean())}
    compression = compressed(layer)
    if compression is not None and compression.quantizer is not None:
        quantizer = compression.quantizer
        with torch.no_grad():
            scale = quantizer.scale(latent_weight(layer)).double().cpu()
        scale = scale.reshape(-1).expand(len(gain)) * gain
        facts |= {
            "bits": quantizer.bits,
            "quantizer": type(quantizer).__name__,
            "scale": scale.tolist(),
        }
    return facts


def _neuron(nir: Any, stage: Stage, dynamics: Dynamics, dt: float) -> Any:
    if dynamics.membrane is not None:
        raise InputError(
            "its membrane has few bits, which NIR cannot say", where=f"neuron {stage.neuron_name!r}"
        )
    if dynamics.soft:
        raise InputError(
            "it resets by subtraction, which NIR cannot say", where=f"neuron {stage.neuron_name!r}"
        )

    def full(value: float) -> NDArray[np.float64]:
        return np.full(stage.output_shape, value)

    ends = {"v_threshold": full(dynamics.threshold), "v_reset": full(dynamics.v_reset)}
    if not dynamics.leaky:
        return nir.IF(r=full(1 / dt), **ends)
    return nir.LIF(tau=full(dynamics.tau * dt), r=full(1.0), v_leak=full(dynamics.v_reset), **ends)


def _pool(nir: Any, stage: Stage, shape: tuple[int, ...]) -> dict[str, Any]:
    pool = stage.pool
    assert pool is not None

    def pair(value: Any) -> NDArray[np.int64]:
        return np.broadcast_to(np.array(value, np.int64), (2,)).copy()

    sizes = {
        "kernel_size": pair(pool.kernel_size),
        "stride": pair(pool.stride),
        "padding": pair(pool.padding),
    }
    if pool.ceil_mode or (isinstance(pool, nn.MaxPool2d) and set(pair(pool.dilation)) != {1}):
        raise InputError(
            "NIR's pooling has neither dilation nor ceil_mode",
            where=f"the pooling after layer {stage.name!r}",
        )
    if isinstance(pool, nn.AvgPool2d):
        padded = not pool.count_include_pad and sizes["padding"].any()
        if padded or pool.divisor_override is not None:
            raise InputError(
                "NIR's average counts the padding and divides by the size of the window",
                where=f"the pooling after layer {stage.name!r}",
            )
        return {f"{stage.name}.pool": nir.AvgPool2d(**sizes)}
    return {
        f"{stage.name}.pool": nir.SumPool2d(**sizes),
        f"{stage.name}.any": nir.Threshold(np.full(shape, 0.5)),
    }
