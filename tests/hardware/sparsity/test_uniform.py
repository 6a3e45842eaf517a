from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.sparsity.density import Uniform


@st.composite
def populations(draw: st.DrawFn, most: int = 10**6) -> tuple[int, int, int]:
    size = draw(st.integers(1, most))
    return size, draw(st.integers(0, size)), draw(st.integers(0, size))


@given(populations())
def test_p_empty_is_the_exact_ratio_of_binomials(population: tuple[int, int, int]) -> None:
    size, nonzeros, tile = population
    tile = min(tile, 3000)  # keeps the exact integers small enough to divide
    numerator, denominator = comb(size - nonzeros, tile), comb(size, tile)
    scale = max(numerator.bit_length(), denominator.bit_length()) - 900
    exact = (numerator >> scale) / (denominator >> scale) if scale > 0 else numerator / denominator
    found = float(Uniform(size, nonzeros).p_empty(tile))
    assert found == pytest.approx(exact, rel=1e-8, abs=1e-250)


def test_p_empty_stays_exact_for_the_largest_tensors() -> None:
    size, nonzeros = 43_000_000, 4_300_000
    tiles = np.arange(1, 200)
    # log of the product (zeros - i) / (size - i), summed directly.
    steps = np.arange(200)
    direct = np.exp(np.cumsum(np.log1p(-nonzeros / (size - steps))))[tiles - 1]
    np.testing.assert_allclose(Uniform(size, nonzeros).p_empty(tiles), direct, rtol=1e-7)


@given(populations(most=300))
def test_occupancies_are_the_exact_distribution(population: tuple[int, int, int]) -> None:
    size, nonzeros, tile = population
    found = Uniform(size, nonzeros).occupancies(tile)
    exact = [comb(nonzeros, k) * comb(size - nonzeros, tile - k) / comb(size, tile)
             for k in found.values.tolist()]  # fmt: skip
    np.testing.assert_allclose(found.probabilities, exact, rtol=1e-9, atol=1e-300)
    assert found.expected == pytest.approx(tile * nonzeros / size, abs=1e-9)
    assert found.p_empty == pytest.approx(float(Uniform(size, nonzeros).p_empty(tile)), abs=1e-12)
    assert found.maximum == Uniform(size, nonzeros).maximum(tile)


def test_every_arrangement_of_a_small_tensor_agrees() -> None:
    model = Uniform(6, 2)
    for tile in range(7):
        counts = [sum(place < tile for place in chosen) for chosen in combinations(range(6), 2)]
        found = model.occupancies(tile)
        assert found.maximum == max(counts) == model.maximum(tile)
        assert found.p_empty == pytest.approx(counts.count(0) / len(counts))


def test_only_timeloop_rounds_up_and_arrays_keep_their_shape() -> None:
    model = Uniform.from_density(0.32, 147456)
    assert model.nonzeros == pytest.approx(47185.92)
    assert Uniform.rounded_up(0.32, 147456).nonzeros == 47186
    assert model.p_empty(np.ones((2, 3), dtype=int)).shape == (2, 3)
    assert Uniform.from_density(1.0, 7).nonzeros == Uniform.from_density(0.7, 10).nonzeros == 7
    with pytest.raises(InputError, match="8 non-zeros among 7"):
        Uniform(7, 8)


@given(st.integers(1, 40), st.floats(0.01, 0.99), st.integers(0, 40))
def test_a_mean_number_of_nonzeros_is_a_mixture(size: int, density: float, tile: int) -> None:
    model = Uniform.from_density(density, size)
    low = int(model.nonzeros)
    chance = model.nonzeros - low
    parts = [(Uniform(size, low), 1.0 - chance), (Uniform(size, min(size, low + 1)), chance)]
    found = model.occupancies(tile)
    assert found.expected == pytest.approx(min(tile, size) * density, abs=1e-9)
    assert found.p_empty == pytest.approx(float(model.p_empty(tile)), abs=1e-12)
    mixed = sum(chance * float(one.p_empty(tile)) for one, chance in parts)
    assert float(model.p_empty(tile)) == pytest.approx(mixed, abs=1e-12)
    assert model.maximum(tile) >= found.maximum
