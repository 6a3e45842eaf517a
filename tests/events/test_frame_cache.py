from __future__ import annotations

import errno
import resource
from pathlib import Path

import numpy as np
import pytest

from leanspike.errors import InputError
from leanspike.events import FrameSplit, frame_cache
from leanspike.events.frame_cache import Splits, cache_folder, cached_frames


def splits() -> Splits:
    made = {}
    for i, name in enumerate(("train", "validation", "test")):
        frames = np.full((3, 2, 2, 4, 4), i, np.uint8)
        made[name] = FrameSplit(frames, np.arange(3))
    return made, 3


def refuse() -> Splits:
    raise AssertionError("made again")


def test_second_call_reads(tmp_path: Path) -> None:
    cached_frames("a", splits, folder=tmp_path)
    opened, classes = cached_frames("a", refuse, folder=tmp_path)
    assert classes == 3
    assert (opened["test"].frames == 2).all()
    with pytest.raises(ValueError, match="read-only"):
        opened["train"].frames[0] = 1


@pytest.mark.parametrize("name", ["about.json", "train.npy", "test_labels.npy"])
@pytest.mark.parametrize("keep", [0, 10, -1, None])
def test_damaged_frames_are_made_again(name: str, keep: int | None, tmp_path: Path) -> None:
    cached_frames("a", splits, folder=tmp_path)
    path = tmp_path / "a" / name
    if keep is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:keep])
    opened, _ = cached_frames("a", splits, folder=tmp_path)
    assert (opened["validation"].frames == 1).all()
    cached_frames("a", refuse, folder=tmp_path)


def test_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, array: np.ndarray) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(frame_cache, "_save", full)
    with pytest.raises(InputError, match=r"No space left on device.*make room"):
        cached_frames("a", splits, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_frames_that_do_not_fit_on_the_disk_are_an_error(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        with pytest.raises(InputError, match=r"cannot keep frames"):
            cached_frames("a", splits, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_interrupt_while_making_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Splits:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_frames("a", interrupted, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "leanspike" / "frames"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "leanspike" / "frames"
