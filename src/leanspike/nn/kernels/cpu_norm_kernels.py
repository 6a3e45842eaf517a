"""Batch norm's statistics and its gradient's last pass, on the CPU; compiled.

Inputs are flat, channels last; tiles and sums are as long as a block, a multiple of the channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from leanspike.nn.kernels.compiling import compiled
from leanspike.nn.kernels.cpu_team import on_team

ROWS = 32
"""Blocks summed up in single precision before the sum goes on in double."""


@compiled
def add_moments(y: Any, origin: Any, total: Any, square: Any) -> None:
    """Add y - origin and its square, elementwise."""
    for i in range(y.size):
        d = y[i] - origin[i]
        total[i] += d
        square[i] += d * d


@compiled
def moments_part(y: Any, origin: Any, sums: Any, units: int, parts: int, part: int) -> None:
    """Add up [parts, 2, block] in double of y - origin and its square; a unit is ROWS blocks.

    ``origin`` is one value per channel near the mean, so that little cancels.
    """
    size = origin.size
    total = np.empty_like(origin)
    square = np.empty_like(origin)
    for unit in range(part * units // parts, (part + 1) * units // parts):
        total[:] = 0
        square[:] = 0
        for lo in range(unit * ROWS * size, min((unit + 1) * ROWS * size, y.size), size):
            add_moments(y[lo : min(lo + size, y.size)], origin, total, square)
        for i in range(size):
            sums[part, 0, i] += total[i]
            sums[part, 1, i] += square[i]


@compiled
def combine(g: Any, y: Any, of_g: Any, of_y: Any, constant: Any) -> None:
    """Set g = of_g * g + of_y * y + constant, in place."""
    for i in range(g.size):
        g[i] = of_g[i] * g[i] + of_y[i] * y[i] + constant[i]


@compiled
def finish_part(
    g: Any,
    y: Any,
    of_g: Any,
    of_y: Any,
    constant: Any,
    units: int,
    parts: int,
    part: int,
) -> None:
    """Turn the gradient of batch norm's output into that of its input, in place.

    A unit is a block of ``of_g.size`` values.
    """
    size = of_g.size
    for unit in range(part * units // parts, (part + 1) * units // parts):
        lo = unit * size
        hi = min(lo + size, y.size)
        combine(g[lo:hi], y[lo:hi], of_g, of_y, constant)


@compiled
def moments(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``moments_part`` for every part."""
    return on_team(moments_part, arguments, parts, threads)


@compiled
def finish(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``finish_part`` for every part."""
    return on_team(finish_part, arguments, parts, threads)
