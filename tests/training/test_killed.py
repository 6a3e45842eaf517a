"""A training that is killed again and again ends with the bits of one that nobody stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from killed_script import EPOCHS, train
from safetensors.torch import load_file

from leanspike.nn.archive import load_archive

SCRIPT = Path(__file__).with_name("killed_script.py")


def elsewhere(folder: Path) -> Path:
    """A folder for temporary files on another device than `folder`, where renaming fails."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == folder.stat().st_dev:
        pytest.skip("no second device at hand (/dev/shm)")
    return memory


def check_whole(out: Path) -> int:
    """Check that what is kept can be read; return how many epochs are done."""
    if (out / "run.json").exists():
        json.loads((out / "run.json").read_text())
    if (out / "best.safetensors").exists():
        load_file(out / "best.safetensors")
    if not (out / "resume.ckpt").exists():
        return 0
    return len(load_archive(out / "resume.ckpt")["history"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kills", [10, pytest.param(40, marks=pytest.mark.slow)])
def test_kills_change_no_bit_with_temporary_files_on_another_device(
    tmp_path: Path, kills: int
) -> None:
    draw, out = random.Random(0), tmp_path / "killed"
    with tempfile.TemporaryDirectory(dir=elsewhere(tmp_path)) as temporary:
        trainings = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(out)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": temporary},
        )  # fmt: skip
        assert trainings.stdin is not None
        assert trainings.stdout is not None
        done = 0
        for _ in range(kills):
            trainings.stdin.write("\n")
            trainings.stdin.flush()
            process = int(trainings.stdout.readline())
            # from where it stands, at most as far as lets the kills be done before the end
            until = done + draw.randrange(1 + (EPOCHS - 1) // kills)
            while check_whole(out) < until:
                time.sleep(0.001)
            time.sleep(draw.random() * 0.02)
            os.kill(process, signal.SIGKILL)
            assert int(trainings.stdout.readline()) == signal.SIGKILL
            done = check_whole(out)
        assert done < EPOCHS
        trainings.stdin.write("\n")
        trainings.stdin.close()
        assert [*map(int, trainings.stdout)][1:] == [0]
        assert trainings.wait() == 0
        assert list(Path(temporary).iterdir()) == []
        trainings.stdout.close()
    train(tmp_path / "whole")
    killed, whole = out, tmp_path / "whole"
    assert (killed / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()
    histories = [json.loads((f / "history.json").read_text())["history"] for f in (killed, whole)]
    for one, other in zip(*histories, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert sorted(p.name for p in killed.iterdir()) == sorted(p.name for p in whole.iterdir())
