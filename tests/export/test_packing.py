from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from leanspike.errors import InputError
from leanspike.export import FORMATS, pack, pack_weights, unpack, unpack_weights


@given(st.integers(1, 17), st.data())
def test_pack_round_trip(bits: int, data: st.DataObject) -> None:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    values = data.draw(st.lists(st.integers(low, high), max_size=50))
    packed = pack(values, bits)
    assert len(packed) == -(-len(values) * bits // 8)
    assert unpack(packed, bits, len(values)).tolist() == values


@given(st.integers(1, 32), st.booleans(), st.data())
def test_what_fits_comes_back_and_nothing_else_is_taken(
    bits: int, signed: bool, data: st.DataObject
) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    values = data.draw(st.lists(st.integers(low - 1, high + 1), min_size=1, max_size=9))
    if low <= min(values) and max(values) <= high:
        packed = pack(values, bits, signed=signed)
        assert unpack(packed, bits, len(values), signed=signed).tolist() == values
    else:
        with pytest.raises(InputError, match="do not fit"):
            pack(values, bits, signed=signed)


def test_bit_order_by_hand() -> None:
    # 3-bit values 1, -1, 2: 001, 111, 010, lowest first: bits 100 111 01 | 0
    assert pack([1, -1, 2], 3).tolist() == [0b10111001, 0b0]


@given(
    hnp.arrays(
        np.int64, hnp.array_shapes(min_dims=2, max_dims=4, max_side=7), elements=st.integers(-1, 1)
    ),
    st.sampled_from(FORMATS),
)
def test_ternary_round_trip(weights: np.ndarray, format: str) -> None:
    assert np.array_equal(unpack_weights(pack_weights(weights, 2, format)), weights)


@given(st.floats(0, 1), st.integers(2, 8), st.sampled_from(FORMATS), st.integers(0, 99))
def test_sparse_round_trip(density: float, bits: int, format: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    most = 2 ** (bits - 1) - 1
    weights = rng.integers(-most, most + 1, (8, 50)) * (rng.random((8, 50)) < density)
    packed = pack_weights(weights, bits, format)
    assert np.array_equal(unpack_weights(packed), weights)
    nonzero = int((weights != 0).sum())
    if format == "UBM":
        assert packed.size_bits == 400 + nonzero * bits
    if format == "dense":
        assert packed.size_bits == 400 * bits
    if format == "CP":
        assert packed.size_bits == 8 * 6 + nonzero * (6 + bits)
    if format == "UOP":
        assert packed.size_bits == 8 * 9 + nonzero * (6 + bits)
    assert 8 * len(packed.values) - packed.stored * bits < 8


def test_run_lengths_by_hand() -> None:
    # 5 zeros, a 1, 1 zero, a -1: with runs of 3 bits two values are stored.
    packed = pack_weights(np.array([[0, 0, 0, 0, 0, 1, 0, -1, 0]]), 2, "RLE")
    assert (packed.field_bits, packed.stored, packed.size_bits) == (3, 2, 10)
    # With 2 bits a run of 5 would need a zero stored between: 3 stores of 4 bits.
    assert packed.size_bits < 3 * (2 + 2)


def test_sparse_beats_dense_where_sparse() -> None:
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 8, (32, 200)) * (rng.random((32, 200)) < 0.05)
    dense = pack_weights(weights, 4).size_bits
    assert all(pack_weights(weights, 4, f).size_bits < dense for f in ("UBM", "RLE", "CP", "UOP"))


def test_binary() -> None:
    weights = np.array([[1, -1, -1, 1, 1]])
    packed = pack_weights(weights, 1)
    assert packed.values.tolist() == [0b11001]
    assert np.array_equal(unpack_weights(packed), weights)
    with pytest.raises(InputError, match="no zeros to leave out"):
        pack_weights(weights, 1, "RLE")
    with pytest.raises(InputError, match="no zeros to leave out"):
        pack_weights(np.array([[1, 0]]), 1)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="unknown format 'CSR'"):
        pack_weights(np.ones((1, 1), np.int64), 2, "CSR")
    with pytest.raises(InputError, match=r"from 1 to 9 do not fit 3 signed bits \(-4 to 3\)"):
        pack([1, 9], 3)
    with pytest.raises(InputError, match="values from -1 to 3 do not fit 2"):
        pack([3, -1], 2)
    with pytest.raises(InputError, match="not whole"):
        pack([0.5], 2)
    with pytest.raises(InputError, match="bits: 0 is not from 1 to 32"):
        pack([0], 0)
    with pytest.raises(InputError, match="1 bytes are fewer than 5 values of 2 bits"):
        unpack(pack([1, 0, -1, 1], 2), 2, 5)
    with pytest.raises(InputError, match="do not fit 2 signed bits"):
        pack_weights(np.array([[2, 0]]), 2)


@pytest.mark.parametrize("format", FORMATS)
def test_any_flipped_bit_of_a_pack_is_found(format: str) -> None:
    weights = np.random.default_rng(0).integers(-1, 2, (4, 9))
    packed = pack_weights(weights, 2, format)
    for name in ("metadata", "values"):
        whole = getattr(packed, name)
        for bit in range(8 * len(whole)):
            damaged = whole.copy()
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(InputError, match="checksum"):
                unpack_weights(replace(packed, **{name: damaged}))
    fields = {"shape": (9, 4), "bits": 3, "stored": packed.stored + 1, "format": "UBM" * 2}
    for name, value in fields.items():
        with pytest.raises(InputError, match="checksum"):
            unpack_weights(replace(packed, **{name: value}))
    assert np.array_equal(unpack_weights(packed), weights)
