"""A piece of a study's work, what it is asked and what comes of it.

The part of the plan that is known before a search begins: explore, then propose in turns.

The plan of a study: tasks that need one another, with shared work in it once.

A point is a chain: train the float network, train each phase of its strategy from where the one
before ended, measure the result, price the measurement. Two chains that begin alike share their
beginning, because a training task's key is a digest of everything that decides its outcome.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue, ValidationInfo, field_validator

from leanspike.study.file.study_file import HardwareSection, SearchSection
from leanspike.study.plan.options import Option
from leanspike.study.plan.points import Point
from leanspike.study.records import (
    ExploreRecipe,
    ExploreResult,
    JsonObject,
    MeasureResult,
    PriceResult,
    ProposeRecipe,
    TrainRecipe,
    TrainResult,
    Trial,
    plain,
    read,
)

if TYPE_CHECKING:
    from leanspike.study.file.study_file import StudyFile
from dataclasses import replace

from leanspike.compress import CompressionConfig, Phase, StateConfig, paper_strategy
from leanspike.compress.recipes import RECIPES as COMPRESSIONS
from leanspike.compress.recipes import Recipe as CompressionRecipe
from leanspike.compress.recipes import Target
from leanspike.study.file.study_file import StudyFile
from leanspike.study.plan.points import grid

Kind = Literal["train", "measure", "price", "explore", "propose"]
#: What a task is asked, by its kind.
Recipe = TrainRecipe | Point | HardwareSection | ExploreRecipe | ProposeRecipe
RECIPES: dict[Kind, type[Recipe]] = {
    "train": TrainRecipe,
    "measure": Point,
    "price": HardwareSection,
    "explore": ExploreRecipe,
    "propose": ProposeRecipe,
}


@dataclass(frozen=True)
class Task:
    """One piece of work.

    Attributes
    ----------
    key
        Unique; equal keys are the same work.
    kind
        What is done. To propose is to add the search's next candidates to the plan; it is ready
        once all that the proposal before it added (``grown`` in its result) is done or failed.
    needs
        Key of the task whose result this one starts from; None for float networks.
    point
        Name of the point that a measurement or price belongs to; None for trainings, which
        points share.
    """

    key: str
    kind: Kind
    label: str
    needs: str | None
    point: str | None
    recipe: Recipe

    @field_validator("recipe", mode="before")
    @classmethod
    def _of_its_kind(cls, stored: object, info: ValidationInfo) -> Recipe:
        return read(RECIPES[info.data["kind"]], stored, where="recipe")


@dataclass(frozen=True)
class Proposal:
    """The result of a search's turn: layers, all candidates so far, and the tasks it adds."""

    layers: tuple[str, ...]
    trials: tuple[Trial, ...]
    grown: tuple[Task, ...] = ()


Result = TrainResult | MeasureResult | PriceResult | ExploreResult | Proposal


def digest(content: Mapping[str, JsonValue]) -> str:
    """Return 12 hexadecimal digits that stand for plain data.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


#: Epochs of a network that a search chose layer by layer, where the file gives none.
SEARCH_EPOCHS = 4
#: What of the hardware decides a search: the main reading.
_FIRST = ("architectures", "formats", "statistics")


def options_of(section: SearchSection) -> tuple[Option, ...]:
    """Return everything that may be done to a layer.

    >>> len(options_of(SearchSection(bits=[2, 8], sparsity=[0.0, 0.5, 0.9])))
    6
    """
    return tuple(
        Option(bits, sparsity)
        for bits in section.bits_choices
        for sparsity in section.sparsity_choices
    )


def turns(section: SearchSection) -> tuple[int, ...]:
    """Return how many candidates are chosen at a time.

    >>> turns(SearchSection(trainings=20, generation=8))
    (8, 8, 4)
    """
    if section.method == "sensitivity":
        return (section.trainings,)
    whole, rest = divmod(section.trainings, section.generation)
    return (section.generation,) * whole + ((rest,) if rest else ())


def search_plan(study: StudyFile, section: SearchSection, *, start: Task) -> tuple[Task, ...]:
    """Return the tasks that explore the float network and propose candidates.

    A proposal's key does not depend on how many follow: a search that is asked for more trainings
    goes on from where it ended.

    Parameters
    ----------
    start
        The training of the float network that the search begins from.
    """
    axes = study.compression
    tried = ExploreRecipe(
        section.bits_choices, section.sparsity_choices, section.calibration, section.seed
    )
    start_of = base_compression(study)
    how: JsonObject = {"quantizer": start_of.quantizer, "rounding": start_of.rounding}
    if start_of.initializer is not None:  # searches begun before there was a choice keep their keys
        how["initializer"] = start_of.initializer
    key = f"explore-{digest({'train': start.key, **plain(tried), **how})}"
    assert isinstance(start.recipe, TrainRecipe)
    seed = start.recipe.seed
    tasks = [Task(key, "explore", f"each layer, seed {seed}", start.key, None, tried)]
    hardware = study.hardware.model_dump(mode="json")
    tuning = {"epochs", "lr", "warmup_epochs"} | (
        {"recipe"} if axes.recipe != "published" else set()
    )
    first = 0
    for turn, count in enumerate(turns(section)):
        recipe = ProposeRecipe(
            explore=key,
            search=section.model_dump(mode="json", exclude={"trainings"}),
            hardware={
                name: value[0] if name in _FIRST else value
                for name, value in hardware.items()
                if name != "assumptions"
            },
            tuning=axes.model_dump(mode="json", include=tuning),
            turn=turn,
            count=count,
            seed=seed,
            membrane_bits=axes.membrane_bits,
        )
        name = f"propose-{digest({**plain(recipe), 'needs': tasks[-1].key})}"
        label = f"candidates {first} to {first + count - 1}"
        tasks.append(Task(name, "propose", label, tasks[-1].key, None, recipe))
        first += count
    return tuple(tasks)


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
        train = train_key(recipe, common)
        tasks.append(Task(train, "train", _training_label(point, phase), key, None, recipe))
        key = train
    measure = f"measure-{point.name}-{digest({'train': key})}"
    tasks.append(Task(measure, "measure", point.name, key, point.name, point))
    hardware = study.hardware
    price = f"price-{point.name}-{digest({'measure': measure, 'hardware': plain(hardware)})}"
    tasks.append(Task(price, "price", point.name, measure, point.name, hardware))
    return tuple(tasks)


def train_key(recipe: TrainRecipe, common: JsonObject) -> str:
    """Return the key of a training, which is the name of its folder too.

    Parameters
    ----------
    common
        What all trainings of the study share (`training_identity`).
    """
    return f"train-{digest({**plain(recipe), 'common': common})}"


def phases(study: StudyFile, point: Point) -> tuple[Phase, ...]:
    """Return the phases that lead to a point, the float network's first.

    Raises
    ------
    InputError
        When a phase's settings do not fit.
    """
    training = study.training
    float_phase = Phase(
        epochs=training.epochs, lr=training.lr, warmup_epochs=training.warmup_epochs
    )
    if point.strategy == "float":
        return (float_phase,)
    if point.strategy == "control":
        return (float_phase, _trained_on(study, point.seed))
    return (float_phase, *_compressing(study, point))


def _compressing(study: StudyFile, point: Point) -> tuple[Phase, ...]:
    """Return the phases that compress the float network."""
    axes = study.compression
    for own in axes.own:
        if own.name == point.strategy:
            return own.phases
    if point.layers:
        return (_layer_by_layer(study, point),)
    if axes.recipe == "published":
        strategy = paper_strategy(
            point.strategy,
            weight_bits=point.weight_bits,
            sparsity=point.sparsity,
            epochs=axes.epochs or 50,
            lr=axes.lr,
            warmup_epochs=_warmup(study),
            compression=base_compression(study),
        )
        return tuple(replace(phase, state=_state(study)) for phase in strategy.phases)
    target = Target(
        weight_bits=point.weight_bits, sparsity=point.sparsity, membrane_bits=axes.membrane_bits
    )
    strategy = _recipe(study).strategy(target, epochs=axes.epochs, lr=axes.lr)
    effort = axes.effort if axes.epochs is None else 1.0
    return tuple(
        replace(
            phase,
            epochs=(n := max(1, round(phase.epochs * effort))),
            warmup_epochs=min(_warmup(study), n // 3),
        )
        for phase in strategy.phases
    )


def _recipe(study: StudyFile) -> CompressionRecipe:
    """Return the study's recipe, with what its file changes of it."""
    recipe = COMPRESSIONS[study.compression.recipe]
    return replace(recipe, compression=base_compression(study))


def _warmup(study: StudyFile) -> int:
    return study.compression.warmup_epochs or 0


def _state(study: StudyFile) -> StateConfig | None:
    bits = study.compression.membrane_bits
    return StateConfig(membrane_bits=bits) if bits is not None else None


def _trained_on(study: StudyFile, seed: int) -> Phase:
    """Train the float network on for as long as the longest of the compressed ones."""
    compressed = [
        phases
        for point in grid(study)
        if point.seed == seed and point.strategy not in ("float", "control")
        for phases in (_compressing(study, point),)
    ]
    longest = max(compressed, key=lambda phases: sum(phase.epochs for phase in phases))
    return Phase(epochs=sum(phase.epochs for phase in longest), lr=longest[0].lr, warmup_epochs=0)


def _plain(phase: Phase) -> JsonObject:
    """Return a phase as plain data; what came later is left out where unused, so keys stay."""
    data = plain(phase)
    unused = {
        name
        for name in ("fold_batchnorm", "state", "regrowth", "ramp", "one_shot", "synops")
        if not data[name]
    }
    return {name: value for name, value in data.items() if name not in unused}


def base_compression(study: StudyFile) -> CompressionConfig:
    """Return what all compressions of a study share: quantizer, where it begins, scope."""
    axes = study.compression
    known = COMPRESSIONS.get(axes.recipe)
    start = known.compression if known is not None else CompressionConfig()
    given = {
        name: value
        for name in ("quantizer", "rounding", "initializer", "scope")
        if (value := getattr(axes, name)) is not None
    }
    return replace(start, **given)


def _layer_by_layer(study: StudyFile, point: Point) -> Phase:
    """Quantize and prune each layer in its own way, and train: the joint strategy's phase."""
    axes = study.compression
    known = COMPRESSIONS.get(axes.recipe)
    joint = paper_strategy(
        "joint", weight_bits=8, sparsity=0.5, epochs=axes.epochs or SEARCH_EPOCHS,
        lr=axes.lr or (known.lr if known is not None else None), warmup_epochs=_warmup(study),
    ).phases[0]  # fmt: skip
    compression = replace(
        base_compression(study),
        layer_bits={layer.name: layer.bits for layer in point.layers},
        layer_sparsity={layer.name: layer.sparsity for layer in point.layers},
    )
    distillation = known.distillation if known is not None else 0.0
    return replace(joint, compression=compression, distillation=distillation, state=_state(study))


def training_identity(study: StudyFile, fingerprint: str) -> JsonObject:
    """Return what every training of a study shares: data, network, batches, precision."""
    shared = study.training.model_dump(mode="json", include={"batch_size", "shift", "precision"})
    if study.training.devices > 1:
        # Batch norm then sees each device's share of a batch.
        shared["devices"] = study.training.devices
    network = study.network.model_dump(mode="json", exclude={"runs"})
    # What came later is left out where unused, so that keys stay.
    plain, usual = study.training, type(study.training)()
    for name in ("loss", "optimizer", "weight_decay", "schedule", "augment", "code", "threads"):
        if getattr(plain, name) != getattr(usual, name):
            shared[name] = getattr(plain, name)
    return {"data": fingerprint, "network": network, **shared}


def _training_label(point: Point, phase: Phase) -> str:
    compression = phase.compression
    if compression is None:
        return f"{point.strategy if point.strategy == 'control' else 'float'}, seed {point.seed}"
    if point.layers:
        return f"{point.setting}, seed {point.seed}"
    bits = [f"{compression.weight_bits} bits"] if compression.weight_bits is not None else []
    pruned = [f"{100 * compression.sparsity:g} % pruned"] if compression.sparsity else []
    return ", ".join([point.strategy, *bits, *pruned, f"seed {point.seed}"])
