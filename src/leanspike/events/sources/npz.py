"""npz event archives: one file per split, all recordings concatenated.

Arrays of an archive (S recordings, E events):

======== ============== =====================================================================
t_ms     uint [E]       time stamps in milliseconds; or
t_us     uint [E]       time stamps in microseconds
x, y     uint [E]       pixel column and row
p        0 or 1 [E]     polarity; may be absent, see `alternate_polarity`
offsets  int [S + 1]    events ``offsets[i]:offsets[i+1]`` are recording i
label    int [S]        class, from 0
sensor   int [2]        width and height, optional: see `sensor_size`
classes  int            number of classes, optional: one more than the largest label
======== ============== =====================================================================

Other arrays are ignored. Nothing in the file is executed: pickled arrays are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.arrays import Bytes, Ints
from leanspike.errors import InputError
from leanspike.events.recordings import Recordings
from leanspike.files import replacing

# Sizes that an archive without `sensor` may have: N-MNIST's crop of the ATIS (Orchard et al.
# 2015), a 64x64 crop, DVS128 (Lichtsteiner et al. 2008), DAVIS240, DAVIS346, and
# Prophesee's VGA and HD.
SENSORS = ((34, 34), (64, 64), (128, 128), (240, 180), (346, 260), (640, 480), (1280, 720))


def read_archive(path: Path) -> Recordings:
    """Read and check one npz archive.

    Raises
    ------
    InputError
        When the file is missing, truncated, not an archive, or its arrays do not fit together;
        the error names the file and the array or recording.
    """
    arrays = _load(path)
    source = str(path)
    clock = next((name for name in ("t_us", "t_ms") if name in arrays), None)
    missing = [name for name in ("x", "y", "offsets", "label") if name not in arrays]
    if clock is None:
        missing.insert(0, "t_us (or t_ms)")
    if missing:
        raise InputError(
            f"no array {', '.join(missing)}; found {', '.join(sorted(arrays)) or 'none'}",
            where=source,
        )
    assert clock is not None
    t, x, y = (_unsigned(arrays[name], f"{source}, {name}") for name in (clock, "x", "y"))
    offsets = _whole(arrays["offsets"], f"{source}, offsets")
    labels = _whole(arrays["label"], f"{source}, label")
    width, height = sensor_size(x, y, arrays.get("sensor"), source=source)
    if "classes" in arrays:
        classes = int(_whole(np.atleast_1d(arrays["classes"]), f"{source}, classes")[0])
    else:
        classes = int(labels.max(initial=0)) + 1
    polarity = arrays.get("p")
    if polarity is None:
        if len(offsets) == 0 or len(x) != len(y) or int(offsets[-1]) != len(x):
            p = np.zeros(len(t), np.uint8)  # does not fit: Recordings says how
        else:
            p = alternate_polarity(x, y, offsets, width=width, height=height)
    else:
        p = _unsigned(polarity.astype(np.uint8) if polarity.dtype == bool else polarity, source)
    return Recordings(
        t=t, x=x, y=y, p=p, offsets=offsets, labels=labels, width=width, height=height,
        classes=classes, tick_us=1 if clock == "t_us" else 1000, source=source,
    )  # fmt: skip


def write_archive(path: Path, recordings: Recordings) -> None:
    """Write `recordings` as one npz archive; the file appears whole or not at all."""
    clocks = {1: "t_us", 1000: "t_ms"}
    if recordings.tick_us not in clocks:
        raise ValueError(f"an archive's tick is 1 or 1000 us, not {recordings.tick_us}")
    with replacing(path, parents=True) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            **{clocks[recordings.tick_us]: recordings.t},
            x=recordings.x,
            y=recordings.y,
            p=recordings.p,
            offsets=recordings.offsets,
            label=recordings.labels,
            sensor=np.array([recordings.width, recordings.height]),
            classes=np.array(recordings.classes),
        )


def sensor_size(
    x: NDArray[np.unsignedinteger],
    y: NDArray[np.unsignedinteger],
    given: NDArray[np.generic] | None,
    *,
    source: str,
) -> tuple[int, int]:
    """Width and height: as given, or the smallest of `SENSORS` that holds every event."""
    if given is not None:
        size = _whole(given, f"{source}, sensor")
        if size.shape != (2,) or size.min() < 1 or size.max() > 1 << 14:
            raise InputError(f"{size.tolist()} is not width and height", where=f"{source}, sensor")
        return int(size[0]), int(size[1])
    right, bottom = int(x.max(initial=0)), int(y.max(initial=0))
    for width, height in SENSORS:
        if right < width and bottom < height:
            return width, height
    return right + 1, bottom + 1


@njit(cache=True)
def _alternate(x, y, offsets, width, height):  # type: ignore[no-untyped-def]
    p = np.empty(len(x), np.uint8)
    state = np.zeros(width * height, np.uint8)
    for s in range(len(offsets) - 1):
        state[:] = 0
        for e in range(offsets[s], offsets[s + 1]):
            pixel = np.int64(y[e]) * width + np.int64(x[e])
            state[pixel] ^= 1
            p[e] = state[pixel]
    return p


def alternate_polarity(
    x: NDArray[np.unsignedinteger],
    y: NDArray[np.unsignedinteger],
    offsets: Ints,
    *,
    width: int,
    height: int,
) -> Bytes:
    """Polarity for recordings that have none: at each pixel ON, OFF, ON, OFF, ...

    A pixel that has become brighter must become darker before it can do so again; over a
    recording in which the scene returns to where it was, the two balance at every pixel. The rule
    invents nothing else: it needs neither a random number nor a neighbour.

    >>> alternate_polarity(np.array([0, 0, 1, 0]), np.array([0, 0, 0, 0]), np.array([0, 4]),
    ...                    width=2, height=1)
    array([1, 0, 1, 1], dtype=uint8)
    """
    p: Bytes = _alternate(x, y, offsets, width, height)
    return p


def _load(path: Path) -> dict[str, NDArray[np.generic]]:
    if not path.is_file():
        raise InputError("no such file", where=str(path))
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError("one array, not an npz archive", where=str(path))
            return {name: archive[name] for name in archive.files}
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"not a readable npz archive ({error})",
            where=str(path),
            remedy="It may be truncated: fetch or write it again",
        ) from error


def _whole(values: NDArray[np.generic], where: str) -> Ints:
    if values.dtype.kind not in "ui" or values.ndim != 1:
        raise InputError(
            f"{values.ndim}-dimensional {values.dtype}, expected one row of integers", where=where
        )
    return values.astype(np.int64)


def _unsigned(values: NDArray[np.generic], where: str) -> NDArray[np.unsignedinteger]:
    whole = values.dtype.kind in "ui" and values.ndim == 1
    if not whole or int(values.min(initial=0)) < 0:
        raise InputError(
            f"{values.ndim}-dimensional {values.dtype}, expected one row of integers from 0",
            where=where,
        )
    unsigned: NDArray[np.unsignedinteger] = values.astype(f"u{values.dtype.itemsize}", copy=False)
    return unsigned
