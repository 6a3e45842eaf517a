"""Pure integer inference: the reference that hardware is checked against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn

from leanspike.errors import InputError
from leanspike.export.integers import integer_layer
from leanspike.export.layer import IntegerLayer, Integers
from leanspike.export.stages import trace_stages
from leanspike.export.wiring import INPUT, Source, gather, max_pool


@dataclass(frozen=True, eq=False)
class Recording:
    """What an integer network did with one input.

    Attributes
    ----------
    inputs
        int64 ``[T, N, ...]``.
    entering
        Per layer name, int64 ``[T, N, ...]``: its input.
    spikes
        Per layer name, uint8 ``[T, N, ...]``, before pooling.
    accumulated
        Per layer name, int64 ``[T, N, ...]``: sums of weights, before bias and leak.
    potentials
        Per layer name, int64 ``[T, N, ...]``: membrane potentials after the reset.
    output
        Spikes of the last layer, uint8 ``[T, N, ...]``, pooled where pooling follows.
    """

    inputs: Integers
    entering: dict[str, Integers]
    spikes: dict[str, NDArray[np.uint8]]
    accumulated: dict[str, Integers]
    potentials: dict[str, Integers]
    output: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Integer layers and what feeds them.

    Attributes
    ----------
    layers
        In call order.
    sources
        What each layer's input is made of.
    """

    layers: tuple[IntegerLayer, ...]
    sources: tuple[Source, ...]

    def run(self, inputs: NDArray[Any]) -> Recording:
        """Run on whole numbers, with additions, shifts and comparisons (and one small multiply
        where tau is no power of two).

        Parameters
        ----------
        inputs
            ``[T, N, ...]``, whole numbers of any type: spikes or event counts.

        Raises
        ------
        InputError
            Values that are not whole, or a shape that does not fit the first layer.
        """
        given = np.asarray(inputs)
        first = self.layers[0]
        if given.ndim < 3 or given.shape[2:] != first.input_shape:
            raise InputError(
                f"inputs are {list(given.shape)}, expected [T, N, "
                f"{', '.join(map(str, first.input_shape))}]"
            )
        whole = given.astype(np.int64)
        if not np.array_equal(whole, given):
            raise InputError("inputs are not whole numbers")
        steps, samples = whole.shape[:2]
        values = {INPUT: whole}
        entered, fired, accumulated, left = {}, {}, {}, {}
        for layer, source in zip(self.layers, self.sources, strict=True):
            entering = gather(source, values).reshape(steps, samples, *layer.input_shape)
            sums = accumulate(layer, entering.reshape(steps * samples, *layer.input_shape))
            sums = sums.reshape(steps, samples, *sums.shape[1:])
            spikes, potentials = fire(layer, sums)
            entered[layer.name], fired[layer.name] = entering, spikes
            accumulated[layer.name], left[layer.name] = sums, potentials
            out = spikes.astype(np.int64)
            values[layer.name] = out if layer.pool is None else max_pool(out, *layer.pool)
        output = values[self.layers[-1].name].astype(np.uint8)
        return Recording(whole, entered, fired, accumulated, left, output)


def integer_network(
    model: nn.Module,
    example: Tensor,
    *,
    fraction_bits: int = 16,
    run: Callable[[nn.Module, Tensor], Any] | None = None,
) -> IntegerNetwork:
    """Turn a prepared network into one of whole numbers.

    Parameters
    ----------
    model
        Weight layers (each prepared with a quantizer), batch norms, leanspike or SpikingJelly
        integrate-and-fire neurons, and max pooling, in a chain or with spikes added, multiplied
        or concatenated between (`trace_stages`). Membranes and accumulators of few bits
        (`prepare_state`) are kept to them. It is run once in evaluation mode and stays as it is.
    example
        Input to trace it with.
    fraction_bits
        Bits of the membrane potential below one weight unit; see `integer_layer`.
    run
        How to call the model, ``model(example)`` by default.

    Returns
    -------
    IntegerNetwork
        Its spikes equal the float network's exactly where nothing is rounded: scales that are
        powers of two, tau a power of two, no batch norm or bias (or such that are whole in the
        layer's unit) and `fraction_bits` no fewer than time steps, or membranes of few bits.
        Elsewhere a spike differs where a potential comes within about ``2 ** -fraction_bits``
        weight units of the threshold, or within float32's own rounding.

    Raises
    ------
    InputError
        Connections that whole numbers do not know (attention), named, or a layer that is not
        quantized.
    """
    if not 0 <= fraction_bits <= 32:
        raise InputError(f"{fraction_bits} is not from 0 to 32", where="fraction_bits")
    stages = trace_stages(model, example, run=run)
    return IntegerNetwork(
        layers=tuple(integer_layer(s, fraction_bits=fraction_bits) for s in stages),
        sources=tuple(s.source for s in stages),
    )


def accumulate(layer: IntegerLayer, entries: Integers) -> Integers:
    """Sum weights over inputs, ``[entries, C, ...]`` to ``[entries, M, ...]``, as kept."""
    sums = _sum(layer, entries)
    return sums if layer.accumulator is None else layer.accumulator.keep(sums)


def _sum(layer: IntegerLayer, entries: Integers) -> Integers:
    if not layer.stride:
        sums: Integers = entries @ layer.weights.T
        return sums
    spatial = len(layer.stride)
    pads = [(0, 0), (0, 0), *[(p, p) for p in layer.padding]]
    padded = np.pad(entries, pads)
    reach = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.weights.shape[2:], strict=True)]
    axes = tuple(range(2, 2 + spatial))
    windows = sliding_window_view(padded, reach, axis=axes)
    steps = tuple(slice(None, None, s) for s in layer.stride)
    taps = tuple(slice(None, None, d) for d in layer.dilation)
    windows = windows[(slice(None), slice(None), *steps, *taps)]
    per_in, per_out = entries.shape[1] // layer.groups, len(layer.weights) // layer.groups
    kernel_axes = list(range(2 + spatial, 2 + 2 * spatial))
    parts = []
    for group in range(layer.groups):
        part = windows[:, group * per_in : (group + 1) * per_in]
        weights = layer.weights[group * per_out : (group + 1) * per_out]
        summed = np.tensordot(part, weights, ([1, *kernel_axes], list(range(1, weights.ndim))))
        parts.append(np.moveaxis(summed, -1, 1))
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def fire(layer: IntegerLayer, sums: Integers) -> tuple[NDArray[np.uint8], Integers]:
    """Run the neurons over ``[T, N, M, ...]`` sums; give spikes and potentials after the reset."""
    shape = (-1, *[1] * (sums.ndim - 3))
    bias, threshold, step, reset = (
        values.reshape(shape)
        for values in (layer.bias, layer.threshold, layer.threshold_step, layer.reset)
    )
    v = np.broadcast_to(reset, sums.shape[1:]).copy()
    spikes = np.empty(sums.shape, np.uint8)
    potentials = np.empty_like(sums)
    for t, a in enumerate(sums):
        x = (a << layer.fraction_bits) + bias
        h = v + (((x - (v - reset)) * layer.leak) >> layer.leak_shift) if layer.leak else v + x
        fired = h >= threshold
        v = np.where(fired, h - step if layer.soft else reset, h)
        if layer.membrane is not None:
            v = layer.membrane.keep(v)
        spikes[t], potentials[t] = fired, v
    return spikes, potentials
