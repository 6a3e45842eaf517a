"""Lanes against numpy on the same values."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.nn.kernels.cpu_lanes import (
    WIDTH,
    at_least,
    below,
    but_not,
    choose,
    either,
    exponential,
    load,
    magnitude,
    splat,
    store,
)


@numba.njit(error_model="numpy")
def arithmetic(a, b, out):
    two = splat(a.dtype.type(2))
    for i in range(0, a.size, WIDTH):
        n = a.size - i
        x, y = load(a, i, n), load(b, i, n)
        store(out, i, n, (x + y) * two / x - y)


@numba.njit(error_model="numpy")
def choices(a, b, out):
    zero = splat(a.dtype.type(0))
    for i in range(0, a.size, WIDTH):
        n = a.size - i
        x, y = load(a, i, n), load(b, i, n)
        flags = either(but_not(at_least(x, y), below(x, zero)), below(y, zero))
        store(out, i, n, choose(flags, exponential(zero - magnitude(x)), y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(size=st.integers(0, 70), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_lanes_compute_what_numpy_does(dtype, size, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, size)).astype(dtype)
    a[size // 2 :: 7] = np.nan
    out = np.full(size + WIDTH, -1, dtype)
    arithmetic(a, b, out)
    np.testing.assert_array_equal(out[:size], (a + b) * dtype(2) / a - b)
    assert (out[size:] == -1).all()
    choices(a, b, out)
    with np.errstate(invalid="ignore"):
        flags = ((a >= b) & ~(a < 0)) | (b < 0)
    np.testing.assert_allclose(out[:size], np.where(flags, np.exp(-abs(a)), b), rtol=1e-6)
    assert (out[size:] == -1).all()


def test_lanes_past_a_partial_load_are_zero():

    @numba.njit
    def last(a):
        out = np.zeros(WIDTH, a.dtype)
        store(out, 0, WIDTH, load(a, a.size - 3, 3))
        return out

    assert last(np.arange(5.0)).tolist() == [2, 3, 4] + [0] * 13
