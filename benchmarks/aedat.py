"""Events per second of the AEDAT 3.1 reader, one core, bytes in the page cache, beside the peers.

python benchmarks/aedat.py [--events 20000000] [--packet 4096]
"""

from __future__ import annotations

import argparse
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from leanspike.events.sources.aedat import read_aedat

HEADER = b"#!AER-DAT3.1\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def write(path: Path, events: int, packet: int) -> None:
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(HEADER)
        for first in range(0, events, packet):
            n = min(packet, events - first)
            x, y, p = (generator.integers(0, high, n) for high in (128, 128, 2))
            body = np.stack([x << 17 | y << 2 | p << 1 | 1, first + np.arange(n)], axis=1)
            file.write(struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, n, n, n))
            file.write(body.astype("<u4").tobytes())


def best_of(times: int, read: object, path: Path) -> float:
    assert callable(read)
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        read(path)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--packet", type=int, default=4096, help="events per packet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole.aedat"
        write(path, options.events, options.packet)
        read_aedat(path)  # compiles, and brings the bytes into the page cache
        ours = options.events / best_of(5, read_aedat, path)
        print(f"leanspike     {ours / 1e6:9.1f} M events/s ({options.packet} events per packet)")
        try:
            from tonic.io import get_aer_events_from_file
        except ImportError:
            print("tonic         not installed", file=sys.stderr)
        else:
            # Words only: what makes x, y, p of them is not in this time.
            seconds = best_of(3, lambda p: get_aer_events_from_file(str(p), 3.1, len(HEADER)), path)
            print(f"tonic (words) {options.events / seconds / 1e6:9.1f} M events/s")
        try:
            from spikingjelly.datasets.utils import load_aedat_v3
        except ImportError:
            print("spikingjelly  not installed", file=sys.stderr)
        else:
            few = Path(folder) / "few.aedat"
            write(few, 500_000, options.packet)
            theirs = 500_000 / best_of(1, load_aedat_v3, few)
            print(f"spikingjelly  {theirs / 1e6:9.2f} M events/s; leanspike {ours / theirs:.0f} x")


if __name__ == "__main__":
    main()
