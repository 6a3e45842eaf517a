"""The plan of a study: tasks that need one another, with shared work in it once.

A point is a chain: train the float network, train each phase of its strategy from where the one
before ended, measure the result, price the measurement. Two chains that begin alike share their
beginning, because a training task's key is a digest of everything that decides its outcome.
"""

from __future__ import annotations

from dataclasses import replace

from leanspike.compress import CompressionConfig, Phase, StateConfig, paper_strategy
from leanspike.study.file import StudyFile
from leanspike.study.points import Point, grid
from leanspike.study.records import JsonObject, TrainRecipe, plain
from leanspike.study.search.plan import search_plan
from leanspike.study.task import Task, digest


def plan(study: StudyFile, *, fingerprint: str) -> tuple[Task, ...]:
    """Return the tasks of a study, each after those it needs.

    Raises
    ------
    InputError
        When a phase's settings do not fit, such as more warm-up than epochs.
    """
    tasks: dict[str, Task] = {}
    for point in grid(study):
        for task in chain(study, point, fingerprint=fingerprint):
            tasks.setdefault(task.key, task)
    if study.search is not None:
        start = chain(study, grid(study)[0], fingerprint=fingerprint)[0]
        for task in search_plan(study, study.search, start=start):
            tasks[task.key] = task
    return tuple(tasks.values())


def chain(study: StudyFile, point: Point, *, fingerprint: str) -> tuple[Task, ...]:
    """Return the tasks that lead to one point, each needing the one before.

    Raises
    ------
    InputError
        When a phase's settings do not fit.
    """
    common = training_identity(study, fingerprint)
    tasks: list[Task] = []
    key: str | None = None
    done: tuple[JsonObject, ...] = ()
    for phase in phases(study, point):
        done = (*done, _plain(phase))
        recipe = TrainRecipe(point.seed, done)
        train = f"train-{digest({**plain(recipe), 'common': common})}"
        tasks.append(Task(train, "train", _training_label(point, phase), key, None, recipe))
        key = train
    measure = f"measure-{point.name}-{digest({'train': key})}"
    tasks.append(Task(measure, "measure", point.name, key, point.name, point))
    hardware = study.hardware
    price = f"price-{point.name}-{digest({'measure': measure, 'hardware': plain(hardware)})}"
    tasks.append(Task(price, "price", point.name, measure, point.name, hardware))
    return tuple(tasks)


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
    bits = axes.membrane_bits
    state = StateConfig(membrane_bits=bits) if bits is not None else None
    if point.layers:
        return (float_phase, replace(_layer_by_layer(study, point), state=state))
    strategy = paper_strategy(
        point.strategy,
        weight_bits=point.weight_bits,
        sparsity=point.sparsity,
        epochs=axes.epochs,
        lr=axes.lr,
        warmup_epochs=axes.warmup_epochs,
        compression=base_compression(study),
    )
    return (float_phase, *(replace(phase, state=state) for phase in strategy.phases))


def _plain(phase: Phase) -> JsonObject:
    """Return a phase as plain data; what came later is left out where unused, so keys stay."""
    data = plain(phase)
    unused = {name for name in ("fold_batchnorm", "state") if not data[name]}
    return {name: value for name, value in data.items() if name not in unused}


def base_compression(study: StudyFile) -> CompressionConfig:
    """Return what all compressions of a study share: quantizer, where it begins, scope."""
    axes = study.compression
    return CompressionConfig(
        quantizer=axes.quantizer,
        rounding=axes.rounding,
        initializer=axes.initializer,
        scope=axes.scope,
    )


def _layer_by_layer(study: StudyFile, point: Point) -> Phase:
    """Quantize and prune each layer in its own way, and train: the joint strategy's phase."""
    axes = study.compression
    joint = paper_strategy(
        "joint", weight_bits=8, sparsity=0.5, epochs=axes.epochs, lr=axes.lr,
        warmup_epochs=axes.warmup_epochs,
    ).phases[0]  # fmt: skip
    compression = replace(
        base_compression(study),
        layer_bits={layer.name: layer.bits for layer in point.layers},
        layer_sparsity={layer.name: layer.sparsity for layer in point.layers},
    )
    return replace(joint, compression=compression)


def training_identity(study: StudyFile, fingerprint: str) -> JsonObject:
    """Return what every training of a study shares: data, network, batches, precision."""
    shared = study.training.model_dump(mode="json", include={"batch_size", "shift", "precision"})
    if study.training.devices > 1:
        # Batch norm then sees each device's share of a batch.
        shared["devices"] = study.training.devices
    return {"data": fingerprint, "network": study.network.model_dump(mode="json"), **shared}


def _training_label(point: Point, phase: Phase) -> str:
    compression = phase.compression
    if compression is None:
        return f"float, seed {point.seed}"
    if point.layers:
        return f"{point.setting}, seed {point.seed}"
    bits = [f"{compression.weight_bits} bits"] if compression.weight_bits is not None else []
    pruned = [f"{100 * compression.sparsity:g} % pruned"] if compression.sparsity else []
    return ", ".join([point.strategy, *bits, *pruned, f"seed {point.seed}"])
