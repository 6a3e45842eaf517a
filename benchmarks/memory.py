"""Whether memory grows: ten thousand pricings, or a thousand training steps, in one process.

    python benchmarks/memory.py pricings [--count 10000] [--leak BYTES] [--out FILE]
    python benchmarks/memory.py steps [--count 1000] [--leak BYTES] [--out FILE]

Pricings go through architectures, formats and semantics in turn, each at densities of its own, so
that nothing is priced twice. Steps are of one training of a quantized, pruned network. What the
process holds (its anonymous pages, after what the allocator keeps was given back) is read when a
fifth is done, by when caches are full, and at the end. With ``--leak`` so many bytes of every
pricing or step are kept, which the numbers must show.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from leanspike.errors import InputError
from leanspike.hardware import Architecture, Layer, Workload
from leanspike.hardware.price import price

#: What is done before memory is read first.
WARM = 0.2
SETTINGS = [
    (Architecture.load(chip), formats, semantics)
    for semantics in ("physical", "sparseloop")
    for chip in ("eyeriss_snn", "event_driven", "output_stationary")
    for formats in ("RLE", "UOP")
]
STEPS_PER_EPOCH = 10


def held() -> int:
    """Return the bytes of this process's anonymous pages (Linux)."""
    gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(ctypes.c_size_t(0))
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def pricings(count: int, done: Callable[[int], None]) -> None:
    """Price so many workloads, no two alike."""
    for i in range(count):
        chip, formats, semantics = SETTINGS[i % len(SETTINGS)]
        some = 0.05 + 0.9 * (i + 1) / (count + 1)
        layer = Layer(
            name="conv", T=2, C=2, M=4, P=4, Q=4, R=3, S=3, bits={"weights": 1 + i % 8},
            density={name: {"mean": some / part, "max": some} for name, part in
                     (("weights", 1), ("inputs", 3), ("outputs", 4))},
        )  # fmt: skip
        with suppress(InputError):  # some have no legal mapping: that is an answer too
            price(Workload(name="net", layers=(layer,)), chip, formats=formats, semantics=semantics)
        done(i + 1)


def steps(count: int, done: Callable[[int], None]) -> None:
    """Take so many steps of one training, in epochs of `STEPS_PER_EPOCH`."""
    from leanspike.compress import CompressionConfig, prepare
    from leanspike.events import FrameData, FrameSplit
    from leanspike.nn import NetworkConfig, build_network
    from leanspike.training import EpochRecord, TrainingConfig, fit

    draw = np.random.default_rng(0)

    def split(recordings: int) -> FrameSplit:
        frames = draw.poisson(0.2, (recordings, 4, 2, 32, 32)).astype(np.uint8)
        return FrameSplit(frames, np.arange(recordings, dtype=np.int64) % 10)

    data = FrameData("noise", split(16 * STEPS_PER_EPOCH), split(32), split(1), 10, "noise")
    config = NetworkConfig("tcja", (2, 32, 32), classes=10, T=4, channels=8, hidden=32)
    net = build_network(config, seed=0)
    prepare(net, CompressionConfig(weight_bits=2, sparsity=0.5))

    def progress(record: EpochRecord) -> None:
        done(STEPS_PER_EPOCH * (record.epoch + 1))

    training = TrainingConfig(epochs=count // STEPS_PER_EPOCH, shift=2, accelerator="cpu")
    with tempfile.TemporaryDirectory() as out:
        fit(net, data, training, out=Path(out), seed=0, progress=progress)


def grown(what: str, count: int, leak: int) -> dict[str, Any]:
    """Do it and return what was held, in bytes, when a fifth was done and at the end."""
    kept: list[bytearray] = []
    read: dict[int, int] = {}
    before = 0

    def done(number: int) -> None:
        nonlocal before
        kept.extend(bytearray(b"x") * leak for _ in range(number - before))
        before = number
        if number in (int(WARM * count), count):
            read[number] = held()
        if number % (count // 10) == 0:
            print(f"{number}: {held() / 1e6:.1f} MB", file=sys.stderr, flush=True)

    {"pricings": pricings, "steps": steps}[what](count, done)
    first, last = read.values()
    return {
        "what": what,
        "count": count,
        "held_at_a_fifth_bytes": first,
        "held_at_the_end_bytes": last,
        "growth_bytes_each": round((last - first) / (count - int(WARM * count)), 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["pricings", "steps"])
    parser.add_argument("--count", type=int)
    parser.add_argument("--leak", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file of results")
    options = parser.parse_args()
    count = options.count or {"pricings": 10_000, "steps": 1000}[options.what]
    found = grown(options.what, count, options.leak)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
