from __future__ import annotations

import numpy as np
import pytest

from leanspike.events.simulator.motion import MOTIONS, SHOULDER, SIDES, Manner
from leanspike.events.sources.dvs_gesture import GESTURES

PHASE = np.linspace(0, 4 * np.pi, 200)


@pytest.mark.parametrize("gesture", range(11))
@pytest.mark.parametrize("variant", range(4))
def test_arms_stay_within_reach(gesture: int, variant: int) -> None:
    elbows, hands = MOTIONS[gesture].move(PHASE, Manner(variant=variant))
    assert elbows.shape == hands.shape == (200, 2, 2)
    shoulders = np.stack([SHOULDER * SIDES, np.zeros(2)], axis=1)
    assert np.hypot(*(elbows - shoulders).transpose(2, 0, 1)).max() < 25
    assert np.hypot(*(hands - elbows).transpose(2, 0, 1)).max() < 40


def test_only_the_arms_of_the_gesture_move() -> None:
    for motion in MOTIONS[:10]:
        _, hands = motion.move(PHASE, Manner())
        moved = np.ptp(hands, axis=0).max(axis=1) > 1
        assert moved.tolist() == list(motion.arms)


@pytest.mark.parametrize(
    ("name", "sense"),
    [
        ("right arm clockwise", -1),
        ("right arm counter-clockwise", 1),
        ("left arm clockwise", -1),
        ("left arm counter-clockwise", 1),
    ],
)
def test_circles_turn_as_the_user_sees_them(name: str, sense: int) -> None:
    _, hands = MOTIONS[GESTURES.index(name)].move(PHASE, Manner())
    arm = 0 if name.startswith("right") else 1
    dx, dy = (hands[:, arm] - hands[:, arm].mean(0)).T
    turns = np.ptp(np.unwrap(np.arctan2(dy, dx))) / (2 * np.pi)
    # y points down, so that a growing angle is clockwise in the image.
    growing = np.unwrap(np.arctan2(dy, dx))
    assert np.sign(growing[-1] - growing[0]) == sense
    assert turns == pytest.approx(2, abs=0.1)
    assert np.sign(hands[:, arm, 0].mean()) == SIDES[arm]


def test_waves_mirror_each_other() -> None:
    _, right = MOTIONS[1].move(PHASE, Manner())
    _, left = MOTIONS[2].move(-PHASE, Manner())
    np.testing.assert_allclose(right[:, 0] * [-1, 1], left[:, 1], atol=1e-9)


def test_left_handed_users_mirror_one_handed_gestures() -> None:
    for gesture in (9, 10):
        _, usual = MOTIONS[gesture].move(PHASE, Manner(variant=1))
        _, mirrored = MOTIONS[gesture].move(PHASE, Manner(variant=1, mirrored=True))
        strongest = [np.ptp(hands, axis=0)[:, 1].argmax() for hands in (usual, mirrored)]
        assert strongest == [0, 1]
