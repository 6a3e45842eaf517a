"""What a study would take: how many tasks are left, how long, and how much disk."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from leanspike.events import FrameData
from leanspike.nn import NetworkConfig, build_network
from leanspike.study.file import StudyFile
from leanspike.study.networks import frame_batches, load_study_data, network_config
from leanspike.study.plan import plan
from leanspike.study.pricing import check_hardware, readings
from leanspike.study.store import Store
from leanspike.study.task import Task
from leanspike.training import rate_loss

#: Seconds to price one reading of one layer, measured on the small network (one 2.1 GHz core).
PRICE_SECONDS = 0.03


@dataclass(frozen=True)
class Estimate:
    """What is left of a study.

    Attributes
    ----------
    points
        Points of the study.
    tasks, left
        Tasks by kind, in all and not yet done.
    epochs
        Epochs of training left.
    seconds
        Time for what is left, in this process on this machine, from timed training steps.
    disk_bytes
        Disk for the checkpoints left.
    """

    points: int
    tasks: dict[str, int]
    left: dict[str, int]
    epochs: int
    seconds: float
    disk_bytes: int


def estimate(study: StudyFile, *, out: Path) -> Estimate:
    """Check a study, and estimate what of it is left to do in a folder; nothing is written there.

    Parameters
    ----------
    study
        The study.
    out
        The folder it would run in, or ran in before.

    Raises
    ------
    InputError
        When the study, its data or its hardware cannot be used.
    """
    data = load_study_data(study.data)
    tasks = plan(study, fingerprint=data.fingerprint)
    check_hardware(study.hardware)
    network = network_config(study.network, shape=data.shape, classes=data.classes, T=data.T)
    left = [task for task in tasks if task.key not in _done(out)]
    kinds = Counter[str](task.kind for task in left)
    step, weights = _timed_step(network, data, study.training.batch_size)
    epochs = sum(_epochs(task) for task in left)
    steps = len(data.train) / study.training.batch_size
    # Validation and measuring run forwards only, about a third of a training step.
    forwards = epochs * len(data.validation) + 2 * kinds["measure"] * len(data.test)
    layers = sum(1 for name in weights if name.endswith("weight") and "norm" not in name)
    pricing = kinds["price"] * layers * len(readings(study.hardware)) * PRICE_SECONDS
    return Estimate(
        points=sum(task.kind == "measure" for task in tasks),
        tasks=dict(Counter[str](task.kind for task in tasks)),
        left=dict(kinds),
        epochs=epochs,
        seconds=step * (epochs * steps + forwards / study.training.batch_size / 3) + pricing,
        disk_bytes=kinds["train"] * sum(weights.values()),
    )


def _done(out: Path) -> set[str]:
    if not (out / "study.db").is_file():
        return set()
    store = Store(out / "study.db")
    try:
        return store.finished()
    finally:
        store.close()


def _epochs(task: Task) -> int:
    return int(task.recipe["phases"][-1]["epochs"]) if task.kind == "train" else 0


def _timed_step(
    config: NetworkConfig, data: FrameData, batch_size: int
) -> tuple[float, dict[str, int]]:
    """Seconds of a training step (the best of three), and bytes of each tensor of the network."""
    net = build_network(config, seed=0).train()
    optimizer = torch.optim.Adam(net.parameters())
    frames = next(frame_batches(data.train, batch_size))
    labels = torch.from_numpy(data.train.labels[:batch_size])
    times = []
    for _ in range(4):  # the first one compiles kernels
        started = time.perf_counter()
        optimizer.zero_grad()
        rate_loss(net(frames), labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - started)
    sizes = {name: value.numel() * value.element_size() for name, value in net.state_dict().items()}
    return min(times[1:]), sizes
