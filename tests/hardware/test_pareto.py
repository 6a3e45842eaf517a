import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.hardware.pareto import hypervolume, on_front

small = st.integers(0, 6).map(float)
points = st.lists(st.tuples(small, small), min_size=1, max_size=12)


@given(points)
def test_front_by_definition(values):
    mask = on_front(values)
    for i, (x, y) in enumerate(values):
        beaten = any((a >= x and b >= y) and (a > x or b > y) for a, b in values)
        assert mask[i] == (not beaten)


@given(points)
def test_hypervolume_by_counting_unit_squares(values):
    cells = sum(
        any(x > i and y > j for x, y in values) for i in range(6) for j in range(6)
    )  # every square [i, i+1] x [j, j+1] is wholly under the front or not
    assert hypervolume(values, reference=(0.0, 0.0)) == cells


@given(points)
def test_only_the_front_counts(values):
    front = [value for value, kept in zip(values, on_front(values), strict=True) if kept]
    whole = hypervolume(values, reference=(0.0, 0.0))
    assert hypervolume(front, reference=(0.0, 0.0)) == whole


def test_nothing_has_no_front():
    assert on_front(np.zeros((0, 2))).shape == (0,)
    assert hypervolume([], reference=(0.0, 0.0)) == 0.0


def test_the_published_front_is_found_among_its_points():
    # PAPER.md's front with two of its dominated settings (8-bit pruned, 3-bit joint) added
    front = [(97.92, 11.056), (97.57, 9.593), (97.22, 9.134), (96.53, 8.666), (57.29, 8.109)]
    rest = [(97.57, 13.977), (96.0, 9.2)]
    mask = on_front([(accuracy, -energy) for accuracy, energy in front + rest])
    assert mask.tolist() == [True] * 5 + [False] * 2


def test_points_outside_the_reference_add_nothing():
    assert hypervolume([(1.0, 5.0), (3.0, 1.0)], reference=(2.0, 0.0)) == pytest.approx(1.0)
