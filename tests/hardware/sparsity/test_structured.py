from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.sparsity.density import (
    Blocks,
    DensityModel,
    FixedStructured,
    NOfM,
    density_model,
)


def check_against(model: DensityModel, size: int, counts: list[int]) -> None:
    found = model.occupancies(size)
    assert found.probabilities.sum() == pytest.approx(1)
    assert found.expected == pytest.approx(np.mean(counts))
    assert float(model.expected(size)) == pytest.approx(np.mean(counts))
    assert found.p_empty == pytest.approx(counts.count(0) / len(counts))
    assert float(model.p_empty(size)) == pytest.approx(counts.count(0) / len(counts))
    assert found.maximum == max(counts)
    assert int(model.maximum(size)) == max(counts)


@pytest.mark.parametrize(("n", "m"), [(1, 2), (2, 4), (1, 4), (3, 4), (0, 2), (2, 2)])
def test_n_of_m_is_every_choice_in_every_group(n: int, m: int) -> None:
    groups = [[i in chosen for i in range(m)] for chosen in combinations(range(m), n)]
    for size in range(2 * m + 1):
        counts = [sum((first + second)[:size]) for first, second in product(groups, repeat=2)]
        check_against(NOfM(n, m), size, counts)


@pytest.mark.parametrize(("length", "count", "kept"), [(3, 4, 1), (1, 4, 2), (2, 3, 3), (4, 2, 0)])
def test_blocks_are_every_choice_of_blocks(length: int, count: int, kept: int) -> None:
    for size in range(length * count + 1):
        counts = [
            sum((place // length) in chosen for place in range(size))
            for chosen in combinations(range(count), kept)
        ]
        check_against(Blocks(length=length, count=count, kept=kept), size, counts)


@given(st.floats(0, 1), st.integers(0, 2000))
def test_fixed_structured_rounds_and_keeps_the_mean(density: float, size: int) -> None:
    model = FixedStructured(density)
    found = model.occupancies(size)
    assert found.expected == pytest.approx(density * size)
    assert found.p_empty == pytest.approx(float(model.p_empty(size)))
    assert int(model.maximum(size)) - density * size <= 1
    assert found.maximum == model.maximum(size)


def test_timeloops_conv4_tiles() -> None:
    # Utilized capacities of case ey1_conv4_RLE_skip: 24 inputs at 0.1, 192 weights at 0.32.
    assert FixedStructured(0.1).maximum(24) == 3
    assert FixedStructured(0.32).maximum(192) == 62


@pytest.mark.parametrize(
    ("pattern", "density", "message"),
    [
        ("unifrom", 0.5, "unknown density pattern 'unifrom'"),
        ("2:4", 0.25, "has density 0.5, not 0.25"),
        ("5:4", 0.5, "5 non-zeros among 4"),
        ("uniform", 1.2, "density 1.2 is not between"),
        ("uniform", float("nan"), "density nan is not between"),
    ],
)
def test_bad_patterns_are_named(pattern: str, density: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        density_model(pattern, density=density, size=64)


def test_patterns_by_name() -> None:
    assert density_model("uniform", density=0.5, size=64).maximum(64) == 32
    assert density_model("fixed-structured", density=0.5, size=64).maximum(3) == 2
    assert density_model("2:4", density=0.5, size=64).maximum(6) == 4
    assert density_model("blocks:9", density=0.25, size=36).maximum(36) == 9
    uniform = density_model("uniform", density=0.5, size=64)
    assert uniform.p_empty([1, 2])[0] == pytest.approx(0.5)
    assert uniform.expected([1, 2]).tolist() == [0.5, 1.0]
