"""The ``search`` section of a study file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from leanspike.errors import InputError
from leanspike.hardware.spec import Spec
from leanspike.study.search.budget import Budget, Quantity, parse_budget

WeightBits = Annotated[int, Field(ge=1, le=16)]
Sparsity = Annotated[float, Field(ge=0, lt=1)]
Number = Annotated[float, Field(ge=0)]


class ValueRange(Spec):
    """Evenly spaced values, both ends included.

    >>> ValueRange(low=0.5, high=0.9, step=0.2).values
    (0.5, 0.7, 0.9)
    """

    low: Number
    high: Number
    step: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _upwards(self) -> ValueRange:
        if self.high < self.low:
            raise InputError(f"high {self.high:g} is below low {self.low:g}")
        if (self.high - self.low) / self.step > 64:
            raise InputError(f"more than 64 values from {self.low:g} to {self.high:g}")
        return self

    @property
    def values(self) -> tuple[float, ...]:
        """The values, rounded to nine digits."""
        count = int((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(round(self.low + i * self.step, 9) for i in range(count))


class SearchSection(Spec):
    """A search for bits and sparsity layer by layer, beside the grid or in its stead.

    ``trainings`` networks are fine-tuned at most; candidates that break the budget, or that a
    trained one clearly dominates, are priced but not trained. ``generation`` is how many are
    chosen at once, from what is known by then; the first ones lie along the predicted front.
    """

    method: Literal["nsga2", "tpe", "sensitivity"] = "nsga2"
    trainings: Annotated[int, Field(ge=1)] = 16
    generation: Annotated[int, Field(ge=2)] = 8
    objective: Quantity = "energy"
    budget: tuple[str, ...] = ()
    bits: tuple[WeightBits, ...] | ValueRange = (2, 3, 4, 8)
    sparsity: tuple[Sparsity, ...] | ValueRange = (0.0, 0.5, 0.8, 0.9, 0.95)
    #: Training recordings on which the network's sensitivity is measured.
    calibration: Annotated[int, Field(ge=1)] = 256
    seed: int = 0

    @field_validator("bits", "sparsity", mode="before")
    @classmethod
    def _ranges(cls, value: Any) -> Any:
        return ValueRange(**value) if isinstance(value, Mapping) else value

    @field_validator("budget", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("budget")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        named = [parse_budget(text).quantity for text in texts]
        for i, quantity in enumerate(named):
            if quantity in named[:i]:
                raise InputError(f"{quantity} is limited twice")
        return texts

    @model_validator(mode="after")
    def _has_choices(self) -> SearchSection:
        bits, sparsities = self.bits_choices, self.sparsity_choices
        for name, values in (("bits", bits), ("sparsity", sparsities)):
            if not values:
                raise InputError("empty, expected at least one value", where=name)
            if len(set(values)) < len(values):
                raise InputError("a value is given twice", where=name)
        if not all(1 <= b <= 16 for b in bits):
            raise InputError("expected whole numbers from 1 to 16", where="bits")
        if sparsities[-1] >= 1:
            raise InputError("expected values below 1", where="sparsity")
        return self

    @property
    def bits_choices(self) -> tuple[int, ...]:
        """Widths a layer may have, in increasing order."""
        values = self.bits.values if isinstance(self.bits, ValueRange) else self.bits
        if any(value != int(value) for value in values):
            raise InputError("expected whole numbers", where="bits")
        return tuple(sorted(int(value) for value in values))

    @property
    def sparsity_choices(self) -> tuple[float, ...]:
        """Fractions that may be pruned of a layer, in increasing order."""
        chosen = self.sparsity
        values = chosen.values if isinstance(chosen, ValueRange) else chosen
        return tuple(sorted(values))

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The budgets, read."""
        return tuple(parse_budget(text) for text in self.budget)
