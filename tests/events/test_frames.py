from __future__ import annotations

import ast
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recorded import random_recordings

from leanspike.errors import InputError
from leanspike.events import FrameConfig, Recordings, make_frames


def brute_force(r: Recordings, config: FrameConfig) -> NDArray[np.int64]:
    """The docstring of FrameConfig, one event at a time."""
    T = config.T
    frames = np.zeros((len(r), T, 2, r.height, r.width), np.int64)
    for s in range(len(r)):
        a, b = int(r.offsets[s]), int(r.offsets[s + 1])
        for e in range(a, b):
            if config.by == "count":
                f = (e - a) // max(1, (b - a) // T)
            else:
                start, end = int(r.t[a]), int(r.t[b - 1])
                f = (int(r.t[e]) - start) // max(1, (end - start) // T)
            frames[s, min(f, T - 1), int(r.p[e]), int(r.y[e]), int(r.x[e])] += 1
    return frames


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    T=st.integers(1, 25),
    by=st.sampled_from(["count", "time"]),
    duration=st.integers(1, 500),
    seed=st.integers(0, 2**16),
)
def test_frames_equal_a_brute_force_loop(counts, T, by, duration, seed):  # type: ignore[no-untyped-def]
    recordings = random_recordings(counts, seed=seed, duration=duration)
    config = FrameConfig(T, by)
    frames = make_frames(recordings, config)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, brute_force(recordings, config))
    # No event is lost.
    np.testing.assert_array_equal(frames.sum((1, 2, 3, 4)), counts)


@pytest.mark.parametrize("by", ["count", "time"])
@pytest.mark.parametrize("T", [1, 7, 10])
def test_frames_equal_tonics_but_for_the_rest(by: str, T: int) -> None:
    transforms = pytest.importorskip("tonic.transforms")
    recordings = random_recordings([1000, 333, 80], width=34, height=34, duration=300)
    ours = make_frames(recordings, FrameConfig(T, by))
    bins = {"count": "n_event_bins", "time": "n_time_bins"}[by]
    to_frame = transforms.ToFrame(sensor_size=(34, 34, 2), **{bins: T})
    for s in range(len(recordings)):
        part = slice(recordings.offsets[s], recordings.offsets[s + 1])
        events = np.zeros(part.stop - part.start, [("x", int), ("y", int), ("t", int), ("p", int)])
        for name in ("x", "y", "t", "p"):
            events[name] = getattr(recordings, name)[part]
        theirs = to_frame(events)
        np.testing.assert_array_equal(ours[s, : T - 1], theirs[: T - 1])
        assert (ours[s, T - 1] >= theirs[T - 1]).all()


def spikingjellys_frame_maker() -> Callable[..., NDArray[np.float64]]:
    """SpikingJelly's function, taken from its source: its package would also import torchvision."""
    package = importlib.util.find_spec("spikingjelly")
    if package is None or package.origin is None:
        pytest.skip("SpikingJelly is not installed")
    source = (Path(package.origin).parent / "datasets" / "utils.py").read_text()
    functions = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith(("integrate_events_", "cal_fixed_frames_number"))
    ]
    names: dict[str, Any] = {"np": np}
    code = ast.Module([ast.parse("from __future__ import annotations").body[0], *functions], [])
    exec(compile(code, "spikingjelly", "exec"), names)
    return names["integrate_events_by_fixed_frames_number"]


@pytest.mark.peer
def test_frames_equal_spikingjellys_exactly() -> None:
    make = spikingjellys_frame_maker()
    recordings = random_recordings([1000, 333], width=20, height=20, duration=300)
    for by, split_by in (("count", "number"), ("time", "time")):
        ours = make_frames(recordings, FrameConfig(7, by))  # type: ignore[arg-type]
        for s in range(len(recordings)):
            part = slice(recordings.offsets[s], recordings.offsets[s + 1])
            events = {k: getattr(recordings, k)[part].astype(int) for k in ("t", "x", "y", "p")}
            theirs = make(events, split_by, 7, 20, 20)
            np.testing.assert_array_equal(ours[s], theirs)


def test_narrow_coordinates_do_not_wrap() -> None:
    # 33 * 34 + 33 does not fit in the uint8 that x and y have.
    recordings = Recordings(
        t=np.array([0, 1], np.uint16),
        x=np.array([33, 0], np.uint8),
        y=np.array([33, 0], np.uint8),
        p=np.array([1, 0], np.uint8),
        offsets=np.array([0, 2]),
        labels=np.array([0]),
        width=34,
        height=34,
        classes=1,
    )
    frames = make_frames(recordings, FrameConfig(1))
    assert frames[0, 0, 1, 33, 33] == 1
    assert frames[0, 0, 0, 0, 0] == 1
    assert frames.sum() == 2


def burst(count: int) -> Recordings:
    zeros = np.zeros(count, np.uint8)
    return Recordings(
        t=zeros,
        x=zeros,
        y=zeros,
        p=zeros,
        offsets=np.array([0, count]),
        labels=np.array([0]),
        width=1,
        height=1,
        classes=1,
        source="burst.npz",
    )


@pytest.mark.parametrize("by", ["count", "time"])
def test_counts_past_a_byte_need_two(by: str) -> None:
    assert make_frames(burst(255), FrameConfig(1, by)).dtype == np.uint8  # type: ignore[arg-type]
    frames = make_frames(burst(300), FrameConfig(1, by))  # type: ignore[arg-type]
    assert frames.dtype == np.uint16
    assert frames[0, 0, 0, 0, 0] == 300


def test_counts_past_two_bytes_are_an_error() -> None:
    with pytest.raises(InputError, match=r"burst.npz, recording 0: more than 65535"):
        make_frames(burst(65536), FrameConfig(1))


@pytest.mark.parametrize("T", [0, -1, 2.5, True, 10**6])
def test_T_is_checked(T: object) -> None:
    with pytest.raises(InputError, match="frames T"):
        FrameConfig(T)  # type: ignore[arg-type]


def test_by_is_checked() -> None:
    with pytest.raises(InputError, match="neither 'count' nor 'time'"):
        FrameConfig(by="number")  # type: ignore[arg-type]
