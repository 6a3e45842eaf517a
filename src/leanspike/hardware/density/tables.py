"""A density model's answers, looked up instead of computed: what a search runs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leanspike.hardware.density.model import DensityModel, Reals, Sizes


@dataclass(frozen=True)
class DensityTable:
    """Answers for the tile sizes that occur; every array has shape [len(sizes)]."""

    sizes: Sizes
    p_empty: Reals
    expected: Reals
    maximum: Sizes


def tabulate(model: DensityModel, sizes: npt.ArrayLike) -> DensityTable:
    """Tabulate a model for the given tile sizes, shape [K], in their order.

    >>> from leanspike.hardware.density.structured import FixedStructured
    >>> tabulate(FixedStructured(0.25), [1, 8]).maximum.tolist()
    [1, 2]
    """
    asked = np.asarray(sizes, dtype=np.int64)
    return DensityTable(asked, model.p_empty(asked), model.expected(asked), model.maximum(asked))
