from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from gesture_copies import (
    CLASSES,
    TRIALS,
    WINDOW,
    gesture,
    write_ibm,
    write_spikingjelly,
    write_tonic,
)

from leanspike.errors import InputError
from leanspike.events import FrameConfig, load_data, read_archive
from leanspike.events.sources import dvs_gesture
from leanspike.events.sources.dvs_gesture import convert_gestures, find_gestures

COUNTS = {part: len(CLASSES) * len(trials) for part, trials in TRIALS.items()}


@pytest.fixture
def small_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the copies that these tests write count as whole."""
    for part, count in COUNTS.items():
        monkeypatch.setitem(dvs_gesture.WHOLE, part, count)
        # A later arm roll of the same trial overwrites the earlier one.
        monkeypatch.setitem(dvs_gesture.TONIC, part, count - len(TRIALS[part]))


@pytest.mark.usefixtures("small_set")
@pytest.mark.parametrize("below", ["", "DvsGesture"])
@pytest.mark.parametrize("layout", ["ibm", "spikingjelly", "tonic"])
def test_every_layout_gives_the_same_gestures(tmp_path: Path, layout: str, below: str) -> None:
    copy = tmp_path / "copy"
    write = {
        "ibm": write_ibm,
        "tonic": write_tonic,
        "spikingjelly": lambda folder: write_spikingjelly(folder / "events_np"),
    }[layout]
    write(copy / below)
    counts = convert_gestures(copy, tmp_path / "out")
    for part, trials in TRIALS.items():
        found = read_archive(tmp_path / "out" / f"{part}.npz")
        expected = set()
        for trial in trials:
            for k, label in enumerate(CLASSES):
                if layout == "tonic" and k == 2:  # overwritten
                    continue
                t, x, y, p = gesture(trial, k)
                t = t // 1000 * 1000 if layout == "tonic" else t
                expected.add((label - 1, *np.concatenate([t - t[0], x, y, p]).tolist()))
        offsets = found.offsets
        seen = {
            (int(found.labels[i]), *np.concatenate([c[a:b] for c in columns]).tolist())
            for columns in [[found.t, found.x, found.y, found.p]]
            for i, (a, b) in enumerate(pairwise(offsets))
        }
        assert seen == expected
        assert counts[part] == len(found) == len(expected)
        assert (found.width, found.height, found.classes) == (128, 128, 11)


@pytest.mark.usefixtures("small_set")
def test_a_copy_is_a_source_of_frames_and_converted_once(tmp_path: Path) -> None:
    write_ibm(tmp_path)
    data = load_data(tmp_path, frames=FrameConfig(T=4))
    assert data.test.frames.shape == (4, 4, 2, 128, 128)
    assert len(data.train) + len(data.validation) == COUNTS["train"]
    assert data.test.frames.sum(axis=(1, 2, 3, 4)).tolist() == [40] * 4
    for path in tmp_path.glob("*.aedat"):
        path.unlink()
    again = load_data(tmp_path, frames=FrameConfig(T=4))
    assert again.fingerprint == data.fingerprint


def test_ibm_comes_before_spikingjelly_before_tonic(tmp_path: Path) -> None:
    assert find_gestures(tmp_path) is None
    write_tonic(tmp_path)
    assert find_gestures(tmp_path).name == "tonic's numpy version"  # type: ignore[union-attr]
    write_spikingjelly(tmp_path / "events_np")
    assert find_gestures(tmp_path).name == "SpikingJelly's events"  # type: ignore[union-attr]
    write_ibm(tmp_path / "raw")
    assert find_gestures(tmp_path).name == "IBM's archive"  # type: ignore[union-attr]


def refused(folder: Path, message: str) -> None:
    with pytest.raises(InputError, match=message):
        convert_gestures(folder, folder / "out", incomplete=True)
    assert not (folder / "out").exists()


def test_a_folder_without_gestures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    refused(tmp_path, r"looked for trials_to_train.txt .*tonic.*SpikingJelly.*found notes.txt")


def test_a_copy_that_is_not_whole(tmp_path: Path) -> None:
    write_ibm(tmp_path)
    with pytest.raises(
        InputError, match=r"\(train\): 8 gestures, expected 1176 .* incomplete=True"
    ):
        convert_gestures(tmp_path, tmp_path / "out")
    assert convert_gestures(tmp_path, tmp_path / "out", incomplete=True) == COUNTS


def test_a_user_in_both_parts(tmp_path: Path) -> None:
    write_ibm(tmp_path)
    for ending in (".aedat", "_labels.csv"):
        shutil.copy(tmp_path / f"user24_led{ending}", tmp_path / f"user02_led{ending}")
    (tmp_path / "trials_to_test.txt").write_text("user02_led.aedat\n")
    refused(tmp_path, "user02 in both the train and the test part")


def test_lists_that_do_not_fit(tmp_path: Path) -> None:
    write_ibm(tmp_path)
    listed = tmp_path / "trials_to_train.txt"
    listed.write_text("user09_led.aedat\n")
    refused(tmp_path, r"trials_to_train.txt: names 'user09_led.aedat', which is not in")
    listed.write_text("../user01_led.aedat\n")
    refused(tmp_path, r"which is not in this folder")
    listed.write_text("\n")
    refused(tmp_path, "names no trial")
    listed.unlink()
    refused(tmp_path, r"trials_to_train.txt: cannot read")


LABELS = "class,startTime_usec,endTime_usec\n"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, r"user01_led_labels.csv: cannot read the labels: .* unpack the archive again"),
        ("", r"begins with 'nothing', expected 'class,"),
        (LABELS, "no gesture is labelled"),
        ("1,2,3\n", "begins with '1,2,3'"),
        (LABELS + "1,100000\n", "row 2: '1,100000' is not three whole numbers"),
        (LABELS + "12,100000,200000\n", "class 12 is none of 1 to 11"),
        (LABELS + "1,200000,100000\n", "200000 to 100000 us is no window"),
        (LABELS + "1,100000,200000\n2,150000,250000\n", r"class 1 \(.*\) overlaps class 2"),
        (LABELS + "2,100000,200000\n1,90000,100001\n", r"class 1 \(.*\) overlaps class 2"),
        (LABELS + "1,100000,2000000\n", r"row 2: class 1 .* lies outside the recording"),
        (LABELS + "1,5000000,6000000\n", "lies outside the recording, which has events from 1"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, labels: str | None, message: str) -> None:
    write_ibm(tmp_path)
    path = tmp_path / "user01_led_labels.csv"
    path.unlink()
    if labels is not None:
        path.write_text(labels)
    refused(tmp_path, message)


def test_overlaps_may_be_kept_and_ibms_own_is_known(tmp_path: Path) -> None:
    write_ibm(tmp_path)
    overlapping = f"{LABELS}9,{WINDOW},{3 * WINDOW + 50}\n10,{3 * WINDOW},{4 * WINDOW}\n"
    (tmp_path / "user01_led_labels.csv").write_text(overlapping)
    refused(tmp_path, "overlaps class 10")
    convert_gestures(tmp_path, tmp_path / "kept", incomplete=True, keep_overlaps=True)
    for ending in (".aedat", "_labels.csv"):
        (tmp_path / f"user01_led{ending}").rename(tmp_path / f"user22_led{ending}")
    (tmp_path / "trials_to_train.txt").write_text("user22_led.aedat\n")
    convert_gestures(tmp_path, tmp_path / "known", incomplete=True)


@pytest.mark.parametrize("layout", ["tonic", "spikingjelly"])
def test_damaged_files_of_the_peers(tmp_path: Path, layout: str) -> None:
    if layout == "tonic":
        write_tonic(tmp_path)
        path = tmp_path / "ibmGestureTrain" / "user01_led" / "0.npy"
    else:
        write_spikingjelly(tmp_path / "events_np")
        path = tmp_path / "events_np" / "train" / "0" / "user01_led_0.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(tmp_path, r"0\.np[yz]: (not a readable n|declares)")
    path.write_bytes(b"")
    refused(tmp_path, r"0\.np[yz]: (not a readable n|declares)")
    with path.open("wb") as file:
        np.savez(file, t=np.arange(3))
    refused(tmp_path, "expected arrays t, x, y, p|not a readable numpy file")
    wide = np.array([[240, 3, 1, 5]])
    with path.open("wb") as file:
        if layout == "tonic":
            np.save(file, wide)
        else:
            np.savez(file, t=wide[:, 3], x=wide[:, 0], y=wide[:, 1], p=wide[:, 2])
    refused(tmp_path, "x = 240, but DVS128 Gesture is 128x128")
    path.write_bytes(whole)
    other = path.with_name("eleven.npy") if layout == "tonic" else None
    if other is not None:
        path.rename(other)
        refused(tmp_path, "'eleven' is not a class from 0")
