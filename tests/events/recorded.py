"""Small recordings for the tests of this room."""

from __future__ import annotations

import numpy as np

from leanspike.events import Recordings


def random_recordings(
    counts: list[int],
    *,
    seed: int = 0,
    width: int = 12,
    height: int = 9,
    classes: int = 3,
    duration: int = 400,
    dtype: type[np.unsignedinteger] = np.uint8,
) -> Recordings:
    """Recordings of random events, `counts[i]` of them in recording i."""
    generator = np.random.default_rng(seed)
    total = sum(counts)
    t = [np.sort(generator.integers(0, duration, n)) for n in counts]
    return Recordings(
        t=np.concatenate([*t, []]).astype(np.uint16),
        x=generator.integers(0, width, total).astype(dtype),
        y=generator.integers(0, height, total).astype(dtype),
        p=generator.integers(0, 2, total).astype(np.uint8),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        labels=np.arange(len(counts), dtype=np.int64) % classes,
        width=width,
        height=height,
        classes=classes,
        tick_us=1000,
        source="made.npz",
    )
