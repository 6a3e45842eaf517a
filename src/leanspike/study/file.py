"""The study file: what a study tries, in YAML, checked before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from leanspike.errors import InputError
from leanspike.hardware.spec import Spec, read_spec
from leanspike.study.search.section import SearchSection, Sparsity, WeightBits

StrategyName = Literal["quantize", "prune", "cumulative", "joint"]
FormatName = Literal["none", "RLE", "UOP", "UBM", "CP"]
StatisticName = Literal["mean", "max"]

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class DataSection(Spec):
    """The recordings and how they become frames (see :func:`leanspike.events.load_data`)."""

    source: str = "digits-dvs"
    T: Count = 10
    by: Literal["count", "time"] = "count"
    seed: int = 0
    limit: Count | None = None
    root: Path | None = None
    download: bool = False


class NetworkSection(Spec):
    """The network; what is left out follows the family (see ``leanspike.nn.NetworkConfig``)."""

    name: Literal["small", "tcja"] = "small"
    channels: Count | tuple[Count, ...] | None = None
    hidden: Count | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    neuron: dict[str, Any] = Field(default_factory=dict)


class TrainingSection(Spec):
    """How the float network is trained, and what every later phase shares with it."""

    epochs: Count = 8
    lr: Rate = 4e-3
    warmup_epochs: Annotated[int, Field(ge=0)] = 1
    batch_size: Count = 16
    shift: Annotated[int, Field(ge=0)] = 0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    accelerator: str = "auto"
    #: How many work on one training together, each on its share of every batch.
    devices: Count = 1


class CompressionSection(Spec):
    """The axes of the grid, and what all compressed points share.

    ``epochs`` is the fine-tuning of one point in all; cumulative points halve it. ``lr: null``
    takes the published study's rates, which need its 50 epochs.
    """

    strategies: tuple[StrategyName, ...] = ("quantize", "prune", "cumulative", "joint")
    bits: tuple[WeightBits, ...] = (2, 3, 8)
    pruning: tuple[Sparsity, ...] = (0.0, 0.8, 0.95)
    epochs: Annotated[int, Field(ge=2)] = 4
    lr: Rate | None = 1e-2
    warmup_epochs: Annotated[int, Field(ge=0)] = 1
    quantizer: str = "duq"
    rounding: Literal["ewgs", "ste"] = "ewgs"
    initializer: Literal["max", "three-sigma", "percentile", "mse"] | None = None
    scope: Literal["global", "layerwise", "erk", "lamp"] = "global"
    #: WeightBits of every compressed network's membrane potentials; None leaves them float.
    membrane_bits: Annotated[int, Field(ge=2, le=32)] | None = None

    @field_validator("strategies", "bits", "pruning")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return _without_repeats(values)

    @model_validator(mode="after")
    def _has_axes(self) -> CompressionSection:
        wants_bits = [name for name in self.strategies if name != "prune"]
        if wants_bits and not self.bits:
            raise InputError("empty, expected at least one width", where="bits")
        wants_pruning = [name for name in self.strategies if name != "quantize"]
        if wants_pruning and not any(self.pruning):
            raise InputError(
                f"{list(self.pruning)}: the strategy {wants_pruning[0]!r} needs a fraction above 0",
                where="pruning",
            )
        return self


class HardwareSection(Spec):
    """The accelerators and the readings on which every point is priced.

    The first architecture, format and statistic are what fronts show first. Weights that are
    not quantized are priced at ``unquantized_bits``, as the published study does. ``assumptions``
    also prices every point with each modelling assumption switched by itself.
    """

    architectures: Annotated[tuple[str, ...], Field(min_length=1)] = ("eyeriss_snn",)
    formats: Annotated[tuple[FormatName, ...], Field(min_length=1)] = ("RLE", "UOP", "UBM", "CP")
    statistics: Annotated[tuple[StatisticName, ...], Field(min_length=1)] = ("mean", "max")
    semantics: str = "physical"
    objective: Literal["edp", "energy", "latency"] = "edp"
    unquantized_bits: WeightBits = 8
    assumptions: bool = True

    @field_validator("architectures", "formats", "statistics")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return _without_repeats(values)


class StudyFile(Spec):
    """A whole study. Left-out keys keep their defaults; no keys at all is the default study.

    >>> StudyFile(seeds=[0, 1, 2]).compression.bits
    (2, 3, 8)
    """

    name: Annotated[str, Field(min_length=1, max_length=80)] = "default"
    data: DataSection = DataSection()
    network: NetworkSection = NetworkSection()
    training: TrainingSection = TrainingSection()
    compression: CompressionSection = CompressionSection()
    hardware: HardwareSection = HardwareSection()
    search: SearchSection | None = None
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0,)

    @model_validator(mode="after")
    def _tries_something(self) -> StudyFile:
        if not self.compression.strategies and self.search is None:
            raise InputError(
                "empty, expected at least one",
                where="compression.strategies",
                remedy="None at all is for studies with a search section",
            )
        return self

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        return _without_repeats(values)

    @classmethod
    def load(cls, path: str | Path) -> StudyFile:
        """Read a study file.

        Paths in it are taken from the folder the command runs in.

        Raises
        ------
        InputError
            Naming the file, the key, what was found and what was expected.
        """
        return read_spec(cls, Path(path))

    @classmethod
    def quick(cls) -> StudyFile:
        """Return a study of a minute or less, to see that an installation works."""
        return cls(
            name="quick",
            data=DataSection(limit=300, T=6),
            training=TrainingSection(epochs=4),
            compression=CompressionSection(bits=(2, 8), pruning=(0.8,), epochs=2),
            hardware=HardwareSection(formats=("RLE",), assumptions=False),
        )

    def plain(self) -> dict[str, Any]:
        """Return the study as plain data, every key spelled out."""
        return self.model_dump(mode="json")


def _without_repeats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise InputError(f"{value!r} is given twice")
    return values
