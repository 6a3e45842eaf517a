"""What a hardware sweep tries: values for any architecture key, crossed with workloads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from leanspike.errors import InputError
from leanspike.hardware.spec import Spec, read_spec

#: Keys of ``vary`` that are not paths into the architecture but settings of the pricing.
SETTINGS = ("architecture", "formats", "weight_bits", "statistic", "semantics")
# A sweep of more points is a mistake in a range, not a plan.
MOST_POINTS = 100_000


class Span(Spec):
    """Evenly spaced values: by ``step`` added, or by ``times`` multiplied, both ends included.

    >>> Span(**{"from": 8, "to": 32, "times": 2}).values()
    [8, 16, 32]
    >>> Span(**{"from": 0.5, "to": 1.0, "step": 0.25}).values()
    [0.5, 0.75, 1]
    """

    first: Annotated[float, Field(alias="from")]
    to: float
    step: Annotated[float, Field(gt=0)] | None = None
    times: Annotated[float, Field(gt=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Span:
        if (self.step is None) == (self.times is None):
            raise InputError("found neither or both of step and times, expected one")
        if self.to < self.first:
            raise InputError(f"found from {self.first} to {self.to}, expected an ascending range")
        if self.times is not None and self.first <= 0:
            raise InputError(f"found from {self.first} with times, expected more than 0")
        if self._length() > MOST_POINTS:
            raise InputError(f"found more than {MOST_POINTS} values")
        return self

    def _length(self) -> float:
        if self.step is not None:
            return (self.to - self.first) / self.step
        # Each factor above 1 at least adds (times - 1) * first.
        return (self.to - self.first) / (self.first * (self.times or 2) - self.first)

    def values(self) -> list[int | float]:
        """Return the values; whole numbers are integers."""
        found: list[float] = []
        n = 0
        # Half a millionth of slack: 0.1 added ten times must reach 1.
        while True:
            value = (
                self.first + n * self.step
                if self.step is not None
                else self.first * (self.times or 1) ** n
            )
            if value > self.to * (1 + 5e-7 * (self.to > 0)):
                break
            found.append(round(value, 12))
            n += 1
        return [int(v) if v == int(v) else v for v in found]


class Sweep(Spec):
    """Architectures crossed with workloads.

    ``vary`` gives each key a list of values or a :class:`Span`. A key is a path into the
    architecture, items of lists by their name (``levels.global_buffer.depth``), or one of the
    settings ``architecture``, ``formats``, ``weight_bits``, ``statistic`` and ``semantics``.

    Raises
    ------
    InputError
        When a list is empty or the sweep has more than 100,000 points.

    >>> sweep = Sweep(architecture="eyeriss_snn", vary={"weight_bits": [2, 8],
    ...                                                 "levels.pe.fanout.x": [1]})
    >>> list(sweep.points())
    [{'weight_bits': 2, 'levels.pe.fanout.x': 1}, {'weight_bits': 8, 'levels.pe.fanout.x': 1}]
    """

    architecture: Annotated[str, Field(min_length=1)] = "eyeriss_snn"
    workloads: Annotated[tuple[str, ...], Field(min_length=1)] = ("published",)
    vary: dict[str, list[Any] | Span]
    objective: Literal["edp", "energy", "latency"] = "edp"
    semantics: Literal["physical", "sparseloop"] = "physical"
    statistic: Literal["mean", "max"] = "mean"
    formats: str | None = None
    weight_bits: Annotated[int, Field(ge=1, le=64)] | None = None

    @field_validator("vary", mode="after")
    @classmethod
    def _some_values(cls, vary: dict[str, list[Any] | Span]) -> dict[str, list[Any] | Span]:
        for key, values in vary.items():
            if isinstance(values, list) and not values:
                raise InputError("found no values", where=key)
        return vary

    @model_validator(mode="after")
    def _not_too_many(self) -> Sweep:
        count = prod(len(values) for values in self._values().values())
        if count > MOST_POINTS:
            raise InputError(f"found {count} points, expected at most {MOST_POINTS}", where="vary")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Sweep:
        """Read a sweep from YAML.

        Raises
        ------
        InputError
            Naming file, key, found and expected.
        """
        return read_spec(cls, Path(path))

    def _values(self) -> dict[str, list[Any]]:
        return {
            key: values.values() if isinstance(values, Span) else values
            for key, values in self.vary.items()
        }

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield the value of every key, point by point, the last key fastest."""
        values = self._values()
        for chosen in product(*values.values()):
            yield dict(zip(values, chosen, strict=True))
