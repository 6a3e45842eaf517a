"""Rounding with a gradient: what the backward pass makes of a step function.

Each function rounds to the nearest integer going forward (halves to even, as torch does) and
differs only in the gradient it lets through.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from leanspike.errors import InputError

Rounding = Callable[[Tensor], Tensor]
"""A function of a tensor, of the same shape, whose values are integers."""


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class _Ewgs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, delta: float) -> Tensor:
        rounded = x.round()
        ctx.save_for_backward(x - rounded)
        ctx.delta = delta
        return rounded

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (error,) = ctx.saved_tensors
        return torch.addcmul(grad, grad.abs(), error, value=ctx.delta), None


def straight_through(x: Tensor) -> Tensor:
    """Round; the gradient passes unchanged (Bengio et al., arXiv 1308.3432).

    >>> straight_through(torch.tensor([0.4, 1.6])).tolist()
    [0.0, 2.0]
    """
    result: Tensor = _StraightThrough.apply(x)
    return result


def ewgs(x: Tensor, *, delta: float = 0.005) -> Tensor:
    """Round; the gradient is scaled element by element (EWGS, arXiv 2104.00903, equation 4).

    ``g * (1 + delta * sign(g) * (x - round(x)))``: a gradient that pulls a value towards where it
    already leans is strengthened, one that pulls it back is weakened.

    Parameters
    ----------
    x
        Any shape.
    delta
        Strength of the scaling; 0 is straight-through. 0.005 is the study's.

    >>> x = torch.tensor([0.4], requires_grad=True)
    >>> ewgs(x, delta=0.5).backward()
    >>> round(x.grad.item(), 4)  # 1 + 0.5 * (0.4 - 0)
    1.2
    """
    result: Tensor = _Ewgs.apply(x, delta)
    return result


ROUNDINGS: dict[str, Rounding] = {"ste": straight_through, "ewgs": ewgs}


def rounding(name: str, *, delta: float = 0.005) -> Rounding:
    """Give a rounding function by its name.

    Parameters
    ----------
    name
        One of `ROUNDINGS`.
    delta
        EWGS's strength; the others ignore it.

    Raises
    ------
    InputError
        An unknown name.
    """
    if name not in ROUNDINGS:
        raise InputError(f"unknown rounding {name!r}; there are {', '.join(ROUNDINGS)}")
    return partial(ewgs, delta=delta) if name == "ewgs" else ROUNDINGS[name]
