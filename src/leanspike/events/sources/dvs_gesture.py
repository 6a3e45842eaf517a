"""One gesture as every layout of DVS128 Gesture gives it, and many joined to recordings.

IBM's original DVS128 Gesture archive, unpacked.

``trials_to_train.txt`` and ``trials_to_test.txt`` name AEDAT files; beside each
``user01_led.aedat`` lies ``user01_led_labels.csv``, with the class from 1 and the start and end in
microseconds of each gesture: 12 in a trial, for arm roll is done forward and backward.


DVS128 Gesture as tonic and SpikingJelly keep it: one file per gesture.

tonic: ``ibmGestureTrain/user01_led/3.npy``, rows of x, y, polarity and time in milliseconds, named
by the class from 0. A later gesture of a class overwrote an earlier one of the same trial, which
is why tonic has 1,077 and 264 of IBM's 1,176 and 288.

SpikingJelly: ``events_np/train/3/user01_led_0.npz``, arrays t (microseconds), x, y, p, in a folder
named by the class from 0.


DVS128 Gesture as frames that SpikingJelly made: ``frames_number_20_split_by_number``.

Its frames are cut as `FrameConfig` says, so they stand for events where a user has none.


A user's copy of DVS128 Gesture: which layout it has, and its conversion to our archives.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Bools, Ints
from leanspike.errors import InputError
from leanspike.events.frame_data import FrameSplit
from leanspike.events.frames import FrameConfig
from leanspike.events.recordings import Recordings
from leanspike.events.sources.aedat import AedatEvents, read_aedat
from leanspike.events.sources.npz import (
    array_names,
    file_digest,
    read_array,
    read_arrays,
    readable,
    write_archive,
)

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


LISTS = {"train": "trials_to_train.txt", "test": "trials_to_test.txt"}
HEADER = "class,startTime_usec,endTime_usec"

# IBM's own labels overlap here, as SpikingJelly's source (datasets/dvs128_gesture.py) notes.
KNOWN_OVERLAPS = {("user22_led", 9, 10)}

# A camera may see nothing for a moment at either end of a recording.
SLACK_US = 1_000_000


def ibm_trials(folder: Path) -> dict[str, list[Path]]:
    """AEDAT files of the two parts, as the lists name them.

    Raises
    ------
    InputError
        When a list is missing or empty, or names a file that is not there.
    """
    trials = {}
    for part, name in LISTS.items():
        path = folder / name
        try:
            names = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read: {error}", where=str(path)) from error
        if not names:
            raise InputError("the list names no trial", where=str(path))
        present = {path.name for path in folder.iterdir() if path.is_file()}
        for trial in names:
            if Path(trial).name != trial or trial not in present:
                raise InputError(
                    f"names {trial!r:.80}, which is not in this folder",
                    where=str(path),
                    remedy="The archive is not whole: unpack it again",
                )
        trials[part] = [folder / trial for trial in names]
    return trials


def read_ibm_trial(path: Path, *, keep_overlaps: bool = False) -> Iterator[Sample]:
    """Cut one AEDAT file into its labelled gestures: events with ``start <= t < end``.

    Raises
    ------
    InputError
        When the recording or its labels are missing or damaged, or a label's window overlaps
        another (unless `keep_overlaps`) or lies outside the recording.
    """
    labels = path.with_name(f"{path.stem}_labels.csv")
    windows = _windows(labels)
    if not keep_overlaps:
        _check_overlaps(windows, labels, path.stem)
    events = read_aedat(path)
    if not len(events.t):
        raise InputError("no events", where=str(path), remedy="Copy or unpack this file again")
    first, last = int(events.t.min()), int(events.t.max())
    in_order = bool((np.diff(events.t) >= 0).all())
    for row, (label, start, end) in enumerate(windows.tolist()):
        where = f"{labels}, row {row + 2}"
        chosen: slice | Bools
        if in_order:
            a, b = np.searchsorted(events.t, [start, end]).tolist()
            chosen = slice(a, b)
        else:
            chosen = (events.t >= start) & (events.t < end)
        part = AedatEvents(*(column[chosen] for column in events))  # type: ignore[arg-type]
        outside = start < first - SLACK_US or end > last + SLACK_US
        if outside or not len(part.t):
            raise InputError(
                f"class {label} from {start} to {end} us lies outside the recording, "
                f"which has events from {first} to {last} us",
                where=where,
                remedy=f"{path.name} or its labels are of another trial, or cut short",
            )
        yield Sample(where, label - 1, *part)


def _windows(path: Path) -> Ints:
    """Class, start and end of each row."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the labels: {error}",
            where=str(path),
            remedy="Each .aedat file needs its _labels.csv beside it: unpack the archive again",
        ) from error
    if not lines or lines[0].replace(" ", "") != HEADER:
        found = lines[0] if lines else "nothing"
        raise InputError(f"begins with {found!r}, expected {HEADER!r}", where=str(path))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        where = f"{path}, row {number}"
        try:
            label, start, end = (int(cell) for cell in line.split(","))
        except ValueError as error:
            raise InputError(f"{line!r} is not three whole numbers", where=where) from error
        if not 1 <= label <= len(GESTURES):
            raise InputError(f"class {label} is none of 1 to {len(GESTURES)}", where=where)
        if not 0 <= start < end < 1 << 62:
            raise InputError(f"{start} to {end} us is no window of time", where=where)
        rows.append((label, start, end))
    if not rows:
        raise InputError("no gesture is labelled", where=str(path))
    return np.array(rows, np.int64)


def _check_overlaps(windows: Ints, path: Path, trial: str) -> None:
    in_order = windows[np.argsort(windows[:, 1], kind="stable")].tolist()
    for (label, start, end), (next_label, next_start, next_end) in pairwise(in_order):
        if end > next_start and (trial, label, next_label) not in KNOWN_OVERLAPS:
            raise InputError(
                f"class {label} ({start} to {end} us) overlaps class {next_label} "
                f"({next_start} to {next_end} us)",
                where=str(path),
                remedy="Correct the labels, or convert the folder with keep_overlaps=True",
            )


TONIC_FOLDERS = {"train": "ibmGestureTrain", "test": "ibmGestureTest"}
SPIKINGJELLY_EVENTS = "events_np"


def tonic_files(folder: Path) -> dict[str, list[Path]]:
    """Files of the two parts; either list may be empty."""
    return {part: sorted((folder / f).glob("*/*.npy")) for part, f in TONIC_FOLDERS.items()}


def read_tonic_file(path: Path) -> Iterator[Sample]:
    """Read one gesture of tonic's."""
    with readable(path, "numpy file"), path.open("rb") as file:
        events = read_array(file, path.stat().st_size, where=str(path))
    if events.dtype.kind not in "biuf" or events.ndim != 2 or events.shape[1] != 4:
        raise InputError("expected rows of x, y, polarity and milliseconds", where=str(path))
    columns = events.astype(np.int64).T
    yield Sample(str(path), class_of(path.stem, path), columns[3] * 1000, *columns[:3])


def spikingjelly_files(folder: Path) -> dict[str, list[Path]]:
    """Files of the two parts under a folder of SpikingJelly's; either list may be empty."""
    return {part: sorted((folder / part).glob("*/*.npz")) for part in ("train", "test")}


def read_spikingjelly_file(path: Path) -> Iterator[Sample]:
    """Read one gesture of SpikingJelly's."""
    arrays = load_arrays(path, ("t", "x", "y", "p"))
    if any(array.ndim != 1 for array in arrays) or len({len(array) for array in arrays}) > 1:
        raise InputError("t, x, y and p are not equally long rows", where=str(path))
    t, x, y, p = (array.astype(np.int64) for array in arrays)
    yield Sample(str(path), class_of(path.parent.name, path), t, x, y, p)


def class_of(name: str, path: Path) -> int:
    """Class that a file or folder is named by."""
    if not name.isdecimal():
        raise InputError(f"{name!r} is not a class from 0", where=str(path))
    return int(name)


def load_arrays(path: Path, names: tuple[str, ...]) -> list[NDArray[np.generic]]:
    """Load the named arrays of an npz file; no other is unpacked.

    Raises
    ------
    InputError
        When the file is damaged, lacks one, or one does not hold numbers.
    """
    arrays = read_arrays(path, names)
    if any(name not in arrays for name in names):
        found = ", ".join(array_names(path))
        raise InputError(f"expected arrays {', '.join(names)}, found {found}", where=str(path))
    odd = [name for name in names if arrays[name].dtype.kind not in "biuf"]
    if odd:
        raise InputError(f"{odd[0]} holds no numbers but {arrays[odd[0]].dtype}", where=str(path))
    return [arrays[name] for name in names]


def frame_folders(folder: Path) -> dict[FrameConfig, Path]:
    """SpikingJelly's frame folders in `folder`, or `folder` itself, by how frames were cut."""
    found = {}
    for path in [folder, *sorted(folder.glob("frames_number_*"))]:
        match = re.fullmatch(r"frames_number_(\d+)_split_by_(number|time)", path.name)
        if match and path.is_dir():
            by = "count" if match[2] == "number" else "time"
            found[FrameConfig(T=int(match[1]), by=by)] = path  # type: ignore[arg-type]
    return found


def find_frames(folder: Path, config: FrameConfig) -> Path | None:
    """Folder of the frames cut as `config` says, or None where the folder has no frames.

    Raises
    ------
    InputError
        When there are frames, but all cut otherwise.
    """
    found = frame_folders(folder)
    if found and config not in found:
        cuts = ", ".join(f"{cut.T} by {cut.by}" for cut in found)
        raise InputError(
            f"frames here are {cuts}, expected {config.T} by {config.by}",
            where=str(folder),
            remedy="Ask for those, or make frames of the events: add the events_np folder",
        )
    return found.get(config)


def frames_fingerprint(folder: Path) -> str:
    """sha256 over the names and bytes of the folder's files."""
    digest = hashlib.sha256()
    for part, paths in spikingjelly_files(folder).items():
        for path in paths:
            digest.update(f"{part}/{path.parent.name}/{path.name}".encode())
            digest.update(file_digest(path))
    return digest.hexdigest()


def read_frame_folder(folder: Path, config: FrameConfig) -> dict[str, FrameSplit]:
    """Read the parts ``train`` and ``test`` of one of SpikingJelly's frame folders.

    Returns
    -------
    Frames [S, T, 2, 128, 128], uint8 or uint16, channel 0 OFF and 1 ON, and labels from 0.

    Raises
    ------
    InputError
        When a file is damaged, frames have another shape, a user is in both parts, or the counts
        are not 1,176 and 288.
    """
    files = spikingjelly_files(folder)
    check_users(files, where=str(folder), names=lambda path: path.stem)
    shape = (config.T, 2, SIDE, SIDE)
    splits = {}
    for part, paths in files.items():
        where = f"{folder} ({part})"
        check_count(len(paths), WHOLE[part], where=where, name="SpikingJelly's frames")
        frames = np.zeros((len(paths), *shape), np.uint16)
        labels = np.zeros(len(paths), np.int64)
        for i, path in enumerate(paths):
            (counts,) = load_arrays(path, ("frames",))
            if counts.shape != shape:
                raise InputError(
                    f"frames are {list(counts.shape)}, expected {list(shape)}", where=str(path)
                )
            numbers = np.asarray(counts, np.float64)
            if not ((numbers >= 0) & (numbers <= 65535) & (numbers % 1 == 0)).all():
                raise InputError("frames are not event counts", where=str(path))
            frames[i] = numbers
            labels[i] = class_of(path.parent.name, path)
            if labels[i] >= len(GESTURES):
                raise InputError(
                    f"class {labels[i]} is none of 0 to {len(GESTURES) - 1}", where=str(path)
                )
        narrow = frames.astype(np.uint8) if frames.max() <= 255 else frames
        splits[part] = FrameSplit(narrow, labels)
    return splits


CONVERTED = "leanspike"  # folder of the archives that a conversion leaves beside the data

# Gestures in the train and test part: IBM's lists, and what tonic keeps of them
# (github.com/neuromorphs/tonic/issues/270; SpikingJelly's dvs128_gesture.py says the same).
WHOLE = {"train": 1176, "test": 288}
TONIC = {"train": 1077, "test": 264}

SOUGHT = (
    f"{LISTS['train']} (IBM's archive), {TONIC_FOLDERS['train']} (tonic), "
    f"{SPIKINGJELLY_EVENTS} or frames_number_* (SpikingJelly)"
)


@dataclass(frozen=True)
class GestureLayout:
    """Where the gestures of one layout lie and how to read them.

    Parameters
    ----------
    name
        What to call the layout.
    folder
        Where it was found.
    files
        Files of the parts ``train`` and ``test``.
    read
        Reads the gestures of one file.
    counts
        How many gestures each part has when it is whole.
    """

    name: str
    folder: Path
    files: dict[str, list[Path]]
    read: Callable[[Path], Iterator[Sample]]
    counts: dict[str, int]


def find_gestures(folder: Path, *, keep_overlaps: bool = False) -> GestureLayout | None:
    """Look for a layout of DVS128 Gesture in `folder` and in the folders right below it.

    Where there are several, IBM's archive comes before SpikingJelly's events, and those before
    tonic's, which has fewer gestures and milliseconds only.

    Returns
    -------
    The layout, or None where there is none of them.
    """
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    for place in places:
        if any((place / name).is_file() for name in LISTS.values()):
            read = partial(read_ibm_trial, keep_overlaps=keep_overlaps)
            return GestureLayout("IBM's archive", place, ibm_trials(place), read, WHOLE)
    for place in places:
        events = place / SPIKINGJELLY_EVENTS
        if place.name != SPIKINGJELLY_EVENTS and not events.is_dir():
            continue
        events = events if events.is_dir() else place
        files = spikingjelly_files(events)
        return GestureLayout("SpikingJelly's events", events, files, read_spikingjelly_file, WHOLE)
    for place in places:
        if any((place / name).is_dir() for name in TONIC_FOLDERS.values()):
            return GestureLayout(
                "tonic's numpy version", place, tonic_files(place), read_tonic_file, TONIC
            )
    return None


def gesture_archives(folder: Path) -> dict[str, Path] | None:
    """Name the archives of a copy of DVS128 Gesture, converting it on the first call.

    They lie in ``<folder>/leanspike``.

    Returns
    -------
    The archives of the parts ``train`` and ``test``, or None where the folder has no events.

    Raises
    ------
    InputError
        When the copy is not whole and sound, or the folder cannot be written.
    """
    archives = {part: folder / CONVERTED / f"{part}.npz" for part in WHOLE}
    if not all(path.is_file() for path in archives.values()):
        if find_gestures(folder) is None:
            return None
        convert_gestures(folder, folder / CONVERTED)
    return archives


def convert_gestures(
    folder: Path, out: Path, *, incomplete: bool = False, keep_overlaps: bool = False
) -> dict[str, int]:
    """Convert a copy of DVS128 Gesture to ``<out>/train.npz`` and ``<out>/test.npz``.

    Parameters
    ----------
    folder
        IBM's archive unpacked, tonic's numpy version, or SpikingJelly's ``events_np``; found by
        looking, also one folder below.
    out
        Where the archives go; `load_data` takes this folder as its source.
    incomplete
        Convert what there is, where a part has not as many gestures as the data set.
    keep_overlaps
        Take labels whose windows overlap as they are.

    Returns
    -------
    Number of gestures of each part.

    Raises
    ------
    InputError
        When the folder has none of the layouts (the error says what was looked for and found), a
        file is missing or damaged, a user is in both parts, or the counts are wrong.
    """
    layout = find_gestures(folder, keep_overlaps=keep_overlaps)
    if layout is None:
        raise InputError(
            f"no DVS128 Gesture here: looked for {SOUGHT}; found {listing(folder)}",
            where=str(folder),
            remedy="Name the folder that the archive was unpacked into",
        )
    check_users(layout.files, where=str(layout.folder), names=_trial_name(layout))
    parts = {}
    for part, files in layout.files.items():
        samples = (sample for file in files for sample in layout.read(file))
        where = f"{layout.folder} ({part})"
        parts[part] = join_samples(samples, source=where)
        if not incomplete:
            check_count(len(parts[part]), layout.counts[part], where=where, name=layout.name)
    for part, recordings in parts.items():
        write_archive(out / f"{part}.npz", recordings)
    return {part: len(recordings) for part, recordings in parts.items()}


def check_count(found: int, expected: int, *, where: str, name: str) -> None:
    """Refuse a part of the data set that is not whole."""
    if found != expected:
        raise InputError(
            f"{found} gestures, expected {expected} in {name}",
            where=where,
            remedy="Unpack or fetch it again, or convert what there is with "
            "convert_gestures(..., incomplete=True)",
        )


def check_users(files: dict[str, list[Path]], *, where: str, names: Callable[[Path], str]) -> None:
    """Refuse a user who trains and tests."""
    users = {part: {user_of(names(path)) for path in paths} for part, paths in files.items()}
    both = sorted(users["train"] & users["test"])
    if both:
        raise InputError(
            f"{', '.join(both)} in both the train and the test part",
            where=where,
            remedy="IBM trains on users 1 to 23 and tests on 24 to 29",
        )


def _trial_name(layout: GestureLayout) -> Callable[[Path], str]:
    if layout.counts is TONIC:
        return lambda path: path.parent.name
    return lambda path: path.stem


def listing(folder: Path) -> str:
    """Say in a few words what is in a folder."""
    names = sorted(path.name for path in folder.iterdir())
    shown = ", ".join(names[:6]) or "nothing"
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown
