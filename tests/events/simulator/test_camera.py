from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from leanspike.errors import InputError
from leanspike.events.simulator.camera import Camera, look


@njit
def watch(signal, threshold, leak):  # type: ignore[no-untyped-def]
    kept = np.array([signal[0]])
    events = np.empty(len(signal), np.int64)
    for i in range(len(signal)):
        events[i] = look(signal[i], kept, 0, threshold, leak)
    return events, kept[0]


@settings(deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=80), st.floats(0.05, 1))
def test_kept_value_is_the_start_plus_thresholds_of_the_events(
    signal: list[float], threshold: float
) -> None:
    events, kept = watch(np.array(signal), threshold, 0.0)
    net = (events == 1).sum() - (events == 0).sum()
    assert kept == pytest.approx(signal[0] + net * threshold, abs=1e-9)


def test_slow_ramp_gives_one_event_per_threshold() -> None:
    up, _ = watch(np.linspace(0, 2.01, 400), 0.25, 0.0)
    assert (up == 1).sum() == 8
    assert (up == 0).sum() == 0
    down, _ = watch(np.linspace(0, -2.01, 400), 0.25, 0.0)
    assert (down == 0).sum() == 8
    assert (down == 1).sum() == 0


def test_at_most_one_event_a_step_and_the_rest_follows() -> None:
    events, _ = watch(np.array([0.0, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1]), 0.25, 0.0)
    np.testing.assert_array_equal(events, [-1, 1, 1, 1, 1, -1, -1])


def test_leak_gives_on_events_at_its_rate() -> None:
    camera = Camera(threshold=0.2, leak_hz=10.0, step_us=1000)
    events, _ = watch(np.zeros(10_000), 0.2, camera.leak_per_step)  # 10 s
    assert (events == 1).sum() == pytest.approx(100, abs=1)
    assert (events == 0).sum() == 0


def test_thresholds_spread_as_told() -> None:
    camera = Camera(threshold=0.3, mismatch=0.03)
    values = camera.thresholds(200, 200, seed=1)
    assert values.mean() == pytest.approx(0.3, abs=0.001)
    assert values.std() == pytest.approx(0.03, abs=0.001)
    np.testing.assert_array_equal(values, camera.thresholds(200, 200, seed=1))
    assert Camera(threshold=0.3, mismatch=3.0).thresholds(50, 50, seed=1).min() > 0.05


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0.0}, {"mismatch": -1.0}, {"step_us": 0}, {"noise_hz": 1e9}]
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="Camera"):
        Camera(**wrong)  # type: ignore[arg-type]
