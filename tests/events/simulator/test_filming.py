from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from leanspike.events.simulator import filming
from leanspike.events.simulator.filming import film

SIDE, STEPS, STEP_US = 48, 400, 2500
THRESHOLD = 0.3


def filmed(**changed: Any) -> tuple[np.ndarray, ...]:
    """Events t, x, y, p of one film: no motion, no noise, but for what is `changed`."""
    joints = np.full((STEPS, 2, 3, 2), -100.0)
    given: dict[str, Any] = {
        "level": np.zeros((SIDE, SIDE), np.float32),
        "slope": np.zeros((2, SIDE, SIDE), np.float32),
        "sway": np.zeros((STEPS, 2), np.float32),
        "joints": joints,
        "looks": np.array([1.0, 0.9, 0.3, -0.7, 0.2, 0.2]),
        "flicker": np.zeros(4, np.int64),
        "flash": np.zeros(STEPS),
        "thresholds": np.full(SIDE * SIDE, THRESHOLD, np.float32),
        "leak": 0.0,
        "noise": 0.0,
        "hot": np.zeros(0, np.int64),
        "fires": np.zeros(0),
        "seed": 1,
        "step_us": STEP_US,
    } | changed
    room = 200_000
    columns = (np.empty(room, np.uint32), *(np.empty(room, np.uint16) for _ in range(3)))
    count = film(*given.values(), *columns)
    assert count <= room
    return tuple(column[:count].astype(np.int64) for column in columns)


def signed_counts(x: np.ndarray, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    total = np.zeros((SIDE, SIDE))
    np.add.at(total, (y, x), 2 * p - 1)
    return total


def test_a_still_scene_makes_no_events() -> None:
    assert len(filmed()[0]) == 0


def test_events_rebuild_the_change_of_the_scene() -> None:
    """What pixels reported, times the threshold, is how the log intensity changed."""
    joints = np.full((STEPS, 2, 3, 2), -100.0)
    way = np.minimum(np.arange(STEPS) / 250, 1)  # and then rest until every pixel was looked at
    joints[:, 0, 0] = [10, 10]
    joints[:, 0, 1] = [20, 14]
    joints[:, 0, 2, 0] = 24 + 14 * way
    joints[:, 0, 2, 1] = 16 + 24 * way
    looks = np.array([1.0, 0.9, 0.3, -0.7, 0.2, 0.2])
    _, x, y, p = filmed(joints=joints, looks=looks)

    def scene(step: int) -> np.ndarray:
        limbs = np.empty((6, filming._FIELDS))
        filming._place_limbs(limbs, joints[step], looks)
        seen = [
            [filming._seen(limbs, j + 0.5, i + 0.5, 0.0, looks[5]) for j in range(SIDE)]
            for i in range(SIDE)
        ]
        return np.array(seen)

    before, after = scene(0), scene(STEPS - 1)
    # The first reference is anywhere within a threshold of the scene, and so is the last.
    wrong = np.abs(after - before - THRESHOLD * signed_counts(x, y, p))
    assert np.abs(after - before).max() > 0.8
    assert wrong.max() <= 2 * THRESHOLD
    assert wrong.mean() < THRESHOLD


def test_a_limb_covers_what_is_near_its_line() -> None:
    joints = np.full((2, 3, 2), -100.0)
    joints[0] = [[10, 10], [30, 10], [30, 30]]
    limbs = np.empty((6, filming._FIELDS))
    filming._place_limbs(limbs, joints, np.array([1.0, 0.9, 0.0, -0.7, 0.0, 0.2]))
    seen = lambda x, y: filming._seen(limbs, x, y, 0.5, 0.2)  # noqa: E731
    assert seen(20, 10) == seen(20, 13) == pytest.approx(-0.7)  # sleeve, 4.2 thick
    assert seen(20, 10 + 4.2) == pytest.approx((0.5 - 0.7) / 2)  # half covered at its edge
    assert seen(20, 16) == 0.5  # the background
    assert seen(30, 32) == pytest.approx(0.9)  # skin


def test_leak_makes_on_events_at_its_rate() -> None:
    leak = 0.01
    _, x, y, p = filmed(leak=leak)
    assert p.min() == 1
    # References begin anywhere within a threshold, and the last look is up to SIDE / 2 steps old:
    # on the average half an event and half of those steps are missing.
    per_pixel = signed_counts(x, y, p)
    expected = leak * STEPS / THRESHOLD
    late = leak * SIDE / 2 / THRESHOLD
    assert per_pixel.min() >= np.floor(expected - late) - 1
    assert per_pixel.max() <= np.ceil(expected) + 1
    assert per_pixel.mean() == pytest.approx(expected - 0.5 - late / 2, abs=0.2)


def test_noise_and_hot_pixels_fire_at_their_rates() -> None:
    chance = 1e-4
    t, x, y, p = filmed(noise=chance, hot=np.array([5 * SIDE + 7]), fires=np.array([0.25]))
    hot = (x == 7) & (y == 5)
    assert hot.sum() == pytest.approx(0.25 * STEPS, rel=0.3)
    trials = SIDE * SIDE * (STEPS - 1)
    assert (~hot).sum() == pytest.approx(chance * trials, abs=5 * np.sqrt(chance * trials))
    assert p.mean() == pytest.approx(0.5, abs=0.15)
    assert (np.diff(t) >= 0).all()
    assert t.max() < STEPS * STEP_US
    # Anywhere on the sensor: all quarters alike.
    quarters = np.bincount(2 * (y[~hot] >= SIDE // 2) + (x[~hot] >= SIDE // 2), minlength=4)
    assert quarters.min() > 0.5 * quarters.mean()


def test_only_what_flickers_flickers() -> None:
    flash = np.where(np.arange(STEPS) % 100 < 50, 0.0, 1.0)
    _, x, y, p = filmed(flicker=np.array([3, 4, 9, 7]), flash=flash)
    assert (x.min(), x.max(), y.min(), y.max()) == (3, 8, 4, 6)
    # Seven jumps of 1, and a pixel follows to within a threshold of 0.3: two or three events each.
    per_pixel = len(x) / (6 * 3)
    assert 7 * 2 <= per_pixel <= 7 * 3
    assert p.mean() == pytest.approx(4 / 7, abs=0.1)


def test_at_most_one_event_of_a_pixel_in_a_step() -> None:
    flash = np.where(np.arange(STEPS) < 50, 0.0, 30.0)
    t, x, y, _ = filmed(flicker=np.array([3, 4, 9, 7]), flash=flash)
    step = t // STEP_US
    assert len(set(zip(step.tolist(), x.tolist(), y.tolist(), strict=True))) == len(t)
