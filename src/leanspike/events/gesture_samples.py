"""One gesture as every layout of DVS128 Gesture gives it, and many joined to recordings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Ints
from leanspike.errors import InputError
from leanspike.events.recordings import Recordings

SIDE = 128  # pixels: the DVS128 (Lichtsteiner et al. 2008)
GESTURES = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter-clockwise",
    "left arm clockwise",
    "left arm counter-clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)
"""Classes in the order of IBM's ``gesture_mapping.csv``, here from 0."""


class Sample(NamedTuple):
    """One gesture: where it is from, its class from 0, and its events [E] (t in microseconds)."""

    source: str
    label: int
    t: Ints
    x: NDArray[np.integer]
    y: NDArray[np.integer]
    p: NDArray[np.integer]


def user_of(name: str) -> str:
    """User that a trial's name begins with; the whole name where it begins otherwise.

    >>> user_of("user01_fluorescent_led")
    'user01'
    """
    match = re.match(r"user\d+", name)
    return match.group() if match else name


def join_samples(samples: Iterable[Sample], *, source: str) -> Recordings:
    """Join samples to recordings on a sensor of 128x128, time counted from each first event.

    Events are sorted by time where a sample's are not.

    Raises
    ------
    InputError
        When a sample has no events, a label that is no class, another resolution, or is too long.
    """
    columns: dict[str, list[NDArray[np.unsignedinteger]]] = {"t": [], "x": [], "y": [], "p": []}
    counts, labels = [0], []
    for sample in samples:
        _check(sample)
        t = sample.t.astype(np.int64, copy=False)
        order = np.argsort(t, kind="stable") if (np.diff(t) < 0).any() else slice(None)
        t = t[order] - t.min()
        if t[-1] >= 1 << 32:
            raise InputError(f"lasts {t[-1] / 1e6:.0f} s, more than an hour", where=sample.source)
        columns["t"].append(t.astype(np.uint32))
        columns["x"].append(sample.x[order].astype(np.uint8))
        columns["y"].append(sample.y[order].astype(np.uint8))
        columns["p"].append((sample.p[order] != 0).astype(np.uint8))
        counts.append(len(t))
        labels.append(sample.label)
    if not labels:
        raise InputError("no recordings", where=source)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Recordings(
        t=joined["t"],
        x=joined["x"],
        y=joined["y"],
        p=joined["p"].astype(np.uint8, copy=False),
        offsets=np.cumsum(counts).astype(np.int64),
        labels=np.array(labels, np.int64),
        width=SIDE,
        height=SIDE,
        classes=len(GESTURES),
        source=source,
    )


def _check(sample: Sample) -> None:
    if not 0 <= sample.label < len(GESTURES):
        raise InputError(
            f"class {sample.label} is none of 0 to {len(GESTURES) - 1}", where=sample.source
        )
    if not len(sample.t):
        raise InputError("no events", where=sample.source, remedy="Copy or unpack this file again")
    for name in "xy":
        values = getattr(sample, name)
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= SIDE:
            raise InputError(
                f"an event has {name} = {high if high >= SIDE else low}, "
                f"but DVS128 Gesture is {SIDE}x{SIDE}",
                where=sample.source,
                remedy="This recording is of another camera: name its npz archive instead",
            )
