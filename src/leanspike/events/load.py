"""One call from a data set's name or path to frames: `load_data`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from leanspike.errors import InputError
from leanspike.events.collecting import Coding, DataReading, collect
from leanspike.events.frame_cache import SPLITS, cache_folder, cached_frames, frames_kept_in
from leanspike.events.frame_data import (
    TEST_FRACTION,
    VALIDATION_FRACTION,
    FrameData,
    FrameSplit,
    complete_splits,
    limited,
)
from leanspike.events.frames import FrameConfig, make_frames, one_row
from leanspike.events.recordings import Recordings
from leanspike.events.sources.npz import dense_archives, read_dense
from leanspike.events.sources.source import FrameSource, find_source
from leanspike.events.sources.tonic_sets import data_folder


def load_data(
    source: str | Path,
    *,
    frames: FrameConfig,
    seed: int = 0,
    cache: Path | None = None,
    root: Path | None = None,
    download: bool = False,
    limit: int | None = None,
    axes: str | None = None,
    coding: Coding = "direct",
) -> FrameData:
    """Load a data set as frames in three splits.

    Where the source has no test part, a fifth of its recordings become it; where it has no
    validation part, a tenth of the training recordings become it. Both are drawn by class from
    `seed`, and test recordings never train or validate.

    Parameters
    ----------
    source
        ``"digits-dvs"`` (embedded), ``"gestures-synthetic"`` (simulated; ``:64`` appended makes it
        64x64 instead of 128x128), ``"nmnist"`` or ``"dvs128-gesture"`` (through tonic), the path
        of an npz archive, of a folder with ``train.npz`` and perhaps ``validation.npz`` and
        ``test.npz``, or of a copy of DVS128 Gesture (see `convert_gestures`).
    frames
        How many frames, cut how.
    seed
        Draws the splits that the source does not fix.
    cache
        Folder for frames, which are made once and then memory-mapped; the user's cache folder
        when omitted.
    root
        Folder with tonic's data sets; the user's data folder when omitted.
    download
        Let tonic fetch a data set that is not in `root`.
    limit
        At most so many recordings per split, balanced over the classes.
    axes, coding
        Of an archive of arrays ``x`` and ``y`` (frames, spike trains, static images), as in
        :class:`DataReading`.

    Raises
    ------
    InputError
        When the source is unknown, missing or damaged; the error names the file and the place.
    """
    if limit is not None and limit < 1:
        raise InputError(f"{limit} recordings are too few, expected at least 1", where="limit")
    kept = frames_kept_in(Path(source))
    if kept is not None:
        return _limited_frames(kept, limit)
    dense = dense_archives(Path(source))
    if dense is not None:
        reading = DataReading(frames.T, frames.by, axes, coding, seed)
        parts = {part: read_dense(path) for part, path in dense.items()}
        name = Path(source).stem
        return collect(
            parts["train"],
            validation=parts.get("validation"),
            test=parts.get("test"),
            reading=reading,
            limit=limit,
            name=name,
        )
    found = find_source(source, frames, root=root or data_folder(), download=download, limit=limit)

    recipe = repr((found.content, frames, seed, limit, VALIDATION_FRACTION, TEST_FRACTION))
    fingerprint = hashlib.sha256(recipe.encode()).hexdigest()

    def make() -> tuple[dict[str, FrameSplit], int]:
        if isinstance(found, FrameSource):
            ready = complete_splits(found.read(), seed=seed, where=found.name)
            return limited(ready, limit), found.classes
        given = found.read()
        _check_agreement(given)
        parts = complete_splits(given, seed=seed, where=given["train"].source)
        parts = limited(parts, limit)
        splits = {
            k: FrameSplit(one_row(make_frames(r, frames)), r.labels) for k, r in parts.items()
        }
        return splits, parts["train"].classes

    splits, classes = cached_frames(fingerprint, make, folder=cache or cache_folder())
    return FrameData(found.name, **splits, classes=classes, fingerprint=fingerprint)


def _limited_frames(data: FrameData, limit: int | None) -> FrameData:
    if limit is None:
        return data
    splits = limited({name: getattr(data, name) for name in SPLITS}, limit)
    digest = hashlib.sha256(f"{data.fingerprint} {limit}".encode()).hexdigest()
    return replace(data, **splits, fingerprint=digest)


def _check_agreement(parts: Mapping[str, Recordings]) -> None:
    train = parts["train"]
    for recordings in parts.values():
        if (recordings.width, recordings.height) != (train.width, train.height):
            raise InputError(
                f"sensor is {recordings.width}x{recordings.height}, "
                f"but {train.source} has {train.width}x{train.height}",
                where=recordings.source,
            )
        wrong = recordings.labels >= train.classes
        if wrong.any():
            i = int(wrong.argmax())
            raise InputError(
                f"label {recordings.labels[i]} is out of range: {train.source} has labels "
                f"0 to {train.classes - 1}",
                where=f"{recordings.source}, recording {i}",
            )
