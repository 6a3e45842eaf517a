"""Time one training step (forward, loss, backward): ours and each installed peer's, interleaved.

    python benchmarks/train_step.py      # all networks but the full-size one, 1 and 2 threads
    python benchmarks/train_step.py --networks small --threads 1 --rounds 30
    python benchmarks/train_step.py --device cuda --networks tcja128-full --bfloat16

Contenders take turns, one step each, so that whatever slows the machine slows them all; medians
and ratios of medians are printed, of the time by the clock and of the processor time spent (less
disturbed by other programs; with several threads it counts their waiting too). The floor is the
same network, channels last, without any neurons; being torch's alone, ours may be below it, where
our pooling saves more than our neurons cost. What a step frees stays with the process for all of
them, as in `leanspike.training.fit`. Networks are as initialized; how many spikes reach the
convolutions is printed, because ours are computed from events where these are few, and so is our
step with torch's convolutions throughout. The last line is the first network's, with the
last thread count: ``ratio_to_spikingjelly=... ratio_to_floor=... threads=...``, by the clock,
against SpikingJelly's fastest mode.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import torch
import torch.nn.functional as F
import train_step_networks as networks
from torch import Tensor, nn
from train_step_networks import NETWORKS, Shape, Skeleton

from leanspike.training.fit import kept_memory

PEERS = ("spikingjelly", "snntorch", "norse", "sinabs")
OURS, DENSE = "leanspike", "leanspike, dense convolutions"
FLOOR, COMPILED = "no neurons", "spikingjelly compiled"


def contenders(shape: Shape, device: torch.device, compiled: bool) -> dict[str, nn.Module]:
    """Every contender that is installed, its weights drawn alike, by name."""

    def build(
        neuron: Callable[[], nn.Module] | None, channels_last: bool, events: bool = False
    ) -> nn.Module:
        torch.manual_seed(0)
        net = Skeleton(shape, neuron, neuron is networks.leanspike_neuron, events).to(device)
        return net.to(memory_format=torch.channels_last) if channels_last else net

    found = {
        OURS: build(networks.leanspike_neuron, True, events=True),
        DENSE: build(networks.leanspike_neuron, True),
        FLOOR: build(None, True),
    }
    for name in PEERS:
        neuron = getattr(networks, f"{name}_neuron")
        try:
            neuron()
        except ImportError as error:
            print(f"# {name} is left out: {error}")
            continue
        found[name] = build(neuron, False)
        if name == "spikingjelly":
            # Its own layers keep torch's default layout; this is the layout ours uses.
            found[f"{name} channels-last"] = build(neuron, True)
            if compiled:
                found[COMPILED] = torch.compile(build(neuron, True))
    return found


def step(net: nn.Module, x: Tensor, target: Tensor, bfloat16: bool) -> tuple[float, float]:
    """Seconds by the clock and of the processor of one forward and backward pass."""
    net.zero_grad(set_to_none=True)
    if x.is_cuda:
        torch.cuda.synchronize()
    start, busy = time.perf_counter(), time.process_time()
    with torch.autocast(x.device.type, torch.bfloat16) if bfloat16 else nullcontext():
        out = net(x)
    F.mse_loss(out.float(), target).backward()
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start, time.process_time() - busy


def densities(net: nn.Module, x: Tensor) -> list[float]:
    """Share of non-zeros in the input of each convolution; ours counts on few of them."""
    found = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(round(float((inputs[0] != 0).float().mean()), 4))

    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    handles = [module.register_forward_pre_hook(note) for module in convolutions]
    with torch.no_grad():
        net(x)
    for handle in handles:
        handle.remove()
    return found


def measure(
    shape: Shape, *, device: torch.device, rounds: int, bfloat16: bool, compiled: bool
) -> tuple[dict[str, float], dict[str, float], list[float]]:
    """Median milliseconds of a step by contender, clock and processor; failures are left out.

    And the density of the input of each convolution.
    """
    nets = contenders(shape, device, compiled)
    generator = torch.Generator().manual_seed(0)
    x = torch.poisson(torch.full((shape.T, shape.batch, *shape.frame), 0.5), generator)
    target = F.one_hot(torch.arange(shape.batch) % shape.dense[-1], shape.dense[-1]).float()
    x, target = x.to(device), target.to(device)
    frames = {name: x for name in nets}
    for name in (OURS, DENSE, FLOOR, "spikingjelly channels-last", COMPILED):
        if name in nets:
            last = x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            frames[name] = last.unflatten(0, x.shape[:2])
    for name in list(nets):
        try:
            first, _ = step(nets[name], frames[name], target, bfloat16)
            step(nets[name], frames[name], target, bfloat16)
        except Exception as error:
            print(f"# {name} does not run here: {type(error).__name__}: {str(error)[:200]}")
            del nets[name]
            continue
        print(f"# {name}: first step {first:.1f} s", file=sys.stderr)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in nets}
    for _ in range(rounds):
        for name, net in nets.items():
            seconds[name].append(step(net, frames[name], target, bfloat16))
    clock, processor = (
        {name: 1e3 * statistics.median(v[i] for v in values) for name, values in seconds.items()}
        for i in (0, 1)
    )
    return clock, processor, densities(nets[OURS], frames[OURS])


def ratios(times: dict[str, float]) -> dict[str, float | str]:
    """Ours against SpikingJelly's fastest and against the floor."""
    theirs = {name: value for name, value in times.items() if name.startswith("spikingjelly")}
    result: dict[str, float | str] = {"to_floor": times[OURS] / times[FLOOR]}
    if theirs:
        fastest = min(theirs, key=theirs.__getitem__)
        result |= {"to_spikingjelly": times[OURS] / theirs[fastest], "fastest": fastest}
    if "spikingjelly" in theirs:
        result["to_spikingjelly_as_shipped"] = times[OURS] / theirs["spikingjelly"]
    if theirs and DENSE in times:
        result["to_spikingjelly_dense"] = times[DENSE] / theirs[str(result["fastest"])]
    return result


def report(name: str, threads: int, clock: dict[str, float], cpu: dict[str, float]) -> None:
    print(f"\n{name}: {NETWORKS[name]}, {threads} threads")
    for contender, value in sorted(clock.items(), key=lambda item: item[1]):
        print(
            f"  {contender:29} {value:9.1f} ms {value / clock[OURS]:6.2f} x ours   processor "
            f"{cpu[contender]:9.1f} ms {cpu[contender] / cpu[OURS]:6.2f} x ours"
        )
    print(f"  {summary(ratios(clock), threads)}")


def summary(found: dict[str, float | str], threads: int) -> str:
    theirs = found.get("to_spikingjelly", float("nan"))
    return (
        f"ratio_to_spikingjelly={theirs:.3f} ratio_to_floor={found['to_floor']:.3f} "
        f"threads={threads}"
    )


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.processor()}
    for package in ("torch", "numba", "triton", *PEERS):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = [name for name in NETWORKS if not name.endswith("full")]
    parser.add_argument("--networks", nargs="+", default=usual, choices=NETWORKS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15, help="timed steps of each contender")
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--bfloat16", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--compile", action="store_true", help="SpikingJelly in torch.compile too")
    parser.add_argument("--json", type=Path, help="write the results there as well")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    record = []
    load = os.getloadavg()
    if load[0] > 1:
        print(f"# {load[0]:.1f} other processes were running when this began")
    with kept_memory():
        for name in options.networks:
            for threads in options.threads:
                torch.set_num_threads(threads)
                clock, cpu, shares = measure(
                    NETWORKS[name],
                    device=options.device,
                    rounds=options.rounds,
                    bfloat16=options.bfloat16,
                    compiled=options.compile,
                )
                report(name, threads, clock, cpu)
                print(
                    "  non-zeros in the convolutions' inputs:",
                    ", ".join(map("{:.1%}".format, shares)),
                )
                entry = {"network": name, "size": str(NETWORKS[name]), "threads": threads}
                entry |= {"input_density": shares}
                entry |= {"ms": clock, "ratios": ratios(clock)}
                record.append(entry | {"processor_ms": cpu, "processor_ratios": ratios(cpu)})
    if options.json:
        head = {
            "command": " ".join(["python", "benchmarks/train_step.py", *sys.argv[1:]]),
            "date": datetime.now(UTC).isoformat(timespec="minutes"),
            "versions": versions(),
            "load": load,
        }
        options.json.write_text(json.dumps(head | {"results": record}, indent=2) + "\n")
    final = [entry for entry in record if entry["network"] == options.networks[0]][-1]
    print(summary(final["ratios"], final["threads"]))


if __name__ == "__main__":
    main()
