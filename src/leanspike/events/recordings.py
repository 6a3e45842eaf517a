"""Event recordings in memory: many recordings, their events one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Bytes, Ints
from leanspike.errors import InputError


@dataclass(frozen=True, eq=False)
class Recordings:
    """Labelled event recordings, concatenated: events ``offsets[i]:offsets[i+1]`` are recording i.

    Checked when made; an `InputError` names `source` and the first place that does not fit.

    Parameters
    ----------
    t
        Time stamps [E], unsigned, in ticks of `tick_us`, never decreasing within a recording.
    x, y
        Pixel column and row [E], unsigned, below `width` and `height`.
    p
        Polarity [E]: 0 darker (OFF), 1 brighter (ON).
    offsets
        int64 [S + 1], from 0 to E, never decreasing.
    labels
        int64 [S], class of each recording, 0 to ``classes - 1``.
    width, height
        Sensor size in pixels.
    classes
        Number of classes.
    tick_us
        Microseconds per tick of `t`.
    source
        What to call this data in an error, usually the file.
    """

    t: NDArray[np.unsignedinteger]
    x: NDArray[np.unsignedinteger]
    y: NDArray[np.unsignedinteger]
    p: Bytes
    offsets: Ints
    labels: Ints
    width: int
    height: int
    classes: int
    tick_us: int = 1
    source: str = "recordings"

    def __post_init__(self) -> None:
        self._check_lengths()
        self._check_events()
        self._check_labels()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def counts(self) -> Ints:
        """Number of events of each recording [S]."""
        return np.diff(self.offsets)

    def take(self, indices: Ints) -> Recordings:
        """Return the recordings at `indices`, in that order."""
        counts = self.counts[indices]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        # For each event of the answer: its place in the recording plus where that begins here.
        events = np.arange(offsets[-1]) + np.repeat(self.offsets[indices] - offsets[:-1], counts)
        return Recordings(
            t=self.t[events],
            x=self.x[events],
            y=self.y[events],
            p=self.p[events],
            offsets=offsets,
            labels=self.labels[indices],
            width=self.width,
            height=self.height,
            classes=self.classes,
            tick_us=self.tick_us,
            source=self.source,
        )

    def _check_lengths(self) -> None:
        events = len(self.t)
        for name in ("x", "y", "p"):
            if len(getattr(self, name)) != events:
                raise InputError(
                    f"{name} has {len(getattr(self, name))} values but there are {events} events",
                    where=self.source,
                )
        offsets = self.offsets
        if len(offsets) != len(self.labels) + 1:
            raise InputError(
                f"offsets has {len(offsets)} values, expected {len(self.labels) + 1} "
                f"(one more than the {len(self.labels)} labels)",
                where=self.source,
            )
        if offsets[0] != 0 or offsets[-1] != events:
            raise InputError(
                f"offsets run from {offsets[0]} to {offsets[-1]}, expected 0 to {events}, "
                "the number of events",
                where=self.source,
                remedy="The file is truncated, or was written by something else",
            )
        back = offsets[1:] < offsets[:-1]  # a difference could wrap
        if back.any():
            i = int(np.argmax(back))
            raise InputError(
                f"offsets decrease from {offsets[i]} to {offsets[i + 1]}",
                where=f"{self.source}, recording {i}",
            )

    def _check_events(self) -> None:
        for name, limit in (("x", self.width), ("y", self.height), ("p", 2)):
            values = getattr(self, name)
            if not len(values):
                continue
            below = values.dtype.kind != "u" and int(values.min()) < 0
            if below or int(values.max()) >= limit:
                event = int(np.argmax((values < 0) | (values >= limit)))
                raise InputError(
                    f"event {event} has {name} = {values[event]}, expected 0 to {limit - 1}",
                    where=self._place(event),
                )
        if len(self.t) > 1:
            back = self.t[1:] < self.t[:-1]
            # Between two recordings time may start again.
            starts = self.offsets[1:-1]
            back[starts[(starts > 0) & (starts < len(self.t))] - 1] = False
            if back.any():
                event = int(np.argmax(back)) + 1
                raise InputError(
                    f"event {event} is earlier (t = {self.t[event]}) than the one before it "
                    f"(t = {self.t[event - 1]})",
                    where=self._place(event),
                    remedy="Sort each recording's events by time",
                )

    def _check_labels(self) -> None:
        wrong = (self.labels < 0) | (self.labels >= self.classes)
        if wrong.any():
            i = int(np.argmax(wrong))
            raise InputError(
                f"label {self.labels[i]} is out of range, expected 0 to {self.classes - 1}",
                where=f"{self.source}, recording {i}",
            )

    def _place(self, event: int) -> str:
        recording = int(np.searchsorted(self.offsets, event, side="right")) - 1
        return f"{self.source}, recording {recording}"
