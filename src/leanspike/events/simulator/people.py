"""Who does the gestures, in what light: everything that is drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from leanspike.arrays import Reals
from leanspike.events.simulator.motion import MOTIONS, Manner, Pose

LIGHTS = ("fluorescent", "fluorescent_led", "lab", "led", "natural")
# Factors on the camera's threshold, its noise, and the flicker of the background.
_LIGHTING = {
    "fluorescent": (1.0, 1.0, 1.0),
    "fluorescent_led": (0.95, 0.8, 1.0),
    "lab": (1.1, 1.5, 0.5),
    "led": (1.05, 1.2, 0.5),
    "natural": (0.9, 0.7, 0.3),
}


@dataclass(frozen=True)
class User:
    """One user: the same in all trials.

    Lengths are factors on body units; brightness is natural log intensity above the wall's.
    """

    size: float
    tempo: float
    reach: float
    lift: float
    spread: float
    thickness: float
    left_handed: bool
    skin: float
    fingers: float
    sleeve: float
    folds: float
    shirt: float
    pattern: float
    hair: float
    other: int

    @classmethod
    def draw(cls, generator: Generator) -> User:
        """Draw a user."""
        uniform = generator.uniform
        return cls(
            size=uniform(0.88, 1.17),
            tempo=uniform(0.0, 1.0),
            reach=uniform(0.8, 1.15),
            lift=uniform(-6, 6),
            spread=uniform(0.75, 1.2),
            thickness=uniform(1.0, 1.35),
            left_handed=bool(uniform() < 0.1),
            skin=uniform(0.5, 1.0),
            fingers=uniform(0.25, 0.5),
            sleeve=uniform(0.35, 0.9) * (1 if uniform() < 0.5 else -1),
            folds=uniform(0.05, 0.25),
            shirt=uniform(-0.6, 0.6),
            pattern=uniform(0.2, 0.5),
            hair=uniform(-0.8, 0.2),
            other=int(generator.integers(4)),
        )


@dataclass(frozen=True)
class Surroundings:
    """One trial: a user, where they stand, and the light.

    `threshold`, `noise` and `flicker` are factors; `x` and `y` pixels of 128 from the usual place.
    """

    light: str
    threshold: float
    noise: float
    flicker: float
    x: float
    y: float
    seed: int

    @classmethod
    def draw(cls, light: str, generator: Generator) -> Surroundings:
        """Draw what a trial in this light is like."""
        threshold, noise, flicker = _LIGHTING[light]
        uniform = generator.uniform
        return cls(
            light=light,
            threshold=threshold * uniform(0.85, 1.2),
            noise=noise * uniform(0.5, 2.0),
            flicker=flicker * uniform(0.0, 1.0),
            x=uniform(-10, 10),
            y=uniform(-8, 8),
            seed=int(generator.integers(1 << 31)),
        )


@dataclass(frozen=True, eq=False)
class Performance:
    """One gesture as it is done.

    Parameters
    ----------
    elbows, hands
        Body units [K, 2 arms, 2], see `motion`.
    sway
        Shift of the body, body units [K, 2].
    """

    elbows: Reals
    hands: Reals
    sway: Reals


def perform(
    gesture: int, user: User, *, step_us: int, direction: int, generator: Generator
) -> Performance:
    """Let a user do one gesture once, for 5.2 to 7.5 seconds (real ones: 5.3 to 7.4)."""
    uniform = generator.uniform
    seconds = np.arange(0, uniform(5.2, 7.5), step_us * 1e-6)
    motion = MOTIONS[gesture]
    low, high = motion.hertz
    hertz = low + (high - low) * np.clip(user.tempo + uniform(-0.3, 0.3), 0, 1)
    phase = 2 * np.pi * (hertz * seconds + uniform()) + 0.4 * _slow(seconds, generator)
    manner = Manner(
        reach=user.reach * uniform(0.9, 1.1),
        lift=user.lift + uniform(-2, 2),
        spread=user.spread * uniform(0.95, 1.05),
        direction=direction,
        mirrored=user.left_handed,
        variant=user.other,
    )
    elbows, hands = _unsteady(motion.move(phase, manner), motion.arms, seconds, generator)
    drift = np.stack([_slow(seconds, generator) for _ in range(2)], axis=1)
    sway = (0.3 + motion.shake) * drift
    shaken = phase[:, None] + generator.uniform(0, 2 * np.pi, 2)
    sway += motion.shake * uniform(0.5, 1.2) * np.sin(shaken)
    return Performance(elbows + sway[:, None], hands + sway[:, None], sway)


def _unsteady(pose: Pose, arms: tuple[bool, bool], seconds: Reals, generator: Generator) -> Pose:
    """Let each moving arm wander slowly by one or two body units."""
    elbows, hands = pose
    for arm in range(2):
        wander = np.stack([_slow(seconds, generator) for _ in range(2)], axis=1)
        if arms[arm]:
            elbows[:, arm] += 0.8 * wander
            hands[:, arm] += 1.6 * wander
    return elbows, hands


def _slow(seconds: Reals, generator: Generator) -> Reals:
    """Three slow oscillations of random frequency and phase, about 1 in amplitude."""
    total = np.zeros_like(seconds)
    for _ in range(3):
        hertz, phase = generator.uniform(0.1, 0.6), generator.uniform(0, 2 * np.pi)
        total += generator.uniform(0.2, 0.8) * np.sin(2 * np.pi * hertz * seconds + phase)
    return total
