"""Other values going forward, the gradient straight through.

Rounding with a gradient: what the backward pass makes of a step function.

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


class _Replace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


def replace(x: Tensor, values: Tensor) -> Tensor:
    """Give `values`; the gradient goes to `x`, of the same shape, unchanged.

    >>> x = torch.tensor([0.3], requires_grad=True)
    >>> y = replace(x, torch.tensor([1.0]))
    >>> y.backward(torch.tensor([5.0]))
    >>> y.item(), x.grad.item()
    (1.0, 5.0)
    """
    result: Tensor = _Replace.apply(x, values)
    return result


Rounding = Callable[[Tensor], Tensor]
"""A function of a tensor, of the same shape, whose values are integers."""


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class _Scaled(torch.autograd.Function):
    """Round; the gradient becomes ``g + delta * |g| * strength(x - round(x))``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, delta: float, strength: Callable[[Tensor], Tensor]) -> Tensor:
        rounded = x.round()
        ctx.save_for_backward(x - rounded)
        ctx.delta, ctx.strength = delta, strength
        return rounded

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (error,) = ctx.saved_tensors
        return torch.addcmul(grad, grad.abs(), ctx.strength(error), value=ctx.delta), None, None


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
    result: Tensor = _Scaled.apply(x, delta, _same)
    return result


def position_scaled(x: Tensor, *, delta: float = 0.005) -> Tensor:
    """Round; the gradient grows with the distance to the grid, whichever way it points.

    ``g * (1 + delta * sign(g) * |x - round(x)|)``, after position-based scaled gradients (PSGD,
    arXiv 2005.11035), in the form that the study's group compares in arXiv 2206.07741.

    >>> x = torch.tensor([-0.4], requires_grad=True)
    >>> position_scaled(x, delta=0.5).backward()
    >>> round(x.grad.item(), 4)
    1.2
    """
    result: Tensor = _Scaled.apply(x, delta, torch.abs)
    return result


def tanh_scaled(x: Tensor, *, delta: float = 0.005) -> Tensor:
    """Round; EWGS with a tanh of the rounding error, steep near the grid.

    ``g * (1 + delta * sign(g) * tanh(4 * (x - round(x))))``, one of the families that the study's
    group compares in arXiv 2206.07741; 4 is its steepness.

    >>> x = torch.tensor([0.25], requires_grad=True)
    >>> tanh_scaled(x, delta=1.0).backward()
    >>> round(x.grad.item(), 4)  # 1 + tanh(1)
    1.7616
    """
    result: Tensor = _Scaled.apply(x, delta, _steep)
    return result


def _same(error: Tensor) -> Tensor:
    return error


def _steep(error: Tensor) -> Tensor:
    return torch.tanh(4 * error)


ROUNDINGS: dict[str, Callable[..., Tensor]] = {
    "ste": straight_through,
    "ewgs": ewgs,
    "psgd": position_scaled,
    "tanh": tanh_scaled,
}


def rounding(name: str, *, delta: float = 0.005) -> Rounding:
    """Give a rounding function by its name.

    Parameters
    ----------
    name
        One of `ROUNDINGS`.
    delta
        Strength of the scaling; straight-through has none.

    Raises
    ------
    InputError
        An unknown name.
    """
    if name not in ROUNDINGS:
        raise InputError(f"unknown rounding {name!r}; there are {', '.join(ROUNDINGS)}")
    function = ROUNDINGS[name]
    return function if name == "ste" else partial(function, delta=delta)
