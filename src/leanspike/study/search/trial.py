"""A candidate of a search: what it chose, what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from leanspike.study.search.table import Allocation


@dataclass(frozen=True)
class Trial:
    """One candidate.

    Attributes
    ----------
    number
        Counted from 0 over all candidates, trained or not.
    allocation
        Each layer's option.
    why_not
        Why it is not trained; None where it is.
    damage, cost
        Predicted rise of the loss, and predicted cost in the objective's unit.
    measure, price
        Keys of the tasks that measure and price it; None where it is not trained.
    sampler
        What the sampler keeps with it.
    """

    number: int
    allocation: Allocation
    why_not: str | None
    damage: float
    cost: float
    measure: str | None = None
    price: str | None = None
    sampler: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Trial:
        """Return a trial from plain data."""
        return cls(**{**plain, "allocation": tuple(plain["allocation"])})

    def plain(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)
