"""Spikes with a surrogate gradient: a step forwards, a smooth slope backwards.

Every surrogate is a primitive function of the distance x = h - threshold, and its derivative.
The derivative stands in for the step's own in the backward pass; the primitive is there to
check it against.

============  =================================  ==========================================
name          derivative                         source
============  =================================  ==========================================
atan          (a/2) / (1 + (pi a x / 2)^2)       Fang et al. 2021, arXiv 2007.05785
sigmoid       a s (1 - s), s = sigmoid(a x)      Zenke and Ganguli 2018, arXiv 1705.11146
fast_sigmoid  1 / (1 + a |x|)^2                  Zenke and Ganguli 2018; snnTorch's
triangle      max(0, a - a^2 |x|)                Esser et al. 2016, arXiv 1603.08270
super_spike   a / (1 + |x|)^2                    Zenke and Ganguli 2018; SpikingJelly's
============  =================================  ==========================================
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from leanspike.nn.neuron_config import SurrogateName


def primitive(x: Tensor, name: SurrogateName, alpha: float) -> Tensor:
    """Return the smooth function whose derivative replaces the step's, elementwise.

    >>> primitive(torch.zeros(1), "atan", 2.0)
    tensor([0.5000])
    """
    match name:
        case "atan":
            return torch.atan(x * (math.pi / 2 * alpha)) / math.pi + 0.5
        case "sigmoid":
            return torch.sigmoid(alpha * x)
        case "fast_sigmoid":
            return x / (1 + alpha * x.abs())
        case "triangle":
            inside = x.clamp(-1 / alpha, 1 / alpha)
            return 0.5 + alpha * inside - alpha * alpha / 2 * inside * inside.abs()
        case "super_spike":
            return alpha * x / (1 + x.abs())


def derivative(x: Tensor, name: SurrogateName, alpha: float) -> Tensor:
    """Return the surrogate gradient at distance ``x`` from the threshold, elementwise.

    The order of the operations is SpikingJelly's, so that gradients agree to the last bit.

    >>> derivative(torch.zeros(1), "atan", 2.0)
    tensor([1.])
    """
    match name:
        case "atan":
            z = x * (math.pi / 2 * alpha)
            return (alpha / 2) / (1 + z * z)
        case "sigmoid":
            s = torch.sigmoid(alpha * x)
            return (1 - s) * s * alpha
        case "fast_sigmoid":
            z = 1 + alpha * x.abs()
            return 1 / (z * z)
        case "triangle":
            return (alpha - alpha * alpha * x.abs()).clamp_min(0)
        case "super_spike":
            z = 1 + x.abs()
            return alpha / (z * z)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, name: SurrogateName, alpha: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.name, ctx.alpha = name, alpha
        # A comparison would turn NaN into silence: hand it on instead.
        return torch.where(x.isnan(), x, (x >= 0).to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * derivative(x, ctx.name, ctx.alpha), None, None


def spike(x: Tensor, name: SurrogateName, alpha: float) -> Tensor:
    """Fire where ``x >= 0``; backwards, use the surrogate's derivative.

    Parameters
    ----------
    x
        Charged potential minus threshold, any shape, floating point.
    name, alpha
        The surrogate and its sharpness.

    Returns
    -------
    Tensor
        0 and 1 in the type and shape of ``x``; NaN where ``x`` is NaN.

    >>> spike(torch.tensor([-0.1, 0.0, 0.1]), "atan", 2.0)
    tensor([0., 1., 1.])
    """
    result: Tensor = _Spike.apply(x, name, alpha)
    return result
