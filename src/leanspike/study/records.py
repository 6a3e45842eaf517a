"""What is asked of a study's tasks and what came of them: typed here, JSON in the database.

The names of the fields are those in the database. What a later version added has a default, so
that studies of earlier versions stay readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pydantic import (
    JsonValue,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
)

from leanspike.errors import InputError
from leanspike.hardware.workload.layer import Densities
from leanspike.hardware.workload.workload import Workload
from leanspike.spec import key_path

#: Plain data as it is stored, where its meaning is another room's (phases, the sampler's notes).
JsonObject = dict[str, JsonValue]
Record = TypeVar("Record")


class Lookup(Protocol):
    """Gives the result of a finished task by its key, None for others."""

    def __call__(self, key: str, kind: type[Record], /) -> Record | None:
        """Return the result as the record that it is."""


_adapters: dict[object, TypeAdapter[Any]] = {}


def _adapter(kind: type[Record]) -> TypeAdapter[Record]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def plain(record: object) -> JsonObject:
    """Return a record as plain data for JSON."""
    data: JsonObject = _adapter(type(record)).dump_python(record, mode="json")
    return data


def read(kind: type[Record], stored: object, *, where: str) -> Record:
    """Read a record from what is stored.

    Raises
    ------
    InputError
        Naming `where`, the key, and what is wrong with it.
    """
    try:
        return _adapter(kind).validate_python(stored)
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, InputError):
            inside = f"{where}, {cause.where}" if cause.where else where
            raise InputError(cause.what, where=inside, remedy=cause.remedy) from None
        raise InputError(
            f"{key_path(first['loc'])}: {first['msg']}".removeprefix(": "),
            where=f"{where}, {kind.__name__}",
            remedy="Another version of leanspike may have written it",
        ) from None


@dataclass(frozen=True)
class Provenance:
    """What a result came from: versions, source revision, machine."""

    leanspike: str
    git: str | None
    python: str
    packages: Mapping[str, str]
    machine: str


@dataclass(frozen=True)
class StudyData:
    """The data of a study.

    ``shape`` is [channels, height, width] of a frame, or [inputs] of a step; ``recordings`` the
    sizes of the training, validation and test splits.
    """

    name: str
    fingerprint: str
    classes: int
    shape: tuple[int, ...]
    T: int
    recordings: tuple[int, int, int]


@dataclass(frozen=True)
class TrainRecipe:
    """The phases (``leanspike.compress.Phase``) to train, all but the last of them done before."""

    seed: int
    phases: tuple[JsonObject, ...]

    @property
    def epochs(self) -> int:
        """Epochs of the last phase."""
        return int(str(self.phases[-1]["epochs"]))


@dataclass(frozen=True)
class TrainResult:
    """A trained phase: its best weights and every epoch (``leanspike.training.EpochRecord``).

    ``checkpoint`` is a path in the study's folder.
    """

    checkpoint: str
    sha256: str
    best_epoch: int
    validation_accuracy: float
    history: tuple[JsonObject, ...]
    recipe: TrainRecipe
    provenance: Provenance | None = None


@dataclass(frozen=True)
class LayerWeights:
    """A layer's weights after compression.

    Attributes
    ----------
    bits
        Bits of each; in results, where they are not quantized, the width they are priced at.
    sparsity
        Fraction that is zero, by mask or by quantizer.
    pruned
        Fraction that is zero by mask.
    """

    name: str
    weights: int
    bits: int
    sparsity: float
    pruned: float = 0.0

    @property
    def stored_bits(self) -> float:
        """Bits to store the weights: plain, or bitmask and non-zeros, whichever is less.

        >>> LayerWeights("conv1", weights=100, bits=8, sparsity=0.9).stored_bits
        180.0
        """
        kept = self.weights * (1 - self.sparsity)
        return float(min(self.weights * self.bits, self.weights + round(kept) * self.bits))


@dataclass(frozen=True)
class Training:
    """What a measured network was trained by: its phases, and what trained it."""

    recipe: TrainRecipe
    provenance: Provenance | None = None


@dataclass(frozen=True)
class MeasureResult:
    """A measured network.

    Attributes
    ----------
    right
        For each test recording 1 or 0: whether the network gave its class.
    validation_accuracy
        Of the checkpoint, which validated best.
    quantized
        Whether the weights are, each layer's at its own width perhaps; None in studies of 0.1.0.
    workload
        Shapes, bits and densities, measured on the test recordings.
    answers
        How many different classes the network gave; None in studies of 0.1.0.
    chance
        Share of the largest class among the test recordings; None in studies of 0.1.0.
    """

    right: str
    validation_accuracy: float
    weight_bits: int | None
    sha256: str
    checkpoint: str
    layers: tuple[LayerWeights, ...]
    workload: Workload
    quantized: bool | None = None
    trained: Training | None = None
    data: str | None = None
    provenance: Provenance | None = None
    answers: int | None = None
    chance: float | None = None

    @property
    def has_own_bits(self) -> bool:
        """Whether the workload's weight bits are the network's own."""
        return self.weight_bits is not None if self.quantized is None else self.quantized

    @property
    def activity(self) -> dict[str, Densities]:
        """Densities by layer."""
        return {layer.name: layer.density for layer in self.workload.layers}


@dataclass(frozen=True)
class LayerPrice:
    """What one layer costs in one reading.

    Attributes
    ----------
    computes
        Accumulates that are done, skipped ones not counted.
    components
        Energy in pJ by hardware component.
    mapping
        How the layer runs, a line per level of the architecture, outermost first
        (``leanspike.hardware.mapping.Mapping.from_text`` reads it); empty where an older
        leanspike priced it.
    notes
        What is peculiar about the layer (``leanspike.hardware.model.cost.LayerCost.notes``).
    tensors
        Energy in pJ by tensor; empty where an older leanspike priced it.
    """

    name: str
    energy_pj: float
    cycles: float
    computes: float
    components: Mapping[str, float]
    mapping: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tensors: Mapping[str, float] = field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _unused_left_out(self, dump: SerializerFunctionWrapHandler) -> JsonObject:
        data: JsonObject = dump(self)
        for name in ("notes", "tensors"):
            if not data[name]:
                del data[name]
        return data


@dataclass(frozen=True)
class Cost:
    """What one inference costs in one reading (:class:`leanspike.study.work.pricing.Reading`).

    Energy in pJ, latency in seconds, energy-delay product in J*s; layers in call order.
    """

    architecture: str
    format: str
    statistic: str
    flipped: str | None
    energy_pj: float
    cycles: float
    latency_s: float
    edp_js: float
    layers: tuple[LayerPrice, ...]

    @property
    def components(self) -> dict[str, float]:
        """Energy in pJ by component, over all layers."""
        total: dict[str, float] = {}
        for layer in self.layers:
            for component, energy in layer.components.items():
                total[component] = total.get(component, 0.0) + energy
        return total

    @property
    def tensors(self) -> dict[str, float]:
        """Energy in pJ by tensor, over all layers."""
        total: dict[str, float] = {}
        for layer in self.layers:
            for tensor, energy in layer.tensors.items():
                total[tensor] = total.get(tensor, 0.0) + energy
        return total

    @property
    def computes(self) -> float:
        """Accumulates that are done, over all layers."""
        return sum(layer.computes for layer in self.layers)


@dataclass(frozen=True)
class Refused:
    """A reading in which a network has no cost, and why: a layer has no legal mapping."""

    architecture: str
    format: str
    statistic: str
    flipped: str | None
    why: str


#: Width of membranes that every network is priced with too, where its own are wider.
NARROW_MEMBRANE_BITS = 8


@dataclass(frozen=True)
class PriceResult:
    """A priced network: its cost in every reading that has one, and why the others have none.

    Attributes
    ----------
    narrow_pj
        Energy in the main reading if membranes had `NARROW_MEMBRANE_BITS`; None where none is
        wider, and in studies of 0.1.0.
    """

    costs: tuple[Cost, ...]
    refused: tuple[Refused, ...] = ()
    narrow_pj: float | None = None

    @model_serializer(mode="wrap")
    def _unused_left_out(self, dump: SerializerFunctionWrapHandler) -> JsonObject:
        data: JsonObject = dump(self)
        if not self.refused:
            del data["refused"]
        if self.narrow_pj is None:
            del data["narrow_pj"]
        return data


@dataclass(frozen=True)
class ExploreRecipe:
    """What to try on each layer of the float network, on so many training recordings."""

    bits: tuple[int, ...]
    sparsity: tuple[float, ...]
    calibration: int
    seed: int


@dataclass(frozen=True)
class ExploredLayer:
    """One layer compressed by itself, option by option.

    ``damage`` is the rise of the loss, ``zeros`` the fraction of weights that are zero, by mask
    or by quantizer.
    """

    name: str
    weights: int
    damage: tuple[float, ...]
    zeros: tuple[float, ...]


@dataclass(frozen=True)
class ExploreResult:
    """How each option for each layer harms the float network.

    ``loss`` is the float network's, ``silent_loss`` that of a network that never fires,
    ``workload`` the float network as measured.
    """

    loss: float
    silent_loss: float
    layers: tuple[ExploredLayer, ...]
    workload: Workload


@dataclass(frozen=True)
class ProposeRecipe:
    """What decides the candidates of one turn of a search.

    ``search``, ``hardware``, ``tuning`` and ``membrane_bits`` are parts of the study file;
    ``explore`` is the key of the exploration.
    """

    explore: str
    search: JsonObject
    hardware: JsonObject
    tuning: JsonObject
    turn: int
    count: int
    seed: int
    membrane_bits: int | None = None

    @model_serializer(mode="wrap")
    def _unused_left_out(self, dump: SerializerFunctionWrapHandler) -> JsonObject:
        """Leave out what is not used, so that keys of tasks stay."""
        data: JsonObject = dump(self)
        return {name: value for name, value in data.items() if value is not None}


@dataclass(frozen=True)
class Trial:
    """One candidate of a search: what it chose, and what became of it.

    Attributes
    ----------
    number
        Counted from 0 over all candidates, trained or not.
    allocation
        The number of each layer's option.
    why_not
        Why it is not trained; None where it is.
    damage, cost
        Predicted rise of the loss, and predicted cost in the objective's unit.
    measure, price
        Keys of the tasks that measure and price it; None where it is not trained.
    """

    number: int
    allocation: tuple[int, ...]
    why_not: str | None
    damage: float
    cost: float
    measure: str | None = None
    price: str | None = None
    sampler: JsonObject = field(default_factory=dict)
