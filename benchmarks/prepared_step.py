"""How much longer a training step takes with quantizers and masks than without.

    python benchmarks/prepared_step.py [--steps 30] [--out benchmarks/results/prepared_step.json]

Float and prepared networks take turns, step by step, in one process, and the medians are
compared; only ratios are worth keeping. The bound is 1.15.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from leanspike import __version__
from leanspike.compress import CompressionConfig, prepare
from leanspike.nn import NetworkConfig, build_network

CONFIGS = {
    "ternary": CompressionConfig(weight_bits=2),
    "80 % pruned": CompressionConfig(sparsity=0.8),
    "ternary, 80 % pruned": CompressionConfig(weight_bits=2, sparsity=0.8),
    "LSQ, 4 bits, per channel": CompressionConfig(
        weight_bits=4, quantizer="lsq", granularity="channel"
    ),
    "TWN": CompressionConfig(weight_bits=2, quantizer="twn"),
    "power of two, 4 bits": CompressionConfig(weight_bits=4, quantizer="power-of-two"),
}


def stepper(config: CompressionConfig | None, x: torch.Tensor) -> Callable[[], None]:
    net = build_network(NetworkConfig(shape=(2, 34, 34), T=x.shape[0]), seed=0)
    if config is not None:
        prepare(net, config)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    target = torch.nn.functional.one_hot(torch.arange(x.shape[1]) % 10, 10).float()

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(x), target).backward()
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    x = (torch.rand(10, 16, 2, 34, 34, generator=torch.Generator().manual_seed(0)) < 0.1).float()
    names: list[str] = ["float", *CONFIGS]
    steps = [stepper(None, x), *(stepper(config, x) for config in CONFIGS.values())]
    seconds: list[list[float]] = [[] for _ in steps]
    for i in range(args.steps + 3):
        for times, step in zip(seconds, steps, strict=True):
            start = time.perf_counter()
            step()
            if i >= 3:  # the first steps compile and warm up
                times.append(time.perf_counter() - start)
    medians = [statistics.median(times) for times in seconds]
    ratios = {n: round(m / medians[0], 3) for n, m in zip(names, medians, strict=True)}
    print(f"float step: {medians[0] * 1e3:.1f} ms (this machine)")
    for name, ratio in ratios.items():
        print(f"{ratio:6.3f}x  {name}")
    if args.out:
        facts = {
            "command": f"python benchmarks/prepared_step.py --steps {args.steps}",
            "network": "small, 2x34x34, T=10, batch 16",
            "leanspike": __version__,
            "torch": torch.__version__,
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
            "ratios": ratios,
        }
        args.out.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
