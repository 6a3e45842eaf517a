"""Peak memory of one training step of the TCJA-SNN, ours and SpikingJelly's.

    python benchmarks/train_step_memory.py --batch 1 4 16
    python benchmarks/train_step_memory.py --batch 16 --device cuda

Each contender takes each step in a process of its own. On the CPU the peak is the process's largest
resident memory less what it held before the step; on a GPU, what torch had allocated. Memory grows
in proportion to the batch (weights and their gradients, 15 MB, apart): on the CPU, a step that
would not fit is not run but continued from the two before it in a straight line, and marked so.
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
from typing import Any

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


def available() -> float:
    """MiB of memory that programs can still have; Linux only."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable"):
            return int(line.split()[1]) / 1024
    raise OSError("no MemAvailable in /proc/meminfo")


def continued(found: list[dict[str, Any]], batch: int) -> float | None:
    """Peak at a larger batch on the line through the last two that were measured."""
    measured = [entry for entry in found if entry["measured"]]
    if not measured:
        return None
    last = measured[-1]
    if len(measured) == 1:
        return float(last["peak_MiB"]) * batch / last["batch"]
    before = measured[-2]
    slope = (last["peak_MiB"] - before["peak_MiB"]) / (last["batch"] - before["batch"])
    return float(last["peak_MiB"] + slope * (batch - last["batch"]))


def measure(name: str, batch: int, found: list[dict[str, Any]], device: str) -> dict[str, Any]:
    """One step of one contender: measured, or continued where it would not fit."""
    expected = continued(found, batch)
    if device == "cpu" and expected is not None and expected > 0.9 * available():
        return {"batch": batch, "peak_MiB": expected, "measured": False}
    command = [sys.executable, *sys.argv, "--only", name, "--batch", str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        print(f"# {name} does not run here at batch {batch}: {last}")
        if expected is None:
            return {"batch": batch, "peak_MiB": float("nan"), "measured": False}
        return {"batch": batch, "peak_MiB": expected, "measured": False}
    size, seconds = json.loads(done.stdout.splitlines()[-1])
    return {"batch": batch, "peak_MiB": size / 2**20, "measured": True, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--T", type=int, default=20)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, nargs="+", default=[1])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--contenders", nargs="+", default=[*OURS, PEER], choices=[*OURS, PEER])
    parser.add_argument("--json", type=Path, help="write the results there as well")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        options.batch = options.batch[-1]
        print(json.dumps(step(options.only, options)))
        return
    size = (
        f"TCJA-SNN {options.channels} channels, {options.side}x{options.side}, T={options.T}, "
        f"float32, {options.device}"
    )
    print(size)
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in options.contenders}
    for batch in sorted(options.batch):
        for name, found in reversed(results.items()):
            found.append(measure(name, batch, found, options.device))
            entry = found[-1]
            line = f"  batch {batch:3d}  {name:36} {entry['peak_MiB']:9.0f} MiB"
            if PEER in results:
                theirs = results[PEER][-1]["peak_MiB"]
                entry["ratio_to_spikingjelly"] = entry["peak_MiB"] / theirs
                line += f"   {entry['ratio_to_spikingjelly']:5.2f} x SpikingJelly's"
            print(line if entry["measured"] else f"{line} (continued, not measured)", flush=True)
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
