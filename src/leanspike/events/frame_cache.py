"""Frames on disk, memory-mapped: made once, never again in an epoch, a run or another process."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import tokenize
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.events.frame_data import FrameData, FrameSplit
from leanspike.files import write_whole

SPLITS = ("train", "validation", "test")

ABOUT = "about.json"

# Frames of each of SPLITS, and the number of classes.
Splits = tuple[dict[str, FrameSplit], int]


def cache_folder() -> Path:
    """Folder for frames where the user names none: ``$XDG_CACHE_HOME/leanspike/frames``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "leanspike" / "frames"


def cached_frames(fingerprint: str, make: Callable[[], Splits], *, folder: Path) -> Splits:
    """Open the frames kept under `fingerprint`, after making them if there are none.

    Frames are written to a folder of their own and renamed when whole: two processes may make
    them at once, and a stopped one leaves nothing that is taken for frames.

    Parameters
    ----------
    fingerprint
        Names the content; different content must have another.
    make
        Makes the three splits and says how many classes there are; called only where the folder
        has none.
    folder
        Where frames are kept.

    Returns
    -------
    The three splits by name, their frames read-only memory maps, and the number of classes.

    Raises
    ------
    InputError
        When the folder cannot be written or the disk is full.
    """
    kept = folder / fingerprint
    opened = kept_frames(kept)
    if opened is None:
        made = make()
        partial: Path | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder))
            _check_room(folder, made[0])
            write_frames(partial, *made)
            if kept.exists():  # what lies there could not be opened
                shutil.rmtree(kept)
            partial.rename(kept)
        except OSError as error:
            opened = kept_frames(kept)  # another process may have been first
            if opened is None:
                raise InputError(
                    f"cannot keep frames: {error.strerror or error}",
                    where=str(folder),
                    remedy="Name another cache folder, or make room",
                ) from error
        finally:
            if partial is not None:
                shutil.rmtree(partial, ignore_errors=True)
        opened = opened or kept_frames(kept)
        if opened is None:
            raise InputError("frames just written cannot be read", where=str(kept))
    return opened


def _check_room(folder: Path, splits: Mapping[str, FrameSplit]) -> None:
    """Say that frames do not fit before the disk is full of them."""
    size = sum(split.frames.nbytes for split in splits.values())
    if size > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, f"no room for {size / 1e9:.2g} GB of frames")


def write_frames(folder: Path, splits: Mapping[str, FrameSplit], classes: int, **more: str) -> None:
    """Write three splits into a folder; static images, seen at every step, once."""
    about: dict[str, object] = {"classes": classes, **more}
    for name in SPLITS:
        split = splits[name]
        frames = split.frames
        about[name] = [*frames.shape, str(frames.dtype)]
        if frames.shape[1] > 1 and frames.strides[1] == 0:  # steps that are one image
            frames = frames[:, :1]
        _save(folder / f"{name}.npy", frames)
        _save(folder / f"{name}_labels.npy", split.labels)
    write_whole(folder / ABOUT, json.dumps(about))


def _save(path: Path, array: NDArray[np.generic]) -> None:
    """Write what np.save would, by Python's writes (numpy's do not notice a disk full), on disk."""
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.data.cast("B") if array.size else b"")
        file.flush()
        os.fsync(file.fileno())


def kept_frames(folder: Path) -> Splits | None:
    """Open the splits, or None where they are not there or not whole."""
    try:
        about = json.loads((folder / ABOUT).read_text())
        splits = {}
        for name in SPLITS:
            frames = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            # Mapped: the size that a damaged file declares is no size to take memory for.
            mapped = np.load(folder / f"{name}_labels.npy", mmap_mode="r", allow_pickle=False)
            labels = np.array(mapped)
            *shape, dtype = about[name]
            if frames.shape[1] == 1:
                frames = np.broadcast_to(frames, (len(frames), shape[1], *frames.shape[2:]))
            if [*frames.shape, str(frames.dtype)] != [*shape, dtype]:
                return None
            if labels.shape != frames.shape[:1] or labels.dtype.kind not in "iu":
                return None
            if len(labels) and not 0 <= labels.min() <= labels.max() < about["classes"]:
                return None
            splits[name] = FrameSplit(frames, labels)
        return splits, int(about["classes"])
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, OverflowError,
            tokenize.TokenError):  # fmt: skip
        return None


def keep_frames(data: FrameData, folder: Path) -> Path:
    """Write frames into a folder that `load_data` takes for a source; there already: nothing.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    kept = folder / data.fingerprint[:12]
    if not (kept / ABOUT).is_file():
        kept.mkdir(parents=True, exist_ok=True)
        splits = {name: getattr(data, name) for name in SPLITS}
        write_frames(kept, splits, data.classes, name=data.name, fingerprint=data.fingerprint)
    return kept


def frames_kept_in(folder: Path) -> FrameData | None:
    """Open what `keep_frames` wrote; None where the folder holds something else.

    Raises
    ------
    InputError
        When its files are not whole.
    """
    try:
        about = json.loads((folder / ABOUT).read_text())
        name, fingerprint = str(about["name"]), str(about["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    opened = kept_frames(folder)
    if opened is None:
        raise InputError("the frames in this folder are not whole", where=str(folder))
    splits, classes = opened
    return FrameData(name, **splits, classes=classes, fingerprint=fingerprint)
