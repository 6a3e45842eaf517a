"""tonic's data sets by name, converted once to our archive."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from leanspike.errors import InputError
from leanspike.events.recordings import Recordings
from leanspike.events.sources.npz import write_archive

# Name: tonic's class, width, height, classes, microseconds per tick worth keeping. N-MNIST has
# microseconds; tonic's DVS Gesture has milliseconds in microseconds' clothes.
TONIC_SETS: dict[str, tuple[str, int, int, int, int]] = {
    "nmnist": ("NMNIST", 34, 34, 10, 1),
    "dvs128-gesture": ("DVSGesture", 128, 128, 11, 1000),
    "shd": ("SHD", 700, 1, 20, 1),
    "ssc": ("SSC", 700, 1, 35, 1),
    "cifar10-dvs": ("CIFAR10DVS", 128, 128, 10, 1),
    "n-caltech101": ("NCALTECH101", 240, 180, 101, 1),
}
#: How tonic names each part of a set; those that are one part draw their test split.
_PARTS: dict[str, dict[str, dict[str, object]]] = {
    "ssc": {
        "train": {"split": "train"},
        "validation": {"split": "valid"},
        "test": {"split": "test"},
    },
    "cifar10-dvs": {"train": {}},
    "n-caltech101": {"train": {}},
}
_USUAL_PARTS: dict[str, dict[str, object]] = {"train": {"train": True}, "test": {"train": False}}


def data_folder() -> Path:
    """Folder for data sets where the user names none: ``$XDG_DATA_HOME/leanspike``."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "leanspike"


def tonic_archives(name: str, *, root: Path, download: bool) -> dict[str, Path]:
    """Name the archives of the parts of one of `TONIC_SETS`.

    The first call reads the set through tonic, which fetches it if `download`, and writes
    ``<root>/<name>/train.npz`` and those of the other parts; later calls only name them.

    Raises
    ------
    InputError
        When the set is not there and may not be downloaded, or the download fails.
    """
    parts = _PARTS.get(name, _USUAL_PARTS)
    paths = {part: root / name / f"{part}.npz" for part in parts}
    for part, path in paths.items():
        if not path.is_file():
            write_archive(path, _read(name, root, part, parts[part], download=download))
    return paths


def _read(
    name: str, root: Path, part: str, options: dict[str, object], *, download: bool
) -> Recordings:
    class_name, width, height, classes, tick_us = TONIC_SETS[name]
    try:
        import tonic.datasets
    except ImportError as error:
        raise InputError(
            f"{name} is read through tonic, which is not installed",
            remedy="pip install 'leanspike[train]'",
        ) from error

    def refuse(self: object) -> None:
        raise InputError(
            f"{name} is not in this folder",
            where=str(root),
            remedy="Allow the download (--download, download=True), or name the folder that has it",
        )

    # tonic names its folder after the class, and downloads in the constructor.
    members = {} if download else {"download": refuse}
    kind = type(class_name, (getattr(tonic.datasets, class_name),), members)
    try:
        items = kind(save_to=str(root), **options)
    except InputError:
        raise
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"tonic could not fetch {name}: {error}",
            where=str(root),
            remedy="Check the network, or fetch the archive by hand",
        ) from error
    numbers = _numbers_of(items)
    return join_structured(
        ((events, numbers.get(label, label)) for events, label in items),
        width=width,
        height=height,
        classes=classes,
        tick_us=tick_us,
        source=f"{name} ({part})",
    )


def _numbers_of(items: Any) -> dict[Any, int]:
    """Give numbers to the classes of a set that names them (N-Caltech101), by the alphabet."""
    names = {target for target in getattr(items, "targets", ()) if isinstance(target, str)}
    return {name: number for number, name in enumerate(sorted(names))}


def join_structured(
    items: Iterable[tuple[Any, int]],
    *,
    width: int,
    height: int,
    classes: int,
    tick_us: int,
    source: str,
) -> Recordings:
    """Join tonic's recordings (structured events with t in microseconds, x, perhaps y, p; label).

    Time is counted from each recording's first event, in ticks of `tick_us`; events are sorted by
    time where a recording's are not.
    """
    columns: dict[str, list[Any]] = {"t": [], "x": [], "y": [], "p": []}
    offsets, labels = [0], []
    for events, label in items:
        t = events["t"].astype(np.int64)
        order = np.argsort(t, kind="stable") if (np.diff(t) < 0).any() else slice(None)
        t = t[order]
        columns["t"].append(((t - t[:1].sum()) // tick_us).astype(np.uint32))
        columns["x"].append(events["x"][order].astype(np.uint16))
        rows = events["y"] if "y" in events.dtype.names else np.zeros(len(t), np.uint16)
        columns["y"].append(rows[order].astype(np.uint16))
        columns["p"].append((events["p"][order] != 0).astype(np.uint8))
        offsets.append(offsets[-1] + len(t))
        labels.append(int(label))
    if not labels:
        raise InputError("no recordings", where=source)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Recordings(
        t=joined["t"],
        x=joined["x"],
        y=joined["y"],
        p=joined["p"],
        offsets=np.array(offsets, np.int64),
        labels=np.array(labels, np.int64),
        width=width,
        height=height,
        classes=classes,
        tick_us=tick_us,
        source=source,
    )
