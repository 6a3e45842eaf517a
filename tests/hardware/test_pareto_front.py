"""The Pareto front against the definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leanspike.hardware.pareto import pareto_front

# Small integers make ties and duplicates common.
points = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 6), min_size=width, max_size=width), min_size=1, max_size=40
    )
)


@given(points)
def test_front_is_what_the_definition_says(rows: list[list[int]]) -> None:
    values = np.array(rows)
    expected = {
        tuple(a)
        for a in rows
        if not any((np.array(b) <= a).all() and (np.array(b) < a).any() for b in rows)
    }
    front = pareto_front(values)
    assert {tuple(v) for v in values[front].tolist()} == expected
    assert len(front) == len(expected)
    for index in front:
        assert not (values[:index] == values[index]).all(axis=1).any()


def test_infinity_loses_to_anything_and_nan_is_no_point() -> None:
    assert pareto_front([[np.inf, 1.0], [np.nan, 0.0], [1.0, 1.0]]).tolist() == [2]


def test_no_points_have_no_front() -> None:
    assert pareto_front([]).tolist() == []
