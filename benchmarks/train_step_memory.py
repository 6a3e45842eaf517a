"""Peak memory of one training step of the TCJA-SNN, ours and SpikingJelly's.

    python benchmarks/train_step_memory.py --batch 1
    python benchmarks/train_step_memory.py --batch 16 --device cuda

Each contender takes its step in a process of its own. On the CPU the peak is the process's largest
resident memory less what it held before the step; on a GPU, what torch had allocated. Memory grows
in proportion to the batch (weights and their gradients, 15 MB, apart).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

OURS = {
    "leanspike": {},
    "leanspike, spikes kept as bits": {"keep": "bits"},
    "leanspike, only stage inputs kept": {"keep": "inputs"},
    "leanspike, membrane stored": {"store_membrane": True},
}
PEER = "spikingjelly"


def resident_bytes(field: str) -> int:
    """Read VmRSS (now) or VmHWM (largest so far) of this process; Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    raise OSError(f"no {field} in /proc/self/status")


def step(name: str, options: argparse.Namespace) -> tuple[float, float]:
    """Peak bytes and seconds of one step by one contender, in this process."""
    import torch
    import torch.nn.functional as F
    from train_step_networks import Skeleton, spikingjelly_neuron, tcja

    from leanspike.nn import NetworkConfig, build_network

    warnings.filterwarnings("ignore")
    T = options.T

    def build(side: int) -> torch.nn.Module:
        if name == PEER:
            shape = tcja(options.channels, T, options.batch, side)
            return Skeleton(shape, spikingjelly_neuron, False).to(options.device)
        config = NetworkConfig(
            "tcja", (2, side, side), 11, T, options.channels, dropout=0.0, **OURS[name]
        )
        return build_network(config, seed=0).to(options.device)

    def run(net: torch.nn.Module, batch: int, side: int) -> float:
        x = torch.poisson(torch.full((T, batch, 2, side, side), 0.2)).to(options.device)
        start = time.perf_counter()
        rates = net(x)
        F.mse_loss(rates, torch.zeros_like(rates)).backward()
        if x.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    # A small step first: what libraries load and set up once does not count.
    run(build(32), 1, 32)
    net = build(options.side)
    if options.device.startswith("cuda"):
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        seconds = run(net, options.batch, options.side)
        return torch.cuda.max_memory_allocated() - before, seconds
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again from here
    before = resident_bytes("VmRSS")
    seconds = run(net, options.batch, options.side)
    return resident_bytes("VmHWM") - before, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--T", type=int, default=20)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the results there as well")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(step(options.only, options)))
        return
    results = {}
    for name in (*OURS, PEER):
        command = [sys.executable, *sys.argv, "--only", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"# {name} does not run here: {done.stderr.strip().splitlines()[-1]}")
            continue
        size, seconds = json.loads(done.stdout.splitlines()[-1])
        results[name] = {"peak_MiB": size / 2**20, "seconds": seconds}
    size = (
        f"TCJA-SNN {options.channels} channels, {options.side}x{options.side}, T={options.T}, "
        f"batch {options.batch}, float32, {options.device}"
    )
    print(size)
    for name, result in results.items():
        ratio = result["peak_MiB"] / results[PEER]["peak_MiB"] if PEER in results else float("nan")
        result["ratio_to_spikingjelly"] = ratio
        print(f"  {name:36} {result['peak_MiB']:9.0f} MiB   {ratio:5.2f} x SpikingJelly's")
    if options.json:
        import train_step

        head = {
            "command": " ".join(["python", "benchmarks/train_step_memory.py", *sys.argv[1:]]),
            "date": datetime.now(UTC).isoformat(timespec="minutes"),
            "versions": train_step.versions(),
            "size": size,
        }
        options.json.write_text(json.dumps(head | {"results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
