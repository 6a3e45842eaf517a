"""One call from a data set's name or path to frames: `load_data`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from leanspike.errors import InputError
from leanspike.events.archive import read_archive
from leanspike.events.digits_dvs import digits_fingerprint, digits_recordings
from leanspike.events.frame_cache import cache_folder, cached_frames
from leanspike.events.frame_data import FrameData, FrameSplit
from leanspike.events.frames import FrameConfig, make_frames
from leanspike.events.recordings import Recordings
from leanspike.events.split import draw_split, first_of_each
from leanspike.events.tonic_sets import TONIC_SETS, data_folder, tonic_archives

VALIDATION_FRACTION = 0.1
TEST_FRACTION = 0.2


def load_data(
    source: str | Path,
    *,
    frames: FrameConfig,
    seed: int = 0,
    cache: Path | None = None,
    root: Path | None = None,
    download: bool = False,
    limit: int | None = None,
) -> FrameData:
    """Load a data set as frames in three splits.

    Where the source has no test part, a fifth of its recordings become it; where it has no
    validation part, a tenth of the training recordings become it. Both are drawn by class from
    `seed`, and test recordings never train or validate.

    Parameters
    ----------
    source
        ``"digits-dvs"`` (embedded), ``"nmnist"`` or ``"dvs128-gesture"`` (through tonic), the path
        of an npz archive, or of a folder with ``train.npz`` and perhaps ``validation.npz`` and
        ``test.npz``.
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

    Raises
    ------
    InputError
        When the source is unknown, missing or damaged; the error names the file and the place.
    """
    if limit is not None and limit < 1:
        raise InputError(f"{limit} recordings are too few, expected at least 1", where="limit")
    name, content, read = _find(source, root=root or data_folder(), download=download)

    recipe = repr((content, frames, seed, limit, VALIDATION_FRACTION, TEST_FRACTION))
    fingerprint = hashlib.sha256(recipe.encode()).hexdigest()

    def make() -> tuple[dict[str, FrameSplit], int]:
        parts = complete_splits(read(), seed=seed)
        if limit is not None:
            parts = {k: r.take(first_of_each(r.labels, limit)) for k, r in parts.items()}
        splits = {k: FrameSplit(make_frames(r, frames), r.labels) for k, r in parts.items()}
        return splits, parts["train"].classes

    splits, classes = cached_frames(fingerprint, make, folder=cache or cache_folder())
    return FrameData(name, **splits, classes=classes, fingerprint=fingerprint)


def complete_splits(parts: Mapping[str, Recordings], *, seed: int) -> dict[str, Recordings]:
    """Draw the splits that `parts` lacks from its training recordings, by class."""
    done = dict(parts)
    _check_agreement(done)
    wanted = {"test": (TEST_FRACTION, 1), "validation": (VALIDATION_FRACTION, 0)}
    for name, (fraction, salt) in wanted.items():
        if name not in done:
            train = done["train"]
            stay, drawn = draw_split(train.labels, fraction, seed=2 * seed + salt)
            done["train"], done[name] = train.take(stay), train.take(drawn)
    for name, recordings in done.items():
        if not len(recordings):
            raise InputError(
                f"no recordings are left for the {name} split",
                where=parts["train"].source,
                remedy="Each class needs at least three recordings, or add the split's own file",
            )
    return done


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


def _find(
    source: str | Path, *, root: Path, download: bool
) -> tuple[str, str, Callable[[], dict[str, Recordings]]]:
    """Name of the data set, a digest of its content, and a way to read it."""
    if source == "digits-dvs":
        return "digits-dvs", digits_fingerprint(), digits_recordings
    if source in TONIC_SETS:
        train, test = tonic_archives(str(source), root=root, download=download)
        return str(source), *_archives({"train": train, "test": test})
    path = Path(source)
    if path.is_dir():
        paths = {part: path / f"{part}.npz" for part in ("train", "validation", "test")}
        if not paths["train"].is_file():
            raise InputError("no train.npz in this folder", where=str(path))
        return path.resolve().name, *_archives({k: p for k, p in paths.items() if p.is_file()})
    if path.is_file():
        return path.stem, *_archives({"train": path})
    raise InputError(
        "no such file or folder, nor the name of a data set",
        where=str(source),
        remedy=f"Names are digits-dvs, {', '.join(TONIC_SETS)}",
    )


def _archives(paths: Mapping[str, Path]) -> tuple[str, Callable[[], dict[str, Recordings]]]:
    digest = hashlib.sha256()
    for part, path in paths.items():
        digest.update(part.encode())
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise InputError(f"cannot read: {error.strerror}", where=str(path)) from error
    return digest.hexdigest(), lambda: {part: read_archive(path) for part, path in paths.items()}
