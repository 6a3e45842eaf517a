"""Small copies of DVS128 Gesture in each of its layouts, for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aedat_bytes import HEADER, packet

CLASSES = (1, 2, 8, 8)  # of each trial, from 1: arm roll twice, as IBM's
WINDOW = 100_000  # microseconds of a gesture, and between two
TRIALS = {"train": ["user01_led", "user02_lab"], "test": ["user24_led"]}
EVENTS = 40  # of a gesture


def gesture(trial: str, k: int) -> tuple[np.ndarray, ...]:
    """Events t, x, y, p of the k-th gesture of a trial, in its window."""
    generator = np.random.default_rng([int(trial[4:6]), k])
    start = WINDOW * (2 * k + 1)
    return (
        start + np.sort(generator.integers(0, WINDOW, EVENTS)),
        generator.integers(0, 128, EVENTS),
        generator.integers(0, 128, EVENTS),
        generator.integers(0, 2, EVENTS),
    )


def write_ibm(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, trials in TRIALS.items():
        (folder / f"trials_to_{part}.txt").write_text("".join(f"{t}.aedat\n" for t in trials))
        for trial in trials:
            rows = ["class,startTime_usec,endTime_usec"]
            content = HEADER
            for k, label in enumerate(CLASSES):
                start = WINDOW * (2 * k + 1)
                rows.append(f"{label},{start},{start + WINDOW}")
                content += packet(*gesture(trial, k))
                between = np.array([start + WINDOW, start + WINDOW + 9])  # of no gesture
                content += packet(between, *np.ones((3, 2), int))
            (folder / f"{trial}.aedat").write_bytes(content)
            (folder / f"{trial}_labels.csv").write_text("\n".join(rows) + "\n")


def write_tonic(folder: Path) -> None:
    for part, trials in TRIALS.items():
        for trial in trials:
            where = folder / f"ibmGesture{part.capitalize()}" / trial
            where.mkdir(parents=True)
            for k, label in enumerate(CLASSES):
                t, x, y, p = gesture(trial, k)
                np.save(where / f"{label - 1}.npy", np.stack([x, y, p, t // 1000], axis=1))


def write_spikingjelly(folder: Path, *, frames: bool = False) -> None:
    for part, trials in TRIALS.items():
        for trial in trials:
            seen: dict[int, int] = {}
            for k, label in enumerate(CLASSES):
                where = folder / part / str(label - 1)
                where.mkdir(parents=True, exist_ok=True)
                number = seen.get(label, 0)
                seen[label] = number + 1
                t, x, y, p = gesture(trial, k)
                path = where / f"{trial}_{number}.npz"
                if frames:
                    counts = np.zeros((4, 2, 128, 128), np.float32)
                    np.add.at(counts, (np.arange(EVENTS) * 4 // EVENTS, p, y, x), 1)
                    np.savez(path, frames=counts)
                else:
                    np.savez(path, t=t, x=x, y=y, p=p)
