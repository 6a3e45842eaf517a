"""One process of a training on two devices: rank_script.py OUT."""

import sys
from pathlib import Path

from small import small_data, small_net
from torch import nn

from leanspike.training import TrainingConfig, fit


def train(out: Path, devices: int) -> None:
    """Fit a net without batch norm or dropout: its gradient is the mean over the batch."""
    net = small_net(dropout=0.0)
    net.norm = nn.Identity()  # type: ignore[assignment]
    config = TrainingConfig(
        epochs=2, warmup_epochs=0, lr=0.01, batch_size=10, accelerator="cpu", devices=devices
    )
    fit(net, small_data(), config, out=out, seed=3, progress=lambda r: print(r.epoch, flush=True))


if __name__ == "__main__":
    train(Path(sys.argv[1]), 2)
