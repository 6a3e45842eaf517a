import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from leanspike.errors import InputError
from leanspike.hardware.sparsity.density import Banded, Measured

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=1, max_dims=3, max_side=6))


@given(masks, st.integers(1, 40))
def test_runs_are_counted_one_by_one(mask: np.ndarray, size: int) -> None:
    flat = mask.ravel()
    counts = [int(flat[i : i + size].sum()) for i in range(0, flat.size, size)]
    model = Measured(mask)
    assert model.counts(size).tolist() == counts
    assert float(model.p_empty(size)) == pytest.approx(counts.count(0) / len(counts))
    assert int(model.maximum(size)) == max(counts)
    assert model.occupancies(size).expected == pytest.approx(np.mean(counts))


@given(masks, st.data())
def test_boxes_are_counted_one_by_one(mask: np.ndarray, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(1, side)) for side in mask.shape)
    counts = []
    for corner in np.ndindex(*(-(-extent // side) for extent, side in zip(mask.shape, shape))):  # noqa: B905
        box = tuple(slice(c * s, (c + 1) * s) for c, s in zip(corner, shape, strict=True))
        counts.append(int(mask[box].sum()))
    found = Measured(mask).occupancies_of(shape)
    assert found.maximum == max(counts)
    assert found.p_empty == pytest.approx(counts.count(0) / len(counts))
    assert found.expected == pytest.approx(np.mean(counts))


@given(st.integers(1, 9), st.integers(0, 10), st.data())
def test_a_band_is_a_measured_band(side: int, width: int, data: st.DataObject) -> None:
    divisors = [d for d in range(1, side + 1) if side % d == 0]
    rows, columns = data.draw(st.sampled_from(divisors)), data.draw(st.sampled_from(divisors))
    i, j = np.indices((side, side))
    truth = Measured(abs(i - j) <= width)
    band = Banded(side=side, width=width)
    assert band.density == pytest.approx(truth.density)
    expected, found = truth.occupancies_of((rows, columns)), band.occupancies_of((rows, columns))
    assert found.values.tolist() == expected.values.tolist()
    assert found.probabilities.tolist() == expected.probabilities.tolist()
    assert band.p_empty([columns]).tolist() == truth.p_empty([columns]).tolist()
    assert band.maximum([columns]).tolist() == truth.maximum([columns]).tolist()


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="has no values"):
        Measured(np.zeros((0, 3)))
    with pytest.raises(InputError, match="a tile of shape"):
        Measured(np.ones((2, 3))).occupancies_of((2,))
    with pytest.raises(InputError, match="a band of width -1"):
        Banded(side=3, width=-1)
    with pytest.raises(InputError, match="a tile of shape"):
        Banded(side=3, width=1).occupancies_of((4, 1))
