from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recorded import random_recordings

from leanspike.errors import InputError
from leanspike.events import FrameConfig, load_data, make_frames, read_archive, write_archive
from leanspike.events import load as load_module

TWO = FrameConfig(T=2)


def folder(path: Path, *parts: str, counts: int = 30) -> Path:
    for i, part in enumerate(parts):
        write_archive(path / f"{part}.npz", random_recordings([9] * counts, seed=i))
    return path


def test_folder_keeps_its_test_part_and_draws_validation(tmp_path: Path) -> None:
    data = load_data(folder(tmp_path / "set", "train", "test"), frames=TWO)
    assert (len(data.train), len(data.validation), len(data.test)) == (27, 3, 30)
    assert (data.name, data.shape, data.T, data.classes) == ("set", (2, 9, 12), 2, 3)
    # Stratified: one of each class.
    np.testing.assert_array_equal(np.sort(data.validation.labels), [0, 1, 2])
    expected = make_frames(read_archive(tmp_path / "set" / "test.npz"), TWO)
    np.testing.assert_array_equal(data.test.frames, expected)


def test_single_archive_is_split_in_three_that_share_nothing(tmp_path: Path) -> None:
    folder(tmp_path, "all")
    data = load_data(tmp_path / "all.npz", frames=TWO)
    splits = (data.train, data.validation, data.test)
    assert [len(split) for split in splits] == [21, 3, 6]
    every = {f.tobytes() for split in splits for f in np.asarray(split.frames)}
    assert len(every) == 30


def test_seed_draws_validation(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", "train", "test")
    once, again, other = (load_data(path, frames=TWO, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once.validation.frames, again.validation.frames)
    assert once.fingerprint == again.fingerprint != other.fingerprint
    assert not np.array_equal(once.validation.frames, other.validation.frames)
    np.testing.assert_array_equal(once.test.frames, other.test.frames)


def test_own_validation_file_is_used(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", "train", "validation", "test")
    data = load_data(path, frames=TWO)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [30, 30, 30]


def test_limit_balances_classes(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", "train", "test")
    data = load_data(path, frames=TWO, limit=6)
    np.testing.assert_array_equal(np.bincount(data.train.labels), [2, 2, 2])
    assert len(data.test) == 6
    with pytest.raises(InputError, match="limit: 0 recordings"):
        load_data(path, frames=TWO, limit=0)


def test_frames_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder(tmp_path / "set", "train", "test")
    first = load_data(path, frames=TWO, cache=tmp_path / "cache")
    monkeypatch.setattr(load_module, "make_frames", None)
    second = load_data(path, frames=TWO, cache=tmp_path / "cache")
    assert isinstance(second.train.frames, np.memmap)
    np.testing.assert_array_equal(first.train.frames, second.train.frames)
    assert second.classes == 3


def test_changed_content_has_another_fingerprint(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", "train", "test")
    before = load_data(path, frames=TWO)
    write_archive(path / "test.npz", random_recordings([9] * 30, seed=99))
    assert load_data(path, frames=TWO).fingerprint != before.fingerprint
    assert load_data(path, frames=FrameConfig(T=3)).fingerprint != before.fingerprint


def test_test_labels_that_training_lacks_are_out_of_range(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", "train")
    write_archive(path / "test.npz", random_recordings([9] * 30, classes=4))
    with pytest.raises(InputError, match=r"test.npz, recording 3: label 3 is out of range"):
        load_data(path, frames=TWO)


def test_another_sensor_is_named(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", "train")
    write_archive(path / "test.npz", random_recordings([9] * 30, width=20))
    with pytest.raises(InputError, match=r"test.npz: sensor is 20x9.*12x9"):
        load_data(path, frames=TWO)


def test_too_few_recordings_for_three_splits(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.npz", random_recordings([9], classes=1))
    with pytest.raises(InputError, match=r"a.npz: no recordings are left for the test split"):
        load_data(tmp_path / "a.npz", frames=TWO)


def test_unknown_sources(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nor the name of a data set.*digits-dvs.*nmnist"):
        load_data(tmp_path / "gone", frames=TWO)
    with pytest.raises(InputError, match=r"looked for train.npz"):
        load_data(tmp_path, frames=TWO)


def test_named_set_that_is_not_there_names_the_remedy(tmp_path: Path) -> None:
    pytest.importorskip("tonic")
    for name in ("nmnist", "dvs128-gesture"):
        with pytest.raises(InputError, match=rf"{name} is not in this folder.*download"):
            load_data(name, frames=TWO, root=tmp_path)


def test_unwritable_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = folder(tmp_path / "set", "train", "test")
    with pytest.raises(InputError, match=r"file: cannot keep frames"):
        load_data(path, frames=TWO, cache=tmp_path / "file")


def test_real_recordings(shared_data: Path) -> None:
    data = load_data(shared_data / "nmnist10", frames=FrameConfig(T=10))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [4500, 500, 1000]
    assert data.shape == (2, 34, 34)
    np.testing.assert_array_equal(np.bincount(data.validation.labels), [50] * 10)
    # Every recording's events are in its frames.
    counts = read_archive(shared_data / "nmnist10" / "test.npz").counts
    np.testing.assert_array_equal(data.test.frames.sum((1, 2, 3, 4)), counts)
    trials = load_data(shared_data / "dvsgesture-user02" / "trials.npz", frames=FrameConfig(T=20))
    assert trials.shape == (2, 128, 128)
    assert trials.T == 20
