"""measure and profile: run a model on real input and see what hardware would see."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.activity.batches import TimeAxis, fed
from leanspike.activity.counting import by_step
from leanspike.activity.operations import Shape
from leanspike.activity.probe import Left, Observed, Probe, Probed
from leanspike.activity.records import Activity, LayerActivity
from leanspike.activity.roles import is_priced
from leanspike.compress.widths import bits_of_values
from leanspike.compress.widths import weight_bits as bits_of_layer
from leanspike.errors import InputError
from leanspike.hardware.workload.workload import Bits, Densities, Density, Layer, LeftOut, Workload
from leanspike.nn import ForeignNetwork, reset_states


@dataclass
class _Tally:
    """One tensor of one layer over all batches."""

    counts: list[Tensor] = field(default_factory=list)  # [steps, samples] each
    elements: int = 0  # per sample and step
    bits: int = 1

    @property
    def densities(self) -> Tensor:
        """Fraction of non-zeros, ``[steps, samples]``."""
        return torch.cat(self.counts, dim=1).double() / self.elements

    @property
    def density(self) -> Density:
        """Mean and maximum over samples and steps, from whole counts."""
        counts = torch.cat(self.counts, dim=1)
        mean = int(counts.sum()) / (counts.numel() * self.elements)
        return Density(mean=mean, max=int(counts.max()) / self.elements)


@dataclass
class _Seen:
    """One layer over all batches."""

    last: Probed
    steps: int
    inputs: _Tally = field(default_factory=_Tally)
    weights: _Tally = field(default_factory=_Tally)
    outputs: _Tally = field(default_factory=_Tally)
    shape: tuple[int, ...] = ()  # of one entry of the outputs
    fired: Tensor | None = None  # by output value
    entries: int = 0  # behind `fired`
    neuron: bool = False
    activation: str = ""
    sums_into: str = ""
    operations: int = 0
    dense_operations: int = 0


def measure(
    model: nn.Module,
    batches: Iterable[Tensor | tuple[Any, Any]],
    *,
    time_axis: TimeAxis = "found",
    step_by_step: bool = False,
    weight_bits: int | Mapping[str, int] | None = None,
    reset: Callable[[nn.Module], None] = reset_states,
    on_output: Callable[[Any], object] | None = None,
    name: str = "",
) -> Workload:
    """Measure shapes and densities of every Conv1d, Conv2d, Conv3d and Linear layer.

    `profile` without the counting of operations; see there for parameters and errors.

    Returns
    -------
    Workload
        One layer per weight layer, in the order of their first calls, for one sample (``N = 1``):
        T calls per sample, density of weights, and of inputs (as the layer sees them) and outputs
        mean and maximum over (sample, time step).

    >>> model = nn.Sequential(nn.Linear(4, 2, bias=False), nn.ReLU())
    >>> x = torch.tensor([[[1.0, 0, 0, 0]], [[1, 1, 0, 0]]])  # T = 2, N = 1
    >>> layer = measure(model, [x]).layers[0]
    >>> layer.T, layer.density.inputs
    (2, Density(mean=0.375, max=0.5))
    """
    return profile(
        model,
        batches,
        time_axis=time_axis,
        step_by_step=step_by_step,
        weight_bits=weight_bits,
        reset=reset,
        on_output=on_output,
        name=name,
        operations=False,
    ).workload


def profile(
    model: nn.Module,
    batches: Iterable[Tensor | tuple[Any, Any]],
    *,
    time_axis: TimeAxis = "found",
    step_by_step: bool = False,
    weight_bits: int | Mapping[str, int] | None = None,
    reset: Callable[[nn.Module], None] = reset_states,
    on_output: Callable[[Any], object] | None = None,
    name: str = "",
    operations: bool = True,
) -> Activity:
    """Measure how every Conv1d, Conv2d, Conv3d and Linear layer is used and how its neurons fire.

    The model runs in evaluation mode without gradients and is left in the mode it was in. Which
    output counts as a layer's is stated in `leanspike.activity.probe`.

    Parameters
    ----------
    model
        Any torch model; a prepared one is measured as it computes, quantized and masked.
    batches
        A loader of pairs (x, y), or inputs alone.
    time_axis
        Which axis of a batch is time: 0 for ``[T, N, ...]``, 1 for ``[N, T, ...]``; None for
        ``[N, ...]`` and a model that makes its own time steps. The model is called with just that.

        Where it is left out, the number of labels tells (``[N, F]`` and ``[N, C, H, W]`` have no
        time), and the model is called as trial calls find it to work (:func:`leanspike.nn.adapt`);
        inputs without labels are ``[T, N, ...]``, and the model is called with that.
    step_by_step
        Call the model once per time step, with ``[N, ...]``, as time-loop frameworks do.
    weight_bits
        Bits per weight of all layers or by layer name; by default the quantizer's, and the float
        type's width where there is none.
    reset
        Called with the model before each batch and after the last, to forget states.
    on_output
        Called with what the model returns, for every batch (every time step with `step_by_step`).
    name
        Name of the workload; the model's class by default.
    operations
        Whether to count synaptic operations.

    Raises
    ------
    InputError
        No batch, no weight layer that ran, a layer whose entries cannot be told apart by sample,
        or a model that does not take the batches.
    """
    if step_by_step and time_axis is None:
        raise InputError("step_by_step needs a time axis", where="time_axis")
    was_training = model.training
    network, inputs = fed(model, batches, time_axis, step_by_step=step_by_step)
    # A network that was adapted turns its input itself, or repeats it.
    takes = network.convention.takes if isinstance(network, ForeignNetwork) else None
    network.eval()
    seen: dict[str, _Seen] = {}
    left: dict[str, Left] = {}
    total = 0
    try:
        with torch.no_grad(), Probe(network, operations=operations) as probe:
            for batch, axis in inputs:
                samples, steps = _extents(batch, axis)
                steps = None if takes == "own" else steps
                time_first = axis != 1 if takes is None else "batch-first" not in takes
                reset(model)
                probe.clear(samples=samples, steps=steps)
                outputs = _run(network, batch, axis if step_by_step else None)
                _add(left, probe.left)
                common = steps if steps is not None else _own_steps(probe, samples)
                for layer_name, probed in probe.layers.items():
                    if probed.entries % samples and probed.module is None:
                        work = Left(probed.dense_operations, "it does not run once per sample")
                        _add(left, {layer_name: work})
                        continue
                    _gather(seen, layer_name, probed, samples, common, time_first=time_first)
                total += samples
                if on_output is not None:
                    for output in outputs:
                        on_output(output)
    finally:
        reset(model)
        model.train(was_training)
    if not seen:
        raise InputError(
            "no batch was given"
            if total == 0
            else "nothing ran that can be priced as a layer (a convolution, a Linear layer or a "
            "product of matrices)",
            where=type(model).__name__,
        )
    return Activity(
        name=name or type(model).__name__,
        samples=total,
        layers=tuple(
            _record(n, s, weight_bits, total if operations else None) for n, s in seen.items()
        ),
        left_out=tuple(
            LeftOut(name=n, operations=one.operations / total, reason=one.reason)
            for n, one in left.items()
        ),
        never_ran=tuple(
            n for n, module in model.named_modules() if is_priced(module) and not _ran(n, seen)
        ),
    )


def _run(model: nn.Module, batch: Tensor, steps: int | None) -> list[Any]:
    """Run a model on a batch, whole or step by step along an axis; return what it gives."""
    outputs = []
    try:
        for given in [batch] if steps is None else batch.unbind(steps):
            outputs.append(model(given))
    except InputError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        raise InputError(
            f"the network fails on an input of shape {tuple(given.shape)}: {error}",
            where=type(model).__name__,
            remedy="Say with time_axis and step_by_step how it takes its time steps",
        ) from error
    return outputs


def _add(left: dict[str, Left], more: Mapping[str, Left]) -> None:
    for name, one in more.items():
        before = left[name].operations if name in left else 0
        left[name] = Left(before + one.operations, one.reason)


def _own_steps(probe: Probe, samples: int) -> int | None:
    """Give the time steps of a model that makes its own: of its convolutions, or their neurons."""
    runs = [
        observed.entries // samples
        for probed in probe.layers.values()
        if not (probed.shape.dense or probed.shape.activations)
        for observed in (probed.inputs, probed.given[0])
    ]
    return max(runs, default=None)


def _ran(name: str, seen: Mapping[str, _Seen]) -> bool:
    return any(key == name or key.startswith(f"{name}@") for key in seen) or not name


def _extents(batch: Tensor, time_axis: int | None) -> tuple[int, int | None]:
    """Give the number of samples and of time steps (None where the model makes its own)."""
    if time_axis is None:
        return batch.shape[0], None
    return batch.shape[1 - time_axis], batch.shape[time_axis]


def _gather(
    seen: dict[str, _Seen],
    name: str,
    probed: Probed,
    samples: int,
    steps: int | None,
    *,
    time_first: bool,
) -> None:
    if probed.entries % samples:
        raise InputError(
            f"it ran on {probed.entries} entries for {samples} samples",
            where=f"layer {name!r}",
            remedy="Say which axis of the input is time with time_axis",
        )
    layer_steps = probed.entries // samples
    if probed.shape.dense or probed.shape.activations:
        # What is over is positions or heads.
        if steps is not None and layer_steps % steps == 0:
            layer_steps = steps
        elif probed.shape.activations:
            layer_steps = 1
    kept = seen.setdefault(name, _Seen(probed, layer_steps))
    kept.last = probed
    if layer_steps != kept.steps:
        raise InputError(
            f"it ran {layer_steps} times a sample, and {kept.steps} in an earlier batch",
            where=f"layer {name!r}",
            remedy="Give batches of equal time steps",
        )
    outputs, neuron = probed.given
    tallies = [(kept.inputs, probed.inputs), (kept.outputs, outputs)]
    if probed.weight is None:
        tallies.append((kept.weights, probed.weights))
    for tally, observed in tallies:
        entries = observed.entries
        if entries % (samples * layer_steps):
            raise InputError(
                f"{probed.activation or 'its output'} gave {entries} entries for {samples} samples "
                f"and {layer_steps} time steps",
                where=f"layer {name!r}",
                remedy="Say which axis of the input is time with time_axis",
            )
        counts = by_step(observed.counts, samples, layer_steps, time_first=time_first)
        tally.counts.append(counts)
        tally.elements = observed.elements * entries // counts.numel()
        tally.bits = max(tally.bits, _bits(observed))
    assert outputs.by_value is not None
    if kept.fired is None or len(kept.fired) == len(outputs.by_value):
        kept.fired = outputs.by_value if kept.fired is None else kept.fired + outputs.by_value
        kept.entries += outputs.entries
    kept.shape = outputs.shape
    kept.neuron = kept.neuron or neuron
    kept.activation = probed.activation or kept.activation
    kept.sums_into = probed.sums_into or kept.sums_into
    kept.operations += probed.operations
    kept.dense_operations += probed.dense_operations


def _bits(observed: Observed) -> int:
    """Bits of a value: 1 for spikes, enough for whole numbers, else the float type's width."""
    if not observed.whole:
        return observed.width
    return max(1, min(int(observed.largest).bit_length(), 64))


def _record(
    name: str, seen: _Seen, given: int | Mapping[str, int] | None, samples: int | None
) -> LayerActivity:
    probed = seen.last
    shape = probed.shape
    positions = seen.inputs.elements // _per_entry(shape)
    bounds = shape.bounds(positions)
    if probed.weight is None:
        weights, bits = seen.weights.density, seen.weights.bits
    else:
        nonzero = float((probed.weight != 0).double().mean())
        weights, bits = Density(mean=nonzero, max=nonzero), _weight_bits(name, probed, given)
    inputs = seen.inputs.density
    if shape.within < 1:  # slices of padding are no inputs
        inputs = Density(mean=inputs.mean * shape.within, max=inputs.max * shape.within)
    widths = {"weights": bits, "inputs": seen.inputs.bits, "outputs": seen.outputs.bits}
    if probed.state_bits is not None:
        widths["state"] = probed.state_bits
    if seen.sums_into:  # what leaves is a partial sum
        widths["outputs"] = Bits().partial_sums
    layer = Layer(
        name=name,
        T=seen.steps,
        neurons=seen.neuron and not seen.sums_into,
        bits=Bits(**widths),
        density=Densities(weights=weights, inputs=inputs, outputs=seen.outputs.density),
        **bounds,
    )
    assert seen.fired is not None
    return LayerActivity(
        layer=layer.replace(neuron_size=_neuron_size(layer, seen)),
        activation=seen.activation,
        input_densities=seen.inputs.densities.numpy(),
        output_densities=seen.outputs.densities.numpy(),
        rates=(seen.fired.double() / seen.entries).numpy(),
        channels=layer.M,
        operations=None if samples is None else seen.operations / samples,
        dense_operations=None if samples is None else seen.dense_operations / samples,
        sums_into=seen.sums_into,
    )


def _per_entry(shape: Shape) -> int:
    """Return the input values of one head or position; of a convolution, all there are."""
    if shape.activations:
        return shape.C * shape.Q
    if shape.dense:
        return shape.C
    return shape.C * shape.input_size[0] * shape.input_size[1]


def _neuron_size(layer: Layer, seen: _Seen) -> tuple[int, int] | None:
    """Return the neurons' rows and columns where they are not as many as the layer's outputs."""
    outputs = seen.outputs.elements
    if not seen.activation or outputs == layer.N * layer.M * layer.P * layer.Q:
        return None
    each = -(-outputs // (layer.N * layer.M))
    if each * layer.N * layer.M != outputs:
        warnings.warn(
            f"layer {layer.name!r}: {outputs} neurons follow {layer.M} channels, which do not "
            f"divide them; {each * layer.N * layer.M} are counted",
            stacklevel=2,
        )
    if len(seen.shape) >= 2 and seen.shape[-1] * seen.shape[-2] == each:
        return seen.shape[-2], seen.shape[-1]
    return 1, each


def _weight_bits(name: str, probed: Probed, given: int | Mapping[str, int] | None) -> int:
    if isinstance(given, int):
        return given
    if given is not None and name in given:
        return given[name]
    if probed.module is not None:
        return bits_of_layer(probed.module)
    assert probed.weight is not None
    values = probed.weight
    if probed.shape.dense:  # [groups, C, M]: output channels first
        values = values.transpose(1, 2).flatten(0, 1)
    return bits_of_values(values)
