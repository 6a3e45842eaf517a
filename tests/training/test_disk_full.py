"""A disk that is full in the middle of a training, for real: a small file system in memory."""

from __future__ import annotations

import contextlib
import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from small import small_data, small_net

from leanspike.files import WriteError
from leanspike.training import EpochRecord, TrainingConfig, fit


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of so many bytes, where this user may mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a file system here")
    except FileNotFoundError:
        pytest.skip("no mount command here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def train(out: Path, fill: Path | None = None) -> list[EpochRecord]:
    """Train four epochs; after the second, `fill` takes all the room there is."""
    records = []

    def progress(record: EpochRecord) -> None:
        records.append(record)
        if fill is not None and record.epoch == 1:
            with contextlib.suppress(OSError), fill.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

    config = TrainingConfig(
        epochs=4, warmup_epochs=0, lr=0.01, accelerator="cpu", threads=1
    )  # fmt: skip
    fit(small_net(), small_data(), config, out=out, seed=3, progress=progress)
    return records


def test_a_training_goes_on_once_there_is_room_again(tmp_path: Path) -> None:
    train(tmp_path / "whole")
    with small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(WriteError, match="make room") as caught:
            train(disk / "out", fill=disk / "full")
        assert caught.value.errno == errno.ENOSPC
        assert not list((disk / "out").glob(".*"))
        (disk / "full").unlink()
        assert [record.epoch for record in train(disk / "out")] == [2, 3]
        best = (disk / "out" / "best.safetensors").read_bytes()
    assert best == (tmp_path / "whole" / "best.safetensors").read_bytes()
