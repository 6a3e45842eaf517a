"""Events to frames: a recording is cut into T frames, each counting events per pixel."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.events.recordings import Recordings

Frames = NDArray[np.unsignedinteger] | NDArray[np.float32]


@dataclass(frozen=True)
class FrameConfig:
    """How recordings are cut into frames.

    With n events from tick a to tick b, frame i of T holds

    - by ``"count"``: events ``i*d`` up to ``(i+1)*d`` with ``d = max(1, n // T)``;
    - by ``"time"``: the events with ``a + i*d <= t < a + (i+1)*d``, ``d = max(1, (b - a) // T)``;

    and the last frame takes what remains, so that no event is lost. This is SpikingJelly's rule
    (``integrate_events_by_fixed_frames_number``), used by the study in PAPER.md; tonic's
    ``ToFrame(n_event_bins=T)`` and ``(n_time_bins=T)`` make the same frames but drop the rest.

    Parameters
    ----------
    T
        Number of frames of a recording, the network's time steps; 1 to 10,000.
    by
        Equal event count or equal time.

    Examples
    --------
    >>> FrameConfig(T=20, by="time")
    FrameConfig(T=20, by='time')
    """

    T: int = 10
    by: Literal["count", "time"] = "count"

    def __post_init__(self) -> None:
        if isinstance(self.T, bool) or not isinstance(self.T, int) or not 1 <= self.T <= 10_000:
            raise InputError(f"{self.T!r} is not a whole number from 1 to 10000", where="frames T")
        if self.by not in ("count", "time"):
            raise InputError(f"{self.by!r} is neither 'count' nor 'time'", where="frames by")


def make_frames(recordings: Recordings, config: FrameConfig) -> Frames:
    """Count each recording's events per frame, polarity and pixel.

    Parameters
    ----------
    recordings
        S recordings.
    config
        The number of frames and how to cut.

    Returns
    -------
    Event counts [S, T, 2, H, W], channel 0 OFF and 1 ON; uint8, or uint16 where a count passes 255.

    Raises
    ------
    InputError
        When a count passes 65,535, or the frames take more memory than the machine has.
    """
    shape = (len(recordings), config.T, 2, recordings.height, recordings.width)
    for dtype in (np.uint8, np.uint16):
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > _machine_memory():
            raise InputError(
                f"{len(recordings)} recordings in {config.T} frames of {recordings.width}x"
                f"{recordings.height} take {size / 1e9:.1f} GB, more memory than there is",
                where=recordings.source,
                remedy="Take fewer recordings (limit) or fewer frames",
            )
        frames: NDArray[np.unsignedinteger] = np.zeros(shape, dtype)
        full = _count(
            recordings.t,
            # One type each, or every other file would be compiled for; sides are below 2 ** 16.
            recordings.x.astype(np.uint16, copy=False),
            recordings.y.astype(np.uint16, copy=False),
            recordings.p.astype(np.uint8, copy=False),
            recordings.offsets,
            config.by == "time",
            np.iinfo(dtype).max,
            frames.reshape(len(recordings), config.T, -1),
            recordings.width,
            recordings.height,
        )
        if full < 0:
            return frames
    raise InputError(
        f"more than {np.iinfo(np.uint16).max} events of one pixel in one frame",
        where=f"{recordings.source}, recording {full}",
        remedy="Use more frames",
    )


def _machine_memory() -> float:
    """Bytes of memory in the machine, where the system tells."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return math.inf


def one_row(frames: Frames) -> Frames:
    """Turn frames [S, T, 2, 1, W] of a sensor of one row, such as a cochlea, into [S, T, W].

    Both polarities are summed; other frames are returned as they are.
    """
    if frames.shape[3] != 1:
        return frames
    summed = frames.sum(axis=2, dtype=np.uint32)[:, :, 0]
    if summed.max(initial=0) > np.iinfo(np.uint16).max:
        raise InputError("more events in one frame than 65,535", remedy="Use more frames")
    return summed.astype(frames.dtype if summed.max(initial=0) <= 255 else np.uint16)


@njit(cache=True, nogil=True)
def _count(t, x, y, p, offsets, by_time, limit, frames, width, height):  # type: ignore[no-untyped-def]
    """Fill frames [S, T, 2*H*W]; returns the first recording whose count passes limit, or -1."""
    steps = frames.shape[1]
    for s in range(len(offsets) - 1):
        first, last = offsets[s], offsets[s + 1]
        if first == last:
            continue
        i = first
        if by_time:
            start = np.int64(t[first])
            length = max(1, (np.int64(t[last - 1]) - start) // steps)
        else:
            length = max(1, (last - first) // steps)
        for f in range(steps):
            frame = frames[s, f]
            end = last
            if f < steps - 1:
                if by_time:
                    edge = start + (f + 1) * length
                    end = i
                    while end < last and np.int64(t[end]) < edge:
                        end += 1
                else:
                    end = min(last, first + (f + 1) * length)
            for e in range(i, end):
                # x and y are narrow unsigned integers: y * width would wrap.
                pixel = (np.int64(p[e]) * height + np.int64(y[e])) * width + np.int64(x[e])
                if frame[pixel] == limit:
                    return s
                frame[pixel] += 1
            i = end
    return -1
