"""Seconds of one inference of the full network: TCJA-SNN, 128 channels, 128x128, T = 20, batch 1.

python benchmarks/tcja_inference.py [--threads 2] [--times 5]

The input is one synthetic gesture. Weights are random, and batch norm's statistics are taken from
the gesture, so that neurons fire; the convolutions take the same time whatever fires.
"""

from __future__ import annotations

import argparse
import resource
import time

import torch

from leanspike.events import FrameConfig
from leanspike.events.simulator import gesture_frames, gesture_takes
from leanspike.nn import NetworkConfig, build_network

CHANNELS, SIDE, STEPS = 128, 128, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    split = gesture_frames(gesture_takes("test")[3:4], FrameConfig(T=STEPS), side=SIDE)
    x = torch.from_numpy(split.frames).transpose(0, 1).float()
    net = build_network(
        NetworkConfig("tcja", (2, SIDE, SIDE), classes=11, T=STEPS, channels=CHANNELS), seed=0
    )
    with torch.inference_mode():
        net.train()(x)
        net.eval()(x)
        wall, work = [], []
        for _ in range(options.times):
            start, begun = time.perf_counter(), time.process_time()
            net(x)
            wall.append(time.perf_counter() - start)
            work.append(time.process_time() - begun)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{options.threads} threads, torch {torch.__version__}: best {min(wall):.2f} s, "
        f"median {sorted(wall)[len(wall) // 2]:.2f} s; CPU time {min(work):.2f} s "
        f"(over {options.threads} threads {min(work) / options.threads:.2f} s); "
        f"peak memory {memory:.1f} GiB"
    )


if __name__ == "__main__":
    main()
