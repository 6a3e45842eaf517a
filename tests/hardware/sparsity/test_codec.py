import numpy as np
import pytest
from codec import decode, encode, ranks_of
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.sparsity.density import Uniform
from leanspike.hardware.sparsity.formats import FORMAT_NAMES, SizedRank, tile_sizes


@st.composite
def tiles(draw: st.DrawFn) -> tuple[np.ndarray, tuple[SizedRank, ...]]:
    depth = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, 9)) for _ in range(depth))
    kept = draw(st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]))
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    tile = generator.integers(1, 100, shape) * (generator.random(shape) < kept)
    ranks = tuple(
        SizedRank(format=name, word_bits=draw(st.integers(1, 3)) if name == "RLE" else None)
        for name in (draw(st.sampled_from(FORMAT_NAMES)) for _ in range(depth))
    )
    return tile, ranks


@given(tiles())
def test_what_is_written_is_read_back(case: tuple[np.ndarray, tuple[SizedRank, ...]]) -> None:
    tile, ranks = case
    code = encode(tile, ranks)
    assert decode(code).tolist() == tile.tolist()
    for stream in code.streams:
        assert all(0 <= word < 1 << stream.width for word in stream.words)
        assert all(0 <= length < 1 << stream.length_width for length in stream.lengths)


def test_known_codes() -> None:
    row = np.array([0, 0, 0, 5, 0, 6, 0, 0])
    assert encode(row, ranks_of("UBM")).streams[0].words == (0, 0, 0, 1, 0, 1, 0, 0)
    assert encode(row, ranks_of("CP")).streams[0].words == (3, 5)
    assert encode(row, ranks_of("RLE")).streams[0].words == (3, 1)
    assert encode(row, ranks_of("UOP")).streams[0].words == (0, 0, 0, 0, 1, 1, 2, 2, 2)
    # Three zeros do not fit one bit: (1, 0 stored) covers two of them, (1, 5) the third.
    short = encode(row, [SizedRank(format="RLE", word_bits=1)])
    assert short.streams[0].words == (1, 1, 1)
    assert short.values.tolist() == [0, 5, 6]


def test_offsets_over_coordinates_are_csr() -> None:
    matrix = np.array([[0, 1, 0], [0, 0, 0], [2, 0, 3]])
    code = encode(matrix, ranks_of(["UOP", "CP"]))
    assert code.streams[0].words == (0, 1, 1, 3)
    assert code.streams[1].words == (1, 0, 2)
    assert code.values.tolist() == [1, 2, 3]
    # Four offsets of 0 to 9, three columns of 0 to 2; no lengths: the offsets give them.
    assert code.metadata_bits == 4 * 4 + 3 * 2


@pytest.mark.parametrize(("given", "used"), [(None, 4), (3, 4), (4, 4), (7, 7)])
def test_coordinates_too_narrow_for_their_range_are_widened(given, used) -> None:
    ranks = [SizedRank(format="CP", word_bits=given)]
    code = encode(np.eye(10)[9], ranks)
    assert (code.streams[0].width, code.streams[0].words) == (used, (9,))
    assert decode(code).tolist() == np.eye(10)[9].tolist()
    # The entry's coordinate and the number of entries, 0 to 10.
    assert tile_sizes(ranks, [10], Uniform(10, 1)).metadata_bits[0] == pytest.approx(used + 4)


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(InputError, match="in 2 ranks"):
        encode(np.ones(3), ranks_of(["U", "U"]))
    with pytest.raises(InputError, match="format: found 'RLL'"):
        ranks_of("RLL")
