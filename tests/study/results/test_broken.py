"""Networks that do not work: marked, and never on the front however little they cost."""

import math

import pytest
from scipy import stats

import made_up_records as made_up
from leanspike.study.plan.points import Point
from leanspike.study.results.point_result import PointResult, at_least
from leanspike.study.results.tables import flat_rows, setting_rows, short_table


def point(right, samples=200, *, classes=10, sparsity=0.5, inputs=(0.1, 0.3), **measured):
    record = made_up.measured(
        [i < right for i in range(samples)], [made_up.weights(sparsity=sparsity)], inputs=inputs
    )
    for name, value in measured.items():
        object.__setattr__(record, name, value)
    return PointResult("measure", Point("quantize", 2, 0.0, 0), record, 8, classes=classes)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (point(180), None),
        (point(20), "at chance (10.0 % right, guessing 10.0 %)"),
        (point(0), "at chance"),
        (point(33), None),  # guessing gets 33 or more of 200 in one of 230 times
        (point(27), "at chance"),  # and 27 or more in one of 9
        (point(110, chance=0.55), "at chance (55.0 % right, guessing 55.0 %)"),
        (point(160, answers=1, chance=0.8), "one class for every recording"),
        (point(180, sparsity=1.0), "all weights are zero"),
        (point(180, inputs=(0.0, 0.0)), "no neuron fires"),
        (point(200, classes=1, answers=1, chance=1.0), None),  # nothing could be told apart
    ],
)
def test_what_is_broken_says_why(made, why):
    assert made.broken is None if why is None else why in made.broken


@pytest.mark.parametrize("samples", [1, 7, 200, 10_000])
@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.97])
def test_the_tail_of_the_binomial_distribution(samples, p):
    for right in sorted({0, 1, samples // 10, samples // 2, samples}):
        expected = stats.binom.sf(right - 1, samples, p)
        assert math.isclose(at_least(right, samples, p), expected, rel_tol=1e-8, abs_tol=1e-300)


def test_broken_settings_are_marked_and_not_starred(results):
    made = results([i < 2 for i in range(20)])
    object.__setattr__(made.points[0], "classes", 10)
    assert [row.best for row in setting_rows(made)] == [False]
    lines = short_table(made).splitlines()
    assert lines[1].startswith("!  quantize 2b")
    assert lines[2] == "! quantize 2b: at chance (10.0 % right, guessing 10.0 %)"
    assert flat_rows(made)[0]["broken"].startswith("at chance")
    assert [row.best for row in setting_rows(results([True] * 20))] == [True]
