"""Synthetic gestures beside real trials: a table of their statistics and a figure.

python benchmarks/gestures_real.py TRIALS.npz [--figure FILE.png] [--every 4]

TRIALS.npz is an archive of DVS128 Gesture recordings (one user's are enough).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from leanspike.events import FrameConfig, Recordings, make_frames, read_archive
from leanspike.events.simulator import gesture_takes, simulate_gesture
from leanspike.events.sources.dvs_gesture import GESTURES

matplotlib.use("Agg")

ROWS = (
    "events / 1000",
    "events/s / 1000",
    "mean x",
    "mean y",
    "spread x",
    "spread y",
    "pixels with events",
    "density of a frame",
    "ON / OFF",
)


def statistics(recording: Recordings) -> list[float]:
    x, y = recording.x.astype(int), recording.y.astype(int)
    pixel = y * recording.width + x
    size = recording.width * recording.height
    on = float(recording.p.mean())
    seconds = float(recording.t[-1] - recording.t[0]) * 1e-6
    return [
        len(x) / 1e3,
        len(x) / seconds / 1e3,
        float(x.mean()),
        float(y.mean()),
        float(x.std()),
        float(y.std()),
        len(np.unique(pixel)) / size,
        float(np.mean([len(np.unique(part)) for part in np.array_split(pixel, 20)])) / size,
        on / (1 - on),
    ]


def spread(values: NDArray[np.float64]) -> str:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{low:.3g} - **{middle:.3g}** - {high:.3g}"


def draw(pairs: list[tuple[str, Recordings]], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(pairs), 6, figsize=(11, 1.9 * len(pairs)), squeeze=False)
    for row, (name, recording) in zip(axes, pairs, strict=True):
        frames = make_frames(recording, FrameConfig(T=20))[0].sum(axis=1, dtype=int)
        row[0].imshow(np.log1p(frames.sum(0)), cmap="magma")
        row[0].set_ylabel(name, fontsize=8)
        for k, axis in enumerate(row[1:], start=5):
            axis.imshow(np.minimum(frames[k], 6), cmap="magma")
            axis.set_title(f"frame {k} of 20", fontsize=7)
        row[0].set_title("all events, log", fontsize=7)
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
    figure.tight_layout(pad=0.4)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--every", type=int, default=4, help="simulate each n-th of the train part")
    options = parser.parse_args()
    real = read_archive(options.trials)
    pairs: list[tuple[str, Recordings]] = []
    for label in np.unique(real.labels).tolist():
        indices = np.flatnonzero(real.labels == label)
        takes = [take for take in gesture_takes("train") if take.label == label][:: options.every]
        made = [simulate_gesture(take, side=real.width) for take in takes]
        of_real = np.array([statistics(real.take(indices[i : i + 1])) for i in range(len(indices))])
        of_made = np.array([statistics(one) for one in made])
        print(f"\n{GESTURES[label]}: {len(indices)} real, {len(made)} synthetic\n")
        print("| least - median - most | real | synthetic |\n|---|---|---|")
        for k, name in enumerate(ROWS):
            known = "absent" if name == "ON / OFF" else spread(of_real[:, k])
            print(f"| {name} | {known} | {spread(of_made[:, k])} |")
        pairs.append((f"{GESTURES[label]}\nreal", real.take(indices[:1])))
        pairs.append((f"{GESTURES[label]}\nsynthetic", made[len(made) // 2]))
    if options.figure:
        draw(pairs, options.figure)


if __name__ == "__main__":
    main()
