"""A density model from its name, as files give it."""

from __future__ import annotations

import re

from leanspike.errors import InputError
from leanspike.hardware.density.model import DensityModel
from leanspike.hardware.density.structured import Blocks, FixedStructured, NOfM
from leanspike.hardware.density.uniform import Uniform

PATTERNS = ("uniform", "fixed-structured", "N:M (such as 2:4)", "blocks:LENGTH (such as blocks:9)")


def density_model(pattern: str, *, density: float, size: int) -> DensityModel:
    """Return the model of a tensor of ``size`` values, ``density`` of them non-zero.

    Parameters
    ----------
    pattern
        ``uniform`` (also called ``hypergeometric``), ``fixed-structured``, ``N:M``, or
        ``blocks:LENGTH`` (runs of LENGTH values kept or zero together).

    Raises
    ------
    InputError
        When the pattern is unknown or contradicts the density.

    >>> density_model("2:4", density=0.5, size=64).maximum(4).tolist()
    2
    """
    if not 0 <= density <= 1:
        raise InputError(f"density {density} is not between 0 and 1")
    if pattern in ("uniform", "hypergeometric"):
        return Uniform.rounded_up(density, size)
    if pattern == "fixed-structured":
        return FixedStructured(density)
    if found := re.fullmatch(r"(\d+):(\d+)", pattern):
        model: DensityModel = NOfM(int(found[1]), int(found[2]))
    elif found := re.fullmatch(r"blocks:([1-9]\d*)", pattern):
        count = -(-size // int(found[1]))
        model = Blocks(length=int(found[1]), count=count, kept=round(density * count))
    else:
        raise InputError(
            f"unknown density pattern {pattern!r}", remedy=f"Known: {', '.join(PATTERNS)}"
        )
    if abs(model.density - density) > 0.01:
        raise InputError(f"pattern {pattern!r} has density {model.density:.3g}, not {density:.3g}")
    return model
