"""DVS128 Gesture as frames that SpikingJelly made: ``frames_number_20_split_by_number``.

Its frames are cut as `FrameConfig` says, so they stand for events where a user has none.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

from leanspike.errors import InputError
from leanspike.events.frame_data import FrameSplit
from leanspike.events.frames import FrameConfig
from leanspike.events.gesture_folders import WHOLE, check_count, check_users
from leanspike.events.gesture_folders_peers import class_of, load_arrays, spikingjelly_files
from leanspike.events.gesture_samples import GESTURES, SIDE


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
            digest.update(path.read_bytes())
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
