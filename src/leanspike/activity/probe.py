"""Hooks that count non-zeros going into each weight layer and out of the neurons after it.

**Which output belongs to a weight layer.** The output of the first module called after the layer
that is a neuron or an activation (`roles.may_be_activation`), before the next weight layer is
called. Pooling after the neuron is thus left out, and batch normalisation between is passed over.
A module that is no known neuron counts only where it has as many values as the layer's own output.
Where no such module follows (the branches of an attention block, a readout) it is the layer's own
output. The pairing is made anew at every call, so that one neuron object used after several
layers, or one called step by step, is attributed rightly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from leanspike.activity.counting import count
from leanspike.activity.operations import count_operations
from leanspike.activity.roles import (
    WeightLayer,
    is_barrier,
    is_neuron,
    is_weight_layer,
    may_be_activation,
    membrane_bits,
)


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
    whole: bool = True
    largest: float = 0.0
    width: int = 1

    def add(self, values: Tensor, entries: int) -> None:
        """Count one call's values, whose leading axes hold `entries` entries."""
        counts = count(values, entries)
        self.counts.append(counts.by_entry)
        new = counts.by_value
        self.by_value = new if self.by_value is None else self.by_value + new
        self.elements = len(new)
        self.width = max(self.width, values.element_size() * 8)
        self.whole = self.whole and counts.largest is not None
        if counts.largest is not None:
            self.largest = max(self.largest, counts.largest)


@dataclass
class Probed:
    """One weight layer over one forward pass."""

    name: str
    layer: WeightLayer
    inputs: Observed = field(default_factory=Observed)
    outputs: Observed = field(default_factory=Observed)
    own: Observed = field(default_factory=Observed)
    operations: int = 0
    dense_operations: int = 0
    activation: str = ""
    neuron: bool = False
    state_bits: int | None = None  # of the neuron's membrane, where it is limited
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()

    @property
    def entries(self) -> int:
        """Entries of the leading axes, over all calls."""
        return sum(len(counts) for counts in self.inputs.counts)


class Probe:
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
    """

    def __init__(self, model: nn.Module, *, operations: bool = False) -> None:
        self.model = model
        self.operations = operations
        self.layers: dict[str, Probed] = {}
        self._handles: list[RemovableHandle] = []
        self._pending: Probed | None = None  # the layer that waits for its activation
        self._open: list[tuple[nn.Module, Probed]] = []  # activations being computed
        self._last: tuple[nn.Module, Probed] | None = None  # for neurons called step by step

    def clear(self) -> None:
        """Forget what was seen."""
        self.layers = {}
        self._pending = self._last = None
        self._open.clear()

    def __enter__(self) -> Probe:
        inside: set[nn.Module] = set()
        for name, module in self.model.named_modules():
            if module in inside:
                continue
            if is_barrier(module):
                inside.update(module.modules())
                self._handles.append(module.register_forward_pre_hook(self._barrier))
                if is_weight_layer(module):
                    self._handles.append(
                        module.register_forward_hook(self._layer_hook(name), with_kwargs=True)
                    )
            elif module is not self.model and may_be_activation(module):
                self._handles.append(module.register_forward_pre_hook(self._begin))
                self._handles.append(module.register_forward_hook(self._end_hook(name)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _barrier(self, module: nn.Module, args: Any) -> None:
        self._pending = self._last = None

    def _layer_hook(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Tensor) -> None:
            assert isinstance(module, WeightLayer)
            given = args[0] if args else kwargs["input"]
            seen = self.layers.setdefault(name, Probed(name, module))
            # What is left of these axes is time, batch or both, as the framework has it.
            trailing = module.weight.dim() - 1
            entries = prod(given.shape[: given.dim() - trailing])
            seen.input_shape = tuple(given.shape[given.dim() - trailing :])
            seen.output_shape = tuple(output.shape[output.dim() - trailing :])
            seen.inputs.add(given, entries)
            seen.own.add(output, entries)
            if self.operations:
                entry = given.detach().reshape(entries, *seen.input_shape)
                effective, dense = count_operations(module, entry)
                seen.operations += effective
                seen.dense_operations += dense
            self._pending = seen

        return hook

    def _begin(self, module: nn.Module, args: Any) -> None:
        if self._open:
            return
        if self._pending is not None:
            self._open.append((module, self._pending))
            self._pending = None
        elif self._last is not None and self._last[0] is module:
            self._open.append(self._last)

    def _end_hook(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if not self._open or self._open[-1][0] is not module:
                return
            seen = self._open.pop()[1]
            values = _first_tensor(output)
            entries = None if values is None else _entries(values, seen, is_neuron(module))
            if values is None or entries is None:
                self._pending = seen
                return
            seen.outputs.add(values, entries)
            seen.activation, seen.neuron = name, is_neuron(module)
            seen.state_bits = membrane_bits(module)
            self._pending, self._last = None, (module, seen)

        return hook


def _first_tensor(output: Any) -> Tensor | None:
    """Give the tensor that a module puts out; neurons with state put out (spikes, state)."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    return None


def _entries(values: Tensor, seen: Probed, neuron: bool) -> int | None:
    """Count the entries in an activation's leading axes; None where it is not this layer's."""
    last_call, per_entry = len(seen.own.counts[-1]), seen.own.elements
    splits = [
        (prod(values.shape[:axes]), prod(values.shape[axes:])) for axes in range(values.dim() + 1)
    ]
    for entries, each in splits:
        # A neuron after pooling has fewer values than its layer, and is known to be a neuron.
        if entries == last_call and (each == per_entry or neuron):
            return entries
    for entries, each in splits:
        if each == per_entry:  # called step by step after a layer that took all steps at once
            return entries
    return values.shape[0] if neuron and values.dim() else None
