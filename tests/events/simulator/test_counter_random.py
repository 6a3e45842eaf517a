from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from leanspike.events.simulator.counter_random import gap, mix, uniform

MASK = (1 << 64) - 1


def splitmix64(state: int) -> int:
    """The published algorithm in whole numbers of Python."""
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@njit
def draws(seed: int, count: int, probability: float):  # type: ignore[no-untyped-def]
    uniforms, gaps = np.empty(count), np.empty(count)
    for i in range(count):
        uniforms[i] = uniform(seed, 3, i)
        gaps[i] = gap(seed, 4, i, probability)
    return uniforms, gaps


@njit
def mixed(state):  # type: ignore[no-untyped-def]
    return mix(state)


def test_mix_is_splitmix64() -> None:
    # The first output for state 0, as published with the algorithm.
    assert int(mixed(np.uint64(0))) == splitmix64(0) == 0xE220A8397B1DCDAF
    for state in (1, 12345, MASK):
        assert int(mixed(np.uint64(state))) == splitmix64(state)


def test_distributions() -> None:
    uniforms, gaps = draws(7, 200_000, 0.05)
    assert uniforms.min() > 0
    assert uniforms.max() <= 1
    # Five standard errors of a uniform's mean, variance and neighbour correlation.
    assert uniforms.mean() == pytest.approx(0.5, abs=5 * (1 / 12 / 200_000) ** 0.5)
    assert uniforms.var() == pytest.approx(1 / 12, abs=1e-3)
    assert abs(np.corrcoef(uniforms[1:], uniforms[:-1])[0, 1]) < 5 / 200_000**0.5
    # Failures before a success: mean (1 - p) / p.
    assert gaps.mean() == pytest.approx(0.95 / 0.05, rel=0.02)
    assert (gaps == 0).mean() == pytest.approx(0.05, abs=0.003)


def test_certain_and_impossible() -> None:
    assert (draws(1, 10, 1.0)[1] == 0).all()
    assert (draws(1, 10, 0.0)[1] == 2**40).all()
