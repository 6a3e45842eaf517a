import pytest

from leanspike.study.results.difference import difference


def test_a_study_does_not_differ_from_itself(results):
    found = difference(results(), results())
    assert found.file == {}
    assert found.only_first == found.only_second == ()
    (change,) = found.both
    assert change.accuracy[0] == change.accuracy[1]
    assert change.same_weights


def test_what_changed_is_said_with_its_noise(results):
    worse = results((True, False, False, True), energy=6.0, sha="b", data={"T": 20})
    found = difference(results(data={"T": 10}), worse)
    assert found.file == {"data.T": (10, 20)}
    (change,) = found.both
    assert change.accuracy == (0.75, 0.5)
    assert change.noise == pytest.approx(2 * (0.1875 / 4) ** 0.5)
    assert not change.same_weights
    shown = found.table()
    for part in ("data.T: 10 -> 20", "75.00 -> 50.00", "-25.00", "+50.0", "other"):
        assert part in shown


def test_on_other_data_nothing_is_said_of_noise(results):
    (change,) = difference(results(), results(fingerprint="e")).both
    assert change.noise is None
