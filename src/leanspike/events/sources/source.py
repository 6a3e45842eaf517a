"""What a data set's name or path stands for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from leanspike.errors import InputError
from leanspike.events.frame_data import FrameSplit, first_of_each
from leanspike.events.frames import FrameConfig
from leanspike.events.recordings import Recordings
from leanspike.events.simulator import (
    Part,
    gesture_frames,
    gesture_labels,
    gesture_takes,
    gestures_fingerprint,
)
from leanspike.events.sources.digits_dvs import digits_fingerprint, digits_recordings
from leanspike.events.sources.dvs_gesture import (
    GESTURES,
    SOUGHT,
    find_frames,
    frames_fingerprint,
    gesture_archives,
    listing,
    read_frame_folder,
)
from leanspike.events.sources.npz import file_digest, read_archive
from leanspike.events.sources.tonic_sets import TONIC_SETS, tonic_archives

PARTS = ("train", "validation", "test")
SYNTHETIC = "gestures-synthetic"


@dataclass(frozen=True)
class RecordingSource:
    """A data set of events: its name, a digest of its content, and a way to read its parts."""

    name: str
    content: str
    read: Callable[[], dict[str, Recordings]]


@dataclass(frozen=True)
class FrameSource:
    """A data set that comes as frames: name, digest, a way to read its parts, classes."""

    name: str
    content: str
    read: Callable[[], dict[str, FrameSplit]]
    classes: int


def find_source(
    source: str | Path,
    frames: FrameConfig,
    *,
    root: Path,
    download: bool,
    limit: int | None = None,
) -> RecordingSource | FrameSource:
    """Find what `source` stands for: the name of a data set, an archive or a folder.

    Where only `limit` recordings of a split are wanted, a simulated set makes no more than that
    takes; other sources give all they have.

    Raises
    ------
    InputError
        When it stands for nothing; the error says what was looked for.
    """
    if source == "digits-dvs":
        return RecordingSource("digits-dvs", digits_fingerprint(), digits_recordings)
    if str(source).startswith(SYNTHETIC):
        return _synthetic(str(source), frames, limit=limit)
    if source in TONIC_SETS:
        return _archives(str(source), tonic_archives(str(source), root=root, download=download))
    path = Path(source)
    if path.is_dir():
        return _folder(path, frames)
    if path.is_file():
        return _archives(path.stem, {"train": path})
    raise InputError(
        "no such file or folder, nor the name of a data set",
        where=str(source),
        remedy=f"Names are digits-dvs, {SYNTHETIC}, {', '.join(TONIC_SETS)}",
    )


def _synthetic(source: str, frames: FrameConfig, *, limit: int | None) -> FrameSource:
    """Simulate gestures, 128x128 or as large as the name says."""
    match = re.fullmatch(rf"{SYNTHETIC}(?::(\d{{1,4}}))?", source)
    side = int(match[1] or 128) if match else 0
    if not 16 <= side <= 1024:
        raise InputError(
            f"expected {SYNTHETIC}, or {SYNTHETIC}:64 for 64x64 pixels (16 to 1024)", where=source
        )

    def simulate(part: Part) -> FrameSplit:
        takes = gesture_takes(part)
        if limit is not None:  # twice as many to train, for some of them become the validation
            wanted = 2 * limit if part == "train" else limit
            takes = [takes[i] for i in first_of_each(gesture_labels(takes), wanted)]
        return gesture_frames(takes, frames, side=side)

    content = f"{gestures_fingerprint(side)} {limit}"
    name = SYNTHETIC if side == 128 else source
    return FrameSource(
        name, content, lambda: {"train": simulate("train"), "test": simulate("test")}, len(GESTURES)
    )


def _folder(path: Path, frames: FrameConfig) -> RecordingSource | FrameSource:
    """Find archives of ours, else events of DVS128 Gesture, else frames of it."""
    name = path.resolve().name
    paths = {part: path / f"{part}.npz" for part in PARTS}
    if paths["train"].is_file():
        return _archives(name, {part: p for part, p in paths.items() if p.is_file()})
    archives = gesture_archives(path)
    if archives is not None:
        return _archives(name, archives)
    made = find_frames(path, frames)
    if made is not None:
        return FrameSource(
            name, frames_fingerprint(made), lambda: read_frame_folder(made, frames), len(GESTURES)
        )
    raise InputError(
        f"no data set in this folder: looked for train.npz (an archive), {SOUGHT}; "
        f"found {listing(path)}",
        where=str(path),
        remedy="Name the folder that the archive was unpacked into",
    )


def _archives(name: str, paths: Mapping[str, Path]) -> RecordingSource:
    digest = hashlib.sha256()
    for part, path in paths.items():
        digest.update(part.encode())
        digest.update(file_digest(path))
    return RecordingSource(
        name, digest.hexdigest(), lambda: {part: read_archive(p) for part, p in paths.items()}
    )
