from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_script import train
from safetensors.torch import load_file
from small import split

from leanspike.errors import InputError
from leanspike.training import Batches


def test_two_devices_train_what_one_does(tmp_path: Path) -> None:
    together, alone = tmp_path / "together", tmp_path / "alone"
    script = Path(__file__).with_name("rank_script.py")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node=2", str(script), str(together)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    train(alone, 1)
    assert done.stdout.split() == ["0", "1"]
    one, other = (load_file(folder / "best.safetensors") for folder in (alone, together))
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, rtol=1e-4, atol=1e-5)
    # the same training by name, done: one process takes it up and trains nothing
    histories = [json.loads((f / "history.json").read_text()) for f in (alone, together)]
    assert histories[0]["run"] == histories[1]["run"]
    for first, second in zip(histories[0]["history"], histories[1]["history"], strict=True):
        assert second["train_loss"] == pytest.approx(first["train_loss"], rel=1e-4)
        assert second["validation_loss"] == pytest.approx(first["validation_loss"], rel=1e-4)
    assert sorted(p.name for p in together.iterdir()) == sorted(p.name for p in alone.iterdir())


@given(st.integers(1, 40), st.integers(1, 4), st.integers(4, 9))
def test_the_ranks_shares_are_every_batch(count: int, ranks: int, batch_size: int) -> None:
    data = split(count, 0)
    whole = list(Batches(data, batch_size, seed=1, shift=1))
    shares = [
        list(Batches(data, batch_size, seed=1, shift=1, rank=rank, ranks=ranks))
        for rank in range(ranks)
    ]
    for i, (frames, _) in enumerate(whole):
        drawn = [share[i][0].numpy() for share in shares]
        assert all(len(each) for each in drawn)
        pieces = drawn[: len(frames)]  # further ranks repeat the first recording
        together = sorted(f.tobytes() for piece in pieces for f in piece)
        assert together == sorted(f.numpy().tobytes() for f in frames)


def test_several_devices_in_one_process_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 devices need as many processes"):
        train(tmp_path, 2)
