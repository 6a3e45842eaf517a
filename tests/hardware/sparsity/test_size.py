from itertools import combinations

import numpy as np
import pytest
from codec import encode, ranks_of
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.sparsity.density import FixedStructured, Uniform
from leanspike.hardware.sparsity.formats import FORMAT_NAMES, SizedRank, bit_length, tile_sizes


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[SizedRank, ...], int, int]:
    shape = draw(
        st.sampled_from([(1,), (2,), (5,), (9,), (10,), (2, 3), (3, 3), (4, 2), (2, 2, 2), (1, 7)])
    )
    ranks = tuple(
        SizedRank(
            format=name,
            word_bits=draw(
                st.integers(1, 2) if name == "RLE" else st.sampled_from([None, 1, 2, 3, 9])
            ),
        )
        for name in (draw(st.sampled_from(FORMAT_NAMES)) for _ in shape)
    )
    size = int(np.prod(shape))
    # The tile lies in a tensor that may be a little larger than itself.
    whole = size + draw(st.integers(0, 2))
    return shape, ranks, whole, draw(st.integers(0, whole))


@settings(deadline=None, max_examples=60)
@given(cases())
def test_sizes_are_the_mean_and_a_bound_over_every_arrangement(case) -> None:
    shape, ranks, whole, nonzeros = case
    size = int(np.prod(shape))
    written = []
    for chosen in combinations(range(whole), nonzeros):
        tensor = np.zeros(whole, dtype=int)
        tensor[list(chosen)] = 1
        code = encode(tensor[:size].reshape(shape), ranks)
        written.append((len(code.values), code.metadata_bits))
    values, metadata = np.array(written).T
    found = tile_sizes(ranks, list(shape), Uniform(whole, nonzeros))
    assert found.values[0] == pytest.approx(values.mean(), abs=1e-9)
    assert found.metadata_bits[0] == pytest.approx(metadata.mean(), abs=1e-9)
    assert found.most_values[0] >= values.max()
    assert found.most_metadata_bits[0] >= metadata.max()
    if len(shape) == 1:  # a single rank's bound is attained
        assert found.most_values[0] == values.max()
        assert found.most_metadata_bits[0] == metadata.max()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4), st.integers(1, 7), st.integers(1, 2), st.data())
def test_the_most_overflow_is_found(fibers: int, shape: int, width: int, data) -> None:
    nonzeros = data.draw(st.integers(0, min(fibers * shape, 4 if fibers * shape > 14 else 14)))
    ranks = (SizedRank(format="U"), SizedRank(format="RLE", word_bits=width))
    most = 0
    for chosen in combinations(range(fibers * shape), nonzeros):
        tile = np.zeros(fibers * shape, dtype=int)
        tile[list(chosen)] = 1
        most = max(most, len(encode(tile.reshape(fibers, shape), ranks).values))
    found = tile_sizes(ranks, [fibers, shape], Uniform(fibers * shape, nonzeros))
    assert found.most_values[0] == most


def test_a_large_tile_agrees_with_drawn_ones() -> None:
    size, nonzeros, tile = 20_000, 400, 4096
    ranks = ranks_of(["RLE"])
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(60):
        tensor = np.zeros(size, dtype=int)
        tensor[generator.choice(size, nonzeros, replace=False)] = 1
        drawn.append(len(encode(tensor[:tile], ranks).values))
    found = tile_sizes(ranks, [tile], Uniform(size, nonzeros)).values[0]
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(found - np.mean(drawn)) < 4 * error
    # At 2 % density most runs overflow four bits: the overflow is most of the data.
    assert found > 3 * tile * nonzeros / size


def test_many_tiles_at_once_are_each_alone() -> None:
    model, ranks = Uniform(1000, 100), ranks_of(["UOP", "RLE"])
    rows, columns = np.array([2, 4, 10]), np.array([50, 8, 1])
    together = tile_sizes(ranks, [rows, columns], model)
    for place in range(3):
        alone = tile_sizes(ranks, [rows[place], columns[place]], model)
        assert alone.bits(8)[0] == pytest.approx(together.bits(8)[place])
        assert alone.most_bits(8)[0] == together.most_bits(8)[place]


def test_dense_tiles_of_any_model_cost_their_values() -> None:
    for model in (Uniform(64, 64), FixedStructured(1.0)):
        sizes = tile_sizes(ranks_of("U"), [[1, 8, 64]], model)
        assert sizes.bits(8).tolist() == [8, 64, 512]
        assert sizes.most_bits(8).tolist() == [8, 64, 512]


def test_bit_length_is_pythons() -> None:
    numbers = [0, 1, 2, 3, 4, 255, 256, 2**31, 2**52 - 1]
    assert bit_length(numbers).tolist() == [max(1, n.bit_length()) for n in numbers]


def test_ranks_and_shapes_go_together() -> None:
    with pytest.raises(InputError, match="2 ranks for shapes of 1"):
        tile_sizes(ranks_of(["U", "U"]), [3], Uniform(3, 1))
