"""IBM's original DVS128 Gesture archive, unpacked.

``trials_to_train.txt`` and ``trials_to_test.txt`` name AEDAT files; beside each
``user01_led.aedat`` lies ``user01_led_labels.csv``, with the class from 1 and the start and end in
microseconds of each gesture: 12 in a trial, for arm roll is done forward and backward.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from leanspike.arrays import Bools, Ints
from leanspike.errors import InputError
from leanspike.events.aedat import AedatEvents, read_aedat
from leanspike.events.gesture_samples import GESTURES, Sample

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
        for trial in names:
            if Path(trial).name != trial or not (folder / trial).is_file():
                raise InputError(
                    f"names {trial!r}, which is not in this folder",
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
