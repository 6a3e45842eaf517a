"""What a study would take: how many tasks are left, how long, and how much disk."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from leanspike.errors import InputError
from leanspike.events import FrameData
from leanspike.study.file.study_file import OwnNetwork, StudyFile
from leanspike.study.plan.tasks import SEARCH_EPOCHS, plan
from leanspike.study.records import ProposeRecipe, TrainRecipe
from leanspike.study.work.networks import (
    Blueprint,
    blueprint,
    frame_batches,
    load_study_data,
)
from leanspike.study.work.own_network import OwnCode, check_code, settled
from leanspike.study.work.pricing import check_hardware, readings
from leanspike.study.work.store import Store
from leanspike.training import rate_loss

#: Seconds to price one reading of one layer, measured on the small network (one 2.1 GHz core).
PRICE_SECONDS = 0.03
#: How long a training step is timed for, about, its first run not counted.
TIMING_SECONDS = 3.0


@dataclass(frozen=True)
class Estimate:
    """What is left of a study.

    Attributes
    ----------
    seconds
        Time for what is left, in this process on this machine, from timed training steps.
    timed_on
        On how many recordings a training step was timed; fewer than a batch where a step is slow,
        taken as proportional.
    """

    points: int
    tasks: dict[str, int]
    left: dict[str, int]
    epochs: int
    seconds: float
    disk_bytes: int
    timed_on: int


def estimate(
    study: StudyFile, *, out: Path, storage: str | None = None, code: OwnCode | None = None
) -> Estimate:
    """Check a study, and estimate what of it is left to do; nothing is written.

    Parameters
    ----------
    out, storage
        Where it is kept, as in :func:`leanspike.study.run_study`.

    Raises
    ------
    InputError
        When the study, its data or its hardware cannot be used.
    """
    data = load_study_data(study.data)
    if isinstance(study.network, OwnNetwork) and study.network.call is None:
        own = settled(study.network, check_code(study.network, code), data)
        study = study.model_copy(update={"network": own})
    tasks = plan(study, fingerprint=data.fingerprint)
    check_hardware(study.hardware)
    network = blueprint(study.network, shape=data.shape, classes=data.classes, T=data.T, code=code)
    done = _done(storage or out / "study.db")
    left = [task for task in tasks if task.key not in done]
    kinds = Counter[str](task.kind for task in left)
    # What a search is going to choose is not in the plan yet: so many chains of three tasks.
    searched, candidates = (
        sum(task.recipe.count for task in some if isinstance(task.recipe, ProposeRecipe))
        for some in (left, tasks)
    )
    every = Counter[str](task.kind for task in tasks)
    for kind in ("train", "measure", "price") if candidates else ():
        every[kind] += candidates
        kinds[kind] += searched
    step, timed_on, weights = _timed_step(network, data, study.training.batch_size)
    trainings = [task.recipe for task in left if isinstance(task.recipe, TrainRecipe)]
    if getattr(study.network, "trained", False):  # float networks come with their weights
        trainings = [recipe for recipe in trainings if len(recipe.phases) > 1]
    epochs = sum(recipe.epochs for recipe in trainings) + searched * (
        study.compression.epochs or SEARCH_EPOCHS
    )
    steps = len(data.train) / study.training.batch_size
    # Validation and measuring run forwards only, about a third of a training step.
    forwards = epochs * len(data.validation) + 2 * kinds["measure"] * len(data.test)
    layers = sum(1 for name in weights if name.endswith("weight") and "norm" not in name)
    pricing = kinds["price"] * layers * len(readings(study.hardware)) * PRICE_SECONDS
    return Estimate(
        points=sum(task.kind == "measure" for task in tasks) + candidates,
        tasks=dict(every),
        left=dict(kinds),
        epochs=epochs,
        seconds=step * (epochs * steps + forwards / study.training.batch_size / 3) + pricing,
        disk_bytes=kinds["train"] * sum(weights.values()),
        timed_on=timed_on,
    )


def _done(where: str | Path) -> set[str]:
    """Return the keys of what is done; nothing where no study was begun."""
    try:
        store = Store(where)
    except InputError as error:
        if error.what not in ("no such file", "holds no study"):
            raise
        return set()
    try:
        return store.finished()
    finally:
        store.close()


def _timed_step(
    network: Blueprint, data: FrameData, batch_size: int
) -> tuple[float, int, dict[str, int]]:
    """Time a training step on a growing part of a batch, for a few seconds at most.

    Returns
    -------
    Seconds of a step on a whole batch, how many recordings it was timed on, and bytes of each
    tensor of the network.
    """
    net = network.build(0).train()
    optimizer = torch.optim.Adam(net.parameters())
    labels = torch.from_numpy(data.train.labels[:batch_size])
    whole = len(labels)
    frames = next(frame_batches(data.train, whole))

    def step(count: int) -> float:
        started = time.perf_counter()
        optimizer.zero_grad()
        rate_loss(net(frames[:, :count].contiguous()), labels[:count]).backward()
        optimizer.step()
        return time.perf_counter() - started

    step(1)  # compiles kernels
    count, best = 1, step(1)
    began = time.perf_counter()
    while time.perf_counter() - began + 2 * best < TIMING_SECONDS:
        larger = min(2 * count, whole)
        taken = step(larger)
        best = min(best, taken) if larger == count else taken
        if larger == count == whole and time.perf_counter() - began > TIMING_SECONDS / 4:
            break
        count = larger
    sizes = {name: value.numel() * value.element_size() for name, value in net.state_dict().items()}
    return best * batch_size / count, count, sizes
