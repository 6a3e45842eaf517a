"""Time whole epochs of a real training, with our kernels and with plain torch in their place.

    python benchmarks/epoch.py --data nmnist10     # folder with train.npz; 2 threads
    python benchmarks/epoch.py --threads 1 2 --epochs 2      # digits-dvs, which needs no files

The small network, T = 10, batches of 16: frames, shifts, steps, validation, checkpoints, all that
`leanspike.training.fit` does. Backends take turns; the first epoch of each training is left out.
The share of non-zeros in the input of each convolution after training is printed too, for
convolutions are computed from events where these are few. The last line is
``epoch_seconds=... ratio_to_torch=... threads=...``, for the last thread count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import train_step
from torch import nn

from leanspike.events import FrameConfig, FrameData, load_data
from leanspike.nn import NetworkConfig, build_network
from leanspike.training import Batches, TrainingConfig, fit, network_input

BACKENDS = {"leanspike": "auto", "plain torch": "torch"}


def train(data: FrameData, backend: str, epochs: int) -> tuple[list[float], nn.Module, float]:
    """Seconds of each epoch, the network, and its best validation accuracy."""
    config = NetworkConfig(shape=data.shape, classes=data.classes, T=data.T, backend=backend)
    net = build_network(config, seed=0)
    training = TrainingConfig(epochs=epochs, warmup_epochs=1, shift=2)
    with tempfile.TemporaryDirectory() as out:
        result = fit(net, data, training, out=Path(out), seed=0)
    return [record.seconds for record in result.history], net, result.validation_accuracy


def densities(net: nn.Module, data: FrameData) -> dict[str, float]:
    """Share of non-zeros in the input of each convolution over one batch."""
    found: dict[str, float] = {}

    def watch(name: str) -> Any:
        def note(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            found[name] = float((inputs[0] != 0).float().mean())

        return note

    handles = [
        module.register_forward_pre_hook(watch(name))
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    frames, _ = next(iter(Batches(data.validation, 64)))
    with torch.inference_mode():
        net.eval()(network_input(frames))
    for handle in handles:
        handle.remove()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits-dvs")
    parser.add_argument("--threads", nargs="+", type=int, default=[2])
    parser.add_argument("--epochs", type=int, default=3, help="of each training, at least 2")
    parser.add_argument("--T", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the results there as well")
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error("--epochs must be at least 2: the first does not count")
    warnings.filterwarnings("ignore")
    load = os.getloadavg()
    if load[0] > 1:
        print(f"# {load[0]:.1f} other processes were running when this began")
    data = load_data(options.data, frames=FrameConfig(T=options.T), seed=0)
    print(f"{data.name}: {len(data.train)} + {len(data.validation)} recordings, T={data.T}")
    record = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        seconds = {}
        for name, backend in BACKENDS.items():
            each, net, accuracy = train(data, backend, options.epochs)
            seconds[name] = statistics.median(each[1:])
            print(
                f"  {threads} threads, {name:12} {seconds[name]:6.1f} s an epoch "
                f"(first {each[0]:.1f} s), validation {accuracy:.1%}",
                flush=True,
            )
        shares = densities(net, data)
        print("  non-zeros:", ", ".join(f"{k} {v:.1%}" for k, v in shares.items()))
        record.append({"threads": threads, "epoch_seconds": seconds, "input_density": shares})
    if options.json:
        head = {
            "command": " ".join(
                ["python", "benchmarks/epoch.py", *(Path(a).name for a in sys.argv[1:])]
            ),
            "date": datetime.now(UTC).isoformat(timespec="minutes"),
            "versions": train_step.versions(),
            "load": load,
            "recordings": len(data.train),
        }
        options.json.write_text(json.dumps(head | {"results": record}, indent=2) + "\n")
    ours, plain = (seconds[name] for name in BACKENDS)
    print(f"epoch_seconds={ours:.2f} ratio_to_torch={ours / plain:.3f} threads={threads}")


if __name__ == "__main__":
    main()
