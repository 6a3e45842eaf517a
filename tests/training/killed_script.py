"""Begins a training anew whenever it is asked to: killed_script.py OUT, a line on stdin each time.

Prints the process that trains, and how it ended. What it needs is imported once.
"""

import os
import sys
from pathlib import Path

from small import small_data, small_net

from leanspike.training import TrainingConfig, fit

EPOCHS = 150


def train(out: Path) -> None:
    """Train, or go on with a training."""
    config = TrainingConfig(
        epochs=EPOCHS, warmup_epochs=0, lr=0.01, accelerator="cpu", threads=1, shift=1
    )
    fit(small_net(), small_data(), config, out=out, seed=3)


if __name__ == "__main__":
    for _ in sys.stdin:
        process = os.fork()
        if process == 0:
            train(Path(sys.argv[1]))
            os._exit(0)
        print(process, flush=True)
        print(os.waitpid(process, 0)[1], flush=True)
