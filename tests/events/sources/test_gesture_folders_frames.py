from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gesture_copies import CLASSES, TRIALS, gesture, write_spikingjelly

from leanspike.errors import InputError
from leanspike.events import FrameConfig, load_data
from leanspike.events.sources import dvs_gesture

NAME = "frames_number_4_split_by_number"
FOUR = FrameConfig(T=4)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for part, trials in TRIALS.items():
        monkeypatch.setitem(dvs_gesture.WHOLE, part, len(CLASSES) * len(trials))
    write_spikingjelly(tmp_path / NAME, frames=True)
    return tmp_path


@pytest.mark.parametrize("below", ["", NAME])
def test_frames_are_taken_as_they_are(copy: Path, below: str) -> None:
    data = load_data(copy / below, frames=FOUR)
    assert data.classes == 11
    assert data.shape == (2, 128, 128)
    assert data.test.frames.dtype == np.uint8
    assert data.test.labels.tolist() == [0, 1, 7, 7]
    _, x, y, p = gesture("user24_led", 0)
    expected = np.zeros((4, 2, 128, 128), int)
    np.add.at(expected, (np.arange(40) // 10, p, y, x), 1)
    np.testing.assert_array_equal(data.test.frames[0], expected)
    assert len(data.train) + len(data.validation) == 8


def test_frames_and_events_of_the_same_gestures_agree(copy: Path) -> None:
    frames = load_data(copy, frames=FOUR)
    write_spikingjelly(copy / "events_np")
    events = load_data(copy, frames=FOUR)  # now events are there, which come first
    assert events.fingerprint != frames.fingerprint
    for part in ("train", "validation", "test"):
        ours, theirs = getattr(events, part), getattr(frames, part)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        np.testing.assert_array_equal(ours.frames, theirs.frames)


def test_frames_cut_otherwise(copy: Path) -> None:
    with pytest.raises(InputError, match=r"frames here are 4 by count, expected 4 by time"):
        load_data(copy, frames=FrameConfig(T=4, by="time"))


def test_frames_that_are_not_whole(copy: Path) -> None:
    path = copy / NAME / "test" / "0" / "user24_led_0.npz"
    np.savez(path, frames=np.zeros((4, 2, 64, 64)))
    with pytest.raises(InputError, match=r"user24_led_0.npz: frames are \[4, 2, 64, 64\]"):
        load_data(copy, frames=FOUR)
    np.savez(path, frames=np.full((4, 2, 128, 128), 0.5))
    with pytest.raises(InputError, match="not event counts"):
        load_data(copy, frames=FOUR)
    path.unlink()
    with pytest.raises(InputError, match="3 gestures, expected 4"):
        load_data(copy, frames=FOUR)
