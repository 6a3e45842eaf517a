"""Other people's data as frames: torch ``Dataset`` and ``DataLoader``, arrays, batches of (x, y).

Nothing here imports torch: a tensor is what numpy can take for an array.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.events.frame_data import FrameData, FrameSplit, complete_splits, limited
from leanspike.events.frames import FrameConfig, make_frames, one_row
from leanspike.events.sources.tonic_sets import join_structured

Coding = Literal["direct", "rate"]
Array = NDArray[Any]
#: What the axes of one recording are taken for, by their number.
_USUAL = {1: "F", 2: "TF", 3: "CHW", 4: "TCHW"}


@dataclass(frozen=True)
class DataReading:
    """How recordings become frames.

    Attributes
    ----------
    T
        Time steps: of static images and of events, which have none of their own. Frames and spike
        trains keep theirs.
    by
        How events are cut, as in :class:`FrameConfig`.
    axes
        The axes of one recording in letters: T time, C channels, H rows, W columns, F inputs in a
        row. By default ``F``, ``TF``, ``CHW`` or ``TCHW``, by how many there are; a recording
        without T is static.
    coding
        A static image is given at every step as it is (``"direct"``), or as spikes with the
        probability of each value, 0 to 1 (``"rate"``, drawn once from the seed).
    seed
        Of rate coding, and of splits that are drawn.
    """

    T: int = 10
    by: Literal["count", "time"] = "count"
    axes: str | None = None
    coding: Coding = "direct"
    seed: int = 0

    def __post_init__(self) -> None:
        FrameConfig(self.T, self.by)
        if self.coding not in ("direct", "rate"):
            raise InputError(f"found {self.coding!r}, expected direct or rate", where="coding")
        if self.axes is not None and (
            len(set(self.axes)) != len(self.axes)
            or set(self.axes) - {"T"} not in ({"F"}, {"C", "H", "W"}, {"H", "W"})
        ):
            raise InputError(
                f"found {self.axes!r}, expected the letters T, C, H, W or T, F, each once",
                where="axes",
                remedy="Such as TCHW, CHW, HW, TF, F",
            )


def collect(
    train: Any,
    *,
    validation: Any = None,
    test: Any = None,
    classes: int | None = None,
    reading: DataReading | None = None,
    limit: int | None = None,
    name: str = "given",
) -> FrameData:
    """Read data of any kind once, into memory, as frames in three splits.

    Parameters
    ----------
    train, validation, test
        Each a torch ``Dataset`` of (x, y), a ``DataLoader``, a pair of arrays (x ``[S, ...]``, y
        ``[S]``), or any iterable of batches (x, y), batch or time first. x is frames, a spike
        train, a static image, or events (a structured array with t, x, p and perhaps y, as tonic
        gives). A left-out test split is a fifth of the recordings, a left-out validation split a
        tenth, drawn by class.
    classes
        How many; one more than the largest label by default.
    reading
        How recordings become frames.
    limit
        At most so many recordings a split, balanced over the classes.

    Raises
    ------
    InputError
        When what is given yields no pairs (x, y), an empty batch, labels that are no class, or
        recordings of different shapes.

    >>> x, y = np.zeros((20, 5, 3), np.uint8), np.arange(20) % 2
    >>> data = collect((x, y))
    >>> data.T, data.shape, data.classes, len(data.test)
    (5, (3,), 2, 4)
    """
    how = reading or DataReading()
    given = {"train": train, "validation": validation, "test": test}
    parts = {
        part: _split(source, how, where=f"{part} data")
        for part, source in given.items()
        if source is not None
    }
    found = 1 + max(int(part.labels.max(initial=0)) for part in parts.values())
    count = found if classes is None else classes
    for part, split in parts.items():
        _check_labels(split.labels, count, where=f"{part} data")
        if split.frames.shape[2:] != parts["train"].frames.shape[2:]:
            raise InputError(
                f"recordings are {list(split.frames.shape[2:])}, those of the train data "
                f"{list(parts['train'].frames.shape[2:])}",
                where=f"{part} data",
            )
    steps = max(part.frames.shape[1] for part in parts.values())
    padded = {k: FrameSplit(_padded(p.frames, steps), p.labels) for k, p in parts.items()}
    splits = limited(complete_splits(padded, seed=how.seed, where=name), limit)
    return FrameData(name, **splits, classes=count, fingerprint=_fingerprint(splits, count))


def frames_of(
    data: Any, *, reading: DataReading | None = None, classes: int | None = None
) -> FrameData:
    """Return data of any kind as frames in three splits; :class:`FrameData` as it is.

    Parameters
    ----------
    data
        What :func:`collect` takes, for training alone; or several of them: ``(train, test)``,
        ``(train, validation, test)``, or a dictionary of these names. What is left out is drawn
        from the training recordings.
    reading, classes
        As in :func:`collect`.

    Raises
    ------
    InputError
        As :func:`collect`.
    """
    if isinstance(data, FrameData):
        return data
    parts: dict[str, Any] = {"train": data}
    if isinstance(data, Mapping):
        parts = dict(data)
        odd = set(parts) - {"train", "validation", "test"}
        if odd or "train" not in parts:
            raise InputError(
                f"found the parts {', '.join(map(str, parts))}, expected train, and perhaps "
                "validation and test",
                where="data",
            )
    elif isinstance(data, tuple) and not (data and hasattr(data[0], "dtype")):
        if len(data) not in (2, 3):
            raise InputError(
                f"found {len(data)} parts, expected (train, test) or (train, validation, test)",
                where="data",
            )
        names = ("train", "test") if len(data) == 2 else ("train", "validation", "test")
        parts = dict(zip(names, data, strict=True))
    train = parts.pop("train")
    return collect(train, **parts, classes=classes, reading=reading)


def split_of(source: Any, *, reading: DataReading | None = None, where: str = "data") -> FrameSplit:
    """Read what :func:`collect` takes as one split; a :class:`FrameSplit` as it is."""
    return _split(source, reading or DataReading(), where=where)


def _split(source: Any, how: DataReading, *, where: str) -> FrameSplit:
    if isinstance(source, FrameSplit):
        return source
    xs: list[Array] = []
    ys: list[int] = []
    sensor = getattr(source, "sensor_size", None) or getattr(
        getattr(source, "dataset", None), "sensor_size", None
    )
    for x, y in _recordings(source, where=where):
        xs.append(x)
        ys.append(y)
    if not xs:
        raise InputError("it has no recordings", where=where)
    labels = np.array(ys, np.int64)
    if xs[0].dtype.names is not None:
        return FrameSplit(_from_events(xs, labels, how, sensor, where=where), labels)
    axes = how.axes or _USUAL.get(xs[0].ndim)
    if axes is None or len(axes) != xs[0].ndim:
        raise InputError(
            f"a recording has {xs[0].ndim} axes, {list(xs[0].shape)}"
            + (f", for the axes {axes}" if axes else ""),
            where=where,
            remedy="Say what they are with axes, such as TCHW, CHW, TF or F",
        )
    return FrameSplit(_frames(xs, axes, how, where=where), labels)


def _recordings(source: Any, *, where: str) -> Iterator[tuple[Array, int]]:
    """Yield single recordings and their labels from whatever there is."""
    layout = ""
    for x, y in _pairs(source, where=where):
        labels = _array(y, where=where)
        if labels.dtype.kind not in "iub":
            raise InputError(
                f"found a label of {labels.dtype}, expected whole numbers", where=where,
                remedy="Each recording needs the number of its class",
            )  # fmt: skip
        values = x if isinstance(x, np.ndarray) and x.dtype.names else _array(x, where=where)
        if labels.ndim == 0:
            yield values, int(labels)
            continue
        if labels.ndim != 1:
            raise InputError(
                f"labels have the shape {list(labels.shape)}, expected one number a recording",
                where=where,
                remedy="One-hot labels: take their argmax",
            )
        count = len(labels)
        if count == 0 or values.size == 0:
            raise InputError(f"a batch of shape {list(values.shape)} is empty", where=where)
        values, layout = batch_first(values, count, layout, where=where)
        yield from zip(values, labels.tolist(), strict=True)


def _pairs(source: Any, *, where: str) -> Iterator[tuple[Any, Any]]:
    if isinstance(source, tuple) and len(source) == 2 and _is_array(source[0]):
        yield source
        return
    if not hasattr(source, "__iter__") and hasattr(source, "__getitem__"):
        items: Iterable[Any] = (source[i] for i in range(len(source)))
    elif _is_dataset(source):
        items = (source[i] for i in range(len(source)))
    elif hasattr(source, "__iter__") and not _is_array(source) and not isinstance(source, str):
        items = source
    else:
        raise InputError(
            f"found a {type(source).__name__}, expected a Dataset, a DataLoader, a pair of "
            "arrays (x, y) or batches of (x, y)",
            where=where,
        )
    for item in items:
        if not isinstance(item, Sequence) or isinstance(item, str) or len(item) != 2:
            what = f"{len(item)} things" if isinstance(item, Sequence) else "one"
            raise InputError(
                f"it yields {what} ({type(item).__name__}), expected pairs (x, y)", where=where
            )
        yield item[0], item[1]


def _is_dataset(source: Any) -> bool:
    """Return whether it is a torch or tonic Dataset, which has items, not an iterable."""
    sized = hasattr(source, "__len__") and hasattr(source, "__getitem__")
    return sized and not isinstance(source, Sequence | Mapping)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _array(value: Any, *, where: str) -> Array:
    if getattr(value, "is_sparse", False):
        value = value.to_dense()
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"found a {type(value).__name__}, expected numbers ({error})", where=where
        ) from None
    if found.dtype.kind not in "biuf" and not found.dtype.names:
        raise InputError(
            f"found {type(value).__name__} of {found.dtype}, expected numbers", where=where,
            remedy="Images need a transform to tensors, such as torchvision's ToTensor",
        )  # fmt: skip
    return found


def batch_first(values: Any, count: int, before: str, *, where: str) -> tuple[Any, str]:
    """Put the samples of an array or a tensor first: there are as many as labels.

    Where both of the first axes could be theirs, they are taken as in the batch before. The layout
    found is returned, too.
    """
    first = values.ndim > 0 and values.shape[0] == count
    second = values.ndim > 2 and values.shape[1] == count
    if not first and not second:
        raise InputError(
            f"a batch has the shape {list(values.shape)} and {count} labels", where=where,
            remedy="Expected x as [N, ...] or [T, N, ...]",
        )  # fmt: skip
    layout = before or "N, ..." if first and second else "N, ..." if first else "T, N, ..."
    if before and layout != before:
        raise InputError(
            f"batches are [{before}] and [{layout}]", where=where,
            remedy="Use a batch size that differs from the number of time steps",
        )  # fmt: skip
    return (values if layout == "N, ..." else values.swapaxes(0, 1)), layout


def _frames(xs: list[Array], axes: str, how: DataReading, *, where: str) -> Array:
    """Stack recordings as [S, T, C, H, W] or [S, T, F]."""
    order = [letter for letter in "TCHWF" if letter in axes]
    turned = [x.transpose([axes.index(letter) for letter in order]) for x in xs]
    if "H" in axes and "C" not in axes:
        turned = [np.expand_dims(x, -3) for x in turned]
    inner = {x.shape[1:] if "T" in axes else x.shape for x in turned}
    if len(inner) > 1:
        one, two = sorted(inner)[:2]
        raise InputError(
            f"recordings differ in shape: {list(one)} and {list(two)}", where=where,
            remedy="Crop or scale them to one size",
        )  # fmt: skip
    if "T" in axes:
        steps = max(len(x) for x in turned)
        return _narrow(np.stack([_padded(x[None], steps)[0] for x in turned]), where=where)
    images = _narrow(np.stack(turned), where=where)
    if how.coding == "direct":
        whole = (len(images), how.T, *images.shape[1:])
        return np.broadcast_to(images[:, None], whole)
    if images.min() < 0 or images.max() > 1:
        raise InputError(
            f"values are {images.min():g} to {images.max():g}, rate coding needs 0 to 1",
            where=where,
            remedy="Scale them, or use coding: direct",
        )
    generator = np.random.default_rng(how.seed)
    return np.stack(
        [generator.random(images.shape, np.float32) < images for _ in range(how.T)], axis=1
    ).astype(np.uint8)


def _padded(frames: Array, steps: int) -> Array:
    """Let recordings [S, T, ...] go on without input until all have equally many steps."""
    short = steps - frames.shape[1]
    if not short:
        return frames
    return np.pad(frames, [(0, 0), (0, short), *[(0, 0)] * (frames.ndim - 2)])


def _narrow(values: Array, *, where: str) -> Array:
    """Keep whole counts as uint8 or uint16, anything else as float32."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError("some values are NaN or infinite", where=where)
    low, high = values.min(), values.max()
    whole = values.dtype.kind in "biu" or bool((values == np.rint(values)).all())
    if whole and low >= 0 and high <= np.iinfo(np.uint16).max:
        return values.astype(np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16)
    return values.astype(np.float32)


def _from_events(
    xs: list[Array], labels: NDArray[np.int64], how: DataReading, sensor: Any, *, where: str
) -> Array:
    rows = "y" in (xs[0].dtype.names or ())
    width = int(sensor[0]) if sensor else 1 + max(int(x["x"].max(initial=0)) for x in xs)
    height = int(sensor[1]) if sensor else 1
    if rows and not sensor:
        height = 1 + max(int(x["y"].max(initial=0)) for x in xs)
    recordings = join_structured(
        zip(xs, labels.tolist(), strict=True),
        width=width, height=height, classes=int(labels.max(initial=0)) + 1, tick_us=1,
        source=where,
    )  # fmt: skip
    return one_row(make_frames(recordings, FrameConfig(how.T, how.by)))


def _check_labels(labels: NDArray[np.int64], classes: int, *, where: str) -> None:
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        i = int(wrong.argmax())
        raise InputError(
            f"label {labels[i]} is out of range: there are {classes} classes, 0 to {classes - 1}",
            where=f"{where}, recording {i}",
        )


def _fingerprint(splits: Mapping[str, FrameSplit], classes: int) -> str:
    digest = hashlib.sha256(str(classes).encode())
    for name, split in splits.items():
        frames = split.frames
        static = frames.shape[1] > 1 and frames.strides[1] == 0
        digest.update(f"{name} {frames.shape} {frames.dtype}".encode())
        digest.update(np.ascontiguousarray(frames[:, :1] if static else frames).tobytes())
        digest.update(split.labels.tobytes())
    return digest.hexdigest()
