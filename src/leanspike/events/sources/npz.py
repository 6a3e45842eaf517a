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

Other arrays are not unpacked. Nothing in the file is executed: pickled arrays are refused. What an
array says of its size is checked before memory is taken for it.
"""

from __future__ import annotations

import hashlib
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

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
# The largest event cameras have 1280 columns.
MOST_PIXELS = 1 << 14
# An archive that grows more than a hundredfold beyond a gigabyte is no recording: events differ
# from one another, and deflate makes them a few times smaller.
MOST_GROWTH, UNSUSPECTED_BYTES = 100, 1 << 30


def read_archive(path: Path) -> Recordings:
    """Read and check one npz archive.

    Raises
    ------
    InputError
        When the file is missing, truncated, not an archive, or its arrays do not fit together;
        the error names the file and the array or recording.
    """
    source = str(path)
    arrays = read_arrays(path, ("t_us", "t_ms", "x", "y", "p", *_SMALL))
    clock = next((name for name in ("t_us", "t_ms") if name in arrays), None)
    missing = [name for name in ("x", "y", "offsets", "label") if name not in arrays]
    if clock is None:
        missing.insert(0, "t_us (or t_ms)")
    if missing:
        raise InputError(
            f"no array {', '.join(missing)}; found {', '.join(array_names(path)) or 'none'}",
            where=source,
        )
    assert clock is not None
    t, x, y = (_unsigned(arrays[name], f"{source}, {name}") for name in (clock, "x", "y"))
    offsets = _whole(arrays["offsets"], f"{source}, offsets")
    labels = _whole(arrays["label"], f"{source}, label")
    width, height = sensor_size(x, y, arrays.get("sensor"), source=source)
    if "classes" in arrays:
        given = _whole(np.atleast_1d(arrays["classes"]), f"{source}, classes")
        if len(given) != 1 or not 1 <= given[0] <= 1 << 20:
            raise InputError(
                f"{given.tolist()[:3]} is no number of classes", where=f"{source}, classes"
            )
        classes = int(given[0])
    else:
        classes = int(labels.max(initial=0)) + 1
    polarity = arrays.get("p")
    p = np.zeros(len(t), np.uint8)
    if polarity is not None:
        p = _unsigned(polarity.astype(np.uint8) if polarity.dtype == bool else polarity, source)
    recordings = Recordings(
        t=t, x=x, y=y, p=p, offsets=offsets, labels=labels, width=width, height=height,
        classes=classes, tick_us=1 if clock == "t_us" else 1000, source=source,
    )  # fmt: skip
    if polarity is not None:
        return recordings
    return replace(recordings, p=alternate_polarity(x, y, offsets, width=width, height=height))


def dense_archives(path: Path) -> dict[str, Path] | None:
    """Find archives with the arrays ``x`` and ``y``: recordings [S, ...] and their classes [S].

    A file, or ``train.npz`` in a folder with perhaps ``validation.npz`` and ``test.npz``; None for
    archives of events and everything else.
    """
    files = {"train": path}
    if path.is_dir():
        names = ("train", "validation", "test")
        files = {part: path / f"{part}.npz" for part in names if (path / f"{part}.npz").is_file()}
    first = files.get("train")
    if first is None or not first.is_file() or not zipfile.is_zipfile(first):
        return None
    found = array_names(first)
    return files if {"x", "y"} <= set(found) and "offsets" not in found else None


def read_dense(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Read recordings [S, ...] and their classes [S] of such an archive.

    Raises
    ------
    InputError
        When the file is damaged, or the arrays are not there or not of one length.
    """
    arrays = read_arrays(path, ("x", "y"))
    if set(arrays) != {"x", "y"}:
        raise InputError(f"found {', '.join(array_names(path))}, expected x and y", where=str(path))
    x, y = arrays["x"], arrays["y"]
    if y.ndim != 1 or x.ndim < 2 or len(x) != len(y):
        raise InputError(
            f"x is {list(x.shape)} and y {list(y.shape)}, expected [S, ...] and [S]",
            where=str(path),
        )
    return x, y


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
        if size.shape != (2,) or size.min() < 1 or size.max() > MOST_PIXELS:
            raise InputError(f"{size.tolist()} is not width and height", where=f"{source}, sensor")
        return int(size[0]), int(size[1])
    right, bottom = int(x.max(initial=0)), int(y.max(initial=0))
    for width, height in SENSORS:
        if right < width and bottom < height:
            return width, height
    if max(right, bottom) >= MOST_PIXELS:
        name = "x" if right >= MOST_PIXELS else "y"
        raise InputError(
            f"an event has {name} = {max(right, bottom)}, expected less than {MOST_PIXELS}",
            where=source,
        )
    return right + 1, bottom + 1


@njit(cache=True)
def _alternate(x, y, offsets, width, height):  # type: ignore[no-untyped-def]
    p = np.empty(len(x), np.uint8)
    state = np.zeros(width * height, np.uint8)
    for s in range(len(offsets) - 1):
        for e in range(offsets[s], offsets[s + 1]):
            pixel = np.int64(y[e]) * width + np.int64(x[e])
            state[pixel] ^= 1
            p[e] = state[pixel]
        for e in range(offsets[s], offsets[s + 1]):
            state[np.int64(y[e]) * width + np.int64(x[e])] = 0
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

    Raises
    ------
    InputError
        When an event lies outside the sensor, or `offsets` are not those of the events.

    >>> alternate_polarity(np.array([0, 0, 1, 0]), np.array([0, 0, 0, 0]), np.array([0, 4]),
    ...                    width=2, height=1)
    array([1, 0, 1, 1], dtype=uint8)
    """
    # Compiled code indexes without checking.
    Recordings(
        t=np.zeros(len(x), np.uint8), x=x, y=y, p=np.zeros(len(x), np.uint8), offsets=offsets,
        labels=np.zeros(max(0, len(offsets) - 1), np.int64), width=width, height=height, classes=1,
        source="alternate_polarity",
    )  # fmt: skip
    # One type each, or every other file would be compiled for.
    columns, rows = (values.astype(np.uint16, copy=False) for values in (x, y))
    p: Bytes = _alternate(columns, rows, offsets.astype(np.int64, copy=False), width, height)
    return p


_SMALL = ("offsets", "label", "sensor", "classes")


def array_names(path: Path) -> list[str]:
    """Names of the arrays in an npz archive, sorted."""
    with readable(path), zipfile.ZipFile(path) as archive:
        return sorted(name.removesuffix(".npy") for name in archive.namelist())


def read_arrays(path: Path, names: Collection[str]) -> dict[str, NDArray[np.generic]]:
    """Read those of the named arrays that an npz archive has; no other is unpacked.

    Raises
    ------
    InputError
        When the file is no readable archive, an array's declared size is not that of its bytes,
        or the archive grows a hundredfold when it is unpacked.
    """
    if not path.is_file():
        raise InputError("no such file", where=str(path))
    with readable(path):
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                if file.read(6) == np.lib.format.MAGIC_PREFIX:
                    raise InputError("one array, not an npz archive", where=str(path))
        with zipfile.ZipFile(path) as archive:
            wanted = [each for each in archive.infolist() if each.filename[:-4] in names]
            wanted = [each for each in wanted if each.filename.endswith(".npy")]
            size = sum(each.file_size for each in wanted)
            if size > max(UNSUSPECTED_BYTES, MOST_GROWTH * path.stat().st_size):
                raise InputError(
                    f"{path.stat().st_size} bytes that unpack to {size} are no recordings",
                    where=str(path),
                )
            arrays = {}
            for each in wanted:
                with archive.open(each) as member:
                    arrays[each.filename[:-4]] = read_array(
                        member, each.file_size, where=f"{path}, {each.filename}"
                    )
            return arrays


def file_digest(path: Path) -> bytes:
    """sha256 of a file's bytes, read piece by piece; a link to a device or a pipe is refused.

    Raises
    ------
    InputError
        When it cannot be read or is no file.
    """
    try:
        # A pipe would wait for its writer, a device never end.
        if not path.is_file():
            raise InputError("no such file", where=str(path))
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", where=str(path)) from error


def read_array(file: IO[bytes], size: int, *, where: str) -> NDArray[np.generic]:
    """Read a file in numpy's format, `size` bytes long; its header must say just as much.

    Raises
    ------
    InputError
        When it says otherwise, or holds Python objects.
    ValueError
        When it is not in numpy's format.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"numpy's format {version} is not read", where=where)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, by_column, dtype = read(file)
    count = math.prod(shape)
    if dtype.hasobject:
        raise InputError("holds Python objects, which are not read", where=where)
    if dtype.itemsize == 0 or min(shape, default=0) < 0 or count * dtype.itemsize > size:
        raise InputError(f"declares {list(shape)} of {dtype} in {size} bytes", where=where)
    content = file.read(count * dtype.itemsize)
    if len(content) != count * dtype.itemsize or file.read(1):
        raise InputError(
            f"has not the bytes of {list(shape)} of {dtype}",
            where=where,
            remedy="It may be truncated: fetch or write it again",
        )
    array: NDArray[np.generic] = np.frombuffer(content, dtype).reshape(
        shape, order="F" if by_column else "C"
    )
    return array


@contextmanager
def readable(path: Path, kind: str = "npz archive") -> Iterator[None]:
    """Say what numpy and zipfile raise on damaged files."""
    try:
        yield
    except InputError:
        raise
    # RuntimeError and NotImplementedError are zipfile's for encryption and unknown methods,
    # SyntaxError, tokenize's and TypeError numpy's for a header that is no Python literal.
    except (
        OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, RuntimeError, MemoryError,
        OverflowError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError,
        lzma.LZMAError, RecursionError,
    ) as error:  # fmt: skip
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"not a readable {kind} ({first})",
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
