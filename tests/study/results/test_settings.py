import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made_up_records as made_up
from leanspike.study.plan.points import Point
from leanspike.study.results.point_result import PointResult
from leanspike.study.results.settings import Spread, accuracy_noise, settings


def result(setting="quantize", bits=2, seed=0, right=(True,) * 9 + (False,)):
    measured = made_up.measured(right, [made_up.weights(count=10, bits=bits or 32, sparsity=0.0)])
    return PointResult("measure", Point(setting, bits, 0.0, seed), measured, 8)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_spread_is_the_sample_standard_deviation(values):
    spread = Spread.of(values)
    assert spread.mean == pytest.approx(statistics.fmean(values))
    assert spread.deviation == pytest.approx(statistics.stdev(values), abs=1e-12)


def test_seeds_of_one_setting_are_taken_together():
    half = (True, False)
    groups = settings([result(seed=0), result(bits=3), result(seed=1, right=half * 5)])
    assert [(each.name, len(each.results)) for each in groups] == [
        ("quantize 2b", 2),
        ("quantize 3b", 1),
    ]
    assert groups[0].accuracy.mean == pytest.approx(0.7)


@pytest.mark.parametrize("seeds", [1, 3])
def test_noise_covers_what_chance_does_to_two_equal_networks(seeds):
    # Recordings differ in how hard they are; two networks, trained alike, get each right with the
    # same probability. Two standard errors should cover about 95 % of the differences between them,
    # and not much more.
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        chance = draw.beta(8, 1, size=200)
        a, b = (
            settings([result(seed=i, right=draw.random(200) < chance) for i in range(seeds)])[0]
            for _ in range(2)
        )
        covered += abs(a.accuracy.mean - b.accuracy.mean) <= accuracy_noise(a, b)
    assert 0.92 <= covered / 300 <= (0.98 if seeds == 1 else 1.0)


def test_noise_counts_the_spread_between_trainings():
    # Three seeds whose difference swings by far more than single recordings explain.
    def at(fraction):
        return [i < 100 * fraction for i in range(100)]

    steady = settings([result(seed=i, right=at(0.9)) for i in range(3)])[0]
    swinging = settings([result(bits=3, seed=i, right=at(0.7 + 0.1 * i)) for i in range(3)])[0]
    assert accuracy_noise(steady, swinging) > 2 * 0.1 / np.sqrt(3)


def test_equal_networks_still_differ_by_a_recording_by_chance():
    a, b = settings([result(), result(bits=3)])
    assert accuracy_noise(a, b) == pytest.approx(1 / 10)
