"""`digits-dvs`: real handwritten digits before a simulated event camera that makes three saccades.

The embedded data set: it needs neither network nor files. The digits are scikit-learn's 1,797
images of 8x8 pixels and 17 grey levels (the test part of UCI's "Optical Recognition of
Handwritten Digits", Alpaydin and Kaynak 1998, CC BY 4.0). **The events are synthetic**: each
image is enlarged to 22x22 pixels on a sensor of 34x34 and moved as N-MNIST's camera was moved
(Orchard et al. 2015): three saccades of 100 ms along a triangle, (+3.5, +7), (+3.5, -7) and
(-7, 0) pixels. The camera has threshold mismatch, shot noise and leak, see `Camera`; each
recording starts at a random offset of up to a pixel.

1,197 recordings train, 199 validate, 401 test: a fixed split, drawn once by class. An accuracy on
`digits-dvs` says something about a method, nothing about N-MNIST.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math

import numpy as np
from numba import njit, prange

from leanspike.arrays import Bytes, Ints
from leanspike.errors import InputError
from leanspike.events.frame_data import draw_split
from leanspike.events.recordings import Recordings
from leanspike.events.simulator.camera import Camera, look
from leanspike.events.simulator.counter_random import gap, uniform

WIDTH = HEIGHT = 34
CAMERA = Camera(threshold=0.4, mismatch=0.05, noise_hz=1.0, leak_hz=0.1, step_us=2000)
STEPS = 150  # 300 ms
SCALE = 22 / 8  # sensor pixels per image pixel
CORNER = 2.5  # sensor pixels from the left edge to the image where the first saccade begins
DARK = 0.15  # background intensity; ink adds up to 1
CAPACITY = 16_384  # events a recording may have; the most seen is below half of it
SEED = 2015  # of the camera, the noise and the split
VALIDATION, TEST = 200, 400


def digits_fingerprint() -> str:
    """sha256 over every parameter of the simulation and the version of scikit-learn's digits."""
    try:
        digits = importlib.metadata.version("scikit-learn")  # importing it would take seconds
    except importlib.metadata.PackageNotFoundError:
        digits = "absent"
    settings = (WIDTH, HEIGHT, CAMERA, STEPS, SCALE, CORNER, DARK, SEED, VALIDATION, TEST)
    return hashlib.sha256(repr((digits, settings)).encode()).hexdigest()


def digits_recordings() -> dict[str, Recordings]:
    """Simulate all recordings: ``train``, ``validation`` and ``test``; the same every time."""
    images, labels = _digits()
    thresholds = CAMERA.thresholds(HEIGHT, WIDTH, seed=SEED)
    counts, t, x, y, p = _simulate(
        images.astype(np.float32) / 16,
        thresholds.ravel(),
        CAMERA.leak_per_step,
        CAMERA.noise_probability,
        SEED,
    )
    if counts.max() > CAPACITY:
        raise RuntimeError(f"a recording has {counts.max()} events, more than {CAPACITY}")
    used = np.arange(CAPACITY) < counts[:, None]
    everything = Recordings(
        t=t[used],
        x=x[used],
        y=y[used],
        p=p[used],
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        labels=labels,
        width=WIDTH,
        height=HEIGHT,
        classes=10,
        tick_us=1000,
        source="digits-dvs",
    )
    rest, test = draw_split(labels, TEST / len(labels), seed=SEED)
    train, validation = draw_split(labels[rest], VALIDATION / len(rest), seed=SEED)
    parts = {"train": rest[train], "validation": rest[validation], "test": test}
    return {name: everything.take(indices) for name, indices in parts.items()}


def _digits() -> tuple[Bytes, Ints]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "digits-dvs takes its images from scikit-learn, which is not installed",
            remedy="pip install 'leanspike[train]'",
        ) from error
    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target.astype(np.int64)


@njit(cache=True, parallel=True)
def _simulate(images, thresholds, leak, noise, seed):  # type: ignore[no-untyped-def]
    """Events of each image [S, 8, 8]: counts [S] and t (ms), x, y, p [S, CAPACITY]."""
    samples = len(images)
    counts = np.zeros(samples, np.int64)
    t = np.zeros((samples, CAPACITY), np.uint16)
    x = np.zeros((samples, CAPACITY), np.uint8)
    y = np.zeros((samples, CAPACITY), np.uint8)
    p = np.zeros((samples, CAPACITY), np.uint8)
    third = STEPS // 3
    for s in prange(samples):
        image = images[s]
        kept = np.empty(HEIGHT * WIDTH, np.float32)
        left = CORNER + 2.0 * uniform(seed, s, 0) - 1.0
        top = CORNER + 2.0 * uniform(seed, s, 1) - 1.0
        draws = 2
        trial = 0
        noisy = gap(seed, s, draws, noise)
        count = 0
        for k in range(STEPS + 1):
            part = (k % third) / third
            if k < third:
                dx, dy = 3.5 * part, 7.0 * part
            elif k < 2 * third:
                dx, dy = 3.5 + 3.5 * part, 7.0 - 7.0 * part
            elif k < STEPS:
                dx, dy = 7.0 - 7.0 * part, 0.0
            else:
                dx, dy = 0.0, 0.0
            for i in range(HEIGHT):
                v = (i + 0.5 - top - dy) / SCALE - 0.5
                for j in range(WIDTH):
                    pixel = i * WIDTH + j
                    u = (j + 0.5 - left - dx) / SCALE - 0.5
                    now = math.log(DARK + _bilinear(image, u, v))
                    if k == 0:
                        kept[pixel] = now
                        continue
                    event = look(now, kept, pixel, thresholds[pixel], leak)
                    if trial == noisy:
                        draws += 2
                        noisy += 1 + gap(seed, s, draws, noise)
                        if event < 0:
                            event = int(uniform(seed, s, draws + 1) * 2.0 - 1e-9)
                    trial += 1
                    if event >= 0:
                        if count < CAPACITY:
                            t[s, count] = (k - 1) * 2
                            x[s, count] = j
                            y[s, count] = i
                            p[s, count] = event
                        count += 1
        counts[s] = count
    return counts, t, x, y, p


@njit(cache=True, inline="always")
def _bilinear(image, u, v):  # type: ignore[no-untyped-def]
    """Value of an image at column u, row v, between pixels; zero outside."""
    rows, columns = image.shape
    if u <= -1.0 or v <= -1.0 or u >= columns or v >= rows:
        return 0.0
    j, i = math.floor(u), math.floor(v)
    a, b = u - j, v - i
    total = 0.0
    if i >= 0:
        if j >= 0:
            total += (1.0 - a) * (1.0 - b) * image[i, j]
        if j + 1 < columns:
            total += a * (1.0 - b) * image[i, j + 1]
    if i + 1 < rows:
        if j >= 0:
            total += (1.0 - a) * b * image[i + 1, j]
        if j + 1 < columns:
            total += a * b * image[i + 1, j + 1]
    return total
