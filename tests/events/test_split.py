from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leanspike.events.frame_data import draw_split, first_of_each

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


@given(LABELS, st.floats(0, 1), st.integers(0, 2**31))
def test_split_is_stratified_and_shares_nothing(
    labels: np.ndarray, fraction: float, seed: int
) -> None:
    stay, drawn = draw_split(labels, fraction, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([stay, drawn])), np.arange(len(labels)))
    for label in np.unique(labels):
        n, k = (labels == label).sum(), (labels[drawn] == label).sum()
        if n == 1:
            assert k == round(fraction)
        else:
            assert k == min(max(round(fraction * n), 1), n - 1)
    again = draw_split(labels, fraction, seed=seed)
    np.testing.assert_array_equal(drawn, again[1])


@given(LABELS, st.integers(1, 70))
def test_limit_is_balanced_and_ordered(labels: np.ndarray, limit: int) -> None:
    chosen = first_of_each(labels, limit)
    assert len(chosen) == min(limit, len(labels))
    assert (np.diff(chosen) > 0).all()
    counts = np.bincount(labels[chosen], minlength=5)
    # A class has fewer than another by more than one only where it is used up.
    used_up = counts == np.bincount(labels, minlength=5)
    assert (used_up | (counts >= counts.max() - 1)).all()
