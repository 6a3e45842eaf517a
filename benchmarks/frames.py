"""Our frame maker beside tonic's ToFrame on the same recordings, interleaved, in one process.

    python benchmarks/frames.py --data ARCHIVE.npz [--recordings 200] [--rounds 5]

Without --data it uses the embedded digits-dvs. Both sides get events in memory in the form they
want (tonic: a structured array per recording) and make T frames of each recording; frames are
checked to be equal but for the last, into which ours puts what tonic drops. Times are CPU time of
the process (both run on one thread), so that a busy machine does not blur them; medians.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np
from tonic.transforms import ToFrame

from leanspike.events import FrameConfig, Recordings, make_frames, read_archive
from leanspike.events.sources.digits_dvs import digits_recordings


def main() -> None:
    options = parse()
    everything = read_archive(options.data) if options.data else digits_recordings()["test"]
    recordings = everything.take(np.arange(min(options.recordings, len(everything))))
    structured = [as_tonic(recordings, i) for i in range(len(recordings))]
    size = (recordings.width, recordings.height, 2)
    ratios = {}
    for by, bins in (("count", "n_event_bins"), ("time", "n_time_bins")):
        config = FrameConfig(options.steps, by)
        to_frame = ToFrame(sensor_size=size, **{bins: options.steps})
        ours = make_frames(recordings, config)  # compiles
        ours_s, tonic_s = [], []
        for _ in range(options.rounds):
            start = time.process_time()
            make_frames(recordings, config)
            middle = time.process_time()
            theirs = [to_frame(events) for events in structured]
            end = time.process_time()
            ours_s.append(middle - start)
            tonic_s.append(end - middle)
        assert all(np.array_equal(a[:-1], b[:-1]) for a, b in zip(ours, theirs, strict=True))
        a, b = statistics.median(ours_s), statistics.median(tonic_s)
        ratios[by] = round(b / a, 1)
        print(
            f"by {by:5s}: ours {1e6 * a / len(recordings):8.1f} us a recording "
            f"({len(recordings.t) / a / 1e6:.0f} M events/s), tonic "
            f"{1e6 * b / len(recordings):8.1f} us"
        )
    if options.out:
        report = {
            "command": "python benchmarks/frames.py --data ARCHIVE.npz --out FILE",
            "data": f"{options.data.parent.name}/{options.data.name}"
            if options.data
            else "digits-dvs",
            "recordings": len(recordings),
            "events_per_recording": round(len(recordings.t) / len(recordings)),
            "T": options.steps,
            "tonic_time_over_ours": ratios,
            "versions": {
                name: importlib.metadata.version(name) for name in ("tonic", "numpy", "numba")
            },
            "date": datetime.date.today().isoformat(),
            "cores_used": 1,
            "cores": os.cpu_count(),
        }
        options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(
        f"tonic_time_over_ours_count={ratios['count']} tonic_time_over_ours_time={ratios['time']}"
    )


def as_tonic(recordings: Recordings, i: int) -> np.ndarray:
    part = slice(recordings.offsets[i], recordings.offsets[i + 1])
    events = np.zeros(part.stop - part.start, [("x", int), ("y", int), ("t", int), ("p", int)])
    for name in ("x", "y", "t", "p"):
        events[name] = getattr(recordings, name)[part]
    return events


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="npz archive")
    parser.add_argument("--out", type=Path, help="JSON file of results")
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="frames per recording")
    return parser.parse_args()


if __name__ == "__main__":
    main()
