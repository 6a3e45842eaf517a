"""What runs when a network runs: every product, what goes into it, and the spikes after it.

Hooks tell which module is running, and a dispatch mode sees every operator of torch. A product
(convolution or product of matrices) is a layer. It belongs to the Conv or Linear module that is
running, else to the parameter that it multiplies with; a product of two activations, as in
attention, is named after the module around it. What multiplies and cannot be read as a product is
counted in `left`.

**Which output belongs to a layer.** Outputs are followed through every operator. The first neuron,
activation (`roles.may_be_activation`) or comparison turned into numbers that they reach gives the
layer's outputs: batch norm, pooling or flattening between is passed over, and the neurons are as
many as come out. A module that is no known neuron counts only where it has as many values as the
layer or gives spikes. Where no such thing follows (a readout, a branch of attention), it is the
layer's own output. Several layers whose sum reaches one neuron share it (`Probed.sums_into`).
Where a compiled kernel hides operators, the last layer called is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import prod
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from leanspike.activity.counting import count
from leanspike.activity.operations import Shape, shape_of
from leanspike.activity.origins import NOWHERE, Origin, Origins
from leanspike.activity.products import (
    Convolution,
    Matrix,
    Product,
    multiplies,
    of_module,
    recognise,
    unpadded,
)
from leanspike.activity.roles import (
    is_neuron,
    is_priced,
    may_be_activation,
    membrane_bits,
    unpriced_operations,
    weight_shape,
)

_WEIGHT_OF = re.compile(r"(^|\.)(parametrizations\.weight\..*|weight)$")


@dataclass
class Observed:
    """Non-zero counts of one tensor of one layer over one forward pass.

    Attributes
    ----------
    counts
        One int64 vector per call: non-zeros of each entry of the leading axes.
    by_value
        Non-zeros of each value of an entry, over all entries.
    elements
        Values per entry.
    shape
        Their extents.
    whole
        Whether all values were whole numbers from 0.
    largest
        The largest of them while they were.
    width
        Bits of the values' type.
    """

    counts: list[Tensor] = field(default_factory=list)
    by_value: Tensor | None = None
    elements: int = 0
    shape: tuple[int, ...] = ()
    whole: bool = True
    largest: float = 0.0
    width: int = 1

    @property
    def entries(self) -> int:
        """Entries of all calls."""
        return sum(len(counts) for counts in self.counts)

    def add(self, values: Tensor, entries: int) -> None:
        """Count one call's values, whose leading axes hold `entries` entries."""
        counts = count(values, entries)
        self.counts.append(counts.by_entry)
        new = counts.by_value
        if self.by_value is None or len(self.by_value) == len(new):
            self.by_value = new if self.by_value is None else self.by_value + new
        self.elements = len(new)
        self.shape = _trailing(values, entries)
        self.width = max(self.width, values.element_size() * 8)
        self.whole = self.whole and counts.largest is not None
        if counts.largest is not None:
            self.largest = max(self.largest, counts.largest)


@dataclass
class Probed:
    """One layer over one forward pass.

    Attributes
    ----------
    name
        Of the module, of the parameter, or of the module that multiplies two activations.
    shape
        Its geometry.
    module
        The Conv or Linear, where there is one.
    weight
        The weights as it computed with them; None for a product of activations.
    inputs, weights, outputs, activated, own
        What went in, the second activation, what its neurons gave, what the first activation gave
        that is no known neuron, what it gave itself.
    sums_into
        The layer whose neurons its outputs are added up for; empty where it has its own.
    activation, neuron, state_bits
        What gave `outputs` or else `activated`: its name, whether it is a spiking neuron, and the
        width of its membrane where that is limited.
    """

    name: str
    shape: Shape
    module: nn.Module | None
    weight: Tensor | None
    inputs: Observed = field(default_factory=Observed)
    weights: Observed = field(default_factory=Observed)
    outputs: Observed = field(default_factory=Observed)
    activated: Observed = field(default_factory=Observed)
    own: Observed = field(default_factory=Observed)
    operations: int = 0
    dense_operations: int = 0
    sums_into: str = ""
    activation: str = ""
    neuron: bool = False
    state_bits: int | None = None

    @property
    def entries(self) -> int:
        """Entries of the leading axes, over all calls."""
        return self.inputs.entries

    @property
    def given(self) -> tuple[Observed, bool]:
        """What counts as its outputs, and whether neurons gave it.

        Zeros and ones are spikes, whoever gives them.
        """
        if self.neuron:
            return self.outputs, True
        for found in (self.outputs, self.activated):
            # Something else may have been silent, as neurons are, in some of the calls alone.
            if found.counts and found.entries >= self.activated.entries:
                return found, found.whole and found.largest == 1
        return self.own, False


@dataclass(frozen=True)
class Left:
    """Work that is not measured as a layer: its multiply-accumulates so far, and why."""

    operations: int
    reason: str


@dataclass
class _Running:
    """A module between its start and its end."""

    name: str
    module: nn.Module
    products: int = 0
    seen: bool = False  # whether its own product was
    multiplied: bool = False  # whether anything was, inside it


class Probe(TorchDispatchMode):
    """A context in which every forward pass of a model is recorded.

    Parameters
    ----------
    model
        The model; its hooks are put on at entry and taken off at exit.
    operations
        Whether to count synaptic operations, which costs about one more channel per convolution.

    Attributes
    ----------
    layers
        What was seen since `clear`, by layer name, in the order of first calls.
    left
        What multiplied and is no layer, by name.
    """

    def __init__(self, model: nn.Module, *, operations: bool = True) -> None:
        super().__init__()
        self.model = model
        self.operations = operations
        self.layers: dict[str, Probed] = {}
        self.left: dict[str, Left] = {}
        self._buffers = {name for name, _ in model.named_buffers()}
        self._handles: list[RemovableHandle] = []
        self._settings = ExitStack()
        self.clear(samples=1, steps=None)

    def clear(self, *, samples: int, steps: int | None) -> None:
        """Forget what was seen; the next forward pass has so many samples and time steps."""
        self.layers = {}
        self.left = {}
        self._samples, self._steps = samples, steps
        self._origins = Origins(self.model)
        self._running: list[_Running] = []
        self._open: _Running | None = None  # an activation module, what is inside being its own
        self._hidden = 0  # inside a module whose work is counted as a whole
        self._recent = ""

    def __enter__(self) -> Probe:
        for name, module in self.model.named_modules():
            self._handles.append(module.register_forward_pre_hook(self._start(name)))
            self._handles.append(module.register_forward_hook(self._end, with_kwargs=True))
        # Fused attention would hide its products.
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        self._settings.callback(torch.backends.mha.set_fastpath_enabled, fast)
        self._settings.enter_context(sdpa_kernel(SDPBackend.MATH))
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._settings.close()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func._schema.name.rpartition("::")[2]
        if self._hidden:
            return out
        product = recognise(name, args)
        if product is not None:
            self._multiplied(product, out)
        elif multiplies(name):
            self._leave(f"{self._where()}{name}", 0, "an operator whose work is not known here")
        else:
            given = (*args, *(kwargs or {}).values())
            self._origins.follow(name, given, out)
            if self._makes_spikes(name, args, out):
                self._spiked(out)
        return out

    def _multiplied(self, product: Product, out: Tensor) -> None:
        """Attribute one product to a layer."""
        running = self._running[-1] if self._running else None
        if self._of_weights_alone(product):
            self._origins.follow("", (product.inputs, product.weights), out)
            return
        for around in self._running:
            around.multiplied = True
        own = running is not None and not running.seen and _is_own(running.module, product)
        parameter = ""
        if isinstance(product, Convolution):
            parameter = self._origins.of(product.weights).parameter
            before = self._origins.before_padding(product.inputs)
            if before is not None and not product.transposed:
                product = unpadded(product, *before)
        elif not own:
            left, right = (self._origins.of(t).parameter for t in (product.inputs, product.weights))
            if left and not right:
                product, out = product.turned(), out.mT if out.dim() > 1 else out
            parameter = right or left
        weight: Tensor | None = product.weights
        if own:
            assert running is not None
            running.seen = True
            name = running.name
            module: nn.Module | None = running.module
        elif parameter:
            name, module = self._owner(parameter)
        elif isinstance(product, Convolution):
            self._leave(
                f"{self._where()}convolution",
                product.operations()[1],
                "its kernel is an activation",
            )
            return
        else:
            if running is not None:
                running.products += 1
            nth = running.products if running is not None else 1
            name, module, weight = f"{self._where()}product{nth}", None, None
        if isinstance(product, Matrix) and weight is not None:
            product = _rows(product)
        try:
            shape = shape_of(product, activations=weight is None)
        except ValueError as error:
            self._leave(name, product.operations()[1], str(error))
            return
        probed = self._layer(name or type(self.model).__name__, shape, module, weight)
        self._count(probed, product, out)
        self._origins.set(out, Origin(sources=(probed.name,)))
        self._recent = probed.name

    def _of_weights_alone(self, product: Product) -> bool:
        """Tell whether only parameters are multiplied: what is done once is no work of a sample.

        Buffers may hold a state, but not inside a layer, where they belong to its weights.
        """
        names = [self._origins.of(t).parameter for t in (product.inputs, product.weights)]
        within = any(is_priced(around.module) for around in self._running)
        return all(names) and (within or not self._buffers.intersection(names))

    def _layer(
        self, name: str, shape: Shape, module: nn.Module | None, weight: Tensor | None
    ) -> Probed:
        """Give the record of a layer; one that runs at several sizes is a layer at each."""
        sized, nth = name, 1
        while sized in self.layers and self.layers[sized].shape != shape:
            nth += 1
            sized = f"{name}@{nth}"
        probed = self.layers.setdefault(sized, Probed(sized, shape, module, weight))
        probed.weight = weight
        return probed

    def _count(self, probed: Probed, product: Product, out: Tensor) -> None:
        # What is left of the leading axis is time, batch or both, as the framework has it.
        if isinstance(product, Convolution) or probed.weight is None:
            entries = product.inputs.shape[0]
            probed.inputs.add(product.inputs, entries)
            if probed.weight is None:
                probed.weights.add(product.weights, entries)
        else:
            batch, rows, _ = product.inputs.shape
            grouped = probed.shape.groups > 1
            given = product.inputs.transpose(0, 1) if grouped else product.inputs
            entries = rows if grouped else batch * rows
            probed.inputs.add(given.reshape(entries, -1), entries)
            if grouped:
                out = out.transpose(0, 1)
        probed.own.add(out.reshape(entries, *probed.shape.output), entries)
        if self.operations:
            effective, dense = product.operations()
            probed.operations += effective
            probed.dense_operations += dense

    def _owner(self, parameter: str) -> tuple[str, nn.Module | None]:
        """Name the layer a parameter belongs to: its module's, where that is one."""
        path = _WEIGHT_OF.sub("", parameter)
        if path != parameter:
            module = self.model.get_submodule(path)
            if is_priced(module):
                return path, module
        return parameter, None

    def _where(self) -> str:
        name = self._running[-1].name if self._running else ""
        return f"{name}." if name else ""

    def _leave(self, name: str, operations: int, reason: str) -> None:
        before = self.left.get(name)
        for around in self._running:
            around.multiplied = True
        self.left[name] = Left((before.operations if before else 0) + operations, reason)

    def _start(self, name: str) -> Callable[[nn.Module, Any], None]:
        def hook(module: nn.Module, args: Any) -> None:
            # What runs inside a layer (its quantizer, its accumulator) is part of it.
            part = any(is_priced(around.module) for around in self._running)
            running = _Running(name, module)
            self._running.append(running)
            if self._open is None and not part and module is not self.model:
                self._open = running if may_be_activation(module) else None
            whole = unpriced_operations(module, args)
            if whole is not None:
                if not self._hidden:
                    self._leave(name or type(module).__name__, *whole)
                self._hidden += 1

        return hook

    def _end(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        while self._running and self._running[-1].module is not module:
            self._running.pop()
        if not self._running:
            return
        running = self._running.pop()
        if unpriced_operations(module, args) is not None:
            self._hidden -= 1
            self._recent = ""
            return
        if is_priced(module) and not running.seen and not self._hidden:
            self._hidden_kernel(running, args, kwargs, output)
        if self._open is running:
            self._open = None
            self._activated(running, args, output)

    def _hidden_kernel(self, running: _Running, args: Any, kwargs: Any, output: Any) -> None:
        """Count a layer whose kernel is none of torch's operators."""
        given = args[0] if args else kwargs.get("input")
        if not isinstance(given, Tensor) or not isinstance(output, Tensor):
            return
        if self._origins.of(output).sources:
            return  # made of other products, which were counted
        self._running.append(running)
        self._multiplied(of_module(running.module, given), output.detach())
        self._running.pop()

    def _activated(self, running: _Running, args: Any, output: Any) -> None:
        values = _first_tensor(output)
        if values is None:
            return
        neuron = is_neuron(running.module)
        origin = self._origins.of(values)
        given = _first_tensor(args)
        if not origin.sources and given is not None and not running.multiplied:
            origin = self._origins.of(given)
        if not origin.sources and self._recent and neuron:
            origin = Origin(sources=(self._recent,))
        if origin.sources and self._give(values, origin, running.name, neuron=neuron):
            bits = membrane_bits(running.module)
            for name in origin.sources:
                self.layers[name].state_bits = bits

    def _makes_spikes(self, name: str, args: Sequence[Any], out: Any) -> bool:
        """Tell whether an operator turns a comparison into numbers."""
        if self._open is not None or not isinstance(out, Tensor) or not out.is_floating_point():
            return False
        if name == "where":
            chosen = [t for t in args[1:3] if isinstance(t, Tensor)]
            if any(self._origins.of(t).sources for t in chosen):
                return False  # a choice between values
        elif name == "heaviside":
            return True
        elif name not in ("_to_copy", "to", "type_as"):
            return False
        return self._origins.of(args[0]).compared

    def _spiked(self, values: Tensor) -> None:
        """Take a comparison turned into numbers for spikes, where no module says what it is."""
        origin = self._origins.of(values)
        if origin.sources:
            self._give(values, origin, "a comparison", neuron=True)

    def _give(self, values: Tensor, origin: Origin, activation: str, *, neuron: bool) -> bool:
        """Give activations to the layers that feed them; False where they are not theirs.

        What is no neuron counts until one follows: a filter or a ReLU may stand before it. What
        is all zeros and ones ends there.
        """
        fed = [self.layers[name] for name in origin.sources if name in self.layers]
        spikes = neuron or _are_spikes(values)
        if not fed or (origin.activated and not spikes):
            return False
        order = list(self.layers)
        last = max(fed, key=lambda layer: order.index(layer.name))
        if origin.joined == "other":
            last = fed[0]
        parts = {last.name: values}
        if origin.joined == "concat":
            parts = _side_by_side(values, fed) or parts
        for name, part in parts.items():
            layer = self.layers[name]
            entries = self._entries(part, layer, anyhow=spikes)
            if entries is None:
                return False
            given = layer.outputs if neuron or origin.activated else layer.activated
            given.add(part, entries)
            if neuron or not layer.neuron:
                layer.activation, layer.neuron = activation, neuron
        if origin.joined == "sum":
            for layer in fed:
                if layer is not last:
                    layer.sums_into = last.name
        self._origins.set(values, NOWHERE if spikes else replace(origin, activated=True))
        if spikes:
            self._recent = ""
        return True

    def _entries(self, values: Tensor, layer: Probed, *, anyhow: bool) -> int | None:
        """Count the entries in an activation's leading axes; None where it is not this layer's.

        After pooling there are fewer values than the layer has; neurons and spikes count
        `anyhow`.
        """
        last_call, per_entry = len(layer.own.counts[-1]), layer.own.elements
        shape = values.shape
        splits = [(prod(shape[:i]), prod(shape[i:])) for i in range(values.dim() + 1)]
        fitting = [entries for entries, each in splits if each == per_entry]
        for entries in fitting:
            if entries == last_call:
                return entries
        steps = self._steps or 1
        all_steps = tuple(shape[:2]) in ((steps, self._samples), (self._samples, steps))
        if anyhow and steps > 1 and all_steps and last_call == steps * self._samples:
            return last_call  # pooled by as much as there are samples, which looks like less steps
        for entries in fitting:  # other steps together than the layer's
            if entries % self._samples == 0:
                return entries
        if not anyhow:
            return None
        for wanted in (last_call, self._samples * (self._steps or 1), self._samples):
            if any(entries == wanted for entries, _ in splits):
                return wanted
        return next((entries for entries, _ in splits if entries % self._samples == 0), None)


def _are_spikes(values: Tensor) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _first_tensor(output: Any) -> Tensor | None:
    """Give the tensor that a module puts out; neurons with state put out (spikes, state)."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    return None


def _trailing(values: Tensor, entries: int) -> tuple[int, ...]:
    """Give the extents after the leading axes that hold the entries."""
    held, axis = 1, 0
    while held < entries:
        held *= values.shape[axis]
        axis += 1
    return tuple(values.shape[axis:])


def _side_by_side(values: Tensor, fed: Sequence[Probed]) -> dict[str, Tensor]:
    """Cut activations into those of layers whose channels lie side by side; empty if none fits."""
    channels = [layer.shape.M for layer in fed]
    for axis, extent in enumerate(values.shape):
        if extent == sum(channels):
            return {
                layer.name: part
                for layer, part in zip(fed, values.split(channels, axis), strict=True)
            }
    return {}


def _is_own(module: nn.Module, product: Product) -> bool:
    """Tell whether a product is that of the layer running, by the shape of its weights."""
    if not is_priced(module):
        return False
    found = tuple(product.weights.shape)
    if isinstance(product, Convolution):
        return found == weight_shape(module)
    return found[0] == 1 and found[:0:-1] == weight_shape(module)


def _rows(product: Matrix) -> Matrix:
    """Put the entries of a product with parameters into rows, unless each has its own weights."""
    inputs, weights = product.inputs, product.weights
    if weights.shape[0] > 1 and weights.stride(0) == 0:
        weights = weights[:1]
    if weights.shape[0] == 1:
        inputs = inputs.reshape(1, -1, inputs.shape[-1])
    return Matrix(inputs, weights)
