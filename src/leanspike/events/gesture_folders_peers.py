"""DVS128 Gesture as tonic and SpikingJelly keep it: one file per gesture.

tonic: ``ibmGestureTrain/user01_led/3.npy``, rows of x, y, polarity and time in milliseconds, named
by the class from 0. A later gesture of a class overwrote an earlier one of the same trial, which
is why tonic has 1,077 and 264 of IBM's 1,176 and 288.

SpikingJelly: ``events_np/train/3/user01_led_0.npz``, arrays t (microseconds), x, y, p, in a folder
named by the class from 0.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.events.gesture_samples import Sample

TONIC_FOLDERS = {"train": "ibmGestureTrain", "test": "ibmGestureTest"}
SPIKINGJELLY_EVENTS = "events_np"


def tonic_files(folder: Path) -> dict[str, list[Path]]:
    """Files of the two parts; either list may be empty."""
    return {part: sorted((folder / f).glob("*/*.npy")) for part, f in TONIC_FOLDERS.items()}


def read_tonic_file(path: Path) -> Iterator[Sample]:
    """Read one gesture of tonic's."""
    events = _load(path)
    if not isinstance(events, np.ndarray) or events.ndim != 2 or events.shape[1] != 4:
        raise InputError("expected rows of x, y, polarity and milliseconds", where=str(path))
    columns = events.astype(np.int64).T
    yield Sample(str(path), class_of(path.stem, path), columns[3] * 1000, *columns[:3])


def spikingjelly_files(folder: Path) -> dict[str, list[Path]]:
    """Files of the two parts under a folder of SpikingJelly's; either list may be empty."""
    return {part: sorted((folder / part).glob("*/*.npz")) for part in ("train", "test")}


def read_spikingjelly_file(path: Path) -> Iterator[Sample]:
    """Read one gesture of SpikingJelly's."""
    arrays = load_arrays(path, ("t", "x", "y", "p"))
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1 or any(array.ndim != 1 for array in arrays):
        raise InputError("t, x, y and p are not equally long rows", where=str(path))
    t, x, y, p = (array.astype(np.int64) for array in arrays)
    yield Sample(str(path), class_of(path.parent.name, path), t, x, y, p)


def class_of(name: str, path: Path) -> int:
    """Class that a file or folder is named by."""
    if not name.isdecimal():
        raise InputError(f"{name!r} is not a class from 0", where=str(path))
    return int(name)


def load_arrays(path: Path, names: tuple[str, ...]) -> list[NDArray[np.generic]]:
    """Load the named arrays of an npz file."""
    archive = _load(path)
    if not isinstance(archive, dict) or any(name not in archive for name in names):
        found = ", ".join(sorted(archive)) if isinstance(archive, dict) else "one array"
        raise InputError(f"expected arrays {', '.join(names)}, found {found}", where=str(path))
    return [archive[name] for name in names]


def _load(path: Path) -> NDArray[np.generic] | dict[str, NDArray[np.generic]]:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                return {name: loaded[name] for name in loaded.files}
            array: NDArray[np.generic] = loaded
            return array
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"not a readable numpy file ({error})",
            where=str(path),
            remedy="It may be truncated: copy or make it again",
        ) from error
