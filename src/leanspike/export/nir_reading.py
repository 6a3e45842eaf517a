"""A NIR graph as a torch network of leanspike's neurons."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from leanspike.errors import InputError
from leanspike.export.nir_writing import import_nir
from leanspike.nn import Neuron, NeuronConfig

# A file that declares a hundred times its size beyond a gigabyte holds no weights.
MOST_GROWTH, UNSUSPECTED_BYTES = 100, 1 << 30


class NIRNetwork(nn.Module):
    """A NIR graph without cycles, as a network on ``[T, N, ...]``.

    A node's input is the sum of what its predecessors put out. Modules carry the nodes' names,
    dots replaced by underscores.

    Attributes
    ----------
    compression
        Per weight module, what `to_nir` wrote about it (bits, sparsity, scale).
    """

    def __init__(
        self,
        modules: dict[str, nn.Module],
        feeds: dict[str, list[str]],
        compression: dict[str, dict[str, Any]],
    ) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.compression = compression
        self._feeds = feeds

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[T, N, ...]`` to the output node's values ``[T, N, ...]``."""
        values = {"input": x}
        for name, sources in self._feeds.items():
            given = values[sources[0]]
            for source in sources[1:]:
                given = given + values[source]
            if name == "output":
                return given
            module = self.get_submodule(name)
            if isinstance(module, Neuron):
                values[name] = module(given)
            else:
                steps = given.shape[:2]
                values[name] = module(given.flatten(0, 1)).unflatten(0, steps)
        raise AssertionError("a graph has an output")


class NirAffine(nn.Module):
    """Multiply and shift every value: ``x * gain + shift``, for resistances and leak potentials."""

    def __init__(self, gain: float, shift: float) -> None:
        super().__init__()
        self.gain, self.shift = gain, shift

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return x * self.gain + self.shift


class SumPool(nn.AvgPool2d):
    """Sums over windows."""

    def __init__(self, kernel: Any, stride: Any, padding: Any) -> None:
        super().__init__(kernel, stride, padding, divisor_override=1)


class Above(nn.Module):
    """1 where a value exceeds a threshold, else 0."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return (x > self.threshold).to(x.dtype)


def from_nir(source: Any, *, dt: float | None = None) -> NIRNetwork:
    """Read a network from the Neuromorphic Intermediate Representation.

    Parameters
    ----------
    source
        A ``nir.NIRGraph`` or the path of a file.
    dt
        Seconds per time step; by default what the graph's metadata says, or 1e-4.

    Returns
    -------
    NIRNetwork
        Takes ``[T, N, ...]``. Neurons are integrated with Euler steps of `dt`, as they were
        written by `to_nir`.

    Raises
    ------
    InputError
        A file that cannot be read, a node that is not supported, parameters that differ between
        the neurons of a node (but for the time constant per channel), or a cycle.
    """
    nir = import_nir()
    graph = source if isinstance(source, nir.NIRGraph) else _read(nir, Path(source))
    given = graph.metadata.get("dt") if isinstance(graph.metadata, dict) else None
    try:
        step = float(dt if dt is not None else given if given is not None else 1e-4)
    except (TypeError, ValueError) as error:
        raise InputError(f"a time step of {given!r:.60} s", where="dt") from error
    if not (isfinite(step) and step > 0):
        raise InputError(f"a time step of {step} s", where="dt")
    _check_edges(graph)
    inputs, outputs = list(graph.inputs), list(graph.outputs)
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(f"{len(inputs)} inputs and {len(outputs)} outputs; expected one of each")
    ends = {inputs[0]: "input", outputs[0]: "output"}

    def label(name: str) -> str:
        return ends.get(name, name.replace(".", "_"))

    modules: dict[str, nn.Module] = {}
    compression = {}
    feeds: dict[str, list[str]] = {}
    for name in _in_order(graph):
        sources = [label(a) for a, b in graph.edges if b == name]
        if name == inputs[0]:
            continue
        target = label(name)
        if name != outputs[0]:
            node = graph.nodes[name]
            try:
                before, module = _module(nir, name, node, step)
            except InputError as error:
                raise InputError(error.what, where=error.where or f"node {name!r}") from error
            except _UNFIT as error:
                raise InputError(
                    f"its parameters do not fit each other ({_first_line(error)})",
                    where=f"node {name!r}",
                ) from error
            if _is_maximum(nir, graph, name):
                module = nn.MaxPool2d(*(_ints(v) for v in _pool_sizes(node)))
            elif any(_is_maximum(nir, graph, a) for a, b in graph.edges if b == name):
                module = nn.Identity()  # the threshold that made the sum a maximum
            if before is not None:
                modules[f"{target}_input"] = before
                feeds[f"{target}_input"] = sources
                sources = [f"{target}_input"]
            modules[target] = module
            facts = node.metadata.get("compression") if isinstance(node.metadata, dict) else None
            if facts is not None:
                compression[target] = _facts(facts, name)
        if not sources:
            raise InputError("nothing feeds it", where=f"node {name!r}")
        feeds[target] = sources
    try:
        return NIRNetwork(modules, feeds, compression)
    except (KeyError, TypeError) as error:  # torch refuses some names
        raise InputError(f"a node's name cannot be a module's: {_first_line(error)}") from error


def _facts(text: Any, name: str) -> dict[str, Any]:
    """Read what `to_nir` wrote about a layer's compression."""
    try:
        facts = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise InputError("its notes on compression are damaged", where=f"node {name!r}")
    return facts


#: What torch and numpy raise of parameters that do not fit each other.
_UNFIT = (
    TypeError, ValueError, IndexError, AttributeError, RuntimeError, ArithmeticError, MemoryError,
)  # fmt: skip


def _read(nir: Any, path: Path) -> Any:
    _check_file(path)
    try:
        graph = nir.read(str(path), type_check=False)
    except Exception as error:
        # nir checks little: whatever a file lacks or holds too much ends in an error of Python's.
        raise InputError(f"is no NIR file ({_first_line(error)})", where=str(path)) from error
    if not isinstance(graph, nir.NIRGraph):
        raise InputError("holds a single node, not a graph", where=str(path))
    return graph


def _check_file(path: Path) -> None:
    """Refuse what a file of weights does not need: data from elsewhere, and sizes it has not.

    HDF5 can take data from any other file that the reader may read, and can declare arrays that
    are nowhere stored.
    """
    import h5py

    if not path.is_file():
        raise InputError("no such file", where=str(path))
    declared = 0

    def visit(group: Any, place: str) -> None:
        nonlocal declared
        for name in group:
            where = f"{path}, {place}{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise InputError("a link to data elsewhere, which is not followed", where=where)
            item = group[name]
            if isinstance(item, h5py.Group):
                if place.count("/") > 50:
                    raise InputError("nested too deeply", where=str(path))
                visit(item, f"{place}{name}/")
                continue
            if item.external or item.is_virtual:
                raise InputError("holds data of other files, which are not read", where=where)
            declared += item.size * item.dtype.itemsize if item.size else 0

    try:
        with h5py.File(path) as file:
            visit(file, "")
    except InputError:
        raise
    except Exception as error:
        # h5py raises OSError, RuntimeError, KeyError, ValueError, TypeError or UnicodeDecodeError.
        raise InputError(f"is no NIR file ({_first_line(error)})", where=str(path)) from error
    size = path.stat().st_size
    if declared > max(UNSUSPECTED_BYTES, MOST_GROWTH * size):
        raise InputError(f"declares {declared} bytes of arrays in {size}", where=str(path))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_edges(graph: Any) -> None:
    known = graph.nodes.keys()
    for edge in graph.edges:
        if len(edge) != 2 or any(not isinstance(end, str) or end not in known for end in edge):
            raise InputError(f"the edge {edge!r:.80} has an end that is no node")


def _in_order(graph: Any) -> list[str]:
    """Sort nodes so that each comes after all that feed it."""
    waiting = {name: {a for a, b in graph.edges if b == name} for name in graph.nodes}
    order: list[str] = []
    while waiting:
        ready = [name for name, sources in waiting.items() if not sources & waiting.keys()]
        if not ready:
            raise InputError(f"the nodes {', '.join(waiting)} form a cycle")
        order += ready
        for name in ready:
            del waiting[name]
    return order


def _is_maximum(nir: Any, graph: Any, name: str) -> bool:
    """Tell whether a node sums spikes only for a threshold of one half: a maximum."""
    after = [graph.nodes[b] for a, b in graph.edges if a == name]
    before = [graph.nodes[a] for a, b in graph.edges if b == name]
    return (
        isinstance(graph.nodes[name], nir.SumPool2d)
        and len(before) == len(after) == 1
        and isinstance(before[0], nir.LIF | nir.IF)
        and isinstance(after[0], nir.Threshold)
        and bool((np.asarray(after[0].threshold) == 0.5).all())
    )


def _module(nir: Any, name: str, node: Any, dt: float) -> tuple[nn.Module | None, nn.Module]:
    """Make a node's module, and one that goes before it where a neuron's input is scaled."""
    where = f"node {name!r}"
    makers: dict[type, Callable[[], nn.Module]] = {
        nir.Linear: lambda: _dense(node.weight, None),
        nir.Affine: lambda: _dense(node.weight, node.bias),
        nir.Conv1d: lambda: _convolution(nn.Conv1d, node),
        nir.Conv2d: lambda: _convolution(nn.Conv2d, node),
        nir.Flatten: lambda: nn.Flatten(
            int(node.start_dim) + (int(node.start_dim) >= 0), int(node.end_dim)
        ),
        nir.SumPool2d: lambda: SumPool(*(_ints(v) for v in _pool_sizes(node))),
        nir.AvgPool2d: lambda: nn.AvgPool2d(*(_ints(v) for v in _pool_sizes(node))),
        nir.Threshold: lambda: Above(_single(node.threshold, "threshold", where)),
        nir.Scale: lambda: NirAffine(_single(node.scale, "scale", where), 0.0),
    }
    if isinstance(node, nir.LIF | nir.IF):
        return _neuron(nir, node, dt, where)
    for kind, make in makers.items():
        if isinstance(node, kind):
            return None, make()
    raise InputError(f"{type(node).__name__} is not supported", where=where)


def _dense(weight: Any, bias: Any) -> nn.Module:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    return _fill(layer, weight, bias)


def _convolution(kind: type[nn.Conv1d] | type[nn.Conv2d], node: Any) -> nn.Module:
    weight, groups = node.weight, int(node.groups)
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    layer = kind(
        weight.shape[1] * groups,
        weight.shape[0],
        weight.shape[2:],
        stride=_ints(node.stride),
        padding=padding if isinstance(padding, str) else _ints(padding),
        dilation=_ints(node.dilation),
        groups=groups,
    )
    return _fill(layer, weight, node.bias)


def _fill(layer: nn.Linear | nn.Conv1d | nn.Conv2d, weight: Any, bias: Any) -> nn.Module:
    given = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    for name, values in given.items():
        array = np.array(values)
        if array.dtype not in (np.float32, np.float64, np.float16):
            raise InputError(f"its {name} is of {array.dtype}, expected floats")
        if array.shape != tuple(getattr(layer, name).shape):
            shape = tuple(getattr(layer, name).shape)
            raise InputError(f"its {name} has the shape {array.shape}, expected {shape}")
        if not np.isfinite(array).all():
            raise InputError(f"its {name} has values that are not finite")
        setattr(layer, name, nn.Parameter(torch.from_numpy(array)))
    return layer


def _pool_sizes(node: Any) -> tuple[Any, Any, Any]:
    return node.kernel_size, node.stride, node.padding


def _ints(value: Any) -> Any:
    """Give an int, or a tuple of them."""
    array = np.asarray(value)
    return int(array) if array.ndim == 0 else tuple(int(v) for v in array.ravel())


def _neuron(nir: Any, node: Any, dt: float, where: str) -> tuple[nn.Module | None, nn.Module]:
    threshold = _single(node.v_threshold, "v_threshold", where)
    reset = _single(node.v_reset, "v_reset", where)
    resistance = _single(node.r, "r", where)
    if isinstance(node, nir.IF):
        gain, shift = resistance * dt, 0.0
        config = NeuronConfig(kind="if", threshold=threshold, v_reset=reset)
    else:
        # dv = dt / tau * (v_leak - v + r x) = ((r x + v_leak - v_reset) - (v - v_reset)) / steps
        gain, shift = resistance, _single(node.v_leak, "v_leak", where) - reset
        steps = np.asarray(node.tau, np.float64) / dt
        if not steps.size or not np.isfinite(steps).all():
            raise InputError("tau is not a finite number", where=where)
        tau: float | tuple[float, ...] = _tidy(float(steps.ravel()[0]))
        if np.ptp(steps):
            # One value per channel is what our neurons take.
            per_channel = steps.reshape(steps.shape[0], -1)
            if np.ptp(per_channel, axis=1).any():
                raise InputError("tau differs within a channel", where=where)
            tau = tuple(per_channel[:, 0].tolist())
        config = NeuronConfig(tau=tau, threshold=threshold, v_reset=reset)
    before = None if (_tidy(gain), shift) == (1.0, 0.0) else NirAffine(gain, shift)
    return before, Neuron(config)


def _tidy(value: float) -> float:
    """Undo the rounding of a product and a quotient by dt: 2.0000000000000004 is 2."""
    near = round(value, 9)
    return near if abs(near - value) <= 1e-12 * abs(value) else value


def _single(values: Any, what: str, where: str) -> float:
    array = np.asarray(values, np.float64)
    if not array.size or not np.isfinite(array).all():
        raise InputError(f"{what} is not a finite number", where=where)
    if np.ptp(array):
        raise InputError(f"{what} differs between its neurons", where=where)
    return float(array.ravel()[0])
