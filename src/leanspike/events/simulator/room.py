"""What the camera sees behind the arms: a wall, things on it, the user's head and body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanspike.events.simulator.people import Surroundings, User

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Room:
    """A background of one trial, in natural log intensity.

    Parameters
    ----------
    level
        [H, W], with the body at rest.
    slope
        [2, H, W]: what `level` gains where the body moves by one pixel to the right, or down.
    flicker
        Left, top, right and bottom of a part that flickers (a screen), pixels.
    flicker_level
        Amplitude of its log intensity; 0 where nothing flickers.
    flicker_hertz
        Its frequency.
    """

    level: Image
    slope: Image
    flicker: tuple[int, int, int, int]
    flicker_level: float
    flicker_hertz: float


def furnish(user: User, setting: Surroundings, *, side: int) -> Room:
    """Draw the background of a trial and stand the user in it; `side` pixels square."""
    generator = np.random.default_rng(setting.seed)
    pixels = side / 128
    y, x = np.mgrid[:side, :side].astype(np.float64) / pixels  # of 128
    wall = np.zeros((side, side))
    for _ in range(6):  # shade, softly
        kx, ky, phase = generator.uniform([-0.08, -0.08, 0], [0.08, 0.08, 6.3])
        wall += generator.uniform(0, 0.08) * np.sin(kx * x + ky * y + phase)
    for _ in range(5):  # furniture
        left, top = generator.uniform([0, 0], [118, 118])
        wide, high = generator.uniform(4, 30, 2)
        inside = (x > left) & (x < left + wide) & (y > top) & (y < top + high)
        wall += np.where(inside, generator.uniform(-0.4, 0.4), 0)

    size = user.size
    cx, cy = 64 + setting.x, 78 + setting.y
    head = np.hypot((x - cx) / (9.5 * size), (y - (cy - 22 * size)) / (12 * size)) - 1
    half = (17 + 0.05 * np.clip(y - cy, 0, 60)) * size
    torso = np.maximum(np.abs(x - cx) / half - 1, (cy - 3 * size - y) / (10 * size))
    across, along = generator.uniform(-1.2, 1.2, 2)
    printed = user.shirt + user.pattern * np.sin(across * (x - cx) / size + along * (y - cy) / size)
    body = np.zeros((side, side))
    cover = np.zeros((side, side))
    for shape, sharp, value in ((torso, 10.0, printed), (head, 5.0, np.full_like(x, user.skin))):
        seen = np.clip(0.5 - sharp * pixels * shape, 0, 1)
        body = body * (1 - seen) + seen * value
        cover = np.maximum(cover, seen)
    hair = np.clip(0.5 - 5 * pixels * head, 0, 1) * (y < cy - 26 * size)
    body = body * (1 - hair) + hair * user.hair
    level = wall * (1 - cover) + body * cover
    # Where the body moves, it covers the wall: the slope of what stands out from it.
    rise = np.gradient(cover * (body - wall))
    slope = -np.stack([rise[1], rise[0]])

    left, top = generator.integers(0, int(20 * pixels) + 1), generator.integers(side // 2, side)
    if generator.uniform() < 0.5:
        left = side - 1 - left
    wide, high = (int(pixels * generator.uniform(3, 10)) + 1 for _ in range(2))
    return Room(
        level=level.astype(np.float32),
        slope=slope.astype(np.float32),
        flicker=(int(left), int(top), min(side, int(left) + wide), min(side, int(top) + high)),
        flicker_level=0.35 * setting.flicker if setting.flicker > 0.3 else 0.0,
        flicker_hertz=float(generator.uniform(0.5, 4.0)),
    )
