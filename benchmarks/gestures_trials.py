"""Trained networks on real gesture trials: densities and energy beside those on simulated ones.

    python benchmarks/gestures_trials.py --study FOLDER --trials TRIALS.npz --out FILE.json

FOLDER is a study on simulated gestures (`leanspike study --preset paper-small`). TRIALS.npz is an
archive of DVS128 Gesture recordings; no accuracy is taken from them. Where the network sees fewer
pixels than the camera had, every second (fourth, ...) pixel of every such row is kept: a camera of
fewer pixels. Where polarity is absent, the events of each pixel alternate, ON first, among those
kept. Simulated recordings are the study's test part: all of them, and those of the trials' classes
in the trials' proportions.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leanspike.activity import measure
from leanspike.events import FrameConfig, FrameSplit, Recordings, make_frames, read_archive
from leanspike.events.sources.npz import alternate_polarity
from leanspike.hardware.price import price
from leanspike.hardware.workload.workload import Workload
from leanspike.study import Results
from leanspike.study.results.extract import extract_network
from leanspike.study.work.model_folder import Model

SETTINGS = ("quantize 8b", "quantize 2b", "prune 80%", "joint 2b 80%", "cumulative 2b 80%")


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    results = Results.load(options.study)
    side = results.data.shape[-1]
    trials = coarser(read_archive(options.trials), side)
    real = FrameSplit(make_frames(trials, FrameConfig(T=results.data.T)), trials.labels)
    report: dict[str, Any] = {
        "what": "densities by layer (mean and maximum over recordings and steps) and energy of one "
        "inference, of trained networks on simulated test recordings and on real trials",
        "command": "python benchmarks/gestures_trials.py --study FOLDER --trials TRIALS.npz",
        "date": datetime.date.today().isoformat(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "study": {"file": results.file.plain(), "fingerprint": results.data.fingerprint},
        "trials": {"recordings": len(real), "classes": np.unique(real.labels).tolist()},
        "settings": {},
    }
    done = {point.point.setting for point in results.priced}
    for setting in (name for name in options.settings if name in done):
        with tempfile.TemporaryDirectory() as folder:
            model = extract_network(options.study, setting, out=Path(folder) / "network")
        test = model.load_data().test
        alike = test.take(like(test.labels, real.labels))
        inputs = {"simulated, all": test, "simulated, same classes": alike, "real": real}
        report["settings"][setting] = {
            name: costed(measured(model, split, name), results) for name, split in inputs.items()
        }
        print_table(setting, report["settings"][setting])
    options.out.write_text(json.dumps(report, indent=1) + "\n")


def coarser(trials: Recordings, side: int) -> Recordings:
    """Keep every n-th pixel of every n-th row, so that `side` pixels remain."""
    every = trials.width // side
    if every * side != trials.width or trials.width != trials.height:
        raise SystemExit(f"{trials.width}x{trials.height} pixels do not divide into {side}x{side}")
    kept = (trials.x % every == 0) & (trials.y % every == 0)
    offsets = np.concatenate([[0], np.cumsum(kept)])[trials.offsets].astype(np.int64)
    x, y = trials.x[kept] // every, trials.y[kept] // every
    return Recordings(
        t=trials.t[kept],
        x=x,
        y=y,
        p=alternate_polarity(x, y, offsets, width=side, height=side),
        offsets=offsets,
        labels=trials.labels,
        width=side,
        height=side,
        classes=trials.classes,
        tick_us=trials.tick_us,
        source=trials.source,
    )


def like(labels: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Choose recordings whose classes stand in the proportions of others, as many as there are."""
    classes, counts = np.unique(wanted, return_counts=True)
    there = [np.flatnonzero(labels == each) for each in classes]
    times = min(len(own) // count for own, count in zip(there, counts, strict=True))
    return np.sort(
        np.concatenate([own[: times * count] for own, count in zip(there, counts, strict=True)])
    )


def measured(model: Model, split: FrameSplit, name: str) -> Workload:
    def batches() -> Iterator[torch.Tensor]:
        for start in range(0, len(split), 16):
            frames = torch.from_numpy(split.frames[start : start + 16].astype("float32"))
            yield frames.transpose(0, 1).contiguous()

    # Weights that are not quantized are priced at 8 bits, as in studies.
    quantized = any(
        phase.compression is not None and phase.compression.weight_bits is not None
        for phase in model.file.phases
    )
    return measure(model.net, batches(), weight_bits=None if quantized else 8, name=name)


def costed(workload: Workload, results: Results) -> dict[str, Any]:
    hardware = results.file.hardware
    energy = {
        statistic: price(
            workload,
            hardware.architectures[0],
            semantics=hardware.semantics,
            objective=hardware.objective,
            formats=hardware.formats[0],
            statistic=statistic,
        ).energy_pj
        * 1e-6
        for statistic in ("mean", "max")
    }
    return {
        "energy_uj": energy,
        "layers": {
            layer.name: {
                tensor: getattr(layer.density, tensor).model_dump()
                for tensor in ("inputs", "outputs")
            }
            for layer in workload.layers
        },
    }


def print_table(setting: str, found: dict[str, Any]) -> None:
    print(f"\n### {setting}\n")
    print("| | " + " | ".join(found) + " |\n" + "|---" * (1 + len(found)) + "|")
    rows = {
        f"energy, {statistic} density (µJ)": [
            f"{one['energy_uj'][statistic]:.0f}" for one in found.values()
        ]
        for statistic in ("mean", "max")
    }
    for layer in next(iter(found.values()))["layers"]:
        rows[f"{layer}, inputs"] = [
            "{mean:.3f} (max {max:.3f})".format(**one["layers"][layer]["inputs"])
            for one in found.values()
        ]
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, required=True, help="folder of a study on gestures")
    parser.add_argument("--trials", type=Path, required=True, help="archive of real recordings")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of results")
    parser.add_argument("--settings", nargs="+", default=SETTINGS)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
