"""measure and profile: run a model on real input and see what hardware would see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from leanspike.activity.bounds import loop_bounds
from leanspike.activity.probe import Observed, Probe, Probed
from leanspike.activity.records import Activity, LayerActivity
from leanspike.activity.roles import WeightLayer
from leanspike.activity.states import reset_states
from leanspike.activity.statistics import by_step
from leanspike.errors import InputError
from leanspike.hardware.workload import Bits, Densities, Density, Layer, Workload


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
    outputs: _Tally = field(default_factory=_Tally)
    fired: Tensor | None = None  # by output value
    entries: int = 0  # behind `fired`
    operations: int = 0
    dense_operations: int = 0


def measure(
    model: nn.Module,
    batches: Iterable[Tensor],
    *,
    time_axis: int | None = 0,
    step_by_step: bool = False,
    weight_bits: int | Mapping[str, int] | None = None,
    reset: Callable[[nn.Module], None] = reset_states,
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
        name=name,
        operations=False,
    ).workload


def profile(
    model: nn.Module,
    batches: Iterable[Tensor],
    *,
    time_axis: int | None = 0,
    step_by_step: bool = False,
    weight_bits: int | Mapping[str, int] | None = None,
    reset: Callable[[nn.Module], None] = reset_states,
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
        Inputs: ``[T, N, ...]`` with ``time_axis=0``, ``[N, T, ...]`` with ``time_axis=1``,
        ``[N, ...]`` with ``time_axis=None`` for a model that makes its own time steps.
    time_axis
        Which axis of the input is time.
    step_by_step
        Call the model once per time step, with ``[N, ...]``, as time-loop frameworks do.
    weight_bits
        Bits per weight of all layers or by layer name; by default the quantizer's, and the float
        type's width where there is none.
    reset
        Called with the model before each batch and after the last, to forget states.
    name
        Name of the workload; the model's class by default.
    operations
        Whether to count synaptic operations.

    Raises
    ------
    InputError
        No batch, no weight layer that ran, or a layer whose entries cannot be told apart by
        sample.
    """
    if step_by_step and time_axis is None:
        raise InputError("step_by_step needs a time axis", where="time_axis")
    was_training = model.training
    model.eval()
    seen: dict[str, _Seen] = {}
    total = 0
    try:
        with torch.no_grad(), Probe(model, operations=operations) as probe:
            for batch in batches:
                probe.clear()
                reset(model)
                samples, steps = _extents(batch, time_axis)
                if step_by_step:
                    assert time_axis is not None
                    for step in batch.unbind(time_axis):
                        model(step)
                else:
                    model(batch)
                for layer_name, probed in probe.layers.items():
                    _gather(seen, layer_name, probed, samples, steps, time_first=time_axis != 1)
                total += samples
    finally:
        reset(model)
        model.train(was_training)
    if not seen:
        raise InputError(
            "no batch was given" if total == 0 else "no convolution or Linear layer ran",
            where=type(model).__name__,
        )
    return Activity(
        name=name or type(model).__name__,
        samples=total,
        layers=tuple(
            _record(n, s, weight_bits, total if operations else None) for n, s in seen.items()
        ),
    )


def _extents(batch: Tensor, time_axis: int | None) -> tuple[int, int | None]:
    """Give the number of samples and of time steps (None where the model makes its own)."""
    if time_axis not in (0, 1, None):
        raise InputError(f"{time_axis} is not 0, 1 or None", where="time_axis")
    if batch.dim() < (2 if time_axis is None else 3):
        raise InputError(f"a batch of shape {tuple(batch.shape)} has too few axes", where="batches")
    if batch.numel() == 0:
        raise InputError(f"a batch of shape {tuple(batch.shape)} is empty", where="batches")
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
    if steps is not None and isinstance(probed.layer, nn.Linear) and layer_steps % steps == 0:
        layer_steps = steps
    kept = seen.setdefault(name, _Seen(probed, layer_steps))
    kept.last = probed
    if layer_steps != kept.steps:
        raise InputError(
            f"it ran {layer_steps} times a sample, and {kept.steps} in an earlier batch",
            where=f"layer {name!r}",
            remedy="Give batches of equal time steps",
        )
    outputs = probed.outputs if probed.outputs.counts else probed.own
    for tally, observed in ((kept.inputs, probed.inputs), (kept.outputs, outputs)):
        counts = by_step(observed.counts, samples, layer_steps, time_first=time_first)
        entries = sum(len(c) for c in observed.counts)
        tally.counts.append(counts)
        tally.elements = observed.elements * entries // counts.numel()
        tally.bits = max(tally.bits, _bits(observed))
    assert outputs.by_value is not None
    kept.fired = outputs.by_value if kept.fired is None else kept.fired + outputs.by_value
    kept.entries += sum(len(c) for c in outputs.counts)
    kept.operations += probed.operations
    kept.dense_operations += probed.dense_operations


def _bits(observed: Observed) -> int:
    """Bits of a value: 1 for spikes, enough for whole numbers, else the float type's width."""
    if not observed.whole:
        return observed.width
    return max(1, min(int(observed.largest).bit_length(), 64))


def _record(
    name: str, seen: _Seen, weight_bits: int | Mapping[str, int] | None, samples: int | None
) -> LayerActivity:
    module, probed = seen.last.layer, seen.last
    weight = module.weight.detach()
    nonzero = float((weight != 0).double().mean())
    assert seen.fired is not None
    return LayerActivity(
        layer=Layer(
            name=name,
            T=seen.steps,
            neurons=probed.neuron,
            bits=Bits(
                weights=_weight_bits(name, module, weight_bits),
                inputs=seen.inputs.bits,
                outputs=seen.outputs.bits,
                **({} if probed.state_bits is None else {"state": probed.state_bits}),
            ),
            density=Densities(
                weights=Density(mean=nonzero, max=nonzero),
                inputs=seen.inputs.density,
                outputs=seen.outputs.density,
            ),
            **loop_bounds(module, probed.output_shape, seen.inputs.elements),
        ),
        activation=probed.activation,
        input_densities=seen.inputs.densities.numpy(),
        output_densities=seen.outputs.densities.numpy(),
        rates=(seen.fired.double() / seen.entries).numpy(),
        channels=weight.shape[0],
        operations=None if samples is None else seen.operations / samples,
        dense_operations=None if samples is None else seen.dense_operations / samples,
    )


def _weight_bits(name: str, module: WeightLayer, given: int | Mapping[str, int] | None) -> int:
    if isinstance(given, int):
        return given
    if given is not None and name in given:
        return given[name]
    for part in getattr(getattr(module, "parametrizations", None), "weight", ()):
        bits = getattr(getattr(part, "quantizer", None), "bits", None)
        if isinstance(bits, int):
            return bits
    return int(module.weight.element_size()) * 8
