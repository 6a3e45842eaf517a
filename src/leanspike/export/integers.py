"""From a stage of a network to whole numbers: weights, biases, thresholds, leaks, widths."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import torch
from torch import Tensor, nn

from leanspike.compress.layers import WeightLayer, latent_weight
from leanspike.compress.parametrization import compressed
from leanspike.compress.quantizers import Affine, PowerOfTwo
from leanspike.compress.state import FixedPoint, accumulator_of
from leanspike.errors import InputError
from leanspike.export.dynamics import read_dynamics
from leanspike.export.layer import Accumulator, IntegerLayer, Membrane
from leanspike.export.stages import Stage, square_pool


def integer_weights(name: str, layer: WeightLayer) -> tuple[Tensor, Tensor, int]:
    """Give a prepared layer's weights as integers times a scale.

    Parameters
    ----------
    name
        The layer's name, for errors.
    layer
        A layer prepared with a quantizer.

    Returns
    -------
    integers, scale, bits
        ``[M, ...]`` in int64 with zeros where pruned, float64 ``[M]``, and the width of a stored
        code. Powers of two become ``1 << (code - 1)`` times the smallest of them.

    Raises
    ------
    InputError
        The layer has no quantizer.
    """
    compression = compressed(layer)
    if compression is None or compression.quantizer is None:
        raise InputError(
            "it is not quantized",
            where=f"layer {name!r}",
            remedy="Prepare the model with weight_bits, and export it before convert",
        )
    quantizer = compression.quantizer
    with torch.no_grad():
        weight = latent_weight(layer)
        codes, scale = quantizer.codes(weight), quantizer.unit(weight).double()
        if isinstance(quantizer, Affine):
            codes = codes - quantizer.zero
        if isinstance(quantizer, PowerOfTwo):
            codes = torch.where(codes == 0, 0.0, codes.sign() * torch.exp2(codes.abs() - 1))
        if compression.mask is not None:
            codes = codes * compression.mask
    integers = codes.double().round().to(torch.int64).cpu()
    scale = scale.cpu()
    return integers, scale.reshape(-1).expand(weight.shape[0]).contiguous(), quantizer.bits


def integer_layer(stage: Stage, *, fraction_bits: int, leak_bits: int = 16) -> IntegerLayer:
    """Turn one stage of a chain into integers.

    Parameters
    ----------
    stage
        Its layer prepared with a quantizer, its neurons known.
    fraction_bits
        Bits of the membrane potential below one weight unit. Every step of a leaky neuron halves
        (tau = 2) what it keeps: with as many bits as time steps nothing is lost.
    leak_bits
        Precision of ``1 / tau`` where tau is no power of two.

    Raises
    ------
    InputError
        No quantizer, no neurons, or average pooling.
    """
    name, layer = stage.name, stage.layer
    if stage.neuron is None:
        raise InputError("no neuron follows it", where=f"layer {name!r}")
    neuron = read_dynamics(stage.neuron_name, stage.neuron)
    integers, scale, bits = integer_weights(name, layer)
    gain, shift = output_affine(stage)
    sign = torch.where(gain < 0, -1, 1)
    integers = integers * sign.reshape(-1, *[1] * (integers.dim() - 1))
    flat = gain == 0  # such a channel hears only its bias
    integers[flat] = 0
    unit = torch.where(flat, scale, scale * gain.abs()) / 2**fraction_bits
    leak, leak_shift = _leak(neuron.tau, leak_bits) if neuron.leaky else (0, 0)
    convolution = None if isinstance(layer, nn.Linear) else layer
    limit = accumulator_of(layer)
    return IntegerLayer(
        name=name,
        weights=integers.numpy(),
        bits=bits,
        scale=scale.numpy(),
        unit=unit.numpy(),
        bias=np.array([_nearest(s, u) for s, u in zip(shift, unit, strict=True)], np.int64),
        threshold=np.array([_at_least(neuron.threshold, u) for u in unit], np.int64),
        threshold_step=np.array([_nearest(neuron.threshold, u) for u in unit], np.int64),
        reset=np.array([_nearest(neuron.v_reset, u) for u in unit], np.int64),
        soft=neuron.soft,
        leak=leak,
        leak_shift=leak_shift,
        fraction_bits=fraction_bits,
        stride=tuple(convolution.stride) if convolution else (),
        padding=_padding(name, convolution) if convolution else (),
        dilation=tuple(convolution.dilation) if convolution else (),
        groups=convolution.groups if convolution else 1,
        input_shape=stage.input_shape,
        pool=None if stage.pool is None else square_pool(stage.pool_name, stage.pool),
        membrane=None if neuron.membrane is None else _membrane(stage, neuron.membrane, unit),
        accumulator=None
        if limit is None
        else Accumulator(limit.bits, limit.overflow, sign=sign.numpy()),
    )


def output_affine(stage: Stage) -> tuple[Tensor, Tensor]:
    """Give gain and shift per output channel of bias and batch norm together, in float64.

    Returns
    -------
    gain, shift
        ``[M]`` each: after them the layer's output is ``gain * (weights * input) + shift``.
    """
    channels = stage.layer.weight.shape[0]
    bias = stage.layer.bias
    shift = torch.zeros(channels) if bias is None else bias.detach().cpu()
    shift = shift.double()
    gain = torch.ones(channels, dtype=torch.float64)
    norm = stage.norm
    if norm is not None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        gain = (norm.running_var.cpu().double() + norm.eps).rsqrt()
        if norm.affine:
            gain = gain * norm.weight.detach().cpu().double()
        shift = (shift - norm.running_mean.cpu().double()) * gain
        if norm.affine:
            shift = shift + norm.bias.detach().cpu().double()
    return gain, shift


def _membrane(stage: Stage, membrane: FixedPoint, unit: Tensor) -> Membrane:
    worth = membrane.steps().double().cpu().expand(len(unit))
    step = np.array([_nearest(w, u) for w, u in zip(worth, unit, strict=True)], np.int64)
    if not (step > 0).all():
        raise InputError(
            f"its membrane's steps of {float(worth.min()):g} are finer than the unit of "
            f"{float(unit.max()):g} in which potentials are counted",
            where=f"neuron {stage.neuron_name!r}",
            remedy="Give more fraction_bits",
        )
    return Membrane(bits=membrane.bits, step=step, overflow=membrane.overflow)


def _nearest(value: float | Tensor, unit: Tensor) -> int:
    return round(Fraction(float(value)) / Fraction(float(unit)))


def _at_least(value: float, unit: Tensor) -> int:
    """Give the smallest integer at or above: ``h >= value`` is ``integer h >= this``, exactly."""
    return ceil(Fraction(value) / Fraction(float(unit)))


def _leak(tau: float, bits: int) -> tuple[int, int]:
    """Give ``1 / tau`` as a numerator and a shift, the fraction in lowest terms."""
    numerator, shift = round(2**bits / tau), bits
    while numerator % 2 == 0 and shift:
        numerator, shift = numerator // 2, shift - 1
    return numerator, shift


def _padding(name: str, layer: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> tuple[int, ...]:
    padding = layer.padding
    if padding == "same":
        sizes = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        if any(size % 2 for size in sizes):
            raise InputError("its padding is not the same on both sides", where=f"layer {name!r}")
        return tuple(size // 2 for size in sizes)
    if padding == "valid":
        return (0,) * (layer.weight.dim() - 2)
    return tuple(int(size) for size in padding)
