"""Simulated gestures per second: events of 128x128 and their 20 frames, on all cores.

python benchmarks/gestures.py [--samples 96] [--side 128]
"""

from __future__ import annotations

import argparse
import os
import time

from leanspike.events import FrameConfig
from leanspike.events.simulator import gesture_frames, gesture_takes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    takes = gesture_takes("train")[:: 1176 // options.samples][: options.samples]
    config = FrameConfig(T=20)
    gesture_frames(takes[:1], config, side=options.side)  # compiles
    start, work = time.perf_counter(), time.process_time()
    gesture_frames(takes, config, side=options.side)
    start, work = time.perf_counter() - start, time.process_time() - work
    cores = os.cpu_count() or 1
    print(
        f"{options.side}x{options.side}, T = 20: {len(takes) / start:.1f} samples/s on {cores} "
        f"cores; {work / len(takes) * 1e3:.1f} ms of CPU time per sample, "
        f"so {cores * len(takes) / work:.1f} samples/s where nothing else runs"
    )


if __name__ == "__main__":
    main()
