"""Compression without training: each layer pruned and quantized by its curvature.

The optimal brain surgeon, layer by layer (Frantar and Alistarh, OBC, arXiv 2208.11580): removing
weight p of a row w with Hessian H costs ``w_p ** 2 / (2 * [H^-1]_pp)`` and moves the others by
``-w_p / [H^-1]_pp * H^-1_:p``. Here a row's Hessian is ``sum(g ** 2 * x x^T)`` over the uses of the
row: x is what it meets, g the derivative of the network's outputs by what it puts out, through
the surrogates of the spikes. That is the Gauss-Newton matrix of the outputs' squared error with
uses taken as independent, so that losses compare across rows and layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from torch import nn

Run = Callable[[nn.Module, Any], Any]
compiled: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})


@compiled
def remove(weight: Any, inverse: Any, alive: Any, steps: int, order: Any, losses: Any) -> None:
    """Remove the weight that costs least, so many times, the others making up for it.

    Parameters
    ----------
    weight
        One row [n]; changed.
    inverse
        Inverse of its Hessian [n, n]; changed: rows and columns of removed weights are left.
    alive
        bool [n], which weights are there; changed.
    steps
        How many to remove.
    order, losses
        Out [steps]: which went, and what each cost.
    """
    n = len(weight)
    for k in range(steps):
        p, least = -1, np.inf
        for i in range(n):
            if alive[i]:
                loss = weight[i] * weight[i] / inverse[i, i]
                if loss < least:
                    p, least = i, loss
        order[k], losses[k] = p, least / 2
        settle(weight, inverse, alive, p, 0.0)


@compiled
def settle(weight: Any, inverse: Any, alive: Any, p: int, value: float) -> None:
    """Fix weight p at a value, and move those that are still free to where they cost least."""
    n = len(weight)
    pivot = 1 / inverse[p, p]
    move = (weight[p] - value) * pivot
    alive[p] = False
    weight[p] = value
    for i in range(n):
        if alive[i]:
            across = inverse[i, p]
            if across != 0:
                weight[i] -= move * across
                factor = across * pivot
                for j in range(n):
                    inverse[i, j] -= factor * inverse[p, j]
