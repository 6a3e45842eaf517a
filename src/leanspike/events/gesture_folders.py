"""A user's copy of DVS128 Gesture: which layout it has, and its conversion to our archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leanspike.errors import InputError
from leanspike.events.archive import write_archive
from leanspike.events.gesture_folders_ibm import LISTS, ibm_trials, read_ibm_trial
from leanspike.events.gesture_folders_peers import (
    SPIKINGJELLY_EVENTS,
    TONIC_FOLDERS,
    read_spikingjelly_file,
    read_tonic_file,
    spikingjelly_files,
    tonic_files,
)
from leanspike.events.gesture_samples import Sample, join_samples, user_of

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
