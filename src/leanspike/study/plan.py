"""The plan of a study: tasks that need one another, with shared work in it once.

A point is a chain: train the float network, train each phase of its strategy from where the one
before ended, measure the result, price the measurement. Two chains that begin alike share their
beginning, because a training task's key is a digest of everything that decides its outcome.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from leanspike.compress import CompressionConfig, Phase, paper_strategy
from leanspike.study.file import StudyFile
from leanspike.study.points import Point, grid
from leanspike.study.task import Task


def plan(study: StudyFile, *, fingerprint: str) -> tuple[Task, ...]:
    """Return the tasks of a study, each after those it needs.

    Parameters
    ----------
    study
        What to try.
    fingerprint
        Digest of the data.

    Raises
    ------
    InputError
        When a phase's settings do not fit, such as more warm-up than epochs.
    """
    common = training_identity(study, fingerprint)
    tasks: dict[str, Task] = {}
    for point in grid(study):
        key: str | None = None
        done: list[dict[str, Any]] = []
        for phase in phases(study, point):
            done = [*done, asdict(phase)]
            recipe = {"seed": point.seed, "phases": done}
            train = f"train-{digest({**recipe, 'common': common})}"
            label = _training_label(point, phase)
            tasks.setdefault(train, Task(train, "train", label, key, None, recipe))
            key = train
        measure = f"measure-{point.name}-{digest({'train': key})}"
        tasks[measure] = Task(measure, "measure", point.name, key, point.name, asdict(point))
        hardware = study.hardware.model_dump(mode="json")
        price = f"price-{point.name}-{digest({'measure': measure, 'hardware': hardware})}"
        tasks[price] = Task(price, "price", point.name, measure, point.name, hardware)
    return tuple(tasks.values())


def phases(study: StudyFile, point: Point) -> tuple[Phase, ...]:
    """Return the phases that lead to a point, the float network's first.

    Raises
    ------
    InputError
        When a phase's settings do not fit.
    """
    training, axes = study.training, study.compression
    float_phase = Phase(
        epochs=training.epochs, lr=training.lr, warmup_epochs=training.warmup_epochs
    )
    if point.strategy == "float":
        return (float_phase,)
    strategy = paper_strategy(
        point.strategy,
        weight_bits=point.weight_bits,
        sparsity=point.sparsity,
        epochs=axes.epochs,
        lr=axes.lr,
        warmup_epochs=axes.warmup_epochs,
        compression=CompressionConfig(
            quantizer=axes.quantizer, rounding=axes.rounding, scope=axes.scope
        ),
    )
    return (float_phase, *strategy.phases)


def training_identity(study: StudyFile, fingerprint: str) -> dict[str, Any]:
    """Return what every training of a study shares: data, network, batches, precision."""
    shared = study.training.model_dump(mode="json", include={"batch_size", "shift", "precision"})
    return {"data": fingerprint, "network": study.network.model_dump(mode="json"), **shared}


def digest(content: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that stand for plain data.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _training_label(point: Point, phase: Phase) -> str:
    compression = phase.compression
    if compression is None:
        return f"float, seed {point.seed}"
    bits = [f"{compression.weight_bits} bits"] if compression.weight_bits is not None else []
    pruned = [f"{100 * compression.sparsity:g} % pruned"] if compression.sparsity else []
    return ", ".join([point.strategy, *bits, *pruned, f"seed {point.seed}"])
