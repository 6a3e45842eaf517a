"""How the arms move in each of the eleven gestures.

Positions are in body units, relative to the middle between the shoulders, x to the right of the
image and y down; a body unit is a pixel of a 128x128 image for a user of mean size. Arm 0 is the
user's right one, on the left of the image. The sense of rotation is the user's own, as in IBM's
recordings: the right arm turning counter-clockwise turns clockwise in the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from leanspike.arrays import Reals

Pose = tuple[Reals, Reals]
"""Elbows and hands, each [K, 2 arms, 2 coordinates]."""

SHOULDER = 16.0  # from the middle, sideways
SIDES = np.array([-1.0, 1.0])  # of arm 0 and arm 1 in the image


@dataclass(frozen=True)
class Manner:
    """How one user does one gesture: factors near 1 and offsets near 0.

    Parameters
    ----------
    reach
        Factor on how far the hands swing.
    lift
        Body units by which the hands are lower than usual.
    spread
        Factor on how far the hands are from the middle.
    direction
        1 or -1: sense of an arm roll.
    mirrored
        Whether the user is left-handed.
    variant
        Which of the other gestures, 0 to 3.
    """

    reach: float = 1.0
    lift: float = 0.0
    spread: float = 1.0
    direction: int = 1
    mirrored: bool = False
    variant: int = 0


def _rest(count: int) -> Pose:
    """Both arms hanging."""
    elbows = np.empty((count, 2, 2))
    hands = np.empty((count, 2, 2))
    elbows[..., 0], elbows[..., 1] = 19 * SIDES, 18
    hands[..., 0], hands[..., 1] = 20 * SIDES, 36
    return elbows, hands


def _clap(phase: Reals, manner: Manner) -> Pose:
    elbows, hands = _rest(len(phase))
    gap = 2 + 18 * manner.reach * (1 - np.cos(phase)) / 2
    hands[..., 0] = SIDES * gap[:, None]
    hands[..., 1] = 8 + manner.lift
    elbows[..., 0] = SIDES * (20 + 0.25 * gap[:, None])
    elbows[..., 1] = 17
    return elbows, hands


def _wave(phase: Reals, manner: Manner, arm: int) -> Pose:
    elbows, hands = _rest(len(phase))
    side = SIDES[arm]
    angle = 0.1 * side + 0.4 * manner.reach * np.sin(phase)
    elbows[:, arm] = [22 * side * manner.spread, 10 + manner.lift]
    hands[:, arm, 0] = elbows[:, arm, 0] + 31 * np.sin(angle)
    hands[:, arm, 1] = elbows[:, arm, 1] - 31 * np.cos(angle)
    return elbows, hands


def _circle(phase: Reals, manner: Manner, arm: int, sense: int) -> Pose:
    """Turn a stretched arm about its shoulder; `sense` is 1 for clockwise in the image."""
    elbows, hands = _rest(len(phase))
    angle = sense * phase
    for joint, radius, lag in ((elbows, 16.0, 0.0), (hands, 30.0, 0.3)):
        turn = angle - lag * sense
        joint[:, arm, 0] = SIDES[arm] * SHOULDER + radius * manner.reach * np.cos(turn)
        joint[:, arm, 1] = 1.12 * radius * manner.reach * np.sin(turn)
    return elbows, hands


def _roll(phase: Reals, manner: Manner) -> Pose:
    elbows, hands = _rest(len(phase))
    angle = manner.direction * phase[:, None] + np.array([0, np.pi])
    hands[..., 0] = (8 * manner.spread - 12) * SIDES + 4 * np.cos(angle)
    hands[..., 1] = 11 + manner.lift + 10 * manner.reach * np.sin(angle)
    elbows[..., 0] = 21 * SIDES
    elbows[..., 1] = 15 + 3 * np.sin(angle)
    return elbows, hands


def _drum(phase: Reals, manner: Manner) -> Pose:
    elbows, hands = _rest(len(phase))
    angle = phase[:, None] + np.array([0, np.pi])
    beat = np.cos(angle + 0.4 * np.sin(angle))  # down faster than up
    hands[..., 0] = 12 * SIDES * manner.spread
    hands[..., 1] = 7 + manner.lift + 11 * manner.reach * beat
    elbows[..., 0] = 21 * SIDES
    elbows[..., 1] = 14 + 2 * beat
    return elbows, hands


def _strum(phase: Reals, manner: Manner) -> Pose:
    elbows, hands = _rest(len(phase))
    strumming, holding = (1, 0) if manner.mirrored else (0, 1)
    side = SIDES[strumming]
    stroke = 10 * manner.reach * np.sin(phase)
    hands[:, strumming, 0] = 4 * side + 0.35 * stroke
    hands[:, strumming, 1] = 23 + manner.lift + stroke
    elbows[:, strumming] = [24 * side, 15]
    hands[:, holding, 0] = -33 * side * manner.spread + 3 * np.sin(phase / 5)
    hands[:, holding, 1] = 3 + manner.lift
    elbows[:, holding] = [-27 * side, 19]
    return elbows, hands


def _other(phase: Reals, manner: Manner) -> Pose:
    elbows, hands = _rest(len(phase))
    arm = 1 if manner.mirrored else 0
    side = SIDES[arm]
    if manner.variant == 0:  # both hands beat together
        beat = np.cos(phase)[:, None]
        hands[..., 0] = 12 * SIDES * manner.spread
        hands[..., 1] = 7 + manner.lift + 11 * manner.reach * beat
        elbows[..., 0] = 21 * SIDES
        elbows[..., 1] = 14 + 2 * beat
    elif manner.variant == 1:  # a raised hand draws a lying eight
        elbows[:, arm] = [22 * side * manner.spread, 10 + manner.lift]
        hands[:, arm, 0] = elbows[:, arm, 0] + 12 * manner.reach * np.sin(phase)
        hands[:, arm, 1] = elbows[:, arm, 1] - 27 + 6 * manner.reach * np.sin(2 * phase)
    elif manner.variant == 2:  # both hands turn in small circles, one the mirror of the other
        turn = manner.direction * phase[:, None]
        hands[..., 0] = SIDES * (16 + 8 * manner.reach * np.cos(turn))
        hands[..., 1] = 7 + manner.lift + 9 * manner.reach * np.sin(turn)
        elbows[..., 0] = 21 * SIDES
        elbows[..., 1] = 15
    else:  # a stretched arm swings to and fro, over most of a circle
        swung = _circle(2.3 * np.sin(phase / 1.5), manner, arm, 1)
        elbows[:, arm], hands[:, arm] = swung[0][:, arm], swung[1][:, arm]
    return elbows, hands


@dataclass(frozen=True)
class Gesture:
    """A gesture: how it moves, how often in a second, which arms, and how much it shakes the body.

    ``move(phase [K], manner)`` gives the pose; `hertz` is the range of cycles per second; `shake`
    is in body units.
    """

    move: Callable[[Reals, Manner], Pose]
    hertz: tuple[float, float]
    arms: tuple[bool, bool] = (True, True)
    shake: float = 0.15


_RIGHT, _LEFT = (True, False), (False, True)
MOTIONS = (
    Gesture(_clap, (1.6, 2.8)),
    Gesture(lambda p, m: _wave(p, m, 0), (1.9, 2.6), _RIGHT),
    Gesture(lambda p, m: _wave(p, m, 1), (1.9, 2.6), _LEFT),
    Gesture(lambda p, m: _circle(p, m, 0, -1), (1.0, 1.4), _RIGHT, 1.1),
    Gesture(lambda p, m: _circle(p, m, 0, 1), (1.0, 1.4), _RIGHT, 1.1),
    Gesture(lambda p, m: _circle(p, m, 1, -1), (1.0, 1.4), _LEFT, 1.1),
    Gesture(lambda p, m: _circle(p, m, 1, 1), (1.0, 1.4), _LEFT, 1.1),
    Gesture(_roll, (1.2, 2.0)),
    Gesture(_drum, (1.6, 2.6)),
    Gesture(_strum, (1.6, 2.8)),
    Gesture(_other, (0.8, 1.4)),
)
"""In the order of `gesture_samples.GESTURES`."""
