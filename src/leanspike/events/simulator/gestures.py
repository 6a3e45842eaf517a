"""`gestures-synthetic`: simulated gestures of 29 simulated users before a simulated camera.

**Synthetic**: no person and no camera was involved. It stands in for DVS128 Gesture (Amir et al.
2017) where that is not at hand: the same eleven gestures, users, lights and counts (1,176 from
users 1 to 23 train, 288 from users 24 to 29 test), at any resolution. An accuracy on it says
something about a method, nothing about DVS128 Gesture.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Ints
from leanspike.events.frame_data import FrameSplit
from leanspike.events.frames import FrameConfig, Frames, make_frames
from leanspike.events.recordings import Recordings
from leanspike.events.simulator.camera import Camera
from leanspike.events.simulator.filming import film
from leanspike.events.simulator.motion import SHOULDER, SIDES
from leanspike.events.simulator.people import LIGHTS, Surroundings, User, perform
from leanspike.events.simulator.room import Room, furnish
from leanspike.events.sources.dvs_gesture import GESTURES

Part = Literal["train", "test"]

SEED = 2017
CAMERA = Camera(threshold=0.31, mismatch=0.03, noise_hz=0.002, leak_hz=0.002, step_us=2500)
# Trials of users 1 to 23 and 24 to 29, and 12 gestures in each (arm roll forward and backward):
# IBM's 98 and 24 trials.
_TRAIN_USERS, _TEST_USERS = range(1, 24), range(24, 30)
_ORDER = (0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10)


class Take(NamedTuple):
    """One gesture to simulate: its user, light (of `LIGHTS`) and place in the trial."""

    user: int
    light: int
    place: int

    @property
    def label(self) -> int:
        """Class, from 0."""
        return _ORDER[self.place]


def gesture_takes(part: Part) -> list[Take]:
    """List all gestures of a part: 1,176 of ``"train"``, 288 of ``"test"``."""
    users = _TRAIN_USERS if part == "train" else _TEST_USERS
    lights = [(u, light) for u in users for light in range(5 if u <= 6 else 4)]
    return [Take(u, (light + u) % len(LIGHTS), k) for u, light in lights for k in range(12)]


def gestures_fingerprint(side: int) -> str:
    """sha256 over the simulator's own source and the resolution."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(repr((side, SEED, CAMERA, np.__version__)).encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def simulate_gesture(take: Take, *, side: int = 128) -> Recordings:
    """Simulate one gesture on a sensor of `side` x `side` pixels; the same every time."""
    room, setting, user = _trial(take.user, take.light, side)
    generator = np.random.default_rng([SEED, take.user, take.light, take.place])
    direction = -1 if take.place == _ORDER.index(7) + 1 else 1
    done = perform(
        take.label, user, step_us=CAMERA.step_us, direction=direction, generator=generator
    )
    unit = side / 128 * user.size  # pixels of a body unit
    steps = len(done.sway)
    joints = np.empty((steps, 2, 3, 2))
    joints[:, :, 0] = done.sway[:, None]
    joints[:, :, 0, 0] += SHOULDER * SIDES
    joints[:, :, 1] = done.elbows
    joints[:, :, 2] = done.hands
    joints = joints * unit + side / 128 * np.array([64 + setting.x, 78 + setting.y])
    seconds = np.arange(steps) * CAMERA.step_us * 1e-6
    phase = generator.uniform(0, 2 * np.pi)
    flash = room.flicker_level * np.sin(2 * np.pi * room.flicker_hertz * seconds + phase)
    looks = np.array(
        [user.thickness * unit, user.skin, user.fingers, user.sleeve, user.folds, 0.16 / unit]
    )
    hot = generator.integers(0, side * side, generator.integers(0, 6))
    capacity = 20 * side * side
    while True:
        columns = (
            np.empty(capacity, np.uint32),
            np.empty(capacity, np.uint16),
            np.empty(capacity, np.uint16),
            np.empty(capacity, np.uint8),
        )
        count = film(
            room.level,
            room.slope,
            (done.sway * unit).astype(np.float32),
            joints,
            looks,
            np.array(room.flicker),
            flash,
            _thresholds(side) * np.float32(setting.threshold),
            CAMERA.leak_per_step * setting.threshold,
            CAMERA.noise_probability * setting.noise,
            hot,
            np.random.default_rng(setting.seed + 1).uniform(0.002, 0.05, len(hot)),
            setting.seed + take.place,
            CAMERA.step_us,
            *columns,
        )
        if count <= capacity:
            break
        capacity = count
    t, x, y, p = (column[:count].copy() for column in columns)
    return Recordings(
        t=t, x=x, y=y, p=p.astype(np.uint8), offsets=np.array([0, count], np.int64),
        labels=np.array([take.label], np.int64), width=side, height=side, classes=len(GESTURES),
        source=f"gestures-synthetic, user {take.user}, {LIGHTS[take.light]}, place {take.place}",
    )  # fmt: skip


def gesture_frames(takes: list[Take], config: FrameConfig, *, side: int = 128) -> FrameSplit:
    """Simulate gestures and count their events in frames [S, T, 2, side, side], on all cores."""

    def one(take: Take) -> Frames:
        return make_frames(simulate_gesture(take, side=side), config)

    workers = os.cpu_count() or 1
    frames: Frames = np.zeros((len(takes), config.T, 2, side, side), np.uint8)
    with ThreadPoolExecutor(workers) as pool:
        for i, made in enumerate(pool.map(one, takes)):
            if made.dtype != frames.dtype and frames.dtype == np.uint8:
                frames = frames.astype(np.uint16)
            frames[i] = made[0]
    return FrameSplit(frames, gesture_labels(takes))


def gesture_labels(takes: list[Take]) -> Ints:
    """Class of each."""
    return np.array([take.label for take in takes], np.int64)


@lru_cache(maxsize=16)
def _trial(user: int, light: int, side: int) -> tuple[Room, Surroundings, User]:
    who = User.draw(np.random.default_rng([SEED, user]))
    setting = Surroundings.draw(LIGHTS[light], np.random.default_rng([SEED, user, light]))
    return furnish(who, setting, side=side), setting, who


@lru_cache(maxsize=4)
def _thresholds(side: int) -> NDArray[np.float32]:
    return CAMERA.thresholds(side, side, seed=SEED).ravel()
