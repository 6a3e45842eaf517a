"""Points that differ only in their seed, taken together: means, spreads, and what is noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leanspike.arrays import Reals
from leanspike.study.plan.points import Point
from leanspike.study.results.point_result import PointResult


@dataclass(frozen=True)
class Spread:
    """A quantity over seeds.

    Attributes
    ----------
    deviation
        Sample standard deviation over seeds; 0 for one seed, where nothing is known of it.

    >>> Spread.of([1.0, 3.0])
    Spread(mean=2.0, deviation=1.4142135623730951, count=2)
    """

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarize at least one value."""
        mean = math.fsum(values) / len(values)
        if len(values) == 1:
            return cls(mean, 0.0, 1)
        squares = math.fsum((value - mean) ** 2 for value in values)
        return cls(mean, math.sqrt(squares / (len(values) - 1)), len(values))


@dataclass(frozen=True)
class Setting:
    """The results of one setting over its seeds.

    Attributes
    ----------
    point
        Its first point; the seed means nothing.
    """

    name: str
    point: Point
    results: tuple[PointResult, ...]

    def over_seeds(self, quantity: Callable[[PointResult], float]) -> Spread:
        """Return mean and spread of a quantity."""
        return Spread.of([quantity(result) for result in self.results])

    @property
    def broken(self) -> str | None:
        """Why none of it is to be recommended: what is wrong with a seed of it, or None."""
        wrong = [(each.point.seed, each.broken) for each in self.results if each.broken]
        if not wrong:
            return None
        seed, why = wrong[0]
        return why if len(self.results) == 1 else f"seed {seed}: {why}"

    @property
    def accuracy(self) -> Spread:
        """Test accuracy."""
        return self.over_seeds(lambda result: result.accuracy)


def settings(results: Sequence[PointResult]) -> tuple[Setting, ...]:
    """Group points by setting, in the order they first appear."""
    groups: dict[str, list[PointResult]] = {}
    for result in results:
        groups.setdefault(result.point.setting, []).append(result)
    return tuple(
        Setting(name, group[0].point, tuple(group)) for name, group in groups.items()
    )  # fmt: skip


def accuracy_noise(a: Setting, b: Setting) -> float:
    """Return how far two settings' mean accuracies may lie apart by chance (two standard errors).

    Two chances are counted. The test recordings: both settings saw the same ones, so the error is
    that of the mean of the paired differences, recording by recording, each averaged over seeds.
    The training: the spread of the difference over the seeds both have, where there are at least
    two; with one seed nothing is known of it and nothing is counted. A difference of one recording
    is always within chance.

    Parameters
    ----------
    a, b
        Settings measured on the same test recordings.
    """
    samples = a.results[0].samples
    per_recording = _right_by_recording(a) - _right_by_recording(b)
    variance = float(per_recording.var()) / samples
    by_seed = {result.point.seed: result.accuracy for result in b.results}
    over_seeds = [
        result.accuracy - by_seed[result.point.seed]
        for result in a.results
        if result.point.seed in by_seed
    ]
    if len(over_seeds) > 1:
        variance += Spread.of(over_seeds).deviation ** 2 / len(over_seeds)
    return max(2 * math.sqrt(variance), 1 / samples)


def _right_by_recording(setting: Setting) -> Reals:
    """Fraction of the seeds that are right, for each recording."""
    marks = [np.frombuffer(result.measured.right.encode(), np.uint8) for result in setting.results]
    return np.mean([mark == ord("1") for mark in marks], axis=0, dtype=np.float64)
